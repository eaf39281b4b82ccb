//! What is believed of a client, and of a proxy in front.

use serde_json::{Value, json};
use tests::{Gateway, Upstream};

const TRACEPARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

async fn gateway(upstream: &Upstream, listener: &str) -> Gateway {
    let listeners = format!("listeners: [{{ name: public, address: \"127.0.0.1:0\"{listener} }}]\n");
    Gateway::start(listeners + &super::proxy_to(upstream)).await
}

fn first<'a>(echo: &'a Value, name: &str) -> &'a str {
    echo["headers"][name][0].as_str().unwrap_or("")
}

#[tokio::test]
async fn strangers_cannot_forge_where_they_come_from() {
    let upstream = Upstream::echo().await;
    let gateway = gateway(&upstream, "").await;
    let forged = [
        ("x-forwarded-for", "10.1.2.3"),
        ("x-forwarded-host", "evil.test"),
        ("x-forwarded-proto", "https"),
        ("x-real-ip", "10.1.2.3"),
        ("forwarded", "for=10.1.2.3"),
        ("host", "api.example.com"),
    ];
    let echo = gateway.request("GET", "/", &forged).await.json();
    assert_eq!(echo["headers"]["x-forwarded-for"], json!(["127.0.0.1"]));
    assert_eq!(echo["headers"]["x-forwarded-host"], json!(["api.example.com"]));
    assert_eq!(echo["headers"]["x-forwarded-proto"], json!(["http"]));
    assert!(!echo["headers"].to_string().contains("10.1.2.3"), "{echo}");
    assert!(!echo["headers"].to_string().contains("evil.test"), "{echo}");
    let line = gateway.access_log("a line", |line| line["path"] == "/").await;
    assert_eq!(line["client"], "127.0.0.1");
}

#[tokio::test]
async fn behind_a_trusted_proxy_the_client_is_the_rightmost_stranger() {
    let upstream = Upstream::echo().await;
    let gateway = gateway(&upstream, ", trusted_proxies: [127.0.0.0/8, 10.0.0.0/8]").await;
    let sent = [("x-forwarded-for", "1.1.1.1, 203.0.113.7, 10.0.0.9"), ("x-forwarded-proto", "https")];
    let echo = gateway.request("GET", "/a", &sent).await.json();
    assert_eq!(first(&echo, "x-forwarded-proto"), "https");
    assert!(first(&echo, "x-forwarded-for").ends_with("127.0.0.1"), "{echo}");
    assert!(first(&echo, "x-forwarded-for").contains("203.0.113.7"), "{echo}");
    let line = gateway.access_log("a line", |line| line["path"] == "/a").await;
    assert_eq!(line["client"], "203.0.113.7");
}

#[tokio::test]
async fn only_what_the_operator_has_named_is_believed_of_a_trusted_proxy() {
    let upstream = Upstream::echo().await;
    let sent = [
        ("x-forwarded-client-cert", "Subject=admin"),
        ("x-user", "admin"),
        ("x-real-ip", "10.1.2.3"),
        ("x-original-url", "/admin"),
    ];
    let named = ", trusted_headers: [X-Forwarded-Client-Cert, x-user]";
    let trusting = gateway(&upstream, &format!(", trusted_proxies: [127.0.0.0/8]{named}")).await;
    let echo = trusting.request("GET", "/", &sent).await.json();
    assert_eq!((first(&echo, "x-forwarded-client-cert"), first(&echo, "x-user")), ("Subject=admin", "admin"));
    assert!(
        echo["headers"].get("x-real-ip").is_none() && echo["headers"].get("x-original-url").is_none(),
        "{echo}"
    );

    let strangers = gateway(&upstream, named).await;
    let echo = strangers.request("GET", "/", &sent).await.json();
    assert!(!echo["headers"].to_string().contains("admin"), "{echo}");
}

#[tokio::test]
async fn routes_do_not_match_on_what_strangers_claim() {
    let routes = r#"
routes:
  - { name: inside, match: { path: /a, headers: [{ name: x-user, value: admin }] }, respond: { body: inside } }
  - { name: secure, match: { path: /b, headers: [{ name: x-forwarded-proto, value: https }] }, respond: { body: secure } }
  - { name: outside, match: { path: /** }, respond: { body: outside } }
"#;
    let start = |trusted: &str| {
        let keys = format!("trusted_headers: [x-user]{trusted}");
        Gateway::start(
            format!("listeners: [{{ name: public, address: \"127.0.0.1:0\", {keys} }}]\n") + routes,
        )
    };
    let (strangers, proxies) = (start("").await, start(", trusted_proxies: [127.0.0.0/8]").await);
    let claims = [("/a", ("x-user", "admin"), "inside"), ("/b", ("x-forwarded-proto", "https"), "secure")];
    for (path, claim, believed) in claims {
        assert_eq!(strangers.request("GET", path, &[claim]).await.text(), "outside", "{claim:?}");
        assert_eq!(proxies.request("GET", path, &[claim]).await.text(), believed, "{claim:?}");
    }
}

#[tokio::test]
async fn forwarded_is_read_only_where_it_is_configured() {
    let upstream = Upstream::echo().await;
    let gateway = gateway(&upstream, ", trusted_proxies: [127.0.0.0/8], client_address: forwarded").await;
    let sent = [("forwarded", "for=\"[2001:db8::17]:4711\";proto=https"), ("x-forwarded-for", "1.1.1.1")];
    gateway.request("GET", "/b", &sent).await;
    let line = gateway.access_log("a line", |line| line["path"] == "/b").await;
    assert_eq!(line["client"], "2001:db8::17");
}

#[tokio::test]
async fn a_request_id_is_made_or_kept() {
    let upstream = Upstream::echo().await;
    let strangers = gateway(&upstream, "").await;
    let made = strangers.get("/").await;
    let id = made.header("x-request-id").to_owned();
    assert!(!id.is_empty());
    assert_eq!(first(&made.json(), "x-request-id"), id, "the upstream gets it too");
    for sent in ["abc-123_X.y", "evil id", &"x".repeat(65), "<script>"] {
        let answer = strangers.request("GET", "/", &[("x-request-id", sent)]).await;
        let kept = answer.header("x-request-id") == sent;
        assert_eq!(kept, sent == "abc-123_X.y", "{sent}");
        assert_eq!(first(&answer.json(), "x-request-id"), answer.header("x-request-id"));
    }
}

#[tokio::test]
async fn trace_context_is_continued_and_sampling_believed_only_of_the_trusted() {
    let upstream = Upstream::echo().await;
    let sent = [("traceparent", TRACEPARENT), ("tracestate", "a=b"), ("baggage", "k=v")];

    let strangers = gateway(&upstream, "").await;
    let echo = strangers.request("GET", "/", &sent).await.json();
    let continued = first(&echo, "traceparent");
    assert!(continued.starts_with("00-0af7651916cd43dd8448eb211c80319c-"), "{continued}");
    assert!(!continued.contains("b7ad6b7169203331"), "the parent of the upstream's span is ours");
    assert!(continued.ends_with("-00"), "nothing is exported, so nothing is sampled: {continued}");
    assert!(echo["headers"].get("baggage").is_none());

    let trusting = gateway(&upstream, ", trusted_proxies: [127.0.0.0/8]").await;
    let echo = trusting.request("GET", "/", &sent).await.json();
    assert_eq!(first(&echo, "baggage"), "k=v");
    assert!(first(&echo, "tracestate").contains("a=b"), "{echo}");
}

#[tokio::test]
async fn broken_trace_context_begins_a_new_trace() {
    let upstream = Upstream::echo().await;
    let gateway = gateway(&upstream, "").await;
    for broken in ["", "00-x-y-01", "00-00000000000000000000000000000000-b7ad6b7169203331-01", "ff-0af7"] {
        let echo = gateway.request("GET", "/", &[("traceparent", broken)]).await.json();
        let made = first(&echo, "traceparent");
        assert_eq!(made.len(), 55, "{broken:?} became {made:?}");
        assert!(!made.contains("00000000000000000000000000000000"));
    }
}
