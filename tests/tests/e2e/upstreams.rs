//! Upstreams that are slow, broken, vanishing or gone, and how load is shared.

use std::collections::BTreeMap;
use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use http::Version;
use serde_json::json;
use tests::client::{Connection, Protocol};
use tests::raw::{self, RawClient};
use tests::tls::Authority;
use tests::{
    BusyPort, Gateway, Launch, TcpUpstream, Upstream, client, closed_port, empty, full, reply, websocket,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::{proxy_to, proxy_with};

#[tokio::test]
async fn a_slow_upstream_is_a_504() {
    let upstream = Upstream::start(|_| pending()).await;
    let gateway = Gateway::start(proxy_with(&upstream.url(), ", timeouts: { read: 200ms }")).await;
    assert_eq!(gateway.get("/").await.refused(504), "upstream_read_timeout");
    let gateway = Gateway::start(proxy_with(&upstream.url(), ", timeouts: { total: 200ms }")).await;
    assert_eq!(gateway.get("/").await.refused(504), "upstream_total_timeout");
}

#[tokio::test]
async fn a_websocket_is_opened_within_the_total_time_and_outlives_it() {
    const HANDSHAKE: &str = "GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n";
    let timeouts = ", timeouts: { read: 0s, total: 200ms }";
    let upstream = Upstream::start(|_| pending()).await;
    let gateway = Gateway::start(proxy_with(&upstream.url(), timeouts)).await;
    let answer = raw::exchange(gateway.address(), HANDSHAKE).await.unwrap();
    assert!(answer.status == 504 && answer.body.contains("upstream_total_timeout"), "{answer:?}");
    let line = gateway.access_log("the line", |line| line["status"] == 504).await;
    assert_eq!((&line["reason"], &line["attempts"]), (&json!("upstream_total_timeout"), &json!(1)));

    let upstream = Upstream::start(websocket::echo).await;
    let gateway = Gateway::start(proxy_with(&upstream.url(), timeouts)).await;
    let mut client = websocket::open(gateway.address(), "/").await.unwrap();
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_secs(1) {
        assert_eq!(websocket::ask(&mut client, "hello").await.into_text().unwrap(), "hello");
    }
}

#[tokio::test]
async fn a_route_may_have_timeouts_of_its_own() {
    let upstream = Upstream::start(|_| pending()).await;
    let yaml = format!(
        "
        upstreams: {{ up: {{ endpoints: [\"{}\"] }} }}
        routes: [{{ name: all, match: {{ path: /** }}, upstream: up, timeouts: {{ read: 200ms }} }}]
        ",
        upstream.url()
    );
    assert_eq!(Gateway::start(yaml).await.get("/").await.refused(504), "upstream_read_timeout");
}

/// An upstream that reads a head, then says `answer` and closes.
async fn rude(answer: &'static [u8]) -> TcpUpstream {
    TcpUpstream::start(move |mut stream| async move {
        let mut head = [0; 4096];
        // Whatever comes of it, the gateway's answer tells.
        let _ = stream.read(&mut head).await;
        let _ = stream.write_all(answer).await;
        let _ = stream.shutdown().await;
    })
    .await
}

#[tokio::test]
async fn a_broken_upstream_is_a_502() {
    for (answer, reason) in [
        (&b"this is not HTTP at all\r\n\r\n"[..], "upstream_invalid_response"),
        (b"HTTP/1.1 banana\r\n\r\n", "upstream_invalid_response"),
        (b"", "upstream_reset"),
        (b"HTTP/1.1 200 OK\r\nContent-Le", "upstream_reset"),
    ] {
        let upstream = rude(answer).await;
        let gateway = Gateway::start(proxy_with(&upstream.url(), "")).await;
        assert_eq!(gateway.get("/").await.refused(502), reason, "{}", String::from_utf8_lossy(answer));
    }
}

#[tokio::test]
async fn an_answer_cut_short_is_cut_short_for_the_client_too() {
    let upstream = rude(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nonly this").await;
    let gateway = Gateway::start(proxy_with(&upstream.url(), "")).await;
    let request = client::request("GET", &gateway.url("/")).body(empty()).unwrap();
    let answer = client::try_send(request).await;
    assert!(answer.is_err(), "half an answer passed as a whole: {answer:?}");
    let line = gateway.access_log("the request's line", |line| line["reason"] == "upstream_reset").await;
    assert_eq!(line["status"], 200, "the status was sent before the upstream vanished");

    let vanishing = rude(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\none \r\n").await;
    let gateway = Gateway::start(proxy_with(&vanishing.url(), "")).await;
    let request = client::request("GET", &gateway.url("/")).body(empty()).unwrap();
    assert!(client::try_send(request).await.is_err(), "a chunked answer without its end passed as a whole");
}

#[tokio::test]
async fn nobody_listening_is_a_502_and_a_wrong_name_a_503() {
    let gateway = Gateway::start(proxy_with(&format!("http://{}", closed_port()), "")).await;
    assert_eq!(gateway.get("/").await.refused(502), "upstream_connect_refused");
    let line = gateway.access_log("its line", |line| line["path"] == "/").await;
    assert!(line["error"].as_str().is_some_and(|error| error.contains("refused")), "says why: {line}");
    let gateway = Gateway::start(proxy_with("http://does-not-exist.invalid:80", "")).await;
    assert_eq!(gateway.get("/").await.refused(503), "upstream_name_unresolved");
}

#[tokio::test]
async fn a_connection_failure_is_retried_once_elsewhere() {
    let upstream = Upstream::echo().await;
    let yaml = |retries: u8| {
        format!(
            "
            upstreams:
              up: {{ endpoints: [\"http://{}\", \"{}\"], connect_retries: {retries} }}
            routes: [{{ name: all, match: {{ path: /** }}, upstream: up }}]
            ",
            closed_port(),
            upstream.url()
        )
    };
    let gateway = Gateway::start(yaml(1)).await;
    for _ in 0..10 {
        let request = client::request("POST", &gateway.url("/")).body(full("once")).unwrap();
        assert_eq!(gateway.send(request).await.json()["body"], "once");
    }
    assert_eq!(upstream.seen().len(), 10);
    let retries =
        gateway.metrics().await.value("gateway_upstream_connect_retries_total", &[("upstream", "up")]);
    assert!(retries >= 1.0, "{retries} retries");
    gateway.access_log("a request with two attempts", |line| line["attempts"] == 2).await;

    let gateway = Gateway::start(yaml(0)).await;
    let mut statuses = BTreeMap::new();
    for _ in 0..10 {
        *statuses.entry(gateway.get("/").await.status.as_u16()).or_insert(0) += 1;
    }
    assert_eq!(statuses, BTreeMap::from([(200, 5), (502, 5)]), "without retries round robin shows both");
}

#[tokio::test]
async fn a_request_that_was_sent_is_never_sent_twice() {
    let asked = Arc::new(AtomicUsize::new(0));
    let count = asked.clone();
    let upstream = Upstream::start(move |_| {
        count.fetch_add(1, Ordering::SeqCst);
        async { Err(std::io::Error::other("vanishes")) }
    })
    .await;
    let gateway = Gateway::start(proxy_to(&upstream)).await;
    let request = client::request("POST", &gateway.url("/")).body(full("pay 100 EUR")).unwrap();
    assert_eq!(gateway.send(request).await.refused(502), "upstream_reset");
    assert_eq!(asked.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_client_that_stalls_is_told_so_and_the_upstream_is_not_blamed() {
    let upstream = Upstream::echo().await;
    let gateway = Gateway::start(proxy_with(&upstream.url(), ", timeouts: { read: 300ms }")).await;
    let mut client = RawClient::connect(gateway.address()).await;
    client.send("POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 100\r\n\r\nonly this").await;
    let answer = client.answer().await.expect("an answer");
    assert_eq!(answer.status, 408, "{}", answer.head);
    assert!(answer.body.contains("\"client_timeout\""), "{}", answer.body);
}

#[tokio::test]
async fn round_robin_follows_the_weights() {
    let (one, three) = (Upstream::saying("one").await, Upstream::saying("three").await);
    let gateway = Gateway::start(format!(
        "
        upstreams:
          up: {{ endpoints: [\"{}\", {{ url: \"{}\", weight: 3 }}] }}
        routes: [{{ name: all, match: {{ path: /** }}, upstream: up }}]
        ",
        one.url(),
        three.url()
    ))
    .await;
    for _ in 0..40 {
        gateway.get("/").await;
    }
    assert_eq!((one.seen().len(), three.seen().len()), (10, 30));
}

#[tokio::test]
async fn least_request_avoids_the_endpoint_that_is_busy() {
    let release = Arc::new(tokio::sync::Notify::new());
    let held = release.clone();
    let busy = Upstream::start(move |_| {
        let held = held.clone();
        async move {
            held.notified().await;
            reply(200, "busy")
        }
    })
    .await;
    let idle = Upstream::saying("idle").await;
    let gateway = Gateway::start(format!(
        "
        upstreams:
          up: {{ endpoints: [\"{}\", \"{}\"], balance: least_request }}
        routes: [{{ name: all, match: {{ path: /** }}, upstream: up }}]
        ",
        busy.url(),
        idle.url()
    ))
    .await;
    // The first that meets the busy one stays there; from then on the other has fewer.
    let url = gateway.url("/");
    let stuck = tokio::spawn(async move {
        loop {
            if client::get(&url).await.text() == "busy" {
                return;
            }
        }
    });
    tests::eventually("a request is stuck", tests::DEADLINE, async || {
        (!busy.seen().is_empty()).then_some(())
    })
    .await;
    for _ in 0..20 {
        // A client has its answer a moment before the gateway counts the attempt as over.
        gateway.metric("http_client_active_requests", &[("upstream", "up")], |active| active == 1.0).await;
        assert_eq!(gateway.get("/").await.text(), "idle");
    }
    assert_eq!(busy.seen().len(), 1);
    release.notify_one();
    stuck.await.unwrap();
}

#[tokio::test]
async fn connections_are_reused() {
    let upstream = Upstream::saying("up").await;
    let gateway = Gateway::start(proxy_to(&upstream)).await;
    // Each serving thread has connections of its own, so the requests share one connection, which stays on one thread.
    let mut connection = Connection::open(gateway.address(), Protocol::H1).await;
    for _ in 0..10 {
        let request = client::request("GET", "http://a.test/").body(empty()).unwrap();
        assert_eq!(connection.send(request).await.unwrap().text(), "up");
    }
    let metrics = gateway.metrics().await;
    assert_eq!(metrics.value("gateway_upstream_connections_opened_total", &[("upstream", "up")]), 1.0);
    assert_eq!(metrics.value("gateway_upstream_connections_reused_total", &[("upstream", "up")]), 9.0);
}

#[tokio::test]
async fn https_upstreams_must_prove_who_they_are() {
    let (authority, stranger) = (Authority::new(), Authority::new());
    let identity = authority.issue(&["up.test"]);
    for (http2, version) in [("false", Version::HTTP_11), ("true", Version::HTTP_2)] {
        let upstream = Upstream::start_tls(identity.server(&["h2", "http/1.1"]), tests::echo).await;
        let settings = format!(", http2: {http2}, tls: {{ ca: ca.pem, server_name: up.test }}");
        let yaml = proxy_with(&upstream.url(), &settings);
        let gateway = Launch::new(&yaml).file("ca.pem", authority.certificate()).start().await;
        assert_eq!(gateway.get("/").await.status, 200);
        assert_eq!(upstream.only().version, version);

        let wrong_authority = Launch::new(&yaml).file("ca.pem", stranger.certificate()).start().await;
        assert_eq!(wrong_authority.get("/").await.refused(502), "upstream_tls_failed");
        let line = wrong_authority.access_log("the line", |line| line["status"] == 502).await;
        assert!(line["error"].as_str().unwrap_or("").contains("certificate"), "{line}");

        let wrong_name = yaml.replace("up.test", "other.test");
        let wrong_name = Launch::new(&wrong_name).file("ca.pem", authority.certificate()).start().await;
        assert_eq!(wrong_name.get("/").await.refused(502), "upstream_tls_failed");
        assert_eq!(upstream.seen().len(), 1);
    }
}

#[tokio::test]
async fn h2c_upstreams_are_spoken_to_by_prior_knowledge() {
    let upstream = Upstream::echo().await;
    let gateway = Gateway::start(proxy_with(&upstream.url(), ", http2: true")).await;
    let request = client::request("POST", &gateway.url("/x?y=z")).body(full("hello")).unwrap();
    let echo = gateway.send(request).await.json();
    assert_eq!((echo["body"].as_str(), echo["target"].as_str()), (Some("hello"), Some("/x?y=z")));
    assert_eq!(upstream.only().version, Version::HTTP_2);
}

#[tokio::test]
async fn names_are_resolved() {
    let upstream = Upstream::saying("by name").await;
    let url = format!("http://localhost:{}", upstream.address().port());
    let gateway = Gateway::start(proxy_with(&url, "")).await;
    assert_eq!(gateway.get("/").await.text(), "by name");
}

#[tokio::test]
async fn a_slow_connect_is_a_504() {
    let busy = BusyPort::open().await;
    let gateway = Gateway::start(proxy_with(&busy.url(), ", timeouts: { connect: 200ms }")).await;
    assert_eq!(gateway.get("/").await.refused(504), "upstream_connect_timeout");
}
