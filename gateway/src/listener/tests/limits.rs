use serde_json::json;
use tokio::io::AsyncWriteExt;

use super::kit::*;
use crate::listener::Ending;

#[tokio::test]
async fn one_connection_too_many_is_closed_and_counted_and_room_is_given_back() {
    let server = start(json!({ "max_connections": 2 })).await;
    let mut first = server.connect().await;
    let mut second = server.connect().await;
    assert!(exchange(&mut first, GET).await.ends_with("ok"));
    assert!(exchange(&mut second, GET).await.ends_with("ok"));
    assert_eq!(talk(&mut server.connect().await, GET).await, "");
    assert_eq!(server.count("gateway_listener_connections_rejected_total", "connection_limit"), 1);
    assert!(exchange(&mut first, GET).await.ends_with("ok"));
    drop(second);
    server.ended(Ending::Client).await;
    assert!(exchange(&mut server.connect().await, GET).await.ends_with("ok"));
}

#[tokio::test]
async fn one_client_takes_its_share_and_no_more() {
    let server = start(json!({ "max_connections_per_client": 2 })).await;
    let mut first = server.connect().await;
    let second = server.connect().await;
    assert!(exchange(&mut first, GET).await.ends_with("ok"));
    assert_eq!(talk(&mut server.connect().await, GET).await, "");
    assert_eq!(server.count("gateway_listener_connections_rejected_total", "client_connection_limit"), 1);
    // Places come back, also those of connections on which nothing was asked.
    drop(second);
    server.ended(Ending::Unused).await;
    let mut third = server.connect().await;
    assert!(exchange(&mut third, GET).await.ends_with("ok"));
    assert_eq!(talk(&mut server.connect().await, GET).await, "");
    // What was counted under one limit is given back under another.
    let change = server.listener.prepare(config(json!({}))).unwrap();
    server.listener.apply(change);
    assert!(exchange(&mut server.connect().await, GET).await.ends_with("ok"));
    drop(first);
    drop(third);
    eventually(|| server.listener.connections() == 0, || "none is open".into()).await;
    let change = server.listener.prepare(config(json!({ "max_connections_per_client": 1 }))).unwrap();
    server.listener.apply(change);
    assert!(exchange(&mut server.connect().await, GET).await.ends_with("ok"));
}

#[tokio::test]
async fn a_trusted_proxy_brings_many_clients() {
    let server = start(json!({ "max_connections_per_client": 1, "trusted_proxies": ["127.0.0.0/8"] })).await;
    let (mut first, mut second) = (server.connect().await, server.connect().await);
    assert!(
        exchange(&mut first, GET).await.ends_with("ok") && exchange(&mut second, GET).await.ends_with("ok")
    );
}

#[tokio::test]
async fn a_head_that_is_no_http_gets_a_problem_document_and_is_counted() {
    for bad in [
        &b"GET /a b HTTP/1.1\r\nHost: a\r\n\r\n"[..],
        b"GET /\x00 HTTP/1.1\r\nHost: a\r\n\r\n",
        b"nonsense\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nX : y\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\n folded\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nX: \x00\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    ] {
        let server = start(json!({})).await;
        let answer = talk(&mut server.connect().await, bad).await;
        let shown = bad.escape_ascii();
        assert!(answer.starts_with("HTTP/1.1 400 Bad Request\r\n"), "{shown}: {answer}");
        assert!(answer.contains("application/problem+json"), "{shown}: {answer}");
        assert!(answer.contains("\"reason\":\"malformed_request\""), "{shown}: {answer}");
        assert!(!answer.contains("Pingora"), "{shown}: {answer}");
        server.ended(Ending::MalformedHead).await;
    }
}

#[tokio::test]
async fn a_head_over_the_limit_is_answered_while_it_arrives() {
    let server = start(json!({ "limits": { "head": "8KiB" } })).await;
    let mut client = server.connect().await;
    let connection = server.only_connection().await;
    let head = format!("GET / HTTP/1.1\r\nHost: a\r\nX: {}", "x".repeat(2 << 20));
    let answer = talk(&mut client, head.as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 431 "), "{answer}");
    assert!(answer.contains("\"reason\":\"head_too_large\""), "{answer}");
    server.ended(Ending::HeadTooLarge).await;
    let read = connection.bytes_in();
    assert!(read < 64 << 10, "{read} bytes of a head were taken in");
}

#[tokio::test]
async fn connections_that_say_nothing_are_told_apart() {
    let server = start(json!({})).await;
    drop(server.connect().await);
    server.ended(Ending::Unused).await;
    let mut client = server.connect().await;
    client.write_all(b"GET / HT").await.unwrap();
    drop(client);
    server.ended(Ending::HeadAborted).await;
}

#[tokio::test]
async fn a_panic_takes_one_connection_and_is_counted() {
    let server = start(json!({})).await;
    let mut other = server.connect().await;
    assert!(exchange(&mut other, GET).await.ends_with("ok"));
    assert_eq!(talk(&mut server.connect().await, b"GET /panic HTTP/1.1\r\nHost: a\r\n\r\n").await, "");
    server.ended(Ending::Panicked).await;
    assert!(exchange(&mut other, GET).await.ends_with("ok"));
    drop(other);
    eventually(|| server.drain.connections() == 0, || "no connection".into()).await;
}

#[tokio::test]
async fn an_answer_before_the_body_survives_the_close() {
    let server = start(json!({})).await;
    let mut client = server.connect().await;
    let head = b"POST /early HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 500000\r\n\r\n";
    client.write_all(head).await.unwrap();
    // Unread at the server when it closes: without lingering the reset would destroy the answer.
    client.write_all(&vec![b'x'; 500_000]).await.unwrap();
    assert!(rest(&mut client).await.ends_with("ok"));
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_thousand_connections_leak_no_descriptor() {
    let descriptors = || std::fs::read_dir("/proc/self/fd").unwrap().count();
    let server = start(json!({})).await;
    assert!(talk(&mut server.connect().await, b"GET / HTTP/1.0\r\n\r\n").await.ends_with("ok"));
    let before = descriptors();
    for round in 0..1000 {
        let mut client = server.connect().await;
        match round % 3 {
            0 => assert!(talk(&mut client, b"GET / HTTP/1.0\r\n\r\n").await.ends_with("ok")),
            1 => assert!(talk(&mut client, b"nonsense\r\n\r\n").await.contains("400")),
            _ => client.write_all(b"GET / HT").await.unwrap(),
        }
    }
    eventually(|| server.drain.connections() == 0, || format!("{} open", server.drain.connections())).await;
    // Other tests of this process open sockets of their own; a leak would show a thousand.
    eventually(|| descriptors() < before + 100, || format!("{} descriptors, {before} before", descriptors()))
        .await;
    assert_eq!(server.listener.connections(), 0);
}
