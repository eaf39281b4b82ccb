//! What a listener grants a connection: how many, how long, how large.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tests::raw::RawClient;
use tests::{DEADLINE, Gateway, Upstream, echo, eventually};
use tokio::sync::Notify;

const CLOSED: &str = "gateway_listener_connections_closed_total";

async fn gateway(upstream: &Upstream, listener: &str) -> Gateway {
    let listeners = format!("listeners: [{{ name: public, address: \"127.0.0.1:0\"{listener} }}]\n");
    Gateway::start(listeners + &super::proxy_to(upstream)).await
}

async fn closed_by(gateway: &Gateway, bytes: &[&str], reason: &str) {
    let mut client = RawClient::connect(gateway.address()).await;
    let begin = Instant::now();
    for part in bytes {
        client.send(part).await;
    }
    client.rest().await;
    assert!(begin.elapsed() < Duration::from_secs(20));
    gateway.metric(CLOSED, &[("listener", "public"), ("reason", reason)], |count| count >= 1.0).await;
}

#[tokio::test]
async fn a_head_that_drips_is_cut_off() {
    let upstream = Upstream::saying("up").await;
    let gateway = gateway(&upstream, ", deadlines: { head: 300ms }").await;
    closed_by(&gateway, &["GET / HTTP/1.1\r\nHost: a"], "head_deadline").await;
    assert!(upstream.seen().is_empty());
}

#[tokio::test]
async fn an_idle_connection_is_closed() {
    let upstream = Upstream::saying("up").await;
    let gateway = gateway(&upstream, ", deadlines: { idle: 300ms }").await;
    closed_by(&gateway, &[], "idle_deadline").await;
    let mut client = RawClient::connect(gateway.address()).await;
    client.send("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n").await;
    assert_eq!(client.answer().await.expect("an answer").body, "up");
    assert!(client.closes_within(DEADLINE).await, "between requests it is idle too");
}

#[tokio::test]
async fn a_body_that_drips_is_cut_off() {
    let upstream = Upstream::echo().await;
    let gateway = gateway(&upstream, ", deadlines: { body: 300ms }").await;
    let head = "POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 1000\r\n\r\n";
    closed_by(&gateway, &[head, "a"], "body_deadline").await;
}

#[tokio::test]
async fn a_full_listener_closes_what_comes_and_says_so() {
    let upstream = Upstream::saying("up").await;
    let gateway = gateway(&upstream, ", max_connections: 2").await;
    let mut held = Vec::new();
    for _ in 0..2 {
        let mut client = RawClient::connect(gateway.address()).await;
        client.send("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n").await;
        client.answer().await.expect("an answer");
        held.push(client);
    }
    let mut third = RawClient::connect(gateway.address()).await;
    third.send("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n").await;
    assert!(third.answer().await.is_none(), "one too many was served");
    let rejected = gateway.metrics().await.value("gateway_listener_connections_rejected_total", &[]);
    assert_eq!(rejected, 1.0);
    held.pop();
    let again = async || {
        let mut client = RawClient::connect(gateway.address()).await;
        client.send("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n").await;
        client.answer().await
    };
    eventually("a place is free again", DEADLINE, again).await;
}

#[tokio::test]
async fn a_client_with_too_many_connections_is_told_apart_from_a_full_listener() {
    let upstream = Upstream::saying("up").await;
    let gateway = gateway(&upstream, ", max_connections_per_client: 1").await;
    let mut held = RawClient::connect(gateway.address()).await;
    held.send("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n").await;
    held.answer().await.expect("an answer");
    let mut second = RawClient::connect(gateway.address()).await;
    second.send("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n").await;
    assert!(second.answer().await.is_none(), "one too many was served");
    let labels = [("listener", "public"), ("reason", "client_connection_limit")];
    gateway.metric("gateway_listener_connections_rejected_total", &labels, |count| count == 1.0).await;
}

#[tokio::test]
async fn a_connection_serves_so_many_requests_and_no_more() {
    let upstream = Upstream::saying("up").await;
    let gateway = gateway(&upstream, ", max_requests_per_connection: 2").await;
    let mut client = RawClient::connect(gateway.address()).await;
    for _ in 0..2 {
        client.send("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n").await;
        assert_eq!(client.answer().await.expect("an answer").status, 200);
    }
    assert!(client.closes_within(DEADLINE).await);
}

#[tokio::test]
async fn limits_on_heads_can_be_set() {
    let upstream = Upstream::saying("up").await;
    let gateway = gateway(&upstream, ", limits: { head: 1KiB, headers: 10 }").await;
    assert_eq!(
        gateway.request("GET", "/", &[("x-a", &"b".repeat(2000))]).await.refused(431),
        "head_too_large"
    );
    let many: Vec<(&str, &str)> = (0..12).map(|_| ("x-a", "b")).collect();
    assert_eq!(gateway.request("GET", "/", &many).await.refused(431), "too_many_headers");
    assert_eq!(gateway.get("/").await.text(), "up");
    assert_eq!(upstream.seen().len(), 1);
}

fn get(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: a.test\r\n\r\n")
}

#[tokio::test]
async fn requests_sent_without_waiting_are_answered_in_order() {
    let upstream = Upstream::echo().await;
    let gateway = gateway(&upstream, "").await;
    let mut client = RawClient::connect(gateway.address()).await;
    for _ in 0..2 {
        client.send(get("/1") + &get("/2") + &get("/3")).await;
        for path in ["/1", "/2", "/3"] {
            let answer = client.answer().await.expect("an answer");
            assert!(answer.body.contains(&format!("\"target\":\"{path}\"")), "{path}: {answer:?}");
        }
    }
}

#[tokio::test]
async fn a_request_sent_while_another_is_answered_harms_neither() {
    let release = Arc::new(Notify::new());
    let held = release.clone();
    let upstream = Upstream::start(move |request| {
        let held = held.clone();
        async move {
            if request.uri().path() == "/held" {
                held.notified().await;
            }
            echo(request).await
        }
    })
    .await;
    let gateway = gateway(&upstream, "").await;
    let mut client = RawClient::connect(gateway.address()).await;
    client.send(get("/held")).await;
    eventually("it reaches the upstream", DEADLINE, async || (!upstream.seen().is_empty()).then_some(()))
        .await;
    client.send(get("/next")).await;
    release.notify_one();
    for path in ["/held", "/next"] {
        let answer = client.answer().await.expect("an answer");
        assert!(answer.body.contains(&format!("\"target\":\"{path}\"")), "{path}: {answer:?}");
    }
}
