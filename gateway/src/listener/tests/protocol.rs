use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Empty};
use hyper_util::rt::{TokioExecutor, TokioIo};
use serde_json::json;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use super::kit::*;
use crate::listener::Ending;

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

type Http2 = hyper::client::conn::http2::SendRequest<Empty<Bytes>>;

pub async fn http2(stream: TcpStream) -> (Http2, tokio::task::JoinHandle<()>) {
    let (sender, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
    (sender, tokio::spawn(async move { drop(connection.await) }))
}

pub async fn get(sender: &mut Http2, path: &str) -> String {
    let request = http::Request::get(format!("http://a{path}")).body(Empty::new()).unwrap();
    let response = sender.send_request(request).await.unwrap();
    String::from_utf8(response.into_body().collect().await.unwrap().to_bytes().to_vec()).unwrap()
}

#[tokio::test]
async fn a_head_shorter_than_the_http2_preface_is_answered_at_once() {
    let server = start(json!({})).await;
    let mut client = server.connect().await;
    let answer = talk(&mut client, b"GET / HTTP/1.0\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}

#[tokio::test]
async fn http2_by_prior_knowledge_is_served() {
    let server = start(json!({})).await;
    let (mut sender, _driver) = http2(server.connect().await).await;
    assert_eq!(get(&mut sender, "/").await, "ok");
    assert!(get(&mut sender, "/facts").await.contains("\"requests\":2"));
}

#[tokio::test]
async fn http2_that_is_switched_off_is_refused_as_malformed() {
    let server = start(json!({ "http2": false })).await;
    let answer = talk(&mut server.connect().await, PREFACE).await;
    assert!(answer.starts_with("HTTP/1.1 400"), "{answer}");
    server.ended(Ending::MalformedHead).await;
}

#[tokio::test]
async fn a_part_of_the_preface_does_not_hold_a_connection() {
    for sent in [3, 16, 24] {
        let server = start(json!({ "deadlines": { "head": "100ms", "idle": "1h" } })).await;
        let mut client = server.connect().await;
        client.write_all(&PREFACE[..sent]).await.unwrap();
        rest(&mut client).await;
        server.ended(Ending::HeadDeadline).await;
    }
}

#[tokio::test]
async fn an_idle_http2_connection_is_told_and_closed() {
    let server = start(json!({ "deadlines": { "idle": "150ms" } })).await;
    let (mut sender, driver) = http2(server.connect().await).await;
    assert_eq!(get(&mut sender, "/").await, "ok");
    tokio::time::timeout(PATIENCE, driver).await.unwrap().unwrap();
    assert!(sender.ready().await.is_err());
    server.ended(Ending::IdleDeadline).await;
}

#[tokio::test]
async fn an_open_stream_keeps_an_http2_connection() {
    let server = start(json!({})).await;
    let (mut sender, _driver) = http2(server.connect().await).await;
    let app = server.app.clone();
    let waiting = tokio::spawn(async move { get(&mut sender, "/wait").await });
    app.entered.notified().await;
    pass(Duration::from_secs(600)).await;
    app.release.notify_one();
    assert_eq!(waiting.await.unwrap(), "ok");
}

#[tokio::test]
async fn requests_are_counted_and_limited_on_both_protocols() {
    let server = start(json!({ "max_requests_per_connection": 2 })).await;
    let mut client = server.connect().await;
    assert!(exchange(&mut client, GET).await.ends_with("ok"));
    assert!(talk(&mut client, GET).await.ends_with("ok"));
    server.ended(Ending::RequestLimit).await;
    let (mut sender, driver) = http2(server.connect().await).await;
    assert_eq!(get(&mut sender, "/").await, "ok");
    assert_eq!(get(&mut sender, "/").await, "ok");
    tokio::time::timeout(PATIENCE, driver).await.unwrap().unwrap();
    eventually(|| server.closed(Ending::RequestLimit) == 2, || "the second limit".into()).await;
}

#[tokio::test]
async fn a_large_answer_arrives_whole() {
    let server = start(json!({})).await;
    let mut client = server.connect().await;
    let body = vec![b'y'; 3 << 20];
    let head = format!("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n\r\n", body.len());
    client.write_all(head.as_bytes()).await.unwrap();
    client.write_all(&body).await.unwrap();
    assert!(answer(&mut client).await.ends_with(&format!("read {}", body.len())));
}
