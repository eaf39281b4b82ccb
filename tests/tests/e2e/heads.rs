//! Hostile heads: refused, counted, and never forwarded.

use tests::raw::{self, RawClient};
use tests::{Gateway, Upstream, within};

const SMUGGLED: &str = "GET /smuggled HTTP/1.1\r\nHost: a.test\r\n\r\n";

/// Each ends where a lenient server would begin to read the next request.
fn hostile() -> Vec<(&'static str, Vec<u8>)> {
    let post =
        |fields: &str| format!("POST / HTTP/1.1\r\nHost: a.test\r\n{fields}\r\n0\r\n\r\n").into_bytes();
    let get = |rest: &str| format!("GET / HTTP/1.1\r\n{rest}").into_bytes();
    vec![
        ("no Host", get("\r\n")),
        ("an empty Host", get("Host:\r\n\r\n")),
        ("two Hosts", get("Host: a.test\r\nHost: b.test\r\n\r\n")),
        ("two equal Hosts", get("Host: a.test\r\nHost: a.test\r\n\r\n")),
        ("a Host that is no host", get("Host: a.test/admin\r\n\r\n")),
        ("a Host with a user", get("Host: a@b.test\r\n\r\n")),
        ("differing Content-Lengths", post("Content-Length: 5\r\nContent-Length: 6\r\n")),
        ("a list of Content-Lengths", post("Content-Length: 5, 6\r\n")),
        ("a negative Content-Length", post("Content-Length: -1\r\n")),
        ("a signed Content-Length", post("Content-Length: +5\r\n")),
        ("a hexadecimal Content-Length", post("Content-Length: 0x5\r\n")),
        ("an endless Content-Length", post("Content-Length: 99999999999999999999999\r\n")),
        ("Transfer-Encoding with Content-Length", post("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n")),
        ("Content-Length with Transfer-Encoding", post("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n")),
        ("doubled Transfer-Encoding", post("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n")),
        ("repeated chunked", post("Transfer-Encoding: chunked, chunked\r\n")),
        ("unknown Transfer-Encoding", post("Transfer-Encoding: cow\r\n")),
        ("hidden Transfer-Encoding", post("Transfer-Encoding: \x0bchunked\r\n")),
        ("chunked not last", post("Transfer-Encoding: chunked, identity\r\n")),
        ("chunked on HTTP/1.0", b"POST / HTTP/1.0\r\nHost: a.test\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n".to_vec()),
        ("obsolete folding", get("Host: a.test\r\nX-A: b\r\n c\r\n\r\n")),
        ("a folded framing field", post("Transfer-Encoding:\r\n chunked\r\n")),
        ("space before the colon", post("Content-Length : 5\r\n")),
        ("space before the field name", get(" Host: a.test\r\n\r\n")),
        ("bare LF", b"GET / HTTP/1.1\nHost: a.test\n\n".to_vec()),
        ("one bare LF", get("Host: a.test\r\nX-A: b\nX-B: c\r\n\r\n")),
        ("bare CR", get("Host: a.test\r\nX-A: b\rX-B: c\r\n\r\n")),
        ("NUL in a value", get("Host: a.test\r\nX-A: b\0c\r\n\r\n")),
        ("NUL in a name", get("Host: a.test\r\nX\0A: b\r\n\r\n")),
        ("a field without a colon", get("Host: a.test\r\nX-A\r\n\r\n")),
        ("a space in the target", b"GET /a b HTTP/1.1\r\nHost: a.test\r\n\r\n".to_vec()),
        ("a target without a slash", b"GET admin HTTP/1.1\r\nHost: a.test\r\n\r\n".to_vec()),
        ("a method that is none", b"G@T / HTTP/1.1\r\nHost: a.test\r\n\r\n".to_vec()),
        ("no version", b"GET /\r\nHost: a.test\r\n\r\n".to_vec()),
        ("another protocol", b"SSH-2.0-OpenSSH_9.2\r\n\r\n".to_vec()),
        ("too many fields", get(&format!("Host: a.test\r\n{}\r\n", "X-A: b\r\n".repeat(150)))),
        ("far too many fields", get(&format!("Host: a.test\r\n{}\r\n", "X-A: b\r\n".repeat(2_000)))),
        ("an oversized field", get(&format!("Host: a.test\r\nX-A: {}\r\n\r\n", "b".repeat(70_000)))),
        ("a far too large field", get(&format!("Host: a.test\r\nX-A: {}\r\n\r\n", "b".repeat(3_000_000)))),
    ]
}

#[tokio::test]
async fn hostile_heads_are_refused_and_never_forwarded() {
    let upstream = Upstream::saying("up").await;
    let gateway = Gateway::start(super::proxy_to(&upstream)).await;
    for (what, head) in hostile() {
        let mut client = RawClient::connect(gateway.address()).await;
        client.send([head.as_slice(), SMUGGLED.as_bytes()].concat()).await;
        // A close without an answer is a refusal too.
        if let Some(answer) = client.answer().await {
            assert!([400, 431, 505].contains(&answer.status), "{what}: {}", answer.head);
            let large = ["too many fields", "an oversized field"].contains(&what);
            assert!(!large || answer.status == 431, "{what}: {}", answer.head);
            // Nothing after such a head can be trusted, so nothing after it is read.
            client.finish().await;
            let rest = String::from_utf8_lossy(&client.rest().await).into_owned();
            assert!(!rest.contains(" 200 "), "{what} was followed by: {rest}");
        }
        assert!(upstream.seen().is_empty(), "{what} was forwarded: {:?}", upstream.seen());
    }
    assert_eq!(gateway.get("/").await.text(), "up", "good requests are served as before");
}

#[tokio::test]
async fn refused_heads_are_counted_with_their_reason() {
    let upstream = Upstream::saying("up").await;
    let gateway = Gateway::start(super::proxy_to(&upstream)).await;
    let address = gateway.address();

    let both =
        "POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n";
    let answer = raw::exchange(address, both).await.unwrap();
    assert_eq!(answer.header("content-type"), Some("application/problem+json"));
    assert!(answer.body.contains("\"ambiguous_framing\""), "{}", answer.body);
    let refused = "gateway_requests_refused_total";
    gateway.metric(refused, &[("reason", "ambiguous_framing")], |count| count == 1.0).await;

    // Before any filter runs only the listener sees it; the answer has the same form.
    let answer = raw::exchange(address, "GET / HTTP/1.1\r\nHost: a.test\r\nX-A : b\r\n\r\n").await.unwrap();
    let problem: serde_json::Value = serde_json::from_str(&answer.body).unwrap();
    assert_eq!(problem["reason"], "malformed_request");
    assert_eq!(answer.header("x-request-id"), problem["request_id"].as_str());
    assert_eq!(problem["trace_id"].as_str().map(str::len), Some(32));
    let closed = "gateway_listener_connections_closed_total";
    let unparsable = [("listener", "public"), ("reason", "malformed_head")];
    gateway.metric(closed, &unparsable, |count| count >= 1.0).await;
}

#[tokio::test]
async fn connect_is_refused() {
    let upstream = Upstream::saying("up").await;
    let gateway = Gateway::start(super::proxy_to(&upstream)).await;
    let target = upstream.address();
    let head = format!("CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n\r\n");
    let answer = raw::exchange(gateway.address(), head).await.unwrap();
    assert_eq!(answer.status, 405, "{}", answer.head);
    assert_eq!(answer.header("allow"), Some(""), "{}", answer.head);
    assert!(upstream.seen().is_empty());
}

#[tokio::test]
async fn http_1_0_is_served_without_a_host() {
    let upstream = Upstream::saying("up").await;
    let gateway = Gateway::start(super::proxy_to(&upstream)).await;
    let mut client = RawClient::connect(gateway.address()).await;
    client.send("GET / HTTP/1.0\r\n\r\n").await;
    let answer = client.answer().await.unwrap();
    assert_eq!((answer.status, answer.body.as_str()), (200, "up"));
    within("the connection ends", tests::DEADLINE, client.rest()).await;
}

#[tokio::test]
async fn an_authority_in_the_place_of_host_is_held_to_its_rule() {
    let upstream = Upstream::saying("up").await;
    let gateway = Gateway::start(super::proxy_to(&upstream)).await;
    for (target, expected) in [("http://a.test/", 200), ("http://a.test,evil.test/", 400)] {
        let head = format!("GET {target} HTTP/1.0\r\n\r\n");
        let answer = raw::exchange(gateway.address(), head).await.unwrap();
        assert_eq!(answer.status, expected, "{target}: {}", answer.head);
    }
    assert_eq!(upstream.seen().len(), 1);
}
