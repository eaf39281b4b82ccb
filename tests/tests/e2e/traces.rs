//! Traces: what is exported, how it hangs together, and what it may cost.

use std::time::{Duration, Instant};

use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use serde_json::json;
use tests::client::{self, Connection, Protocol};
use tests::otlp::Span;
use tests::{Collector, Gateway, Stubs, TcpUpstream, Upstream, closed_port, empty};

use super::graphql;

fn telemetry(endpoint: &str, protocol: &str, rest: &str) -> String {
    format!(
        "telemetry: {{ traces: {{ otlp: {{ endpoint: \"{endpoint}\", protocol: {protocol} }}{rest} }} }}\n"
    )
}

const ALL: &str = ", sample: 100%";

#[tokio::test]
async fn a_request_is_a_server_span_with_a_client_span_for_each_attempt() {
    for protocol in ["grpc", "http/protobuf"] {
        let collector = Collector::start().await;
        let upstream = Upstream::echo().await;
        let yaml = format!(
            "{}upstreams: {{ up: {{ endpoints: [\"http://{}\", \"{}\"] }} }}\n\
             routes: [{{ name: all, match: {{ path: /** }}, upstream: up }}]\n",
            telemetry(&collector.url(), protocol, ALL),
            closed_port(),
            upstream.url()
        );
        let gateway = Gateway::start(yaml).await;
        // Round robin begins where it likes: one of two requests meets the closed port first.
        let mut retried = None;
        for _ in 0..2 {
            let answer = gateway.get("/x?y=z").await;
            let id = answer.header("x-request-id").to_owned();
            let line = gateway.access_log("the line", |line| line["request_id"] == *id).await;
            if line["attempts"] == 2 {
                retried = Some((answer, line["trace_id"].as_str().unwrap().to_owned()));
            }
        }
        let (answer, trace_id) = retried.expect("one request was tried twice");
        let spans = collector.trace(&trace_id, 3).await;
        let server = spans.iter().find(|span| span.kind == SpanKind::Server).expect("a SERVER span");
        assert_eq!((server.service.as_str(), server.parent_id.as_str()), ("glassgate", ""));
        assert_eq!(server.name, "GET all");
        assert_eq!(server.attribute("http.route"), "all");
        assert_eq!(server.attribute("http.response.status_code"), "200");
        assert_eq!(server.attribute("url.path"), "/x");

        let mut attempts: Vec<&Span> = spans.iter().filter(|span| span.kind == SpanKind::Client).collect();
        attempts.sort_by_key(|span| span.start);
        assert_eq!(attempts.len(), 2);
        assert!(attempts.iter().all(|attempt| attempt.parent_id == server.span_id));
        assert!(attempts.iter().all(|attempt| attempt.start >= server.start && attempt.end <= server.end));
        assert_eq!(attempts[0].attribute("error.type"), "upstream_connect_refused");
        assert!(attempts[0].is_error && !attempts[1].is_error && !server.is_error);
        let sent = format!("00-{trace_id}-{}-01", attempts[1].span_id);
        assert_eq!(answer.json()["headers"]["traceparent"][0], sent, "the upstream goes on from its attempt");
    }
}

#[tokio::test]
async fn headers_for_the_collector_are_sent() {
    for protocol in ["grpc", "http/protobuf"] {
        let collector = Collector::start().await;
        let upstream = Upstream::echo().await;
        let telemetry = format!(
            "telemetry: {{ traces: {{ otlp: {{ endpoint: \"{}\", protocol: {protocol}, headers: {{ x-token: abc }} }}, sample: 100% }} }}\n",
            collector.url()
        );
        let gateway = Gateway::start(telemetry + &super::proxy_to(&upstream)).await;
        gateway.get("/").await;
        let carried = collector.await_spans("a span", |spans| Some(spans.first()?.carried_by.clone())).await;
        assert_eq!(carried["x-token"], "abc");
    }
}

#[tokio::test]
async fn failures_and_slow_requests_are_kept_though_not_sampled() {
    let collector = Collector::start().await;
    let upstream = Upstream::start(|request| async move {
        if request.uri().path() == "/slow" {
            tokio::time::sleep(Duration::from_secs(3)).await;
        }
        tests::reply(if request.uri().path() == "/broken" { 500 } else { 200 }, "x")
    })
    .await;
    let keep = ", sample: 0%, keep: { errors: true, slower_than: 2s, per_second: 100 }";
    let gateway =
        Gateway::start(telemetry(&collector.url(), "grpc", keep) + &super::proxy_to(&upstream)).await;
    for path in ["/fine", "/broken", "/slow"] {
        gateway.get(path).await;
    }
    let kept = |cause: &'static str, path: &'static str| {
        let is_it = move |span: &Span| {
            span.attribute("gateway.trace.kept") == cause && span.attribute("url.path") == path
        };
        collector.await_spans("a kept span", move |spans| spans.iter().any(is_it).then_some(()))
    };
    kept("error", "/broken").await;
    kept("slow", "/slow").await;
    assert!(collector.spans().iter().all(|span| span.attribute("url.path") != "/fine"));
}

#[tokio::test]
async fn a_failed_call_of_grpc_is_kept_though_its_status_is_200() {
    let collector = Collector::start().await;
    let keep = ", sample: 0%, keep: { errors: true, per_second: 100 }";
    let routes = super::proxy_with("http://127.0.0.1:1", "");
    let gateway = Gateway::start(telemetry(&collector.url(), "grpc", keep) + &routes).await;
    let mut connection = Connection::open(gateway.address(), Protocol::H2c).await;
    let call = client::request("POST", &gateway.url("/a.B/C")).header("content-type", "application/grpc");
    let answer = connection.begin(call.body(empty()).unwrap()).await.unwrap();
    assert_eq!((answer.status().as_u16(), &answer.headers()["grpc-status"]), (200, &"14".parse().unwrap()));
    let kept = move |spans: &[Span]| {
        spans.iter().any(|span| span.attribute("gateway.trace.kept") == "error").then_some(())
    };
    collector.await_spans("a kept span", kept).await;
}

#[tokio::test]
async fn the_rate_of_kept_traces_is_bounded() {
    let collector = Collector::start().await;
    let upstream = Upstream::start(|_| async { tests::reply(500, "x") }).await;
    let keep = ", sample: 0%, keep: { errors: true, per_second: 5 }";
    let gateway =
        Gateway::start(telemetry(&collector.url(), "grpc", keep) + &super::proxy_to(&upstream)).await;
    let begin = Instant::now();
    for _ in 0..50 {
        gateway.get("/").await;
    }
    let seconds = begin.elapsed().as_secs_f64() + 1.0;
    let over = gateway.metric("gateway_traces_over_rate_total", &[], |count| count > 0.0).await;
    assert!(50.0 - over <= 5.0 * (seconds + 1.0), "{over} of 50 were over the rate in {seconds} s");
}

#[tokio::test]
async fn a_sampling_decision_is_believed_of_trusted_peers_only() {
    let collector = Collector::start().await;
    let upstream = Upstream::echo().await;
    let with = |trusted: &str| {
        format!(
            "listeners: [{{ name: public, address: \"127.0.0.1:0\"{trusted} }}]\n{}{}",
            telemetry(&collector.url(), "grpc", ", sample: 0%"),
            super::proxy_to(&upstream)
        )
    };
    let parent = |trace: &str| format!("00-{trace}-b7ad6b7169203331-01");
    let (stranger, trusted) = ("0af7651916cd43dd8448eb211c80319c", "1bf7651916cd43dd8448eb211c80319c");
    let gateway = Gateway::start(with("")).await;
    gateway.request("GET", "/", &[("traceparent", &parent(stranger))]).await;
    let gateway = Gateway::start(with(", trusted_proxies: [127.0.0.0/8]")).await;
    gateway.request("GET", "/", &[("traceparent", &parent(trusted))]).await;
    let spans = collector.trace(trusted, 2).await;
    let server = spans.iter().find(|span| span.kind == SpanKind::Server).unwrap();
    assert_eq!(server.parent_id, "b7ad6b7169203331");
    assert!(collector.spans().iter().all(|span| span.trace_id != stranger));
}

#[tokio::test]
async fn a_dead_collector_costs_no_request_anything() {
    // One that refuses, and one that accepts and never answers.
    let silent = TcpUpstream::start(|stream| async move {
        std::future::pending::<()>().await;
        drop(stream);
    })
    .await;
    for endpoint in [format!("http://{}", closed_port()), silent.url()] {
        let upstream = Upstream::saying("up").await;
        let telemetry = telemetry(&endpoint, "grpc", ", sample: 100%, queue: 16")
            .replace("protocol:", "timeout: 10m, protocol:");
        let gateway = Gateway::start(telemetry + &super::proxy_to(&upstream)).await;
        // An export to the silent one takes ten minutes: no request waits for it, or its answer would be missed.
        for _ in 0..200 {
            assert_eq!(gateway.get("/").await.text(), "up");
        }
        gateway.metric("gateway_trace_spans_dropped_total", &[], |count| count > 0.0).await;
    }
}

#[tokio::test]
async fn a_graphql_query_over_four_services_is_one_unbroken_trace() {
    let collector = Collector::start().await;
    let stubs = Stubs::start_with(&["--otlp-endpoint", &collector.url()]).await;
    let gateway = graphql::gateway(&stubs, &telemetry(&collector.url(), "grpc", ALL)).await;
    let answer = gateway.graphql(graphql::FOUR_SERVICES, json!({})).await;
    assert!(answer.json().get("errors").is_none(), "{}", answer.text());
    let id = answer.header("x-request-id").to_owned();
    let line = gateway.access_log("the line", |line| line["request_id"] == *id).await;
    let trace_id = line["trace_id"].as_str().unwrap();

    // The request, the operation, four fetches, and what the four services add.
    let services = ["users", "orders", "products", "payments"];
    let spans = collector
        .await_spans("spans of the gateway and of four services", |spans| {
            let spans: Vec<Span> = spans.iter().filter(|span| span.trace_id == trace_id).cloned().collect();
            let has = |name: &str| spans.iter().any(|span| span.service.contains(name));
            let root = spans.iter().any(|span| span.parent_id.is_empty());
            (root && services.iter().all(|name| has(name)) && spans.len() >= 10).then_some(spans)
        })
        .await;
    let roots: Vec<&Span> = spans.iter().filter(|span| span.parent_id.is_empty()).collect();
    assert_eq!(roots.len(), 1, "{spans:#?}");
    assert_eq!(roots[0].kind, SpanKind::Server);
    for span in &spans {
        let known = span.parent_id.is_empty() || spans.iter().any(|other| other.span_id == span.parent_id);
        assert!(known, "the parent of {} is missing: {spans:#?}", span.name);
    }
    let operation = spans.iter().find(|span| span.attribute("graphql.operation.type") == "query");
    let operation = operation.unwrap_or_else(|| panic!("no operation span: {spans:#?}"));
    assert_eq!(operation.kind, SpanKind::Internal);
    let fetches: Vec<&Span> =
        spans.iter().filter(|span| !span.attribute("graphql.source").is_empty()).collect();
    assert_eq!(fetches.len(), 4, "{fetches:#?}");
    let size = |source: &str| {
        let fetch =
            fetches.iter().find(|fetch| fetch.attribute("graphql.source") == source).expect("a fetch");
        fetch.attribute("graphql.batch.size").parse::<u32>().unwrap_or(0)
    };
    assert_eq!(size("orders"), 50, "one key for each user");
    assert!(size("products") > 1 && size("payments") > 1);
}
