//! The testkit itself: without a gateway between them, its clients and its
//! upstreams understand each other. A failure here explains all others.

use std::collections::BTreeMap;

use http::Version;
use serde_json::json;
use tests::client::{Connection, Protocol};
use tests::tls::Authority;
use tests::{Collector, Stubs, TcpUpstream, Upstream, client, empty, full, raw, websocket};

#[tokio::test]
async fn an_upstream_echoes_what_a_client_sends() {
    let upstream = Upstream::echo().await;
    let url = format!("{}/a/b?c=d", upstream.url());
    let request = client::request("POST", &url).header("x-a", "1").body(full("hello")).unwrap();
    let echo = client::send(request).await.json();
    assert_eq!(echo["method"], "POST");
    assert_eq!(echo["target"], "/a/b?c=d");
    assert_eq!(echo["headers"]["x-a"][0], "1");
    assert_eq!(echo["headers"]["host"][0], upstream.address().to_string());
    assert_eq!(echo["body"], "hello");
    assert_eq!(upstream.only().target(), "/a/b?c=d");
}

#[tokio::test]
async fn h2c_and_tls_are_spoken() {
    let upstream = Upstream::echo().await;
    let mut h2c = Connection::open(upstream.address(), Protocol::H2c).await;
    let request = || client::request("GET", "http://example.com/").body(empty()).unwrap();
    assert_eq!(h2c.send(request()).await.unwrap().version, Version::HTTP_2);

    let authority = Authority::new();
    let identity = authority.issue(&["example.com"]);
    let upstream = Upstream::start_tls(identity.server(&["h2", "http/1.1"]), tests::echo).await;
    for (alpn, version) in [("h2", Version::HTTP_2), ("http/1.1", Version::HTTP_11)] {
        let opened = Connection::open_tls(upstream.address(), "example.com", authority.client(&[alpn])).await;
        let (mut connection, shown) = opened.unwrap();
        assert_eq!(shown, identity.der);
        assert_eq!(connection.send(request()).await.unwrap().version, version);
    }
}

#[tokio::test]
async fn a_websocket_echoes() {
    let upstream = Upstream::start(websocket::echo).await;
    let mut client = websocket::open(upstream.address(), "/").await.unwrap();
    assert_eq!(websocket::ask(&mut client, "hello").await.into_text().unwrap(), "hello");
}

#[tokio::test]
async fn raw_bytes_are_answered_or_not() {
    let upstream = Upstream::saying("hello").await;
    let answer = raw::exchange(upstream.address(), "GET / HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
    assert_eq!((answer.status, answer.body.as_str()), (200, "hello"));
    assert_eq!(answer.header("Content-Length"), Some("5"));

    let silent = TcpUpstream::start(|stream| async { drop(stream) }).await;
    assert!(raw::exchange(silent.address(), "GET / HTTP/1.1\r\n\r\n").await.is_none());
}

#[tokio::test]
#[should_panic(expected = "not within")]
async fn waiting_ends_at_the_deadline() {
    tests::eventually("never", std::time::Duration::from_millis(20), async || None::<()>).await;
}

#[tokio::test]
async fn the_stub_services_count_calls_and_make_trouble() {
    let stubs = Stubs::start().await;
    let url = format!("{}/users/1", stubs.url("users"));
    assert_eq!(client::get(&url).await.json()["id"], 1);
    stubs.trouble("users", json!({ "error_rate": 1 })).await;
    assert_eq!(client::get(&url).await.status, 500);
    stubs.peace("users").await;
    assert_eq!(client::get(&url).await.status, 200);
    assert_eq!(stubs.calls("users").await, BTreeMap::from([("GET /users/{id}".to_owned(), 3)]));
}

#[tokio::test]
async fn the_collector_receives_spans_by_both_ways_of_otlp() {
    let collector = Collector::start().await;
    let parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    for (protocol, id) in [("grpc", 1), ("http/protobuf", 2)] {
        let stubs =
            Stubs::start_with(&["--otlp-endpoint", &collector.url(), "--otlp-protocol", protocol]).await;
        let request = client::request("GET", &format!("{}/users/{id}", stubs.url("users")));
        client::send(request.header("traceparent", parent).body(empty()).unwrap()).await;
        let spans = collector.trace("0af7651916cd43dd8448eb211c80319c", id).await;
        assert!(spans.iter().all(|span| span.parent_id == "b7ad6b7169203331"), "{spans:#?}");
    }
}
