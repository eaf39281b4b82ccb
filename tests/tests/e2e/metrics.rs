//! Metrics: well-formed, bounded, and true.

use std::io::Write;
use std::process::{Command, Stdio};

use serde_json::json;
use tests::client::Connection;
use tests::tls::Authority;
use tests::{Collector, Gateway, Launch, Stubs, Upstream, client, closed_port, empty, raw};

/// A gateway that has shown every kind of thing it measures, once at least.
async fn busy() -> (Stubs, Collector, Gateway) {
    let (stubs, collector, authority) = (Stubs::start().await, Collector::start().await, Authority::new());
    let yaml = format!(
        "{}  gone: {{ endpoints: [\"http://{}\"] }}\n{}",
        stubs.upstreams(),
        closed_port(),
        tests::dedent(&format!(
            "
            listeners:
              - {{ name: public, address: \"127.0.0.1:0\" }}
              - name: secure
                address: \"127.0.0.1:0\"
                tls: {{ certificates: [{{ certificate: a.pem, key: a.key }}] }}
            telemetry: {{ traces: {{ otlp: {{ endpoint: \"{}\" }}, sample: 100% }} }}
            routes:
              - {{ name: users, match: {{ path: /users/** }}, upstream: users }}
              - {{ name: gone, match: {{ path: /gone }}, upstream: gone }}
              - {{ name: graphql, match: {{ path: /graphql }}, graphql: main }}
            graphql: {{ main: {{ schema: [api.graphql] }} }}
            ",
            collector.url()
        ))
    );
    let identity = authority.issue(&["a.test"]);
    let launch = Launch::new(&yaml).file("api.graphql", SDL);
    let launch = launch.file("a.pem", &identity.certificate).file("a.key", &identity.key);
    let gateway = launch.start().await;

    assert_eq!(gateway.get("/users/1").await.status, 200);
    assert_eq!(gateway.get("/gone").await.refused(502), "upstream_connect_refused");
    assert_eq!(gateway.get("/nowhere").await.refused(404), "route_not_found");
    let secure = gateway.listener("secure");
    let opened = Connection::open_tls(secure, "a.test", authority.client(&["h2"])).await;
    let request = client::request("GET", "https://a.test/users/2").body(empty()).unwrap();
    assert_eq!(opened.unwrap().0.send(request).await.unwrap().status, 200);
    // No handshake, and no head.
    drop(raw::exchange(secure, "GET / HTTP/1.1\r\n\r\n").await);
    drop(raw::exchange(gateway.address(), "no head\r\n\r\n").await);

    let user = "{ user(id: 1) { id } }";
    assert_eq!(gateway.graphql(user, json!({})).await.json()["data"]["user"]["id"], "1");
    stubs.trouble("users", json!({ "error_rate": 1 })).await;
    assert!(gateway.graphql(user, json!({})).await.json()["errors"].is_array());
    (stubs, collector, gateway)
}

const SDL: &str = "
    type Query { user(id: ID!): User @rest(source: \"users\", GET: \"/users/{id}\") }
    type User { id: ID! }
";

#[tokio::test]
async fn promtool_finds_nothing_to_complain_about() {
    let (_stubs, _collector, gateway) = busy().await;
    for series in [
        "http_server_request_duration_seconds_count",
        "http_client_request_duration_seconds_count",
        "gateway_requests_refused_total",
        "gateway_upstream_connect_failures_total",
        "gateway_listener_handshake_failures_total",
        "gateway_listener_connections_closed_total",
        "graphql_operation_duration_seconds_count",
        "graphql_fetch_duration_seconds_count",
        "graphql_errors_total",
        "gateway_traces_kept_total",
        "gateway_trace_spans_exported_total",
        "gateway_access_log_lines_total",
    ] {
        gateway.metric(series, &[], |count| count > 0.0).await;
    }
    let scrape = gateway.metrics().await.text;
    let mut promtool = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("promtool is installed by `make test`");
    promtool.stdin.take().unwrap().write_all(scrape.as_bytes()).unwrap();
    let output = promtool.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.is_empty(), "{said}");
}

#[tokio::test]
async fn requests_and_attempts_are_counted_with_their_labels() {
    let upstream = Upstream::start(|request| async move {
        let status = if request.uri().path() == "/broken" { 500 } else { 200 };
        tests::reply(status, "hello")
    })
    .await;
    let gateway = Gateway::start(super::proxy_to(&upstream)).await;
    for path in ["/", "/a", "/broken"] {
        gateway.get(path).await;
    }
    let server = "http_server_request_duration_seconds_count";
    let labels = |status| {
        [("http_request_method", "GET"), ("http_route", "all"), ("http_response_status_code", status)]
    };
    gateway.metric(server, &labels("200"), |count| count == 2.0).await;
    gateway.metric(server, &labels("500"), |count| count == 1.0).await;
    let metrics = gateway.metrics().await;
    let client = "http_client_request_duration_seconds_count";
    assert_eq!(metrics.value(client, &[("upstream", "up")]), 3.0, "{}", metrics.text);
    assert_eq!(metrics.value("http_server_response_body_size_bytes_sum", &[("http_route", "all")]), 15.0);
    assert_eq!(metrics.value("http_server_active_requests", &[]), 0.0);
    assert_eq!(metrics.value("gateway_ready", &[]), 1.0);
    assert!(metrics.has("process_resident_memory_bytes"));
}

#[tokio::test]
async fn clients_cannot_make_series() {
    let gateway = Gateway::start(super::proxy_to_url(&format!("http://{}", closed_port()))).await;
    for method in ["GET", "POST", "WEIRD", "WEIRDER"] {
        gateway.request(method, "/", &[]).await;
    }
    gateway.metric("gateway_requests_refused_total", &[], |count| count == 4.0).await;
    let before = gateway.metrics().await.len();
    for n in 0..50 {
        let headers = [("host", format!("h{n}.test")), ("user-agent", format!("agent {n}"))];
        let headers: Vec<(&str, &str)> =
            headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
        gateway.request(&format!("M{n}"), &format!("/path/{n}?q={n}"), &headers).await;
    }
    let refused = gateway.metric("gateway_requests_refused_total", &[], |count| count == 54.0).await;
    assert_eq!(refused, 54.0);
    assert_eq!(gateway.metrics().await.len(), before, "{}", gateway.metrics().await.text);
}
