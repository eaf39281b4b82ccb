//! Calls to services: what is sent, what comes back, and every way it can fail.

mod cancel;
mod failures;
mod protocols;
mod retries;

use std::{
    sync::Arc,
    time::{Duration, Instant, SystemTime},
};

use bytes::Bytes;
use glassgate_graphql::fetch::{Fetch, FetchError, FetchRequest, FetchResponse, Room};
use http::{HeaderMap, HeaderValue, Method};
use serde_json::{Value, json};

use super::*;
use crate::telemetry::trace::Epoch;
use crate::upstream::{
    Upstreams,
    testkit::{Server, ok, single},
};

/// A gateway with one upstream, and calls to it on behalf of one request.
struct Calls {
    upstream: Arc<Upstream>,
    upstreams: Upstreams,
    fetch: UpstreamFetch,
    log: Arc<CallLog>,
    pool: Pool,
}

impl Calls {
    fn to(config: Value) -> Self {
        let (upstreams, upstream) = single(config);
        Self::with(upstreams, upstream, Pool::new())
    }

    fn with(upstreams: Upstreams, upstream: Arc<Upstream>, pool: Pool) -> Self {
        let log = Arc::new(CallLog::default());
        let context = CallContext {
            trace: TraceContext::new(&HeaderMap::new(), false, |_, _| true),
            priority: Priority::Normal,
            request_id: Some(HeaderValue::from_static("request-1")),
            calls: log.clone(),
        };
        let client = FetchClient::new([("service".into(), upstream.clone())]);
        Self { upstream, upstreams, fetch: client.on_behalf_of(context, pool.clone()), log, pool }
    }

    async fn get(&self, path: &str) -> Result<FetchResponse, FetchError> {
        self.fetch.fetch(request(Method::GET, path, None)).await
    }

    async fn post(&self, body: &'static [u8]) -> Result<FetchResponse, FetchError> {
        self.fetch.fetch(request(Method::POST, "/", Some(Bytes::from_static(body)))).await
    }

    fn metrics(&self) -> String {
        self.upstreams.environment().metrics().render()
    }
}

fn request(method: Method, path: &str, body: Option<Bytes>) -> FetchRequest {
    FetchRequest {
        id: 7,
        source: "service".into(),
        field: "Query.users".into(),
        batch_size: 3,
        method,
        path_and_query: path.into(),
        headers: HeaderMap::new(),
        body,
        deadline: Instant::now() + Duration::from_secs(20),
        max_body_bytes: 1 << 20,
        room: Room::of(1 << 20),
    }
}

fn failed<T>(reason: Reason) -> Result<T, FetchError> {
    Err(FetchError::Failed(reason.code()))
}

fn timed_out<T>(reason: Reason) -> Result<T, FetchError> {
    Err(FetchError::TimedOut(reason.code()))
}

fn body(result: Result<FetchResponse, FetchError>) -> Result<String, FetchError> {
    result.map(|response| String::from_utf8(response.body.to_vec()).unwrap())
}

#[tokio::test]
async fn an_answer_is_given_whatever_its_status() {
    let server =
        Server::start(|_| b"HTTP/1.1 404 Not Found\r\nx-a: b\r\ncontent-length: 5\r\n\r\nnever".to_vec())
            .await;
    let calls = Calls::to(json!({ "endpoints": [server.url()] }));
    let response = calls.get("/users/1?a=b").await.unwrap();
    assert_eq!(response.status, 404);
    assert_eq!(response.headers["x-a"], "b");
    assert_eq!(response.body, "never");
}

#[tokio::test]
async fn the_service_is_told_who_asks_and_within_what_trace() {
    let server = Server::start(|_| ok("[]")).await;
    let calls = Calls::to(json!({ "endpoints": [server.url()] }));
    let mut request = request(Method::GET, "/users?id=1", None);
    request.headers.insert("x-tenant", HeaderValue::from_static("blue"));
    request.headers.insert("connection", HeaderValue::from_static("x-tenant"));
    calls.fetch.fetch(request).await.unwrap();

    let seen = &server.seen()[0];
    assert!(seen.head.starts_with("GET /users?id=1 HTTP/1.1\r\n"), "{}", seen.head);
    let (log, lost) = calls.log.take();
    assert_eq!((log.len(), lost), (1, 0));
    let trace = &calls.fetch.context.trace;
    let traceparent = format!("00-{}-{}-01", trace.trace_id(), log[0].attempt.span_id);
    for (name, value) in [
        ("host", Some(server.address().to_string())),
        ("accept-encoding", Some("identity".into())),
        ("x-request-id", Some("request-1".into())),
        ("traceparent", Some(traceparent)),
        ("x-tenant", Some("blue".into())),
        ("connection", None),
        ("content-length", None),
    ] {
        assert_eq!(seen.header(name), value.as_deref(), "{name}");
    }
}

#[tokio::test]
async fn a_call_leaves_a_client_span_and_numbers() {
    let server = Server::start(|_| ok("[]")).await;
    let calls = Calls::to(json!({ "endpoints": [server.url()] }));
    calls.get("/users?token=secret").await.unwrap();
    let parent = calls.fetch.context.trace.span_id();
    let (log, _) = calls.log.take();
    let span = log[0].span(parent, &Epoch { instant: Instant::now(), system: SystemTime::now() });
    assert_eq!(span.name, "GET service");
    assert_eq!(span.parent, Some(parent));
    let shown = format!("{:?}", span.attributes);
    for part in ["\"/users\"", &server.url(), "Query.users", "I64(3)", "I64(200)"] {
        assert!(shown.contains(part.trim_matches('"')), "{part} is not in {shown}");
    }
    assert!(!shown.contains("secret"), "{shown}");
    let metrics = calls.metrics();
    for line in [
        r#"gateway_upstream_connections_opened_total{upstream="service"} 1"#,
        r#"http_client_active_requests{upstream="service"} 0"#,
    ] {
        assert!(metrics.contains(line), "{line} is not in\n{metrics}");
    }
}

#[tokio::test]
async fn a_body_is_sent_with_its_length_and_none_as_empty() {
    let server = Server::start(|_| ok("{}")).await;
    let calls = Calls::to(json!({ "endpoints": [server.url()] }));
    calls.post(br#"{"a":1}"#).await.unwrap();
    calls.fetch.fetch(request(Method::POST, "/", None)).await.unwrap();
    let seen = server.seen();
    assert_eq!((seen[0].header("content-length"), &*seen[0].body), (Some("7"), &br#"{"a":1}"#[..]));
    assert_eq!(seen[1].header("content-length"), Some("0"));
}

#[tokio::test]
async fn informational_answers_are_passed_over() {
    let server = Server::start(|_| {
        let mut bytes = b"HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n".to_vec();
        bytes.extend(ok("done"));
        bytes
    })
    .await;
    assert_eq!(body(Calls::to(json!({ "endpoints": [server.url()] })).get("/").await), Ok("done".into()));
}

#[tokio::test]
async fn a_body_in_chunks_is_put_together() {
    let server = Server::start(|_| {
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\none\r\n3\r\ntwo\r\n5\r\nthree\r\n0\r\n\r\n".to_vec()
    })
    .await;
    let calls = Calls::to(json!({ "endpoints": [server.url()] }));
    assert_eq!(body(calls.get("/").await), Ok("onetwothree".into()));
}

#[tokio::test]
async fn connections_are_reused() {
    let server = Server::start(|_| ok("[]")).await;
    let calls = Calls::to(json!({ "endpoints": [server.url()] }));
    for _ in 0..5 {
        calls.get("/").await.unwrap();
    }
    assert_eq!(server.connections(), 1);
    let (log, _) = calls.log.take();
    let reused = log.iter().map(|call| call.attempt.connection.unwrap().reused).collect::<Vec<_>>();
    assert_eq!(reused, [false, true, true, true, true]);
}

#[tokio::test]
async fn a_reload_that_changes_weights_finds_the_connections_in_the_pool() {
    let server = Server::start(|_| ok("[]")).await;
    let calls = Calls::to(json!({ "endpoints": [server.url()] }));
    calls.get("/").await.unwrap();
    let changed = json!({ "endpoints": [{ "url": server.url(), "weight": 2 }] });
    let upstreams = calls.upstreams.next([crate::upstream::testkit::settings("service", changed)]);
    let upstream = upstreams.get("service").unwrap().clone();
    assert!(!Arc::ptr_eq(&upstream, &calls.upstream));
    Calls::with(upstreams, upstream, calls.pool.clone()).get("/").await.unwrap();
    assert_eq!(server.connections(), 1);
}
