//! Trace context in and out, and spans.

use std::sync::{Arc, Mutex};

use axum::Router;
use http::{HeaderMap, Method, StatusCode};
use opentelemetry_proto::tonic::trace::v1::Span;
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use serde_json::json;

use crate::collector::{Collector, Received};
use crate::process::{Process, eventually};

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
const PARENT: &str = "b7ad6b7169203331";

fn traceparent(flags: &str) -> String {
    format!("00-{TRACE}-{PARENT}-{flags}")
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Places an order within the trace, and stops the process, which sends the
/// last spans.
async fn place_and_stop(arguments: &[&str], flags: &str) {
    let process = Process::start(arguments).await;
    let order = json!({"user_id": 1, "items": [{"product_id": 1, "quantity": 1}]});
    let headers = [("traceparent", &*traceparent(flags))];
    let answer = process.ask("orders", Method::POST, "/orders", &headers, order).await;
    assert_eq!(answer.status, 201);
    process.terminate().await;
    assert_eq!(process.ended().await.status.code(), Some(0));
}

fn find<'a>(spans: &'a [Received], service: &str, kind: SpanKind, name: &str) -> &'a Span {
    let mut found = spans.iter().filter(|received| {
        let span = &received.span;
        received.service == service && span.kind == kind as i32 && span.name == name
    });
    let span = found.next();
    assert!(found.next().is_none(), "two of {service} {name}");
    &span.unwrap_or_else(|| panic!("no {service} {name} in {spans:#?}")).span
}

fn assert_one_unbroken_trace(spans: &[Received]) {
    assert_eq!(spans.len(), 7, "{spans:#?}");
    assert!(spans.iter().all(|received| hex(&received.span.trace_id) == TRACE));
    let order = find(spans, "orders", SpanKind::Server, "POST /orders");
    assert_eq!(hex(&order.parent_span_id), PARENT);
    for (service, name) in [
        ("users", "GET /users/{id}"),
        ("products", "POST /inventory/reserve"),
        ("payments", "POST /payments"),
    ] {
        let call = find(spans, "orders", SpanKind::Client, name);
        assert_eq!(call.parent_span_id, order.span_id);
        let served = find(spans, service, SpanKind::Server, name);
        assert_eq!(served.parent_span_id, call.span_id);
    }
}

#[tokio::test]
async fn an_order_is_one_unbroken_trace_over_grpc() {
    let collector = Collector::start().await;
    place_and_stop(&["all", "--otlp-endpoint", &collector.endpoint], "01").await;
    assert_one_unbroken_trace(&collector.spans());
}

#[tokio::test]
async fn an_order_is_one_unbroken_trace_over_http() {
    let collector = Collector::start().await;
    let endpoint = &*collector.endpoint;
    let arguments = ["all", "--otlp-endpoint", endpoint, "--otlp-protocol", "http/protobuf"];
    place_and_stop(&arguments, "01").await;
    assert_one_unbroken_trace(&collector.spans());
}

#[tokio::test]
async fn spans_are_sent_while_the_service_runs() {
    let collector = Collector::start().await;
    let process = Process::start(&["users", "--otlp-endpoint", &collector.endpoint]).await;
    process.get("users", "/users/1").await;
    eventually("the span arrives", || async { !collector.spans().is_empty() }).await;
    find(&collector.spans(), "users", SpanKind::Server, "GET /users/{id}");
}

#[tokio::test]
async fn a_caller_that_does_not_sample_is_respected() {
    let collector = Collector::start().await;
    place_and_stop(&["all", "--otlp-endpoint", &collector.endpoint], "00").await;
    assert!(collector.spans().is_empty());
}

#[tokio::test]
async fn a_dead_collector_keeps_nobody_from_working_or_ending() {
    let gone = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    place_and_stop(&["all", "--otlp-endpoint", &format!("http://{gone}")], "01").await;
}

#[tokio::test]
async fn without_a_collector_the_context_is_passed_on_as_it_came() {
    let seen: Arc<Mutex<HeaderMap>> = Arc::default();
    let users = Router::new().fallback({
        let seen = seen.clone();
        move |headers: HeaderMap| async move {
            *seen.lock().unwrap() = headers;
            StatusCode::NOT_FOUND
        }
    });
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, users).await });

    let process = Process::start(&["orders", "--users-url", &url]).await;
    let order = json!({"user_id": 1, "items": [{"product_id": 1, "quantity": 1}]});
    let sent = [
        ("traceparent", &*traceparent("01")),
        ("tracestate", "vendor=value"),
        ("x-request-id", "my-request"),
    ];
    let answer = process.ask("orders", Method::POST, "/orders", &sent, order).await;
    assert_eq!(answer.status, 422);
    let seen = seen.lock().unwrap();
    for (name, value) in sent {
        assert_eq!(seen[name], value, "{name}");
    }
}
