//! Slow, broken and absent services, and the reason each is given.

use tokio::net::{TcpSocket, TcpStream};

use super::*;
use crate::upstream::testkit::refused_port;

fn quick(server: &Server) -> Calls {
    Calls::to(json!({
        "endpoints": [server.url()],
        "timeouts": { "connect": "1s", "read": "150ms", "total": "400ms" },
    }))
}

#[tokio::test]
async fn a_refused_connection_is_said_to_be_one() {
    let url = format!("http://127.0.0.1:{}", refused_port().await);
    let calls = Calls::to(json!({ "endpoints": [url] }));
    assert_eq!(body(calls.get("/").await), failed(Reason::UpstreamConnectRefused));
    let line =
        r#"gateway_upstream_connect_failures_total{upstream="service",reason="upstream_connect_refused"} 1"#;
    let metrics = calls.metrics();
    assert!(metrics.contains(line), "{line} is not in\n{metrics}");
    let line = r#"gateway_upstream_connect_retries_total{upstream="service"} 0"#;
    assert!(metrics.contains(line), "there was nothing else to try: {metrics}");
    assert_eq!(calls.upstream.endpoints()[0].in_flight(), 0);
}

#[tokio::test]
async fn a_connection_that_is_not_accepted_times_out() {
    // A listener whose queue is full drops further connection requests silently.
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let listener = socket.listen(1).unwrap();
    let address = listener.local_addr().unwrap();
    let mut queued = Vec::new();
    while let Ok(Ok(stream)) =
        tokio::time::timeout(Duration::from_millis(100), TcpStream::connect(address)).await
    {
        queued.push(stream);
    }
    let url = format!("http://{address}");
    let calls = Calls::to(json!({ "endpoints": [url], "timeouts": { "connect": "100ms" } }));
    assert_eq!(body(calls.get("/").await), timed_out(Reason::UpstreamConnectTimeout));
}

#[tokio::test]
async fn a_first_byte_that_does_not_come_is_a_read_timeout() {
    let server = Server::start(|_| b"...".to_vec()).await;
    assert_eq!(body(quick(&server).get("/").await), timed_out(Reason::UpstreamReadTimeout));
}

#[tokio::test]
async fn a_body_that_stops_is_a_read_timeout() {
    let server = Server::start(|_| b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf...".to_vec()).await;
    assert_eq!(body(quick(&server).get("/").await), timed_out(Reason::UpstreamReadTimeout));
}

#[tokio::test]
async fn a_service_within_every_read_but_not_the_total_is_a_total_timeout() {
    let server = Server::start(|_| b"...".to_vec()).await;
    let calls = Calls::to(json!({
        "endpoints": [server.url()],
        "timeouts": { "read": "10s", "total": "100ms" },
    }));
    assert_eq!(body(calls.get("/").await), timed_out(Reason::UpstreamTotalTimeout));
}

#[tokio::test]
async fn the_operations_deadline_counts_too() {
    let server = Server::start(|_| b"...".to_vec()).await;
    let calls = Calls::to(json!({ "endpoints": [server.url()] }));
    let mut request = request(Method::GET, "/", None);
    request.deadline = Instant::now() + Duration::from_millis(50);
    assert_eq!(body(calls.fetch.fetch(request).await), timed_out(Reason::UpstreamTotalTimeout));
    let (log, _) = calls.log.take();
    assert_eq!(log[0].attempt.error, Some(Reason::UpstreamTotalTimeout));
}

#[tokio::test]
async fn a_connection_that_breaks_within_the_body_is_a_reset() {
    let server = Server::start(|seen| match seen.number {
        0 => b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\nconnection: close\r\n\r\nhalf".to_vec(),
        _ => Vec::new(),
    });
    let server = server.await;
    let calls = Calls::to(json!({ "endpoints": [server.url()] }));
    let call = calls.get("/");
    // The server waits for a second request until the client hangs up; closing it is what breaks the body.
    let closing = async {
        crate::upstream::testkit::eventually(|| server.seen().len() == 1).await;
        drop(server);
    };
    let (result, ()) = futures::join!(call, closing);
    assert_eq!(body(result), failed(Reason::UpstreamReset));
}

#[tokio::test]
async fn a_connection_that_closes_without_an_answer_is_a_reset() {
    let server = Server::start(|_| Vec::new()).await;
    let calls = Calls::to(json!({ "endpoints": [server.url()] }));
    assert_eq!(body(calls.get("/").await), failed(Reason::UpstreamReset));
    assert_eq!(server.connections(), 1, "a new connection that closes is no reason to try again");
}

#[tokio::test]
async fn an_answer_that_is_not_http_is_invalid() {
    for answer in [
        &b"SSH-2.0-OpenSSH_9.2\r\n\r\n"[..],
        b"HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nab",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 3\r\n\r\nabc",
    ] {
        let server = Server::start(|_| answer.to_vec()).await;
        let calls = Calls::to(json!({ "endpoints": [server.url()] }));
        let shown = String::from_utf8_lossy(answer);
        assert_eq!(body(calls.get("/").await), failed(Reason::UpstreamInvalidResponse), "{shown}");
    }
}

#[tokio::test]
async fn a_body_over_the_limit_is_refused_announced_or_not() {
    for answer in [
        &b"HTTP/1.1 200 OK\r\ncontent-length: 11\r\n\r\nhello world"[..],
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n6\r\nhello \r\n5\r\nworld\r\n0\r\n\r\n",
    ] {
        let server = Server::start(|_| answer.to_vec()).await;
        let calls = Calls::to(json!({ "endpoints": [server.url()] }));
        let mut request = request(Method::GET, "/", None);
        request.max_body_bytes = 10;
        assert_eq!(body(calls.fetch.fetch(request.clone()).await), Err(FetchError::BodyTooLarge));
        request.max_body_bytes = 11;
        assert_eq!(body(calls.fetch.fetch(request).await), Ok("hello world".into()));
    }
}

#[tokio::test]
async fn a_body_takes_its_room_while_it_arrives_and_gives_it_back() {
    let server =
        Server::start(|_| b"HTTP/1.1 200 OK\r\ncontent-length: 11\r\n\r\nhello world".to_vec()).await;
    let calls = Calls::to(json!({ "endpoints": [server.url()] }));
    let mut request = request(Method::GET, "/", None);
    request.room = Room::of(11);
    for _ in 0..2 {
        assert_eq!(body(calls.fetch.fetch(request.clone()).await), Ok("hello world".into()));
    }
    let mut other = request.room.begin();
    assert!(other.more(1));
    assert_eq!(body(calls.fetch.fetch(request.clone()).await), Err(FetchError::BodyTooLarge));
    drop(other);
    assert_eq!(body(calls.fetch.fetch(request.clone()).await), Ok("hello world".into()));
}

#[tokio::test]
async fn without_a_healthy_endpoint_nothing_is_tried() {
    let server = Server::start(|_| b"HTTP/1.1 500 Oops\r\ncontent-length: 0\r\n\r\n".to_vec()).await;
    let calls = Calls::to(json!({ "endpoints": [server.url()], "health": { "path": "/health" } }));
    assert!(calls.upstreams.settled(Duration::from_secs(5)).await);
    assert_eq!(body(calls.get("/").await), failed(Reason::NoHealthyUpstream));
    assert!(calls.log.take().0.is_empty());
}

#[tokio::test]
async fn a_source_that_does_not_exist_is_the_gateways_fault() {
    let calls = Calls::to(json!({ "endpoints": ["http://127.0.0.1:1"] }));
    let mut request = request(Method::GET, "/", None);
    request.source = "unknown".into();
    assert_eq!(body(calls.fetch.fetch(request).await), failed(Reason::InternalError));
}
