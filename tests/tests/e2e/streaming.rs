//! Bodies stream in both directions; nothing is held back, nothing is kept.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::{SinkExt, StreamExt, stream};
use http::Response;
use http_body_util::BodyExt;
use tests::client::{Connection, Protocol};
use tests::raw::RawClient;
use tests::{
    DEADLINE, Gateway, Received, Reply, TcpUpstream, Upstream, client, empty, reply, streaming, websocket,
    within,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::{Notify, mpsc};

use super::proxy_to;

const CHUNK: usize = 1 << 20;
const GIB: u64 = 1 << 30;
/// What may be in flight between two sockets, with room for what allocators keep.
const FLAT: u64 = 64 << 20;

fn gibibyte() -> impl stream::Stream<Item = io::Result<Bytes>> + Send + Sync {
    let chunk = Bytes::from(vec![b'x'; CHUNK]);
    stream::iter(0..GIB / CHUNK as u64).map(move |_| Ok(chunk.clone()))
}

async fn count(request: Received) -> Reply {
    let mut body = request.into_body();
    let mut bytes = 0;
    while let Some(frame) = body.frame().await {
        bytes += frame.map_err(io::Error::other)?.data_ref().map_or(0, Bytes::len);
    }
    reply(200, bytes.to_string())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_gib_uploaded_leaves_memory_flat() {
    let upstream = Upstream::start(count).await;
    let gateway = Gateway::start(proxy_to(&upstream)).await;
    gateway.get("/").await;
    let before = gateway.usage().peak_memory;
    let request = client::request("PUT", &gateway.url("/")).body(streaming(gibibyte())).unwrap();
    let mut connection = Connection::open(gateway.address(), Protocol::H1).await;
    let upload = async { client::read(connection.begin(request).await.unwrap()).await.unwrap() };
    let answer = within("a GiB is uploaded", Duration::from_secs(180), upload).await;
    assert_eq!(answer.text(), GIB.to_string());
    // The kernel counts in batches: the peak may be a few pages below what it was.
    let grown = gateway.usage().peak_memory.saturating_sub(before);
    assert!(grown < FLAT, "memory grew by {} MiB", grown >> 20);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_gib_downloaded_leaves_memory_flat() {
    let upstream = Upstream::start(|_| async { Ok(Response::new(streaming(gibibyte()))) }).await;
    let gateway = Gateway::start(super::proxy_with(&upstream.url(), ", timeouts: { total: 5m }")).await;
    let mut connection = Connection::open(gateway.address(), Protocol::H1).await;
    let before = gateway.usage().peak_memory;
    let request = client::request("GET", &gateway.url("/")).body(empty()).unwrap();
    let download = async {
        let mut body = connection.begin(request).await.unwrap().into_body();
        let mut bytes = 0;
        while let Some(frame) = body.frame().await {
            bytes += frame.unwrap().data_ref().map_or(0, Bytes::len) as u64;
        }
        bytes
    };
    assert_eq!(within("a GiB is downloaded", Duration::from_secs(180), download).await, GIB);
    // The kernel counts in batches: the peak may be a few pages below what it was.
    let grown = gateway.usage().peak_memory.saturating_sub(before);
    assert!(grown < FLAT, "memory grew by {} MiB", grown >> 20);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_does_not_read_holds_its_upstream_and_not_memory() {
    let upstream = Upstream::start(|_| async { Ok(Response::new(streaming(gibibyte()))) }).await;
    let gateway = Gateway::start(proxy_to(&upstream)).await;
    let mut client = RawClient::connect(gateway.address()).await;
    let before = gateway.usage().memory;
    client.send("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n").await;
    tests::eventually("the request is forwarded", DEADLINE, async || {
        (!upstream.seen().is_empty()).then_some(())
    })
    .await;
    // Once nothing moves any more, what is in flight is in buffers, and in no more than those.
    let mut last = gateway.usage().cpu;
    tests::eventually("everything has come to rest", DEADLINE, async || {
        let now = gateway.usage().cpu;
        let is_at_rest = now == last;
        last = now;
        is_at_rest.then_some(())
    })
    .await;
    let grown = gateway.usage().memory.saturating_sub(before);
    assert!(grown < FLAT, "memory grew by {} MiB", grown >> 20);
}

/// Answers at once and sends back what arrives, as it arrives.
async fn mirror(request: Received) -> Reply {
    // A body that is Sync, from one that is not.
    let (mut sender, receiver) = futures::channel::mpsc::channel(1);
    let mut body = request.into_body();
    tokio::spawn(async move {
        while let Some(Ok(frame)) = body.frame().await {
            let Ok(data) = frame.into_data() else { continue };
            if sender.send(Ok(data)).await.is_err() {
                return;
            }
        }
    });
    Ok(Response::new(streaming(receiver)))
}

#[tokio::test]
async fn both_directions_flow_at_the_same_time() {
    for http2 in ["false", "true"] {
        let upstream = Upstream::start(mirror).await;
        let gateway = Gateway::start(super::proxy_with(&upstream.url(), &format!(", http2: {http2}"))).await;
        for protocol in [Protocol::H1, Protocol::H2c] {
            let (mut sender, receiver) = futures::channel::mpsc::channel(1);
            let mut connection = Connection::open(gateway.address(), protocol).await;
            let request = client::request("POST", "http://a.test/").body(streaming(receiver)).unwrap();
            sender.send(Ok(Bytes::from("hello"))).await.unwrap();
            let response = within("the answer begins", DEADLINE, connection.begin(request)).await.unwrap();
            let mut body = response.into_body();
            for (sent, next) in [("hello", Some("again")), ("again", None)] {
                let frame =
                    within("what was sent comes back", DEADLINE, body.frame()).await.unwrap().unwrap();
                assert_eq!(frame.into_data().unwrap(), sent, "{protocol:?}, upstream HTTP/2: {http2}");
                if let Some(next) = next {
                    sender.send(Ok(Bytes::from(next))).await.unwrap();
                }
            }
            drop(sender);
            // HTTP/2 may end a body with a frame that holds nothing.
            let end = within("the answer ends", DEADLINE, body.collect()).await.unwrap().to_bytes();
            assert!(end.is_empty(), "{protocol:?}, upstream HTTP/2: {http2}: {end:?}");
        }
    }
}

#[tokio::test]
async fn server_sent_events_arrive_one_by_one() {
    let (events, source) = mpsc::channel::<io::Result<Bytes>>(1);
    let source = std::sync::Mutex::new(Some(source));
    let upstream = Upstream::start(move |_| {
        let source = source.lock().unwrap().take().expect("one request");
        let events = stream::unfold(source, |mut source| async { Some((source.recv().await?, source)) });
        async move {
            let response = Response::builder().header("content-type", "text/event-stream");
            Ok(response.body(streaming(events)).unwrap())
        }
    })
    .await;
    let gateway = Gateway::start(proxy_to(&upstream)).await;
    let mut connection = Connection::open(gateway.address(), Protocol::H1).await;
    let request = client::request("GET", &gateway.url("/")).header("accept", "text/event-stream");
    let response = connection.begin(request.body(empty()).unwrap()).await.unwrap();
    assert_eq!(response.headers()["content-type"], "text/event-stream");
    let mut body = response.into_body();
    for n in 0..3 {
        let event = format!("data: {n}\n\n");
        events.send(Ok(Bytes::from(event.clone()))).await.unwrap();
        let frame = within("the event arrives before the next is sent", DEADLINE, body.frame()).await;
        assert_eq!(frame.unwrap().unwrap().into_data().unwrap(), event);
    }
    drop(events);
    assert!(within("the stream ends", DEADLINE, body.frame()).await.is_none());
}

#[tokio::test]
async fn a_websocket_passes_through() {
    let upstream = Upstream::start(websocket::echo).await;
    let gateway = Gateway::start(proxy_to(&upstream)).await;
    let mut client = websocket::open(gateway.address(), "/chat?room=1").await.unwrap();
    for text in ["hello", "again"] {
        assert_eq!(websocket::ask(&mut client, text).await.into_text().unwrap(), text);
    }
    let large = "x".repeat(1 << 20);
    assert_eq!(websocket::ask(&mut client, &large).await.into_text().unwrap(), large);
    assert_eq!(upstream.only().target(), "/chat?room=1");
    client.close(None).await.unwrap();
    let line = gateway.access_log("the WebSocket's line", |line| line["path"] == "/chat").await;
    assert_eq!(line["status"], 101);
}

#[tokio::test]
async fn a_refused_websocket_is_an_answer_like_any_other() {
    let upstream = Upstream::saying("no WebSocket here").await;
    let gateway = Gateway::start(proxy_to(&upstream)).await;
    assert!(websocket::open(gateway.address(), "/").await.is_err());
}

#[tokio::test]
async fn expect_100_continue_is_answered_before_the_body_is_sent() {
    let upstream = Upstream::echo().await;
    let gateway = Gateway::start(proxy_to(&upstream)).await;
    let mut client = RawClient::connect(gateway.address()).await;
    let head = "POST /x HTTP/1.1\r\nHost: a.test\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n";
    client.send(head).await;
    let interim = client.answer().await.expect("an interim answer");
    assert_eq!(interim.status, 100, "{}", interim.head);
    client.send("hello").await;
    let answer = client.answer().await.expect("an answer");
    assert_eq!(answer.status, 200);
    assert!(answer.body.contains("\"hello\""), "{}", answer.body);
}

#[tokio::test]
async fn a_refusal_comes_before_the_body_is_asked_for() {
    let gateway = Gateway::start("routes: []").await;
    let mut client = RawClient::connect(gateway.address()).await;
    let head = "POST /x HTTP/1.1\r\nHost: a.test\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n";
    client.send(head).await;
    assert_eq!(client.answer().await.expect("an answer").status, 404);
}

#[tokio::test]
async fn an_answer_of_known_length_is_passed_on_as_it_comes() {
    let next = Arc::new(Notify::new());
    let told = next.clone();
    let upstream = TcpUpstream::start(move |mut stream| {
        let told = told.clone();
        async move {
            for piece in ["HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n", "a", "b", "c"] {
                // A client that has left shows in the test's own reads.
                let _ = stream.write_all(piece.as_bytes()).await;
                told.notified().await;
            }
        }
    })
    .await;
    let gateway = Gateway::start(super::proxy_to_url(&upstream.url())).await;
    let mut client = RawClient::connect(gateway.address()).await;
    client.send("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n").await;
    assert!(client.until("\r\n\r\n").await.starts_with("HTTP/1.1 200"));
    for byte in ["a", "b", "c"] {
        next.notify_one();
        assert_eq!(client.until(byte).await, byte);
    }
}

#[tokio::test]
async fn what_an_upstream_said_before_it_failed_reaches_the_client() {
    let fail = Arc::new(Notify::new());
    let told = fail.clone();
    let upstream = TcpUpstream::start(move |mut stream| {
        let told = told.clone();
        async move {
            // As above.
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\na").await;
            told.notified().await;
        }
    })
    .await;
    let gateway = Gateway::start(super::proxy_to_url(&upstream.url())).await;
    let mut client = RawClient::connect(gateway.address()).await;
    client.send("GET /cut HTTP/1.1\r\nHost: a.test\r\n\r\n").await;
    assert!(client.until("\r\n\r\na").await.starts_with("HTTP/1.1 200"));
    fail.notify_one();
    assert!(client.closes_within(DEADLINE).await, "there is no more to come");
    let line = gateway.access_log("the request's line", |line| line["path"] == "/cut").await;
    assert_eq!((line["status"].as_u64(), line["reason"].as_str()), (Some(200), Some("upstream_reset")));
}

#[tokio::test]
async fn an_answer_before_the_end_of_an_upload_ends_the_connection_and_is_no_failure() {
    let upstream = TcpUpstream::start(|mut stream| async move {
        let mut head = [0; 4096];
        let read = stream.read(&mut head).await.unwrap_or(0);
        let body = if head[..read].starts_with(b"POST /said") { "no" } else { "" };
        let refusal = format!(
            "HTTP/1.1 413 Content Too Large\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
            body.len()
        );
        let _ = stream.write_all(refusal.as_bytes()).await;
    })
    .await;
    let gateway = Gateway::start(super::proxy_to_url(&upstream.url())).await;
    for path in ["/said", "/silent"] {
        let mut client = RawClient::connect(gateway.address()).await;
        let head = format!("POST {path} HTTP/1.1\r\nHost: a.test\r\nContent-Length: 1000000\r\n\r\nsome");
        client.send(head).await;
        let answer = client.answer().await.unwrap();
        assert_eq!((answer.status, answer.header("connection")), (413, Some("close")), "{path}");
        // Much sooner than the five minutes that a body may take.
        assert!(client.closes_within(Duration::from_secs(60)).await, "{path}");
        let line = gateway.access_log("the line", move |line| line["path"] == path).await;
        assert_eq!((&line["status"], line.get("reason")), (&413.into(), None), "{line}");
    }
}
