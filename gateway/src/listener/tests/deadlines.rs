use std::time::Duration;

use serde_json::json;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use super::kit::*;
use crate::listener::Ending;

/// Sends a byte every few milliseconds until the server has had enough; says how many went.
async fn drip(stream: &mut TcpStream, data: impl Iterator<Item = u8>) -> usize {
    let mut sent = 0;
    let mut pace = tokio::time::interval(Duration::from_millis(10));
    for byte in data {
        pace.tick().await;
        if stream.write_all(&[byte]).await.is_err() {
            break;
        }
        sent += 1;
    }
    sent
}

#[tokio::test]
async fn a_dripping_head_is_closed_when_its_time_is_over() {
    let server = start(json!({ "deadlines": { "head": "150ms", "idle": "1h" } })).await;
    let mut client = server.connect().await;
    let head = b"GET / HTTP/1.1\r\nX: ".iter().copied().chain(std::iter::repeat_n(b'x', 5000));
    let sent = drip(&mut client, head).await;
    assert!(sent < 1000, "sent {sent} bytes");
    assert_eq!(rest(&mut client).await, "");
    server.ended(Ending::HeadDeadline).await;
}

#[tokio::test]
async fn a_dripping_head_is_closed_on_a_reused_connection_too() {
    let server = start(json!({ "deadlines": { "head": "150ms", "idle": "1h" } })).await;
    let mut client = server.connect().await;
    assert!(exchange(&mut client, GET).await.starts_with("HTTP/1.1 200"));
    client.write_all(b"GET / HT").await.unwrap();
    assert_eq!(rest(&mut client).await, "");
    server.ended(Ending::HeadDeadline).await;
}

#[tokio::test]
async fn a_dripping_body_is_closed_when_its_time_is_over() {
    let server = start(json!({ "deadlines": { "body": "150ms" } })).await;
    let mut client = server.connect().await;
    client.write_all(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n").await.unwrap();
    let sent = drip(&mut client, std::iter::repeat_n(b'x', 5000)).await;
    assert!(sent < 1000, "sent {sent} bytes");
    assert_eq!(rest(&mut client).await, "");
    server.ended(Ending::BodyDeadline).await;
}

#[tokio::test]
async fn the_body_deadline_ends_with_the_body() {
    let server = start(json!({})).await;
    let mut client = server.connect().await;
    client.write_all(b"GET /wait HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
    server.app.entered.notified().await;
    pass(Duration::from_secs(3600)).await;
    server.app.release.notify_one();
    assert!(answer(&mut client).await.ends_with("ok"));
}

#[tokio::test]
async fn an_idle_connection_is_closed_before_and_after_a_request() {
    let server = start(json!({ "deadlines": { "idle": "150ms" } })).await;
    assert_eq!(rest(&mut server.connect().await).await, "");
    server.ended(Ending::IdleDeadline).await;
    let mut client = server.connect().await;
    assert!(exchange(&mut client, GET).await.ends_with("ok"));
    assert_eq!(rest(&mut client).await, "");
    assert_eq!(server.closed(Ending::IdleDeadline), 2);
}

#[tokio::test]
async fn a_busy_connection_outlives_every_deadline() {
    let server = start(json!({ "deadlines": { "idle": "60s", "head": "60s", "body": "60s" } })).await;
    let mut client = server.connect().await;
    for _ in 0..10 {
        assert!(exchange(&mut client, GET).await.ends_with("ok"));
        pass(Duration::from_secs(30)).await;
    }
    assert!(exchange(&mut client, GET).await.ends_with("ok"));
}

#[tokio::test]
async fn an_upgraded_connection_has_no_deadline() {
    let server = start(json!({})).await;
    let mut client = server.connect().await;
    let head = b"GET /upgrade HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n";
    assert!(exchange(&mut client, head).await.starts_with("HTTP/1.1 101"));
    pass(Duration::from_secs(3600)).await;
    client.write_all(b"still there").await.unwrap();
    let mut echo = [0; 11];
    tokio::io::AsyncReadExt::read_exact(&mut client, &mut echo).await.unwrap();
    assert_eq!(&echo, b"still there");
}

#[tokio::test]
async fn a_client_that_takes_nothing_of_its_answer_is_given_up() {
    let server = start(json!({ "deadlines": { "idle": "150ms" } })).await;
    let mut client = server.connect().await;
    client.write_all(b"GET /big HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
    server.ended(Ending::WriteDeadline).await;
}

#[tokio::test]
async fn a_client_that_takes_its_answer_slowly_but_steadily_is_served() {
    let server = start(json!({ "deadlines": { "idle": "1500ms" } })).await;
    let mut client = server.connect().await;
    client.write_all(b"GET /big HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
    // The kernels move 64 KiB at a time, so something is taken every second or so.
    let mut pace = tokio::time::interval(Duration::from_millis(100));
    for _ in 0..60 {
        pace.tick().await;
        tokio::io::AsyncReadExt::read_exact(&mut client, &mut [0; 7500]).await.unwrap();
    }
    assert_eq!(server.listener.connections(), 1);
}

#[tokio::test]
async fn deadlines_follow_a_reload_on_open_connections() {
    let server = start(json!({ "deadlines": { "idle": "1h" } })).await;
    let mut client = server.connect().await;
    assert!(exchange(&mut client, GET).await.ends_with("ok"));
    let change = server.listener.prepare(config(json!({ "deadlines": { "idle": "100ms" } }))).unwrap();
    server.listener.apply(change);
    assert!(exchange(&mut client, GET).await.ends_with("ok"));
    assert_eq!(rest(&mut client).await, "");
    server.ended(Ending::IdleDeadline).await;
}
