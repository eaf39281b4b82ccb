//! How often callers may ask. The periods are so long that no test depends on how fast it runs.

mod by_cost;
mod by_identity;

use serde_json::json;
use tests::client::{Connection, Protocol};
use tests::{Answer, Collector, Gateway, Upstream, client, empty, otlp, websocket};

const REASON: &str = "rate_limited";

/// A listener that believes this machine what it says of its clients.
const TRUSTING: &str =
    "listeners: [{ name: public, address: \"127.0.0.1:0\", trusted_proxies: [127.0.0.0/8] }]\n";

/// Routes that answer themselves, each with its limits; an empty text says nothing.
fn routes(limits: &[(&str, &str)]) -> String {
    let route = |(name, limits): &(&str, &str)| {
        let limits = if limits.is_empty() { String::new() } else { format!(", rate_limits: {limits}") };
        format!("  - {{ name: {name}, match: {{ path: /{name} }}, respond: {{ body: {name} }}{limits} }}\n")
    };
    format!("routes:\n{}", limits.iter().map(route).collect::<String>())
}

/// Asks as often and counts the answers with 200; all others must be refusals by a limit.
async fn admitted(gateway: &Gateway, times: usize, path: &str, headers: &[(&str, &str)]) -> usize {
    let mut admitted = 0;
    for _ in 0..times {
        let answer = gateway.request("GET", path, headers).await;
        match answer.status.as_u16() {
            200 => admitted += 1,
            _ => assert_eq!(answer.refused(429), REASON),
        }
    }
    admitted
}

/// `t` of the only limit that the answer tells of.
fn seconds(answer: &Answer) -> u64 {
    let (_, seconds) = answer.header("ratelimit").rsplit_once(";t=").expect("a limit");
    seconds.parse().expect("a number")
}

#[tokio::test]
async fn a_client_gets_as_much_as_the_limit_says() {
    let upstream = Upstream::saying("served").await;
    let limited = ", rate_limits: [{ limit: 5/h }], upstream";
    let gateway = Gateway::start(super::proxy_to(&upstream).replace(", upstream", limited)).await;
    for left in (0..5).rev() {
        let answer = gateway.get("/").await;
        assert_eq!(answer.text(), "served");
        assert_eq!(answer.header("ratelimit-policy"), r#""limit-1";q=5;w=3600"#);
        let left = format!(r#""limit-1";r={left};t="#);
        assert!(answer.header("ratelimit").starts_with(&left), "{answer:?}");
        assert_eq!(answer.header("retry-after"), "");
    }
    let answer = gateway.get("/").await;
    assert_eq!(answer.refused(429), REASON);
    assert_eq!(answer.header("ratelimit-policy"), r#""limit-1";q=5;w=3600"#);
    assert!(answer.header("ratelimit").starts_with(r#""limit-1";r=0;t="#), "{answer:?}");
    let after: u64 = answer.header("retry-after").parse().unwrap();
    assert!((1..=720).contains(&after) && after == seconds(&answer), "{answer:?}");
    assert_eq!(upstream.seen().len(), 5);
}

#[tokio::test]
async fn a_burst_is_what_may_come_at_once() {
    let gateway = Gateway::start(routes(&[
        ("large", "[{ limit: 1/h, burst: 4 }]"),
        ("small", "[{ limit: 60/h, burst: 2 }]"),
        ("dear", "[{ limit: 10/h, cost: 4 }]"),
    ]))
    .await;
    for (path, admitted) in [("/large", 4), ("/small", 2), ("/dear", 2)] {
        assert_eq!(self::admitted(&gateway, 6, path, &[]).await, admitted, "{path}");
    }
    let answer = gateway.get("/dear").await;
    assert!(answer.header("ratelimit").starts_with(r#""limit-1";r=2;t="#), "{answer:?}");
}

#[tokio::test]
async fn clients_headers_and_combinations_are_counted_apart() {
    let gateway = Gateway::start(format!(
        "{TRUSTING}{}",
        routes(&[
            ("client", "[{ limit: 2/h }]"),
            ("tenant", "[{ limit: 2/h, by: [{ header: x-tenant }] }]"),
            ("both", "[{ limit: 2/h, by: [client_address, { header: X-Tenant }] }]"),
            ("all", "[{ limit: 2/h, by: [route] }]"),
        ])
    ))
    .await;
    let (one, two) = (("x-forwarded-for", "192.0.2.1"), ("x-forwarded-for", "192.0.2.2"));
    let (red, blue) = (("x-tenant", "red"), ("x-tenant", "blue"));
    // What the first takes, and what is left for each of the others.
    for (path, others) in [
        ("/client", [(two, red, 2), (one, blue, 0), (two, blue, 0)]),
        ("/tenant", [(two, red, 0), (one, blue, 2), (two, blue, 0)]),
        ("/both", [(two, red, 2), (one, blue, 2), (two, blue, 2)]),
        ("/all", [(two, red, 0), (one, blue, 0), (two, blue, 0)]),
    ] {
        assert_eq!(admitted(&gateway, 3, path, &[one, red]).await, 2, "{path}");
        for (client, tenant, left) in others {
            assert_eq!(
                admitted(&gateway, 3, path, &[client, tenant]).await,
                left,
                "{path} {client:?} {tenant:?}"
            );
        }
    }
    // Requests without the header are one caller, whoever sends them.
    assert_eq!(admitted(&gateway, 2, "/tenant", &[one]).await, 2);
    assert_eq!(admitted(&gateway, 1, "/tenant", &[two]).await, 0);
}

#[tokio::test]
async fn a_client_of_ipv6_has_its_whole_network() {
    let gateway = Gateway::start(format!("{TRUSTING}{}", routes(&[("a", "[{ limit: 2/h }]")]))).await;
    let from = async |client: &str| admitted(&gateway, 1, "/a", &[("x-forwarded-for", client)]).await;
    assert_eq!(from("2001:db8:0:1::1").await, 1);
    assert_eq!(from("2001:db8:0:1:ffff::2").await, 1);
    assert_eq!(from("2001:db8:0:1:2:3:4:5").await, 0);
    assert_eq!(from("2001:db8:0:2::1").await, 1);
}

#[tokio::test]
async fn each_route_counts_for_itself_unless_they_share() {
    let yaml = "
        rate_limits:
          everywhere: { limit: 5/h }
          per-route: { limit: 1/h, by: [client_address, route] }
        defaults: { rate_limits: [{ limit: 2/h }] }
        routes:
          - { name: a, match: { path: /a }, respond: {} }
          - { name: b, match: { path: /b }, respond: {} }
          - { name: c, match: { path: /c }, respond: {}, rate_limits: [{ shared: everywhere }] }
          - { name: d, match: { path: /d }, respond: {}, rate_limits: [{ shared: everywhere, cost: 2 }] }
          - { name: e, match: { path: /e }, respond: {}, rate_limits: [{ shared: per-route }] }
          - { name: f, match: { path: /f }, respond: {}, rate_limits: [{ shared: per-route }] }
          - { name: off, match: { path: /off }, respond: {}, rate_limits: [] }
        ";
    let gateway = Gateway::start(yaml).await;
    for (path, expected) in [("/a", 2), ("/b", 2), ("/c", 2), ("/d", 1), ("/c", 1), ("/e", 1), ("/f", 1)] {
        let times = if path == "/c" { 2 } else { 4 };
        assert_eq!(admitted(&gateway, times, path, &[]).await, expected, "{path}");
    }
    let answer = gateway.get("/c").await;
    assert!(answer.header("ratelimit").starts_with(r#""everywhere";r=0;t="#), "{answer:?}");
    let answer = gateway.get("/off").await;
    assert_eq!((answer.status.as_u16(), answer.header("ratelimit")), (200, ""));
}

#[tokio::test]
async fn all_limits_hold_and_all_are_asked() {
    let gateway = Gateway::start(routes(&[(
        "a",
        "[{ name: steady, limit: 2/h }, { name: daily, limit: 4/day, by: [route] }]",
    )]))
    .await;
    let answer = gateway.get("/a").await;
    assert_eq!(answer.header("ratelimit-policy"), r#""steady";q=2;w=3600, "daily";q=4;w=86400"#);
    assert!(answer.header("ratelimit").starts_with(r#""steady";r=1;t="#), "{answer:?}");
    assert!(answer.header("ratelimit").contains(r#", "daily";r=3;t="#), "{answer:?}");
    assert_eq!(admitted(&gateway, 3, "/a", &[]).await, 1);
    // The refused ones have taken from `daily` all the same; it keeps them waiting for longer.
    let answer = gateway.get("/a").await;
    assert!(answer.header("ratelimit").contains(r#", "daily";r=0;t="#), "{answer:?}");
    let after: u64 = answer.header("retry-after").parse().unwrap();
    assert!(after > 3600, "{answer:?}");
}

#[tokio::test]
async fn counters_outlive_a_reload_unless_their_limit_changes() {
    let yaml = |a: &str, more: &str| {
        let shared = "rate_limits: { pool: { limit: 3/h } }\n";
        let own = routes(&[("a", a), ("b", "[{ shared: pool }]"), ("c", "[{ limit: 2/h }]")]);
        format!("{shared}{own}{more}")
    };
    let first = "[{ limit: 3/h }, { limit: 100/h, name: wide }]";
    let gateway = Gateway::start(yaml(first, "")).await;
    for (path, expected) in [("/a", 2), ("/b", 2), ("/c", 2)] {
        assert_eq!(admitted(&gateway, 2, path, &[]).await, expected, "{path}");
    }
    let more = "  - { name: d, match: { path: /d }, respond: {} }\n";
    assert_eq!(gateway.reload(&yaml(first, more)).await.status, 200);
    for (path, expected) in [("/a", 1), ("/b", 1), ("/c", 0)] {
        assert_eq!(admitted(&gateway, 2, path, &[]).await, expected, "{path}");
    }
    let changed = "[{ limit: 4/h }, { limit: 100/h, name: wide }]";
    assert_eq!(gateway.reload(&yaml(changed, more)).await.status, 200);
    let line = gateway
        .log("the changed limit", |line| line["message"] == "the rate limit was changed and counts anew")
        .await;
    assert_eq!((&line["route"], &line["rate_limit"]), (&json!("a"), &json!("limit-1")));
    let answer = gateway.get("/a").await;
    assert!(answer.header("ratelimit").starts_with(r#""limit-1";r=3;"#), "{answer:?}");
    assert!(answer.header("ratelimit").contains(r#""wide";r=95;"#), "{answer:?}");
    assert_eq!(admitted(&gateway, 2, "/b", &[]).await, 0);
    let changed = gateway.lines().iter().filter(|line| line.text.contains("counts anew")).count();
    assert_eq!(changed, 1, "of the others nothing is said");
}

#[tokio::test]
async fn every_kind_of_route_is_limited_and_the_connection_kept() {
    let upstream = Upstream::echo().await;
    let yaml = format!(
        "
        defaults: {{ rate_limits: [{{ limit: 1/h }}] }}
        upstreams: {{ up: {{ endpoints: [\"{}\"] }} }}
        routes:
          - {{ name: proxied, match: {{ path: /proxied }}, upstream: up }}
          - {{ name: moved, match: {{ path: /moved }}, redirect: {{ to: /else }} }}
          - {{ name: fixed, match: {{ path: /fixed }}, respond: {{ body: fixed }} }}
        ",
        upstream.url()
    );
    for protocol in [Protocol::H1, Protocol::H2c] {
        let gateway = Gateway::start(&yaml).await;
        let mut connection = Connection::open(gateway.address(), protocol).await;
        for path in ["/proxied", "/moved", "/fixed"] {
            for expected in [true, false] {
                let request = client::request("GET", &gateway.url(path)).body(empty()).unwrap();
                let answer = connection.send(request).await.unwrap();
                assert_eq!(answer.status != 429, expected, "{path}");
                let left = format!(r#""limit-1";r=0;t={}"#, seconds(&answer));
                assert_eq!(answer.header("ratelimit"), left, "{path}");
            }
        }
        assert!(!connection.is_closed());
    }
}

#[tokio::test]
async fn a_websocket_is_counted_when_it_is_opened() {
    let upstream = Upstream::start(websocket::echo).await;
    let limited = ", rate_limits: [{ limit: 1/h }], upstream";
    let gateway = Gateway::start(super::proxy_to(&upstream).replace(", upstream", limited)).await;
    let mut client = websocket::open(gateway.address(), "/chat").await.unwrap();
    let error = websocket::open(gateway.address(), "/chat").await.unwrap_err();
    assert!(error.to_string().contains("429"), "{error}");
    for turn in ["one", "two", "three"] {
        assert_eq!(websocket::ask(&mut client, turn).await.into_text().unwrap(), turn);
    }
}

#[tokio::test]
async fn a_grpc_caller_has_exhausted_a_resource() {
    let gateway = Gateway::start(routes(&[("a", "[{ limit: 1/h }]")])).await;
    assert_eq!(gateway.get("/a").await.status, 200);
    let mut connection = Connection::open(gateway.address(), Protocol::H2c).await;
    let request = client::request("POST", &gateway.url("/a")).header("content-type", "application/grpc");
    let answer = connection.send(request.body(empty()).unwrap()).await.unwrap();
    assert_eq!((answer.status.as_u16(), answer.header("grpc-status")), (200, "8"));
    assert_ne!(answer.header("retry-after"), "");
}

#[tokio::test]
async fn what_a_service_says_of_its_own_limits_stays_where_there_are_none() {
    let upstream = Upstream::start(async |_| {
        let answer =
            http::Response::builder().header("ratelimit", "\"own\";r=7").header("ratelimit", "\"b\";r=1");
        Ok(answer.header("ratelimit-policy", "\"own\";q=9").body(empty()).unwrap())
    })
    .await;
    let yaml = super::proxy_to(&upstream);
    let gateway = Gateway::start(&yaml).await;
    let answer = gateway.get("/").await;
    assert_eq!(answer.header("ratelimit-policy"), "\"own\";q=9");
    assert_eq!(answer.headers.get_all("ratelimit").iter().count(), 2);
    let limited = yaml.replace(", upstream", ", rate_limits: [{ limit: 5/h, name: ours }], upstream");
    assert_eq!(gateway.reload(&limited).await.status, 200);
    let answer = gateway.get("/").await;
    assert_eq!(answer.header("ratelimit-policy"), r#""ours";q=5;w=3600"#);
    let told: Vec<_> = answer.headers.get_all("ratelimit").iter().collect();
    assert!(told.len() == 1 && answer.header("ratelimit").starts_with(r#""ours";r=4;t="#), "{answer:?}");
}

#[tokio::test]
async fn a_refusal_is_seen_with_the_limit_that_refused() {
    let collector = Collector::start().await;
    let traces = format!(
        "telemetry: {{ traces: {{ otlp: {{ endpoint: \"{}\" }}, sample: 100% }} }}\n",
        collector.url()
    );
    let limits = "[{ limit: 100/h, name: wide, by: [route] }, { limit: 1/h, name: narrow }]";
    let gateway = Gateway::start(traces + &routes(&[("a", limits)])).await;
    assert_eq!(gateway.get("/a").await.status, 200);
    let problem = gateway.get("/a").await.problem();
    let line = gateway.access_log("the line", |line| line["request_id"] == *problem.request_id).await;
    assert_eq!((&line["route"], &line["status"]), (&json!("a"), &json!(429)));
    assert_eq!((&line["reason"], &line["rate_limit"]), (&json!(REASON), &json!("narrow")));
    let other = gateway.access_log("the other line", |line| line["status"] == 200).await;
    assert!(other.get("rate_limit").is_none(), "{other}");
    let spans = collector.trace(&problem.trace_id, 1).await;
    let span: &otlp::Span = spans.first().unwrap();
    assert_eq!((span.attribute("error.type"), span.attribute("gateway.rate_limit")), (REASON, "narrow"));
    for (limit, result, expected) in
        [("wide", "allowed", 2.0), ("narrow", "allowed", 1.0), ("narrow", "refused", 1.0)]
    {
        let labels = [("http_route", "a"), ("rate_limit", limit), ("result", result)];
        gateway.metric("gateway_rate_limit_decisions_total", &labels, |count| count == expected).await;
    }
    for limit in ["wide", "narrow"] {
        let labels = [("http_route", "a"), ("rate_limit", limit)];
        gateway.metric("gateway_rate_limit_keys", &labels, |count| count == 1.0).await;
    }
    let refused = [("http_route", "a"), ("reason", REASON)];
    gateway.metric("gateway_requests_refused_total", &refused, |count| count == 1.0).await;
}

#[tokio::test]
async fn a_client_that_sends_keys_without_end_takes_bounded_memory() {
    let gateway =
        Gateway::start(routes(&[("a", "[{ limit: 2/h, by: [{ header: x-key }], max_keys: 10 }]")])).await;
    for number in 0..40 {
        assert_eq!(admitted(&gateway, 1, "/a", &[("x-key", &number.to_string())]).await, 1);
    }
    let labels = [("http_route", "a"), ("rate_limit", "limit-1")];
    gateway.metric("gateway_rate_limit_keys", &labels, |count| count == 10.0).await;
    gateway.metric("gateway_rate_limit_evictions_total", &labels, |count| count == 30.0).await;
}
