//! What a route changes on the way: path prefixes and header fields.

use http::HeaderMap;
use tests::{Gateway, Upstream, full};

#[tokio::test]
async fn prefixes_are_stripped_or_replaced_and_the_query_is_kept() {
    let upstream = Upstream::echo().await;
    let gateway = Gateway::start(format!(
        "
        upstreams: {{ up: {{ endpoints: [\"{}\"] }} }}
        routes:
          - {{ name: strip, match: {{ path: /api/** }}, upstream: up, rewrite: {{ strip_prefix: /api }} }}
          - name: replace
            match: {{ path: /old/** }}
            upstream: up
            rewrite: {{ prefix: {{ from: /old, to: /v2/new }} }}
          - {{ name: keep, match: {{ path: /keep/** }}, upstream: up }}
        ",
        upstream.url()
    ))
    .await;
    for (sent, received) in [
        ("/api/users/1?a=%2F&b", "/users/1?a=%2F&b"),
        ("/api", "/"),
        ("/api/", "/"),
        ("/api?x=1", "/?x=1"),
        ("/old/things", "/v2/new/things"),
        ("/old", "/v2/new"),
        ("/keep/%C3%A4/b%20c?d=e%20f", "/keep/%C3%A4/b%20c?d=e%20f"),
    ] {
        assert_eq!(gateway.get(sent).await.json()["target"], received, "{sent}");
    }
}

#[tokio::test]
async fn header_fields_are_set_added_and_removed_both_ways() {
    let upstream = Upstream::start(|request| async {
        let mut reply = tests::echo(request).await?;
        for (name, value) in [("x-old", "1"), ("x-kept", "2"), ("x-more", "a"), ("server", "secret/1.0")] {
            reply.headers_mut().append(name, value.parse().unwrap());
        }
        Ok(reply)
    })
    .await;
    let gateway = Gateway::start(format!(
        "
        upstreams: {{ up: {{ endpoints: [\"{}\"] }} }}
        routes:
          - name: all
            match: {{ path: /** }}
            upstream: up
            request_headers: {{ set: {{ x-set: new }}, add: {{ x-add: two }}, remove: [x-gone] }}
            response_headers: {{ set: {{ x-old: new }}, add: {{ x-more: b }}, remove: [server] }}
        ",
        upstream.url()
    ))
    .await;
    let sent = [("x-set", "old"), ("x-add", "one"), ("x-gone", "1"), ("x-plain", "as it is")];
    let answer = gateway.request("GET", "/", &sent).await;
    let echo = answer.json();
    assert_eq!(echo["headers"]["x-set"], serde_json::json!(["new"]));
    assert_eq!(echo["headers"]["x-add"], serde_json::json!(["one", "two"]));
    assert_eq!(echo["headers"]["x-plain"], serde_json::json!(["as it is"]));
    assert!(echo["headers"].get("x-gone").is_none());
    let all = |headers: &HeaderMap, name: &str| -> Vec<String> {
        headers.get_all(name).iter().map(|value| value.to_str().unwrap().to_owned()).collect()
    };
    assert_eq!(all(&answer.headers, "x-old"), ["new"]);
    assert_eq!(all(&answer.headers, "x-kept"), ["2"]);
    assert_eq!(all(&answer.headers, "x-more"), ["a", "b"]);
    assert!(answer.headers.get("server").is_none());
}

#[tokio::test]
async fn fields_of_one_connection_do_not_reach_the_next() {
    let upstream = Upstream::echo().await;
    let gateway = Gateway::start(super::proxy_to(&upstream)).await;
    let sent = [
        ("connection", "x-mine, close"),
        ("x-mine", "1"),
        ("keep-alive", "timeout=5"),
        ("proxy-authorization", "Basic eDp5"),
        ("te", "trailers"),
    ];
    let echo = gateway.request("GET", "/", &sent).await.json();
    for name in ["x-mine", "keep-alive", "proxy-connection", "te"] {
        assert!(echo["headers"].get(name).is_none(), "{name} was forwarded: {echo}");
    }
}

#[tokio::test]
async fn methods_and_bodies_pass_unchanged() {
    let upstream = Upstream::echo().await;
    let gateway = Gateway::start(super::proxy_to(&upstream)).await;
    for method in ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PURGE"] {
        let request = tests::client::request(method, &gateway.url("/x")).body(full("a body")).unwrap();
        let echo = gateway.send(request).await.json();
        assert_eq!((echo["method"].as_str(), echo["body"].as_str()), (Some(method), Some("a body")));
    }
    let answer = gateway.request("HEAD", "/x", &[]).await;
    assert_eq!((answer.status.as_u16(), answer.body.len()), (200, 0));
}
