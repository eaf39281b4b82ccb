//! Which pages of other origins may read answers.

use http::Response;
use serde_json::json;
use tests::client::{Connection, Protocol};
use tests::raw::RawClient;
use tests::{Answer, Gateway, Stubs, Upstream, client, empty, full, websocket};

const REASON: &str = "origin_not_allowed";
const REFUSED: &str = "preflight_refused";
const APP: &str = "https://app.example.com";
const EVIL: &str = "https://evil.test";

/// Asks as a browser does before a page may send a request.
async fn preflight(gateway: &Gateway, path: &str, origin: &str, method: &str, headers: &str) -> Answer {
    let mut fields = vec![("origin", origin), ("access-control-request-method", method)];
    if !headers.is_empty() {
        fields.push(("access-control-request-headers", headers));
    }
    gateway.request("OPTIONS", path, &fields).await
}

/// One upstream behind a route with these settings.
fn shared(upstream: &Upstream, cors: &str) -> String {
    super::proxy_to(upstream).replace(", upstream", &format!(", cors: {cors}, upstream"))
}

/// All values of a header, lines joined.
fn all(answer: &Answer, name: &str) -> String {
    let lines = answer.headers.get_all(name).iter().map(|value| value.to_str().unwrap());
    lines.collect::<Vec<_>>().join(" + ")
}

#[tokio::test]
async fn a_preflight_is_answered_without_the_upstream() {
    let upstream = Upstream::saying("up").await;
    let cors = r#"{ origins: ["https://*.example.com"], methods: [GET, PUT], headers: [content-type, x-a], credentials: true, max_age: 5m }"#;
    let gateway = Gateway::start(shared(&upstream, cors)).await;
    let answer = preflight(&gateway, "/things/7", APP, "PUT", "content-type,x-a").await;
    assert_eq!((answer.status.as_u16(), answer.text().as_str()), (204, ""));
    for (name, value) in [
        ("access-control-allow-origin", APP),
        ("access-control-allow-credentials", "true"),
        ("access-control-allow-methods", "GET, PUT"),
        ("access-control-allow-headers", "content-type, x-a"),
        ("access-control-max-age", "300"),
        ("vary", "Origin, Access-Control-Request-Method, Access-Control-Request-Headers"),
    ] {
        assert_eq!(all(&answer, name), value, "{name}");
    }
    for (origin, method, headers, reason) in [
        (EVIL, "PUT", "", REASON),
        ("null", "PUT", "", REASON),
        (APP, "DELETE", "", REFUSED),
        (APP, "PUT", "authorization", REFUSED),
    ] {
        let answer = preflight(&gateway, "/things/7", origin, method, headers).await;
        assert_eq!(answer.refused(403), reason, "{origin} {method} {headers}");
        assert_eq!(all(&answer, "access-control-allow-origin"), "");
        assert!(all(&answer, "vary").contains("Origin"));
    }
    assert!(upstream.seen().is_empty());
    for (result, count) in [("allowed", 1.0), ("origin", 2.0), ("method", 1.0), ("headers", 1.0)] {
        let labels = [("http_route", "all"), ("result", result)];
        gateway.metric("gateway_cors_preflights_total", &labels, |value| value == count).await;
    }
    let line = gateway
        .access_log("the refused method", |line| line["error"] == "cors.methods does not have `DELETE`");
    assert_eq!(line.await["reason"], REFUSED);
}

#[tokio::test]
async fn other_requests_for_options_go_on_to_the_upstream() {
    let upstream = Upstream::echo().await;
    let gateway = Gateway::start(shared(&upstream, "{ origins: [\"*\"] }")).await;
    for fields in [&[][..], &[("origin", APP)], &[("access-control-request-method", "PUT")]] {
        let answer = gateway.request("OPTIONS", "/", fields).await;
        assert_eq!(
            (answer.status.as_u16(), &answer.json()["method"]),
            (200, &json!("OPTIONS")),
            "{fields:?}"
        );
        assert_eq!(all(&answer, "access-control-allow-origin"), "*");
    }
    // Where nothing is said about origins, the upstream answers browsers itself.
    let plain = Gateway::start(super::proxy_to(&upstream)).await;
    assert_eq!(preflight(&plain, "/", APP, "PUT", "").await.json()["method"], "OPTIONS");
}

#[tokio::test]
async fn what_the_upstream_says_to_browsers_is_replaced() {
    let upstream = Upstream::start(|_| async {
        let response = Response::builder()
            .header("access-control-allow-origin", "*")
            .header("access-control-allow-credentials", "true")
            .header("access-control-expose-headers", "*")
            .header("access-control-max-age", "86400")
            .header("vary", "accept-encoding");
        Ok(response.body(full("up")).unwrap())
    })
    .await;
    let gateway =
        Gateway::start(shared(&upstream, &format!("{{ origins: [\"{APP}\"], expose_headers: [etag] }}")))
            .await;
    for (origin, named, exposed) in [(Some(APP), APP, "etag"), (Some(EVIL), "", ""), (None, "", "")] {
        let fields: Vec<_> = origin.map(|origin| ("origin", origin)).into_iter().collect();
        let answer = gateway.request("GET", "/", &fields).await;
        // A page of another origin is kept from the answer by its browser, which gets it all the same.
        assert_eq!((answer.status.as_u16(), answer.text().as_str()), (200, "up"));
        assert_eq!(all(&answer, "access-control-allow-origin"), named, "{origin:?}");
        assert_eq!(all(&answer, "access-control-expose-headers"), exposed, "{origin:?}");
        assert_eq!(all(&answer, "access-control-allow-credentials"), "");
        assert_eq!(all(&answer, "access-control-max-age"), "");
        assert_eq!(all(&answer, "vary"), "accept-encoding + Origin");
    }
    let plain = Gateway::start(super::proxy_to(&upstream)).await;
    let answer = plain.request("GET", "/", &[("origin", EVIL)]).await;
    assert_eq!(
        (all(&answer, "access-control-allow-origin"), all(&answer, "vary")),
        ("*".into(), "accept-encoding".into())
    );
}

#[tokio::test]
async fn a_page_may_read_why_it_was_refused() {
    let closed = tests::closed_port();
    let yaml = format!(
        "
        upstreams: {{ gone: {{ endpoints: [\"http://{closed}\"] }} }}
        defaults: {{ cors: {{ origins: [\"{APP}\"] }} }}
        routes:
          - {{ name: gone, match: {{ path: /gone }}, upstream: gone }}
          - {{ name: denied, match: {{ path: /denied }}, respond: {{ body: a }}, ip_filter: {{ deny: [127.0.0.0/8] }} }}
          - {{ name: fixed, match: {{ path: /fixed }}, respond: {{ body: a }} }}
          - {{ name: moved, match: {{ path: /moved }}, redirect: {{ to: /fixed }} }}
          - {{ name: silent, match: {{ path: /silent }}, respond: {{ body: a }}, cors: {{}} }}
        "
    );
    let gateway = Gateway::start(yaml).await;
    for protocol in [Protocol::H1, Protocol::H2c] {
        for (path, status) in [("/gone", 502), ("/denied", 403), ("/fixed", 200), ("/moved", 308)] {
            let mut connection = Connection::open(gateway.address(), protocol).await;
            let request = client::request("GET", &gateway.url(path)).header("origin", APP);
            let answer = connection.send(request.body(empty()).unwrap()).await.unwrap();
            assert_eq!(answer.status.as_u16(), status, "{path}");
            assert_eq!(all(&answer, "access-control-allow-origin"), APP, "{protocol:?} {path}");
            let request = client::request("OPTIONS", &gateway.url(path))
                .header("origin", APP)
                .header("access-control-request-method", "GET");
            let mut connection = Connection::open(gateway.address(), protocol).await;
            let answer = connection.send(request.body(empty()).unwrap()).await.unwrap();
            // Whatever keeps the request itself out, but its address: browsers ask without credentials.
            let expected = if path == "/denied" { 403 } else { 204 };
            assert_eq!(answer.status.as_u16(), expected, "{protocol:?} {path}");
        }
    }
    let silent = gateway.request("GET", "/silent", &[("origin", APP)]).await;
    assert_eq!(
        (all(&silent, "access-control-allow-origin"), all(&silent, "vary")),
        (String::new(), String::new())
    );
}

#[tokio::test]
async fn a_preflight_is_for_the_route_of_the_request_that_follows() {
    let yaml = r#"
        routes:
          - { name: read, match: { path: /a, methods: [GET] }, respond: { body: a }, cors: { origins: ["https://read.test"] } }
          - { name: write, match: { path: /a, methods: [PUT] }, respond: { body: a }, cors: { origins: ["https://write.test"] } }
          - { name: delete, match: { path: /a, methods: [DELETE] }, respond: { body: a } }
          - { name: options, match: { path: /a, methods: [OPTIONS] }, respond: { body: options } }
          - { name: beta, match: { path: /b, headers: [{ name: x-beta }] }, respond: { body: b }, cors: { origins: ["*"], headers: [x-beta] } }
          - { name: both, match: { path: /c, methods: [POST, OPTIONS] }, respond: { body: c }, cors: { origins: ["*"] } }
    "#;
    let gateway = Gateway::start(yaml).await;
    for (path, origin, method, headers, status, methods) in [
        ("/a", "https://read.test", "GET", "", 204, "GET"),
        ("/a", "https://write.test", "PUT", "", 204, "PUT"),
        ("/a", "https://read.test", "PUT", "", 403, ""),
        // No route takes it as a preflight, so it is what it is.
        ("/a", "https://write.test", "DELETE", "", 200, ""),
        ("/a", "https://write.test", "PATCH", "", 200, ""),
        // The condition is on a header that is only announced.
        ("/b", APP, "GET", "x-beta", 204, "GET, HEAD, POST"),
        ("/b", APP, "GET", "", 404, ""),
        ("/c", APP, "POST", "", 204, "POST, OPTIONS"),
        // A route that takes `OPTIONS` and says who may ask does not pass the question on.
        ("/c", APP, "PUT", "", 403, ""),
        ("/nowhere", APP, "GET", "", 404, ""),
    ] {
        let answer = preflight(&gateway, path, origin, method, headers).await;
        let found = (answer.status.as_u16(), all(&answer, "access-control-allow-methods"));
        assert_eq!(found, (status, methods.to_owned()), "{method} {path} {origin}");
    }
}

#[tokio::test]
async fn a_websocket_of_a_strange_page_is_refused() {
    let upstream = Upstream::start(websocket::echo).await;
    let gateway = Gateway::start(shared(&upstream, &format!("{{ origins: [\"{APP}\"] }}"))).await;
    let own = format!("https://{}", gateway.address());
    for origin in [None, Some(APP), Some(&*own)] {
        let fields: Vec<_> = origin.map(|origin| ("origin", origin)).into_iter().collect();
        let mut socket = websocket::open_with(gateway.address(), "/chat", &fields).await.unwrap();
        assert_eq!(websocket::ask(&mut socket, "hello").await.into_text().unwrap(), "hello", "{origin:?}");
    }
    let before = upstream.seen().len();
    for fields in [&[("origin", EVIL)][..], &[("origin", "null")], &[("origin", APP), ("origin", EVIL)]] {
        let error = websocket::open_with(gateway.address(), "/chat", fields).await.unwrap_err();
        assert!(error.to_string().contains("403"), "{fields:?}: {error}");
    }
    assert_eq!(upstream.seen().len(), before);
    let error = format!("cors.origins does not have `{EVIL}`");
    let line = gateway.access_log("the refusal", |line| line["error"] == *error).await;
    assert_eq!(line["reason"], REASON);
    // Where nothing is said about origins, the upstream looks at them itself.
    let plain = Gateway::start(super::proxy_to(&upstream)).await;
    assert!(websocket::open_with(plain.address(), "/chat", &[("origin", EVIL)]).await.is_ok());
}

#[tokio::test]
async fn a_composed_api_is_shared_like_any_route() {
    let stubs = Stubs::start().await;
    let cors = format!("defaults: {{ cors: {{ origins: [\"{APP}\"], headers: [content-type] }} }}\n");
    let gateway = super::graphql::gateway(&stubs, &cors).await;
    let asked = preflight(&gateway, "/graphql", APP, "POST", "content-type").await;
    assert_eq!(
        (asked.status.as_u16(), all(&asked, "access-control-allow-headers")),
        (204, "content-type".into())
    );
    assert_eq!(preflight(&gateway, "/graphql", EVIL, "POST", "content-type").await.refused(403), REASON);
    let request = client::request("POST", &gateway.url("/graphql"))
        .header("content-type", "application/json")
        .header("origin", APP);
    let body = json!({ "query": "{ users(ids: [1]) { id } }" }).to_string();
    let answer = gateway.send(request.body(full(body)).unwrap()).await;
    assert_eq!((answer.status.as_u16(), all(&answer, "access-control-allow-origin")), (200, APP.into()));
    assert!(all(&answer, "vary").contains("Origin"));
}

#[tokio::test]
async fn a_preflight_keeps_the_connection_and_a_reload_holds_for_the_next() {
    let upstream = Upstream::saying("up").await;
    let gateway = Gateway::start(shared(&upstream, &format!("{{ origins: [\"{APP}\"] }}"))).await;
    let mut raw = RawClient::connect(gateway.address()).await;
    let ask = format!(
        "OPTIONS / HTTP/1.1\r\nHost: a\r\nOrigin: {EVIL}\r\nAccess-Control-Request-Method: POST\r\n\r\n"
    );
    raw.send(&ask).await;
    assert_eq!(raw.answer().await.unwrap().status, 403);
    assert_eq!(gateway.reload(&shared(&upstream, &format!("{{ origins: [\"{EVIL}\"] }}"))).await.status, 200);
    raw.send(&ask).await;
    assert_eq!(raw.answer().await.unwrap().status, 204);
    raw.send(&format!("POST / HTTP/1.1\r\nHost: a\r\nOrigin: {EVIL}\r\nContent-Length: 0\r\n\r\n")).await;
    let answer = raw.answer().await.unwrap();
    assert_eq!((answer.status, answer.header("access-control-allow-origin")), (200, Some(EVIL)));
}
