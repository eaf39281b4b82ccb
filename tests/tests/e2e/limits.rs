//! How large a request may be, and how slow.

use std::io;

use bytes::Bytes;
use futures::stream;
use http_body_util::BodyExt;
use serde_json::json;
use tests::client::{Connection, Protocol};
use tests::raw::RawClient;
use tests::{
    DEADLINE, Gateway, Stubs, Upstream, client, empty, eventually, full, reply, streaming, websocket,
};

const BODY: &str = "body_too_large";

/// One upstream behind a route with these limits.
fn limited(upstream: &Upstream, limits: &str) -> String {
    super::proxy_to(upstream).replace(", upstream", &format!(", limits: {limits}, upstream"))
}

/// So many pieces of a kilobyte, without a length in the head.
fn pieces(count: usize) -> tests::Body {
    let piece = || Ok::<_, io::Error>(Bytes::from_static(&[b'x'; 1024]));
    streaming(stream::iter(std::iter::repeat_with(piece).take(count)))
}

#[tokio::test]
async fn a_body_that_says_it_is_too_large_is_not_read() {
    let upstream = Upstream::echo().await;
    let gateway = Gateway::start(limited(&upstream, "{ body: 1KiB }")).await;
    for protocol in [Protocol::H1, Protocol::H2c] {
        let mut connection = Connection::open(gateway.address(), protocol).await;
        let post =
            |bytes: usize| client::request("POST", &gateway.url("/")).body(full("x".repeat(bytes))).unwrap();
        let answer = connection.send(post(1025)).await.unwrap();
        assert_eq!(answer.refused(413), BODY, "{protocol:?}");
        let mut connection = Connection::open(gateway.address(), protocol).await;
        assert_eq!(connection.send(post(1024)).await.unwrap().json()["body"], "x".repeat(1024));
    }
    assert_eq!(upstream.seen().len(), 2);
    let line = gateway.access_log("a refusal", |line| line["reason"] == BODY).await;
    assert_eq!(line["error"], "limits.body is 1KiB, and the body is announced with 1025 bytes");
    gateway.metric("gateway_requests_refused_total", &[("reason", BODY)], |count| count == 2.0).await;
}

#[tokio::test]
async fn a_client_that_waits_to_be_asked_is_not_asked() {
    let upstream = Upstream::echo().await;
    let gateway = Gateway::start(limited(&upstream, "{ body: 1MiB }")).await;
    let mut raw = RawClient::connect(gateway.address()).await;
    raw.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999\r\nExpect: 100-continue\r\n\r\n")
        .await;
    let answer = raw.answer().await.unwrap();
    assert_eq!(answer.status, 413, "{answer:?}");
    assert!(answer.body.contains(BODY) && raw.closes_within(DEADLINE).await, "{answer:?}");
    assert!(upstream.seen().is_empty());
}

#[tokio::test]
async fn a_body_that_turns_out_to_be_too_large_is_cut() {
    // It answers once it has everything, which never comes.
    let upstream = Upstream::start(|request| async {
        request.into_body().collect().await.map_err(io::Error::other)?;
        reply(200, "all of it")
    })
    .await;
    let gateway = Gateway::start(limited(&upstream, "{ body: 100KiB }")).await;
    for (number, protocol) in [(1, Protocol::H1), (2, Protocol::H2c)] {
        let send = async |count: usize| {
            let mut connection = Connection::open(gateway.address(), protocol).await;
            connection
                .send(client::request("PUT", &gateway.url("/")).body(pieces(count)).unwrap())
                .await
                .unwrap()
        };
        assert_eq!(send(100).await.text(), "all of it", "{protocol:?}");
        assert_eq!(send(101).await.refused(413), BODY, "{protocol:?}");
        assert_eq!(send(2000).await.refused(413), BODY, "{protocol:?}");
        // One attempt each: `PUT` could be repeated, but nobody else would take it either.
        assert_eq!(upstream.seen().len(), 3 * number);
    }
    let line = gateway.access_log("a refusal", |line| line["reason"] == BODY).await;
    assert_eq!(
        (&line["error"], &line["attempts"]),
        (&json!("limits.body is 100KiB, and the body has more"), &json!(1))
    );
    let attempts = "http_client_request_duration_seconds_count";
    gateway.metric(attempts, &[("error_type", BODY)], |count| count == 4.0).await;
    assert_eq!(gateway.metrics().await.value(attempts, &[("error_type", "upstream_reset")]), 0.0);
}

#[tokio::test]
async fn an_answer_that_has_begun_is_cut_off() {
    // It answers with each piece that comes.
    let upstream = Upstream::start(|request| async {
        let pieces = request.into_body().into_data_stream();
        let pieces = futures::TryStreamExt::map_err(pieces, io::Error::other);
        Ok(http::Response::new(streaming(stream_of(pieces))))
    })
    .await;
    let gateway = Gateway::start(limited(&upstream, "{ body: 10B }")).await;
    let mut raw = RawClient::connect(gateway.address()).await;
    raw.send("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n").await;
    let begun = raw.until("hello\r\n").await;
    assert!(begun.starts_with("HTTP/1.1 200"), "{begun}");
    raw.send("6\r\n world\r\n").await;
    let rest = String::from_utf8(raw.rest().await).unwrap();
    assert!(!rest.contains("world") && !rest.ends_with("0\r\n\r\n"), "{rest}");
    let line = gateway.access_log("the line", |line| line["status"] == 200).await;
    assert_eq!(line["reason"], BODY);
}

/// Streams of bodies are not `Sync`; this one is, through a channel.
fn stream_of(
    mut pieces: impl futures::Stream<Item = io::Result<Bytes>> + Send + Unpin + 'static,
) -> impl futures::Stream<Item = io::Result<Bytes>> + Send + Sync + 'static {
    let (mut sender, receiver) = futures::channel::mpsc::channel(1);
    tokio::spawn(async move {
        while let Some(piece) = futures::StreamExt::next(&mut pieces).await {
            if futures::SinkExt::send(&mut sender, piece).await.is_err() {
                break;
            }
        }
    });
    receiver
}

#[tokio::test]
async fn an_address_may_be_so_long_and_no_longer() {
    let upstream = Upstream::echo().await;
    let gateway = Gateway::start(limited(&upstream, "{ uri: 100B }")).await;
    let target = |bytes: usize| format!("/path?query={}", "x".repeat(bytes - "/path?query=".len()));
    for protocol in [Protocol::H1, Protocol::H2c] {
        let mut connection = Connection::open(gateway.address(), protocol).await;
        for (bytes, status) in [(101, 414), (100, 200)] {
            let request = client::request("GET", &gateway.url(&target(bytes))).body(empty()).unwrap();
            assert_eq!(connection.send(request).await.unwrap().status.as_u16(), status, "{protocol:?}");
        }
    }
    let line = gateway.access_log("a refusal", |line| line["reason"] == "uri_too_long").await;
    assert_eq!(line["error"], "limits.uri is 100B, and path and query have 101 bytes");
}

#[tokio::test]
async fn a_route_says_otherwise_than_the_default_and_follows_a_reload() {
    let yaml = |body: &str| {
        format!(
            "
            defaults: {{ limits: {{ body: {body} }} }}
            routes:
              - {{ name: silent, match: {{ path: /silent }}, respond: {{ body: a }} }}
              - {{ name: own, match: {{ path: /own }}, respond: {{ body: a }}, limits: {{ body: 1MiB }} }}
              - {{ name: off, match: {{ path: /off }}, respond: {{ body: a }}, limits: {{}} }}
            "
        )
    };
    let gateway = Gateway::start(yaml("0B")).await;
    let status = async |path: &str, bytes: usize| {
        let request = client::request("POST", &gateway.url(path)).body(full("x".repeat(bytes))).unwrap();
        gateway.send(request).await.status.as_u16()
    };
    for (path, bytes, expected) in [
        ("/silent", 0, 200),
        ("/silent", 1, 413),
        ("/own", 1, 200),
        ("/own", 2 << 20, 413),
        ("/off", 2 << 20, 200),
    ] {
        assert_eq!(status(path, bytes).await, expected, "{path} {bytes}");
    }
    assert_eq!(gateway.reload(&yaml("1B")).await.status, 200);
    assert_eq!((status("/silent", 1).await, status("/silent", 2).await), (200, 413));
}

#[tokio::test]
async fn composed_apis_have_the_limits_of_their_route() {
    let stubs = Stubs::start().await;
    let gateway = super::graphql::gateway(&stubs, "defaults: { limits: { body: 100B, uri: 100B } }\n").await;
    let long = format!("{{ users(ids: [1]) {{ id }} }} #{}", "x".repeat(200));
    assert_eq!(gateway.graphql(&long, json!({})).await.refused(413), BODY);
    let chunked =
        client::request("POST", &gateway.url("/graphql")).header("content-type", "application/json");
    assert_eq!(gateway.send(chunked.body(pieces(1)).unwrap()).await.refused(413), BODY);
    let query = format!("/graphql?query={}", "x".repeat(200));
    assert_eq!(gateway.get(&query).await.refused(414), "uri_too_long");
    assert!(stubs.calls("users").await.is_empty());
}

#[tokio::test]
async fn what_passes_through_a_websocket_is_no_body() {
    let upstream = Upstream::start(websocket::echo).await;
    let gateway = Gateway::start(limited(&upstream, "{ body: 10B }")).await;
    let mut socket = websocket::open(gateway.address(), "/chat").await.unwrap();
    for _ in 0..3 {
        let long = "x".repeat(1000);
        assert_eq!(websocket::ask(&mut socket, &long).await.into_text().unwrap(), long);
    }
}

#[tokio::test]
async fn a_body_is_counted_whatever_the_head_says_of_websockets() {
    let upstream = Upstream::echo().await;
    let gateway = Gateway::start(limited(&upstream, "{ body: 100B }")).await;
    let body = format!("Transfer-Encoding: chunked\r\n\r\n12c\r\n{}\r\n0\r\n\r\n", "x".repeat(300));
    for method in ["GET", "POST"] {
        for fields in ["Upgrade: websocket\r\n", "Upgrade: websocket\r\nConnection: Upgrade\r\n"] {
            let mut raw = RawClient::connect(gateway.address()).await;
            raw.send(format!("{method} / HTTP/1.1\r\nHost: a\r\n{fields}{body}")).await;
            let answer = raw.answer().await.unwrap();
            assert!(answer.status == 413 && answer.body.contains(BODY), "{method} {fields}: {answer:?}");
        }
    }
}

#[tokio::test]
async fn slow_clients_are_cut_off_while_others_are_served() {
    let upstream = Upstream::echo().await;
    let listeners =
        "listeners: [{ name: public, address: \"127.0.0.1:0\", deadlines: { head: 2s, body: 2s } }]\n";
    let gateway = Gateway::start(listeners.to_owned() + &super::proxy_to(&upstream)).await;
    let mut slow = Vec::new();
    for begin in
        ["GET / HTTP/1.1\r\nHost: a\r\nX: ", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n"]
    {
        for _ in 0..20 {
            let mut client = RawClient::connect(gateway.address()).await;
            client.send(begin).await;
            slow.push(client);
        }
    }
    // Each goes on sending a byte, which starts no deadline anew, until it is closed.
    let closed = "gateway_listener_connections_closed_total";
    let cut = async || {
        for client in &mut slow {
            client.send("x").await;
        }
        assert_eq!(gateway.get("/").await.status, 200, "the others are served");
        let metrics = gateway.metrics().await;
        let count = |reason| metrics.value(closed, &[("reason", reason)]);
        ((count("head_deadline"), count("body_deadline")) == (20.0, 20.0)).then_some(())
    };
    eventually("all of them are cut off", DEADLINE, cut).await;
}
