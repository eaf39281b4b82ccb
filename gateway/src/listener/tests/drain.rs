use std::time::Duration;

use serde_json::json;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use super::kit::*;
use super::protocol::{get, http2};
use crate::listener::{Drained, Ending};

const NOTHING: Drained = Drained { cut_requests: 0, cut_connections: 0 };

#[tokio::test]
async fn a_drain_closes_what_is_idle_and_waits_for_what_is_not() {
    let server = start(json!({})).await;
    let mut idle = server.connect().await;
    assert!(exchange(&mut idle, GET).await.ends_with("ok"));
    let mut busy = server.connect().await;
    busy.write_all(b"GET /wait HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
    server.app.entered.notified().await;
    assert_eq!((server.drain.connections(), server.drain.in_flight()), (2, 1));
    let drain = server.drain.clone();
    let draining = tokio::spawn(async move { drain.run().await });
    assert_eq!(rest(&mut idle).await, "");
    assert!(server.drain.is_draining() && !draining.is_finished());
    assert!(TcpStream::connect(server.address).await.is_err());
    server.app.release.notify_one();
    assert!(rest(&mut busy).await.ends_with("ok"));
    assert_eq!(draining.await.unwrap(), NOTHING);
    assert_eq!(server.closed(Ending::Drained), 2);
}

#[tokio::test]
async fn a_drain_without_connections_is_over_at_once() {
    let server = start(json!({})).await;
    let started = tokio::time::Instant::now();
    assert_eq!(server.drain.run().await, NOTHING);
    assert!(started.elapsed() < Duration::from_secs(5));
}

#[tokio::test]
async fn a_request_that_arrives_with_the_signal_is_answered_with_close() {
    let server = start(json!({})).await;
    let mut client = server.connect().await;
    assert!(exchange(&mut client, GET).await.ends_with("ok"));
    let drain = server.drain.clone();
    let draining = tokio::spawn(async move { drain.run().await });
    eventually(|| server.drain.is_closing(), || "closing".into()).await;
    let answer = talk(&mut client, GET).await;
    assert!(answer.ends_with("ok"), "{answer:?}");
    assert!(answer.to_ascii_lowercase().contains("connection: close"), "{answer}");
    assert_eq!(draining.await.unwrap(), NOTHING);
}

#[tokio::test]
async fn the_delay_keeps_serving_while_readiness_is_gone() {
    let drain = serde_json::from_value(json!({ "delay": "300ms", "grace": "10s" })).unwrap();
    let server = start_with(config(json!({})), drain).await;
    let drain = server.drain.clone();
    let draining = tokio::spawn(async move { drain.run().await });
    eventually(|| server.drain.is_draining(), || "draining".into()).await;
    let answer = exchange(&mut server.connect().await, GET).await;
    assert!(!answer.to_ascii_lowercase().contains("connection: close"), "{answer}");
    assert_eq!(draining.await.unwrap(), NOTHING);
    assert!(TcpStream::connect(server.address).await.is_err());
}

#[tokio::test]
async fn what_outlasts_the_grace_period_is_cut_and_reported() {
    let server = start_with(config(json!({})), drain_config(Duration::from_millis(200))).await;
    let mut client = server.connect().await;
    let head = b"GET /upgrade HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n";
    assert!(exchange(&mut client, head).await.starts_with("HTTP/1.1 101"));
    let drained = server.drain.run().await;
    assert_eq!(drained, Drained { cut_requests: 1, cut_connections: 1 });
    assert_eq!(rest(&mut client).await, "");
    server.ended(Ending::Cut).await;
}

#[tokio::test]
async fn stopping_at_once_waits_for_nothing() {
    let server = start(json!({})).await;
    let mut client = server.connect().await;
    client.write_all(b"GET /wait HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
    server.app.entered.notified().await;
    let drain = server.drain.clone();
    let draining = tokio::spawn(async move { drain.run().await });
    eventually(|| server.drain.is_closing(), || "closing".into()).await;
    server.drain.stop().await;
    assert_eq!(rest(&mut client).await, "");
    let lost = draining.await.unwrap();
    assert_eq!(lost, Drained { cut_requests: 1, cut_connections: 1 }, "who looks later knows it too");
    assert_eq!(server.drain.connections(), 0);
}

#[tokio::test]
async fn http2_connections_are_asked_to_go_and_open_streams_finish() {
    let server = start(json!({})).await;
    let (mut sender, driver) = http2(server.connect().await).await;
    let waiting = tokio::spawn(async move { get(&mut sender, "/wait").await });
    server.app.entered.notified().await;
    let (_idle, idle_driver) = http2(server.connect().await).await;
    let drain = server.drain.clone();
    let draining = tokio::spawn(async move { drain.run().await });
    tokio::time::timeout(PATIENCE, idle_driver).await.unwrap().unwrap();
    assert!(!draining.is_finished());
    server.app.release.notify_one();
    assert_eq!(waiting.await.unwrap(), "ok");
    tokio::time::timeout(PATIENCE, driver).await.unwrap().unwrap();
    assert_eq!(draining.await.unwrap(), NOTHING);
}
