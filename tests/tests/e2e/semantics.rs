//! HTTP between versions and hops: what may pass, what may not, and what has to be put right on the way.

use bytes::Bytes;
use futures::{StreamExt, stream};
use http_body_util::BodyExt;
use tests::client::{Connection, Protocol};
use tests::raw::{self, RawClient};
use tests::{
    DEADLINE, Gateway, TcpUpstream, Upstream, client, empty, full, reply, streaming, websocket, within,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::{proxy_to, proxy_with};

/// An upstream that answers each connection's first request with these bytes and then stays.
async fn saying(bytes: &'static [u8]) -> TcpUpstream {
    TcpUpstream::start(move |mut stream| async move {
        let mut head = [0; 8192];
        // Whatever comes of it, the gateway's answer tells.
        let _ = stream.read(&mut head).await;
        let _ = stream.write_all(bytes).await;
        let _ = stream.read_to_end(&mut Vec::new()).await;
    })
    .await
}

#[tokio::test]
async fn fields_of_the_upstreams_connection_stay_there() {
    for protocol in [Protocol::H1, Protocol::H2c] {
        let upstream = saying(
            b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: keep-alive, X-Hop\r\nX-Hop: internal\r\n\
              Keep-Alive: timeout=5\r\nProxy-Authenticate: Basic\r\nTE: trailers\r\nUpgrade: h2c\r\nX-Kept: yes\r\n\r\nok",
        )
        .await;
        let gateway = Gateway::start(proxy_with(&upstream.url(), "")).await;
        let mut connection = Connection::open(gateway.address(), protocol).await;
        let request = client::request("GET", "http://a.test/").body(empty()).unwrap();
        let answer = connection.send(request).await.unwrap();
        assert_eq!((answer.text().as_str(), answer.header("x-kept")), ("ok", "yes"), "{protocol:?}");
        for name in ["x-hop", "keep-alive", "proxy-authenticate", "te", "upgrade"] {
            assert!(answer.headers.get(name).is_none(), "{name} was passed on: {answer:?}");
        }
    }
}

#[tokio::test]
async fn http_1_0_clients_get_no_chunks_and_no_interim_answers() {
    let upstream = saying(
        b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n\
          HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
    )
    .await;
    let gateway = Gateway::start(proxy_with(&upstream.url(), "")).await;
    let mut client = RawClient::connect(gateway.address()).await;
    client.send("GET / HTTP/1.0\r\nHost: a.test\r\n\r\n").await;
    let all = String::from_utf8(within("the answer ends", DEADLINE, client.rest()).await).unwrap();
    assert!(all.contains(" 200 ") && !all.contains(" 103 "), "{all}");
    assert!(!all.to_ascii_lowercase().contains("transfer-encoding"), "{all}");
    assert!(all.ends_with("\r\n\r\nhello"), "{all}");
    let line = gateway.access_log("its line", |line| line["path"] == "/").await;
    assert_eq!(line["protocol"], "HTTP/1.0");
}

#[tokio::test]
async fn a_host_is_named_to_the_upstream_where_http_1_0_left_it_out() {
    let upstream = Upstream::echo().await;
    let gateway = Gateway::start(proxy_to(&upstream)).await;
    let own = upstream.address().to_string();
    for (head, host) in [
        ("GET / HTTP/1.0\r\n\r\n".to_owned(), own.as_str()),
        ("GET http://b.test/x HTTP/1.0\r\n\r\n".to_owned(), "b.test"),
    ] {
        raw::exchange(gateway.address(), &head).await.unwrap();
        assert_eq!(upstream.seen().last().unwrap().header("host"), host, "{head}");
    }
}

#[tokio::test]
async fn cookies_that_http_2_has_split_arrive_as_one_line() {
    let upstream = Upstream::echo().await;
    let gateway = Gateway::start(proxy_to(&upstream)).await;
    let mut connection = Connection::open(gateway.address(), Protocol::H2c).await;
    let request = client::request("GET", "http://a.test/")
        .header("cookie", "a=1")
        .header("cookie", "b=2")
        .header("cookie", "c=3");
    let echo = connection.send(request.body(empty()).unwrap()).await.unwrap().json();
    assert_eq!(echo["headers"]["cookie"], serde_json::json!(["a=1; b=2; c=3"]));
}

#[tokio::test]
async fn a_switch_of_protocols_nobody_asked_for_is_no_answer() {
    let upstream =
        saying(b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nraw")
            .await;
    let gateway = Gateway::start(proxy_with(&upstream.url(), "")).await;
    assert_eq!(gateway.get("/").await.refused(502), "upstream_invalid_response");
}

#[tokio::test]
async fn a_websocket_that_ends_badly_ends_without_a_word_of_http() {
    let upstream = Upstream::start(websocket::echo).await;
    let gateway = Gateway::start(proxy_with(&upstream.url(), ", timeouts: { read: 3s }")).await;
    let mut client = websocket::open(gateway.address(), "/chat").await.unwrap();
    assert_eq!(websocket::ask(&mut client, "hello").await.into_text().unwrap(), "hello");
    let end = within("the connection ends", DEADLINE, client.next()).await;
    assert!(!matches!(end, Some(Ok(_))), "something came: {end:?}");
    let line = gateway.access_log("its line", |line| line["path"] == "/chat").await;
    assert_eq!(
        (line["status"].as_u64(), line["reason"].as_str()),
        (Some(101), Some("upstream_read_timeout"))
    );
}

#[tokio::test]
async fn a_slow_upload_is_not_the_upstreams_time() {
    let upstream = Upstream::start(|request| async move {
        match request.uri().path() {
            "/silent" => std::future::pending().await,
            _ => tests::echo(request).await,
        }
    })
    .await;
    let gateway = Gateway::start(proxy_with(&upstream.url(), ", timeouts: { total: 2s }")).await;
    let (mut sender, receiver) = futures::channel::mpsc::channel::<std::io::Result<Bytes>>(1);
    let url = gateway.url("/upload");
    let upload = tokio::spawn(async move {
        client::send(client::request("POST", &url).body(streaming(receiver)).unwrap()).await
    });
    futures::SinkExt::send(&mut sender, Ok(Bytes::from("slow"))).await.unwrap();
    tests::eventually("the upload has begun", DEADLINE, async || (!upstream.seen().is_empty()).then_some(()))
        .await;
    // Tells when more than the total time has passed.
    let silent = gateway.url("/silent");
    let silent = tokio::spawn(async move { client::get(&silent).await });
    let mut expected = "slow".to_owned();
    while !silent.is_finished() {
        futures::SinkExt::send(&mut sender, Ok(Bytes::from("."))).await.unwrap();
        expected += ".";
        // As slow as this, and never as if it had stalled.
        gateway.admin("/health/live").await;
    }
    assert_eq!(silent.await.unwrap().refused(504), "upstream_total_timeout");
    drop(sender);
    let answer = within("the answer", DEADLINE, upload).await.unwrap();
    assert_eq!(answer.json()["body"], expected);
}

#[tokio::test]
async fn no_request_waits_for_longer_than_the_total_time() {
    let upstream = Upstream::start(|request| async move {
        drop(request.into_body().collect().await);
        std::future::pending().await
    })
    .await;
    let gateway =
        Gateway::start(proxy_with(&upstream.url(), ", timeouts: { read: 60s, total: 300ms }")).await;
    for protocol in [Protocol::H1, Protocol::H2c] {
        for (method, body, upgrade) in
            [("GET", empty(), ""), ("POST", full("body"), ""), ("GET", empty(), "something")]
        {
            let mut connection = Connection::open(gateway.address(), protocol).await;
            let mut request = client::request(method, "http://a.test/");
            if !upgrade.is_empty() && matches!(protocol, Protocol::H1) {
                request = request.header("connection", "upgrade").header("upgrade", upgrade);
            }
            let answer = within("the answer", DEADLINE, connection.send(request.body(body).unwrap())).await;
            assert_eq!(answer.unwrap().refused(504), "upstream_total_timeout", "{protocol:?} {method}");
        }
    }
}

#[tokio::test]
async fn the_cause_in_the_log_is_that_of_the_attempt_that_gave_up() {
    let upstream = Upstream::start(|_| async { reply(500, "broken") }).await;
    let yaml = format!(
        "
        upstreams: {{ up: {{ endpoints: [\"http://{}\", \"{}\"] }} }}
        routes: [{{ name: all, match: {{ path: /** }}, upstream: up }}]
        ",
        tests::closed_port(),
        upstream.url()
    );
    let gateway = Gateway::start(yaml).await;
    for _ in 0..2 {
        assert_eq!(gateway.get("/").await.text(), "broken");
    }
    let line = gateway.access_log("two attempts", |line| line["attempts"] == 2).await;
    assert!(line.get("error").is_none(), "{line}");
}

#[tokio::test]
async fn a_refusal_reaches_a_client_that_is_still_sending() {
    let gateway = Gateway::start("routes: []").await;
    for protocol in [Protocol::H1, Protocol::H2c] {
        let mut connection = Connection::open(gateway.address(), protocol).await;
        let chunk = Bytes::from(vec![b'x'; 64 << 10]);
        let body = streaming(stream::iter(0..32).map(move |_| Ok(chunk.clone())));
        let request = client::request("POST", "http://a.test/nothing").body(body).unwrap();
        let answer = within("the answer", DEADLINE, connection.send(request)).await.unwrap();
        assert_eq!(answer.refused(404), "route_not_found", "{protocol:?}");
    }
}

#[tokio::test]
async fn an_answer_that_came_early_and_whole_is_no_failure() {
    let upstream = saying(b"HTTP/1.1 413 Content Too Large\r\nContent-Length: 3\r\n\r\nbig").await;
    let gateway = Gateway::start(proxy_with(&upstream.url(), "")).await;
    let mut client = RawClient::connect(gateway.address()).await;
    client.send("POST /early HTTP/1.1\r\nHost: a.test\r\nContent-Length: 1000000\r\n\r\nsome").await;
    assert_eq!(client.answer().await.expect("an answer").status, 413);
    drop(client);
    let line = gateway.access_log("its line", |line| line["path"] == "/early").await;
    assert_eq!((line["status"].as_u64(), line.get("reason")), (Some(413), None), "{line}");
}

#[tokio::test]
async fn a_stream_whose_client_takes_nothing_is_given_up() {
    let upstream = Upstream::start(|_| async {
        let chunk = Bytes::from(vec![b'x'; 64 << 10]);
        Ok(http::Response::new(streaming(stream::repeat_with(move || Ok(chunk.clone())))))
    })
    .await;
    let listeners = "listeners: [{ name: public, address: \"127.0.0.1:0\", deadlines: { idle: 500ms } }]\n";
    let gateway = Gateway::start(listeners.to_owned() + &proxy_to(&upstream)).await;
    let mut connection = Connection::open(gateway.address(), Protocol::H2c).await;
    let request = client::request("GET", "http://a.test/endless").body(empty()).unwrap();
    // The head is taken; of the body only what the stream's window holds.
    let response = within("the head", DEADLINE, connection.begin(request)).await.unwrap();
    let line = gateway.access_log("its line", |line| line["path"] == "/endless").await;
    assert_eq!(
        (line["status"].as_u64(), line["reason"].as_str()),
        (Some(200), Some("client_timeout")),
        "{line}"
    );
    gateway.metric("http_client_active_requests", &[("upstream", "up")], |active| active == 0.0).await;
    drop(response);
}

#[tokio::test]
async fn an_answer_is_never_the_second_one_to_the_same_request() {
    // The upstream has acted; that the client cannot be told must not make it act again.
    let upstream = Upstream::start(|_| async { reply(200, vec![b'x'; 1 << 20]) }).await;
    let gateway = Gateway::start(proxy_to(&upstream)).await;
    for _ in 0..5 {
        let mut client = RawClient::connect(gateway.address()).await;
        client.send("PUT /once HTTP/1.1\r\nHost: a.test\r\nContent-Length: 0\r\n\r\n").await;
        drop(client);
    }
    let asked = |line: &serde_json::Value| line["path"] == "/once";
    tests::eventually("five lines", DEADLINE, async || {
        let lines = gateway.lines();
        let of_it = lines.iter().filter_map(tests::Line::json).filter(|line| asked(line)).count();
        (of_it == 5).then_some(())
    })
    .await;
    assert!(upstream.seen().len() <= 5, "{} of 5 requests reached the upstream", upstream.seen().len());
    let body = client::send(client::request("PUT", &gateway.url("/once")).body(full("")).unwrap()).await.body;
    assert_eq!(body.len(), 1 << 20);
}

#[tokio::test]
async fn trailers_are_asked_for_only_where_they_can_come() {
    let upstream = Upstream::echo().await;
    let gateway = Gateway::start(proxy_to(&upstream)).await;
    let mut connection = Connection::open(gateway.address(), Protocol::H2c).await;
    let request = client::request("GET", "http://a.test/").header("te", "trailers").body(empty()).unwrap();
    let response = connection.begin(request).await.unwrap();
    let echo: serde_json::Value =
        serde_json::from_slice(&response.into_body().collect().await.unwrap().to_bytes()).unwrap();
    assert!(echo["headers"].get("te").is_none(), "HTTP/1.1 upstreams send none: {echo}");
}

#[tokio::test]
async fn a_client_that_waited_to_be_asked_keeps_its_connection() {
    let upstream = Upstream::echo().await;
    let gateway = Gateway::start(proxy_to(&upstream)).await;
    let mut client = RawClient::connect(gateway.address()).await;
    for body in ["hello", "again"] {
        let head = "POST /x HTTP/1.1\r\nHost: a.test\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n";
        client.send(head).await;
        assert_eq!(client.answer().await.expect("an interim answer").status, 100);
        client.send(body).await;
        let answer = client.answer().await.expect("an answer");
        assert!(answer.body.contains(body), "{}", answer.body);
        assert_eq!(answer.header("connection"), Some("keep-alive"), "{}", answer.head);
    }
}

#[tokio::test]
async fn trace_reaches_only_routes_that_ask_for_it() {
    let upstream = Upstream::echo().await;
    let yaml = format!(
        "
        upstreams: {{ up: {{ endpoints: [\"{}\"] }} }}
        routes:
          - {{ name: all, match: {{ path: /** }}, upstream: up }}
          - {{ name: traced, match: {{ path: /traced, methods: [TRACE] }}, upstream: up }}
        ",
        upstream.url()
    );
    let gateway = Gateway::start(yaml).await;
    let refused = gateway.request("TRACE", "/", &[]).await;
    assert_eq!(refused.refused(405), "method_not_allowed");
    assert!(refused.header("allow").contains("PATCH") && !refused.header("allow").contains("TRACE"));
    assert_eq!(gateway.request("TRACE", "/traced", &[]).await.status, 200);
}
