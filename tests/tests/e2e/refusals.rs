//! Answers made by the gateway itself: one form for all, and nothing internal.

use hyper::body::Body;
use serde_json::Value;
use tests::client::{Connection, Protocol};
use tests::{Gateway, client, closed_port, full, raw, streaming};

#[tokio::test]
async fn every_refusal_is_a_problem_document() {
    let closed = closed_port();
    let gateway = Gateway::start(super::proxy_to_url(&format!("http://{closed}"))).await;
    let answer = gateway.get("/").await;
    let problem = answer.problem();
    assert_eq!((problem.status, problem.reason.as_str()), (502, "upstream_connect_refused"));
    assert!(answer.header("proxy-status").starts_with("glassgate; error=connection_refused"));
    assert!(answer.header("cache-control").contains("no-store"), "{answer:?}");
    assert!(!answer.text().contains(&closed.port().to_string()), "shows an address: {}", answer.text());
    assert!(!answer.header("proxy-status").contains(&closed.port().to_string()));
}

#[tokio::test]
async fn a_refusal_keeps_the_connection() {
    let gateway = Gateway::start("routes: []").await;
    let mut connection = Connection::open(gateway.address(), Protocol::H1).await;
    for body in ["", "a body that nobody reads"] {
        let request = client::request("POST", &gateway.url("/nothing")).body(full(body)).unwrap();
        let answer = connection.send(request).await.unwrap();
        assert_eq!(answer.refused(404), "route_not_found");
    }
    assert!(!connection.is_closed());
}

#[tokio::test]
async fn a_head_request_is_refused_without_a_body() {
    let gateway = Gateway::start("routes: []").await;
    let head = "HEAD /nothing HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n";
    let mut client = raw::RawClient::connect(gateway.address()).await;
    client.send(head).await;
    let all = String::from_utf8(client.rest().await).unwrap();
    assert!(all.starts_with("HTTP/1.1 404 ") && all.ends_with("\r\n\r\n"), "{all}");
}

#[tokio::test]
async fn the_reason_is_the_same_word_everywhere() {
    let gateway = Gateway::start("routes: []").await;
    let problem = gateway.get("/nothing").await.problem();
    let line =
        gateway.access_log("the request's line", |line| line["request_id"] == *problem.request_id).await;
    assert_eq!(line["reason"], "route_not_found");
    assert_eq!(line["trace_id"], Value::from(problem.trace_id));
    gateway
        .metric("gateway_requests_refused_total", &[("reason", "route_not_found")], |count| count == 1.0)
        .await;
}

#[tokio::test]
async fn a_grpc_caller_gets_a_grpc_status() {
    let yaml = "routes: [{ name: other, match: { path: /other }, respond: { status: 200, body: x } }]";
    let gateway = Gateway::start(yaml).await;
    let mut connection = Connection::open(gateway.address(), Protocol::H2c).await;
    let request = client::request("POST", "http://a.test/pkg.Service/Method")
        .header("content-type", "application/grpc")
        .header("te", "trailers");
    let answer = connection.send(request.body(full(&b"\0\0\0\0\0"[..])).unwrap()).await.unwrap();
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("content-type"), "application/grpc");
    assert_eq!(answer.header("grpc-status"), "12");
    assert!(answer.header("proxy-status").contains("route_not_found"), "{answer:?}");

    // gRPC clients insist on a single head that ends the stream, also while they are sending.
    let (_sender, receiver) = futures::channel::mpsc::channel(1);
    let request = client::request("POST", "http://a.test/pkg.Service/Stream")
        .header("content-type", "application/grpc")
        .header("te", "trailers");
    let response = connection.begin(request.body(streaming(receiver)).unwrap()).await.unwrap();
    assert!(response.body().is_end_stream(), "the head does not end the stream");
}
