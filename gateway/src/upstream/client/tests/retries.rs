//! When a call is made again, and when it must not be.

use super::*;
use crate::upstream::testkit::refused_port;

#[tokio::test]
async fn another_endpoint_is_tried_where_one_refuses() {
    let server = Server::start(|_| ok("here")).await;
    let refusing = format!("http://127.0.0.1:{}", refused_port().await);
    let calls = Calls::to(json!({ "endpoints": [refusing, server.url()] }));
    for _ in 0..4 {
        assert_eq!(body(calls.post(b"{}").await), Ok("here".into()));
    }
    let (log, _) = calls.log.take();
    let numbers = log.iter().map(|call| (call.attempt.number, call.attempt.error)).collect::<Vec<_>>();
    let retried = [(1, Some(Reason::UpstreamConnectRefused)), (2, None)];
    assert!(numbers.windows(2).any(|pair| pair == retried), "{numbers:?}");
    assert!(calls.metrics().contains("gateway_upstream_connect_retries_total{"));
}

#[tokio::test]
async fn no_other_endpoint_is_tried_where_that_is_switched_off() {
    let server = Server::start(|_| ok("here")).await;
    let refusing = format!("http://127.0.0.1:{}", refused_port().await);
    let calls = Calls::to(json!({ "endpoints": [refusing, server.url()], "connect_retries": 0 }));
    let results = [calls.get("/").await, calls.get("/").await];
    assert_eq!(results.iter().filter(|result| result.is_err()).count(), 1);
}

/// Answers the first request of each of the first `stale` connections, and closes at the second.
async fn closing_at_the_second(stale: usize) -> Server {
    Server::start(move |seen| match seen.number {
        0 => ok("[]"),
        _ if seen.connection < stale => Vec::new(),
        _ => ok("[]"),
    })
    .await
}

#[tokio::test]
async fn a_connection_that_closed_in_the_pool_costs_an_idempotent_call_nothing() {
    let server = closing_at_the_second(1).await;
    let calls = Calls::to(json!({ "endpoints": [server.url()] }));
    calls.get("/").await.unwrap();
    calls.get("/").await.unwrap();
    assert_eq!(server.connections(), 2);
    let (log, _) = calls.log.take();
    let errors = log.iter().map(|call| call.attempt.error).collect::<Vec<_>>();
    assert_eq!(errors, [None, Some(Reason::UpstreamReset), None]);
}

#[tokio::test]
async fn only_what_follows_a_refused_connection_counts_as_its_retry() {
    let calls = Calls::to(json!({ "endpoints": ["http://127.0.0.1:1", "http://127.0.0.1:2"] }));
    let (upstream, request) = (&calls.upstream, request(Method::GET, "/", None));
    let mut retries = Retries::new(upstream, &request);
    let failures = [
        (Reason::UpstreamConnectRefused, Retry::Elsewhere),
        (Reason::UpstreamReset, Retry::Again { any_method: false }),
    ];
    for (reason, retry) in failures {
        let attempt = retries.begin(upstream, None, &request).unwrap();
        assert!(retries.allow(&Failure { reason, retry }, attempt.endpoint().id()));
    }
    retries.begin(upstream, None, &request).unwrap();
    let line = "gateway_upstream_connect_retries_total{upstream=\"service\"} 1\n";
    assert!(calls.metrics().contains(line), "{}", calls.metrics());
}

#[tokio::test]
async fn a_call_that_may_have_had_an_effect_is_never_repeated() {
    let server = closing_at_the_second(1).await;
    let calls = Calls::to(json!({ "endpoints": [server.url()] }));
    calls.get("/").await.unwrap();
    assert_eq!(body(calls.post(b"{}").await), failed(Reason::UpstreamReset));
    assert_eq!(server.seen().len(), 2);
}

#[tokio::test]
async fn a_call_is_repeated_once_at_most() {
    let server =
        Server::start(|seen| if seen.number == 0 && seen.connection == 0 { ok("[]") } else { Vec::new() });
    let server = server.await;
    let calls = Calls::to(json!({ "endpoints": [server.url()] }));
    calls.get("/").await.unwrap();
    assert_eq!(body(calls.get("/").await), failed(Reason::UpstreamReset));
    assert_eq!(server.seen().len(), 3);
}

#[tokio::test]
async fn an_answer_given_before_the_whole_request_was_read_is_an_answer() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let early = tokio::spawn(async move {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        let (mut stream, _) = listener.accept().await.unwrap();
        stream.read_exact(&mut [0; 64]).await.unwrap();
        stream
            .write_all(b"HTTP/1.1 413 Too Large\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
            .await
            .unwrap();
        stream.shutdown().await.unwrap();
        // Reads on, or the kernel would reset the connection and with it the answer.
        let mut rest = Vec::new();
        stream.read_to_end(&mut rest).await.ok();
    });
    let calls = Calls::to(json!({ "endpoints": [url] }));
    let large = Bytes::from(vec![b' '; 8 << 20]);
    let response = calls.fetch.fetch(request(Method::POST, "/", Some(large))).await.unwrap();
    assert_eq!(response.status, 413);
    drop(calls);
    early.abort();
}
