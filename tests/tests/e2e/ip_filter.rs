//! Who may call, by the client's address.

use std::net::TcpListener;

use serde_json::json;
use tests::client::{Connection, Protocol};
use tests::{Collector, Gateway, Stubs, Upstream, client, empty, full, otlp, websocket};

const REASON: &str = "client_address_refused";

/// A listener that believes this machine what it says of its clients.
const TRUSTING: &str =
    "listeners: [{ name: public, address: \"127.0.0.1:0\", trusted_proxies: [127.0.0.0/8] }]\n";

/// Routes that answer themselves, each with its filter; an empty one says nothing.
fn routes(filters: &[(&str, &str)]) -> String {
    let route = |(name, filter): &(&str, &str)| {
        let filter = if filter.is_empty() { String::new() } else { format!(", ip_filter: {filter}") };
        format!("  - {{ name: {name}, match: {{ path: /{name} }}, respond: {{ body: {name} }}{filter} }}\n")
    };
    format!("routes:\n{}", filters.iter().map(route).collect::<String>())
}

/// Asks for a path in the name of a client; gives the status.
async fn status(gateway: &Gateway, path: &str, forwarded_for: &str) -> u16 {
    gateway.request("GET", path, &[("x-forwarded-for", forwarded_for)]).await.status.as_u16()
}

#[tokio::test]
async fn who_is_not_allowed_or_is_denied_gets_no_further() {
    let upstream = Upstream::saying("in").await;
    let filtered = |filter: &str| {
        super::proxy_to(&upstream).replace(", upstream", &format!(", ip_filter: {filter}, upstream"))
    };
    for (filter, is_in) in [
        ("{ allow: [127.0.0.1] }", true),
        ("{ allow: [\"::ffff:127.0.0.0/104\"] }", true),
        ("{ allow: [10.0.0.0/8, \"2001:db8::/32\"] }", false),
        ("{ deny: [127.0.0.0/8] }", false),
        ("{ deny: [10.0.0.0/8] }", true),
        ("{ allow: [127.0.0.0/8], deny: [127.0.0.0/30] }", false),
    ] {
        let gateway = Gateway::start(filtered(filter)).await;
        let answer = gateway.get("/").await;
        if is_in {
            assert_eq!(answer.text(), "in", "{filter}");
            continue;
        }
        assert_eq!(answer.refused(403), REASON, "{filter}");
        assert!(
            answer.header("proxy-status").starts_with("glassgate; error=http_request_denied"),
            "{answer:?}"
        );
        let whole = format!("{answer:?} {}", answer.text());
        for secret in ["127.0.0.", "allow:", "deny", "ip_filter"] {
            assert!(!whole.contains(secret), "{filter}: the client is told {secret}: {whole}");
        }
    }
}

#[tokio::test]
async fn a_route_says_otherwise_than_the_default() {
    let defaults = "defaults: { ip_filter: { allow: [10.0.0.0/8] } }\n";
    let own = routes(&[("silent", ""), ("own", "{ allow: [192.0.2.0/24] }"), ("off", "{}")]);
    let gateway = Gateway::start(format!("{TRUSTING}{defaults}{own}")).await;
    for (client, silent, own) in [("10.1.2.3", 200, 403), ("192.0.2.1", 403, 200), ("1.1.1.1", 403, 403)] {
        assert_eq!(status(&gateway, "/silent", client).await, silent, "{client}");
        assert_eq!(status(&gateway, "/own", client).await, own, "{client}");
        assert_eq!(status(&gateway, "/off", client).await, 200, "{client}");
    }
    assert_eq!(status(&gateway, "/nowhere", "1.1.1.1").await, 404, "a filter belongs to a route");
}

#[tokio::test]
async fn only_a_trusted_proxy_may_name_the_client() {
    let own = routes(&[("a", "{ allow: [10.0.0.0/8], deny: [10.6.6.6] }")]);
    let trusting = Gateway::start(format!("{TRUSTING}{own}")).await;
    assert_eq!(status(&trusting, "/a", "10.1.2.3").await, 200);
    assert_eq!(status(&trusting, "/a", "::ffff:10.1.2.3").await, 200);
    assert_eq!(status(&trusting, "/a", "10.6.6.6").await, 403);
    assert_eq!(
        status(&trusting, "/a", "10.1.2.3, 1.1.1.1").await,
        403,
        "left of the client anybody may write"
    );
    assert_eq!(trusting.get("/a").await.status, 403, "without the header it is the proxy itself");

    let strange = Gateway::start(&own).await;
    assert_eq!(status(&strange, "/a", "10.1.2.3").await, 403);
    let forged = [("x-real-ip", "10.1.2.3"), ("forwarded", "for=10.1.2.3"), ("true-client-ip", "10.1.2.3")];
    assert_eq!(strange.request("GET", "/a", &forged).await.status, 403);
}

#[tokio::test]
async fn ipv6_clients_are_told_from_ipv4_ones() {
    if TcpListener::bind("[::1]:0").is_err() {
        // The machine has no IPv6.
        return;
    }
    let listeners = "listeners: [{ name: public, address: \"[::]:0\" }]\n";
    let own = routes(&[("six", "{ allow: [\"::1\"] }"), ("four", "{ allow: [127.0.0.0/8] }")]);
    let gateway = Gateway::start(format!("{listeners}{own}")).await;
    let port = gateway.address().port();
    // IPv4 arrives at such a listener as `::ffff:127.0.0.1`.
    for (host, six, four) in [("[::1]", 200, 403), ("127.0.0.1", 403, 200)] {
        let get =
            async |path: &str| client::get(&format!("http://{host}:{port}{path}")).await.status.as_u16();
        assert_eq!((get("/six").await, get("/four").await), (six, four), "{host}");
    }
}

#[tokio::test]
async fn every_kind_of_route_is_guarded_and_the_connection_kept() {
    let upstream = Upstream::echo().await;
    let yaml = format!(
        "
        defaults: {{ ip_filter: {{ deny: [127.0.0.0/8] }} }}
        upstreams: {{ up: {{ endpoints: [\"{}\"] }} }}
        routes:
          - {{ name: proxied, match: {{ path: /proxied }}, upstream: up }}
          - {{ name: moved, match: {{ path: /moved }}, redirect: {{ to: /else }} }}
          - {{ name: fixed, match: {{ path: /fixed }}, respond: {{ body: secret }} }}
          - {{ name: open, match: {{ path: /open }}, respond: {{ body: open }}, ip_filter: {{}} }}
        ",
        upstream.url()
    );
    let gateway = Gateway::start(yaml).await;
    for protocol in [Protocol::H1, Protocol::H2c] {
        let mut connection = Connection::open(gateway.address(), protocol).await;
        for path in ["/proxied", "/moved", "/fixed", "/open"] {
            let request = client::request("POST", &gateway.url(path)).body(full("a body")).unwrap();
            let answer = connection.send(request).await.unwrap();
            match path {
                "/open" => assert_eq!(answer.text(), "open"),
                _ => assert_eq!(answer.refused(403), REASON, "{path}"),
            }
        }
        assert!(!connection.is_closed());
    }
}

#[tokio::test]
async fn a_grpc_caller_has_no_permission() {
    let gateway = Gateway::start(routes(&[("a", "{ deny: [127.0.0.0/8] }")])).await;
    let mut connection = Connection::open(gateway.address(), Protocol::H2c).await;
    let request = client::request("POST", &gateway.url("/a")).header("content-type", "application/grpc");
    let answer = connection.send(request.body(empty()).unwrap()).await.unwrap();
    assert_eq!((answer.status.as_u16(), answer.header("grpc-status")), (200, "7"));
}

#[tokio::test]
async fn a_websocket_is_guarded_when_it_is_opened() {
    let upstream = Upstream::start(websocket::echo).await;
    let yaml = format!("defaults: {{ ip_filter: {{ allow: [127.0.0.1] }} }}\n{}", super::proxy_to(&upstream));
    let gateway = Gateway::start(&yaml).await;
    let mut client = websocket::open(gateway.address(), "/chat").await.unwrap();
    assert_eq!(gateway.reload(&yaml.replace("[127.0.0.1]", "[10.0.0.0/8]")).await.status, 200);
    let error = websocket::open(gateway.address(), "/chat").await.unwrap_err();
    assert!(error.to_string().contains("403"), "{error}");
    // What was let in stays, as it would with any other change of its route.
    assert_eq!(websocket::ask(&mut client, "still here").await.into_text().unwrap(), "still here");
}

#[tokio::test]
async fn graphql_is_guarded_before_any_service_is_called() {
    let stubs = Stubs::start().await;
    let gateway = super::graphql::gateway(&stubs, "defaults: { ip_filter: { deny: [127.0.0.0/8] } }\n").await;
    let answer = gateway.graphql("{ users { name } }", json!({})).await;
    assert_eq!(answer.refused(403), REASON);
    assert!(stubs.calls("users").await.is_empty());
    let line = gateway.access_log("the refused operation", |line| line["route"] == "graphql").await;
    assert_eq!(line["reason"], REASON);
}

#[tokio::test]
async fn a_reload_holds_for_the_next_request_of_an_open_connection() {
    let gateway = Gateway::start(routes(&[("a", "{ deny: [127.0.0.0/8] }")])).await;
    let mut connection = Connection::open(gateway.address(), Protocol::H1).await;
    let request = || client::request("GET", &gateway.url("/a")).body(empty()).unwrap();
    assert_eq!(connection.send(request()).await.unwrap().status, 403);
    let open = [("{ deny: [10.0.0.0/8] }", 200), ("{ allow: [10.0.0.0/8] }", 403), ("", 200)];
    for (filter, status) in open {
        assert_eq!(gateway.reload(&routes(&[("a", filter)])).await.status, 200);
        assert_eq!(connection.send(request()).await.unwrap().status.as_u16(), status, "{filter}");
    }
    // A list that cannot be read changes nothing.
    assert_ne!(gateway.reload(&routes(&[("a", "{ deny: [127.0.0.1/8] }")])).await.status, 200);
    assert_eq!(connection.send(request()).await.unwrap().status, 200);
}

#[tokio::test]
async fn a_refusal_is_seen_with_its_route_and_its_reason() {
    let collector = Collector::start().await;
    let traces = format!(
        "telemetry: {{ traces: {{ otlp: {{ endpoint: \"{}\" }}, sample: 100% }} }}\n",
        collector.url()
    );
    let own = routes(&[("denied", "{ deny: [127.0.0.0/8] }"), ("strangers", "{ allow: [10.0.0.0/8] }")]);
    let gateway = Gateway::start(traces + &own).await;
    for (route, list) in [("denied", "ip_filter.deny"), ("strangers", "ip_filter.allow")] {
        let problem = gateway.get(&format!("/{route}")).await.problem();
        let line = gateway.access_log("the line", |line| line["request_id"] == *problem.request_id).await;
        assert_eq!((&line["route"], &line["status"]), (&json!(route), &json!(403)));
        assert_eq!((&line["reason"], &line["client"]), (&json!(REASON), &json!("127.0.0.1")));
        assert!(line["error"].as_str().unwrap().contains(list), "only the operator is told the list: {line}");
        let refused = [("http_route", route), ("reason", REASON)];
        gateway.metric("gateway_requests_refused_total", &refused, |count| count == 1.0).await;
        let answered = [("http_route", route), ("http_response_status_code", "403")];
        let requests = "http_server_request_duration_seconds_count";
        gateway.metric(requests, &answered, |count| count == 1.0).await;
        let spans = collector.trace(&problem.trace_id, 1).await;
        let span: &otlp::Span = spans.first().unwrap();
        assert_eq!((span.name.as_str(), span.attribute("http.route")), (&*format!("GET {route}"), route));
        assert_eq!((span.attribute("error.type"), span.attribute("client.address")), (REASON, "127.0.0.1"));
    }
}

#[tokio::test]
async fn what_browsers_ask_before_is_filtered_too() {
    let gateway = Gateway::start(
        "
        routes:
          - name: page
            match: { path: /page }
            respond: { body: a }
            cors: { origins: [\"https://app.example.com\"] }
            ip_filter: { deny: [127.0.0.0/8] }
        ",
    )
    .await;
    let preflight = [("origin", "https://app.example.com"), ("access-control-request-method", "GET")];
    assert_eq!(gateway.request("OPTIONS", "/page", &preflight).await.refused(403), REASON);
    let strange = [("origin", "https://evil.test")];
    let error = websocket::open_with(gateway.address(), "/page", &strange).await.unwrap_err();
    assert!(error.to_string().contains("403"), "{error}");
    gateway.metric("gateway_requests_refused_total", &[("reason", REASON)], |count| count == 2.0).await;
}
