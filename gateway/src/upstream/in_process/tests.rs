//! A service behind a pipe, as Pingora's own connector sees it.

use std::{
    sync::atomic::{AtomicBool, AtomicUsize},
    time::Duration,
};

use bytes::Bytes;
use http_body_util::{BodyExt, Full, StreamBody, combinators::BoxBody};
use hyper::body::Frame;
use pingora_core::{connectors::http::Connector, protocols::http::client::HttpSession};
use pingora_http::RequestHeader;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::*;
use crate::upstream::testkit::eventually;

const NO_LIMIT: Timeouts = Timeouts { connect: Duration::from_secs(1), read: None, total: None };
const GIB: usize = 1 << 30;

type Answer = Response<BoxBody<Bytes, Infallible>>;

fn answer(text: impl Into<Bytes>) -> Answer {
    Response::new(Full::new(text.into()).boxed())
}

/// Connects to the service and sends the head of a request.
async fn open(connector: &Connector, peer: &HttpPeer, method: &str, headers: &[(&str, &str)]) -> HttpSession {
    let (mut session, reused) = connector.get_http_session(peer).await.unwrap();
    assert!(!reused, "a connection must never serve a second request");
    let mut head = RequestHeader::build(method, b"/graphql", None).unwrap();
    head.insert_header("host", "gateway").unwrap();
    for (name, value) in headers {
        head.insert_header(name.to_string(), *value).unwrap();
    }
    session.write_request_header(Box::new(head)).await.unwrap();
    session
}

async fn read(session: &mut HttpSession) -> (u16, usize) {
    session.read_response_header().await.unwrap();
    let status = session.response_header().unwrap().status.as_u16();
    let mut length = 0;
    while let Some(chunk) = session.read_response_body().await.unwrap() {
        length += chunk.len();
    }
    (status, length)
}

/// The most memory this process ever had, in bytes.
fn peak_memory() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<usize>().unwrap() << 10
}

#[tokio::test]
async fn the_service_finds_its_context_with_the_request() {
    let connector = Connector::new(None);
    for claims in ["alice", "bobby2"] {
        let peer = peer(move |_| async move { answer(claims) }, NO_LIMIT);
        let mut session = open(&connector, &peer, "GET", &[]).await;
        assert_eq!(read(&mut session).await, (200, claims.len()));
        connector.release_http_session(session, &*peer, None).await;
    }
}

#[tokio::test]
async fn a_connection_serves_exactly_one_request() {
    let served = Arc::new(AtomicUsize::new(0));
    let service = {
        let served = served.clone();
        move |_: Request<Incoming>| {
            served.fetch_add(1, Ordering::SeqCst);
            async { answer("one") }
        }
    };
    let connector = Connector::new(None);
    let peer = peer(service, NO_LIMIT);
    let mut session = open(&connector, &peer, "GET", &[]).await;
    read(&mut session).await;
    assert_eq!(session.response_header().unwrap().headers["connection"], "close");
    connector.release_http_session(session, &*peer, None).await;
    // Even the same peer, which the proxy never uses twice, gets a connection of its own: `open` asserts it.
    read(&mut open(&connector, &peer, "GET", &[]).await).await;
    assert_eq!(served.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn a_second_request_on_the_same_connection_is_not_served() {
    let served = Arc::new(AtomicUsize::new(0));
    let service = {
        let served = served.clone();
        move |_: Request<Incoming>| {
            served.fetch_add(1, Ordering::SeqCst);
            async { answer("one") }
        }
    };
    let peer = peer(service, NO_LIMIT);
    let connect = peer.options.custom_l4.clone().unwrap();
    let mut stream = connect.connect(&peer._address).await.unwrap();
    let request = b"GET / HTTP/1.1\r\nhost: a\r\n\r\n".repeat(2);
    stream.write_all(&request).await.unwrap();
    stream.flush().await.unwrap();
    let mut answers = String::new();
    stream.read_to_string(&mut answers).await.unwrap();
    assert_eq!(answers.matches("HTTP/1.1 200").count(), 1, "{answers}");
    assert_eq!(served.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn every_peer_has_a_group_of_its_own() {
    let groups = [(); 3].map(|()| peer(|_| async { answer("") }, NO_LIMIT).group_key);
    assert!(groups[0] < groups[1] && groups[1] < groups[2] && groups[2] < 1 << 63, "{groups:?}");
}

#[tokio::test]
async fn a_gibibyte_passes_in_each_direction_in_little_memory() {
    let chunk = Bytes::from(vec![7_u8; 256 << 10]);
    let service = {
        let chunk = chunk.clone();
        move |request: Request<Incoming>| {
            let chunk = chunk.clone();
            async move {
                let mut body = request.into_body();
                let mut received = 0;
                while let Some(frame) = body.frame().await {
                    received += frame.unwrap().into_data().map_or(0, |data| data.len());
                }
                assert_eq!(received, GIB);
                let frames = std::iter::repeat_n(chunk, GIB / (256 << 10))
                    .map(|chunk| Ok::<_, Infallible>(Frame::data(chunk)));
                Response::new(BodyExt::boxed(StreamBody::new(futures::stream::iter(frames))))
            }
        }
    };
    let connector = Connector::new(None);
    let peer = peer(service, NO_LIMIT);
    let length = GIB.to_string();
    let mut session = open(&connector, &peer, "POST", &[("content-length", &length)]).await;
    let before = peak_memory();
    for _ in 0..GIB / chunk.len() {
        session.write_request_body(chunk.clone(), false).await.unwrap();
    }
    session.finish_request_body().await.unwrap();
    assert_eq!(read(&mut session).await, (200, GIB));
    let grown = peak_memory() - before;
    assert!(grown < 16 << 20, "memory grew by {grown} bytes");
}

#[tokio::test]
async fn an_upgraded_connection_carries_bytes_both_ways() {
    let service = |mut request: Request<Incoming>| async move {
        let upgrade = hyper::upgrade::on(&mut request);
        tokio::spawn(async move {
            let mut stream = TokioIo::new(upgrade.await.unwrap());
            let mut word = [0; 4];
            while stream.read_exact(&mut word).await.is_ok() {
                word.make_ascii_uppercase();
                stream.write_all(&word).await.unwrap();
            }
        });
        let mut response = Response::new(Full::new(Bytes::new()).boxed());
        *response.status_mut() = http::StatusCode::SWITCHING_PROTOCOLS;
        let headers = response.headers_mut();
        headers.insert("upgrade", "websocket".parse().unwrap());
        headers.insert("connection", "upgrade".parse().unwrap());
        response
    };
    let connector = Connector::new(None);
    let peer = peer(service, NO_LIMIT);
    let upgrade = [("upgrade", "websocket"), ("connection", "upgrade")];
    let HttpSession::H1(mut session) = open(&connector, &peer, "GET", &upgrade).await else {
        panic!("in-process services speak HTTP/1.1");
    };
    session.read_response().await.unwrap();
    assert_eq!(session.get_status().unwrap(), 101);
    assert!(session.was_upgraded());
    session.maybe_upgrade_body_writer();
    for word in ["ping", "pong"] {
        session.write_body(word.as_bytes()).await.unwrap();
        let echoed = session.read_body_bytes().await.unwrap().unwrap();
        assert_eq!(echoed, word.to_ascii_uppercase());
    }
}

#[tokio::test]
async fn a_client_that_leaves_cancels_the_service() {
    struct OnDrop(Arc<AtomicBool>);
    impl Drop for OnDrop {
        fn drop(&mut self) {
            self.0.store(true, Ordering::SeqCst);
        }
    }
    let (started, cancelled) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
    let service = {
        let (started, cancelled) = (started.clone(), cancelled.clone());
        move |_: Request<Incoming>| {
            let noticed = OnDrop(cancelled.clone());
            started.store(true, Ordering::SeqCst);
            async move {
                let _noticed = noticed;
                std::future::pending::<Answer>().await
            }
        }
    };
    let peer = peer(service, NO_LIMIT);
    let session = open(&Connector::new(None), &peer, "GET", &[]).await;
    eventually(|| started.load(Ordering::SeqCst)).await;
    assert!(!cancelled.load(Ordering::SeqCst));
    drop(session);
    eventually(|| cancelled.load(Ordering::SeqCst)).await;
}

#[tokio::test]
async fn a_service_that_panics_closes_the_connection() {
    let service = |_: Request<Incoming>| async {
        if true {
            panic!("a defect");
        }
        answer("")
    };
    let peer = peer(service, NO_LIMIT);
    let mut session = open(&Connector::new(None), &peer, "GET", &[]).await;
    let error = session.read_response_header().await.unwrap_err();
    assert_eq!(*error.etype(), pingora_error::ErrorType::ConnectionClosed);
}
