//! Keys of JSON Web Tokens that come from an issuer: fetched, kept, changed, and missing.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};
use tests::jwt::{ISSUER, Issuer, claims, jwks, with_secret};
use tests::{DEADLINE, Gateway, Launch, Reply, Upstream, closed_port, eventually, reply};
use tokio::sync::Semaphore;

use super::jwt::{accepted, ask, config};

/// A service that publishes keys, and whatever else a test wants it to answer.
struct Published {
    upstream: Upstream,
    answer: Arc<Mutex<(u16, String)>>,
    /// An answer takes one.
    answers: Arc<Semaphore>,
}

impl Published {
    async fn keys(issuers: &[&Issuer]) -> Self {
        let answer = Arc::new(Mutex::new((200, jwks(issuers))));
        let answers = Arc::new(Semaphore::new(Semaphore::MAX_PERMITS));
        let (shared, permits) = (answer.clone(), answers.clone());
        let upstream = Upstream::start(move |_| answer_of(shared.clone(), permits.clone())).await;
        Self { upstream, answer, answers }
    }

    fn publish(&self, issuers: &[&Issuer]) {
        self.say(200, jwks(issuers));
    }

    fn say(&self, status: u16, text: impl Into<String>) {
        *self.answer.lock().unwrap() = (status, text.into());
    }

    /// Answers nothing from now on, until permits are added.
    fn hold(&self) {
        self.answers.forget_permits(Semaphore::MAX_PERMITS);
    }

    fn asked(&self) -> usize {
        self.upstream.seen().len()
    }
}

async fn answer_of(answer: Arc<Mutex<(u16, String)>>, answers: Arc<Semaphore>) -> Reply {
    let _permit = answers.acquire().await.unwrap();
    let (status, text) = answer.lock().unwrap().clone();
    reply(status, text)
}

fn by_url(url: &str) -> String {
    config(&format!("{{ url: \"{url}/jwks.json\" }}"))
}

#[tokio::test]
async fn keys_come_from_the_issuer_and_change_with_it() {
    let (old, new) = (Issuer::new("old"), Issuer::new("new"));
    let published = Published::keys(&[&old]).await;
    let gateway = Gateway::start(by_url(&published.upstream.url())).await;
    assert_eq!(ask(&gateway, &old.token("7")).await, accepted());
    assert_eq!(published.upstream.seen()[0].target(), "/jwks.json");

    // The issuer goes over to another key: the first token by it brings the new set, and those of the old key end.
    let remembered = old.token("7");
    assert_eq!(ask(&gateway, &remembered).await, accepted());
    published.publish(&[&new]);
    assert_eq!(ask(&gateway, &new.token("7")).await, accepted());
    assert_eq!(ask(&gateway, &remembered).await, (401, "token_not_trusted".into()));

    let health = gateway.admin("/health").await.json();
    let issuer = &health["issuers"][0];
    assert_eq!(
        (&issuer["authenticator"], &issuer["keys"], &issuer["error"]),
        (&json!("users"), &json!(1), &Value::Null)
    );
    let metrics = gateway.metrics().await;
    let refreshes = |result| {
        metrics.value("gateway_jwks_refreshes_total", &[("authenticator", "users"), ("result", result)])
    };
    assert!(refreshes("success") >= 2.0);
    assert!(metrics.value("gateway_jwks_age_seconds", &[("authenticator", "users")]) < 60.0);
}

#[tokio::test]
async fn an_issuer_may_go_over_to_another_algorithm() {
    // Of another kind than the key that is asked for: the issuer signs with ES256.
    let old = json!({ "kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo", "kid": "old", "alg": "EdDSA" });
    let published = Published::keys(&[]).await;
    published.say(200, json!({ "keys": [old] }).to_string());
    let gateway = Gateway::start(by_url(&published.upstream.url())).await;
    let new = Issuer::new("new");
    published.publish(&[&new]);
    assert_eq!(ask(&gateway, &new.token("7")).await, accepted());
    assert_eq!(published.asked(), 2);
}

#[tokio::test]
async fn an_unknown_key_makes_one_request_for_all_who_bring_it() {
    let (old, new) = (Issuer::new("old"), Issuer::new("new"));
    let published = Published::keys(&[&old]).await;
    let gateway = Arc::new(Gateway::start(by_url(&published.upstream.url())).await);
    assert_eq!(published.asked(), 1);
    published.publish(&[&old, &new]);
    let tokens: Vec<String> = (0..40).map(|user| new.token(&user.to_string())).collect();
    let asked = tokens.iter().map(|token| ask(&gateway, token));
    let answers = futures::future::join_all(asked).await;
    assert!(answers.iter().all(|answer| *answer == accepted()), "{answers:?}");
    assert_eq!(published.asked(), 2);
}

#[tokio::test]
async fn strangers_cannot_make_the_gateway_ask_without_end() {
    let issuer = Issuer::new("k");
    let published = Published::keys(&[&issuer]).await;
    let gateway = Gateway::start(by_url(&published.upstream.url())).await;
    for stranger in 0..30 {
        let token = Issuer::new(&format!("stranger-{stranger}")).token("7");
        assert_eq!(ask(&gateway, &token).await, (401, "token_not_trusted".into()));
    }
    // The first, three at once, and one more if the test takes so long.
    assert!(published.asked() <= 5, "{} requests", published.asked());
    // What no published key can be for asks for nothing.
    let before = published.asked();
    ask(&gateway, &with_secret("secret", &claims(json!({})))).await;
    assert_eq!(published.asked(), before);
    assert_eq!(ask(&gateway, &issuer.token("7")).await, accepted());
}

#[tokio::test]
async fn an_issuer_that_is_down_locks_nobody_out() {
    let issuer = Issuer::new("k");
    let published = Published::keys(&[&issuer]).await;
    let yaml = config(&format!("{{ url: \"{}\", refresh: 1s }}", published.upstream.url()));
    let gateway = Gateway::start(&yaml).await;
    assert_eq!(ask(&gateway, &issuer.token("7")).await, accepted());
    for (status, text) in [(500, "down"), (200, "<html>"), (200, "{\"keys\":[]}"), (302, "elsewhere")] {
        published.say(status, text);
        let before = gateway.metrics().await.value("gateway_jwks_refreshes_total", &[("result", "failure")]);
        gateway.metric("gateway_jwks_refreshes_total", &[("result", "failure")], |now| now > before).await;
        assert_eq!(ask(&gateway, &issuer.token("8")).await, accepted(), "{text}");
    }
    let error =
        || async { gateway.admin("/health").await.json()["issuers"][0]["error"].as_str().map(str::to_owned) };
    assert!(eventually("the failure in /health", DEADLINE, error).await.contains("302"));
    gateway
        .log("the failure", |line| {
            line["message"].as_str().is_some_and(|text| text.contains("those of before stay"))
        })
        .await;
    published.publish(&[&issuer]);
    gateway
        .log("the recovery", |line| {
            line["message"].as_str().is_some_and(|text| text.contains("can be fetched again"))
        })
        .await;
}

#[tokio::test]
async fn without_any_keys_nobody_can_say_who_calls() {
    let issuer = Issuer::new("k");
    let address = closed_port();
    let gateway = Gateway::start(by_url(&format!("http://{address}"))).await;
    assert_eq!(ask(&gateway, &issuer.token("7")).await, (503, "authentication_unavailable".into()));
    let token = format!("Bearer {}", issuer.token("7"));
    let unavailable = gateway.request("GET", "/", &[("authorization", &token)]).await;
    assert_eq!(unavailable.header("retry-after"), "1");
    let missing = gateway.get("/").await;
    assert_eq!(missing.refused(401), "credentials_missing", "what is missing needs no key");
    assert_eq!(ask(&gateway, "token").await, (401, "token_malformed".into()), "nor does what cannot be read");
    let metrics = gateway.metrics().await;
    let users = [("authenticator", "users")];
    assert_eq!(metrics.value("gateway_jwks_keys", &users), 0.0);
    assert!(metrics.value("gateway_jwks_consecutive_failures", &users) > 0.0);
    let health = gateway.admin("/health").await.json();
    assert_eq!((&health["issuers"][0]["keys"], &health["ready"]), (&json!(0), &json!(true)));
    assert!(health["issuers"][0]["error"].as_str().unwrap().contains("refused"), "{health:#}");
    assert!(gateway.metrics().await.samples("gateway_jwks_age_seconds", &[]).next().is_none());
}

#[tokio::test]
async fn an_issuer_that_hangs_holds_up_neither_start_nor_reload_nor_requests() {
    let issuer = Issuer::new("k");
    let published = Published::keys(&[&issuer]).await;
    published.hold();
    let gateway = Gateway::start(by_url(&published.upstream.url())).await;
    assert_eq!(ask(&gateway, &issuer.token("7")).await, (503, "authentication_unavailable".into()));
    published.answers.add_permits(1000);
    let accepted_at_last = async || (ask(&gateway, &issuer.token("7")).await == accepted()).then_some(());
    eventually("the keys have come", DEADLINE, accepted_at_last).await;
}

#[tokio::test]
async fn a_reload_keeps_the_keys_of_an_issuer_that_stays_the_same() {
    let issuer = Issuer::new("k");
    let published = Published::keys(&[&issuer]).await;
    let yaml = by_url(&published.upstream.url());
    let gateway = Gateway::start(&yaml).await;
    published.say(500, "down");
    let asked = published.asked();
    // Other rules, the same keys.
    let stricter = yaml.replace("audiences: [shop]", "audiences: [bank]");
    assert_eq!(gateway.reload(&stricter).await.status, 200);
    assert_eq!(ask(&gateway, &issuer.token("7")).await, (401, "token_claims_refused".into()));
    assert_eq!(gateway.reload(&yaml).await.status, 200);
    assert_eq!(ask(&gateway, &issuer.token("7")).await, accepted());
    eventually("who reloads wants to know what the issuer says now", DEADLINE, async || {
        (published.asked() > asked).then_some(())
    })
    .await;
    let without = "routes: [{ name: a, match: { path: /** }, respond: { body: in } }]\n";
    assert_eq!(gateway.reload(without).await.status, 200);
    assert!(gateway.admin("/health").await.json()["issuers"].as_array().unwrap().is_empty());
    assert!(gateway.metrics().await.samples("gateway_jwks_age_seconds", &[]).next().is_none());
}

#[tokio::test]
async fn a_reload_that_changes_how_keys_are_fetched_throws_none_away_while_the_issuer_is_down() {
    let issuer = Issuer::new("k");
    let published = Published::keys(&[&issuer]).await;
    let yaml = by_url(&published.upstream.url());
    let gateway = Gateway::start(&yaml).await;
    let token = issuer.token("7");
    assert_eq!(ask(&gateway, &token).await, accepted());
    published.say(500, "down");
    let hits = async || {
        gateway.metrics().await.value("gateway_token_cache_hits_total", &[("authenticator", "users")])
    };
    let seldom = yaml.replace("jwks.json\"", "jwks.json\", refresh: 11m");
    assert_ne!(seldom, yaml);
    assert_eq!(gateway.reload(&seldom).await.status, 200);
    assert_eq!(ask(&gateway, &token).await, accepted());
    assert_eq!(hits().await, 1.0, "what is remembered stays, too");
    // A mistake in the address: the same issuer by name, so its keys count until others come.
    let elsewhere = seldom.replace("/jwks.json", "/mistake.json");
    assert_eq!(gateway.reload(&elsewhere).await.status, 200);
    assert_eq!(ask(&gateway, &token).await, accepted());
    let said =
        |line: &Value| line["message"].as_str().is_some_and(|text| text.contains("from its new address"));
    gateway.log("the warning", said).await;
    let health = gateway.admin("/health").await.json()["issuers"][0].clone();
    assert!(health["keys_from"].as_str().unwrap().ends_with("/jwks.json"), "{health:#}");
    assert_eq!((&health["degraded"], &health["keys"]), (&json!(true), &json!(1)));
    assert!(health["since"].is_string() && health["fetched_at"].is_string(), "{health:#}");
    // The source of before, which was down as well, goes in the background.
    gateway.metric("gateway_degraded", &[("component", "issuer")], |down| down == 1.0).await;
    // Another name for the authenticator.
    let renamed = elsewhere.replace("users", "people");
    assert_eq!(gateway.reload(&renamed).await.status, 200);
    assert_eq!(ask(&gateway, &token).await, accepted());
    let metrics = gateway.metrics().await;
    assert_eq!(metrics.value("gateway_jwks_keys", &[("authenticator", "people")]), 1.0);
    // What comes at last takes the place of all that was.
    published.publish(&[&issuer]);
    assert_eq!(gateway.reload_now().await.status, 200);
    let own = async || {
        let health = gateway.admin("/health").await.json()["issuers"][0].clone();
        (health["keys_from"].is_null() && health["degraded"] == false).then_some(())
    };
    eventually("own keys have come", DEADLINE, own).await;
    published.say(500, "down");
    // Another issuer: nothing of the old one counts, by whatever name.
    let other = renamed.replace("mistake", "other").replace(ISSUER, "https://other.test");
    assert_eq!(gateway.reload(&other).await.status, 200);
    let foreign = issuer.token_with(json!({ "iss": "https://other.test" }));
    assert_eq!(ask(&gateway, &foreign).await, (503, "authentication_unavailable".into()));
    let metrics = gateway.metrics().await;
    assert_eq!(metrics.value("gateway_jwks_keys", &[("authenticator", "people")]), 0.0);
}

#[tokio::test]
async fn an_issuer_is_asked_over_tls_by_whom_the_system_trusts() {
    let issuer = Issuer::new("k");
    let authority = tests::tls::Authority::new();
    let set = jwks(&[&issuer]);
    let handler = move |_| {
        let set = set.clone();
        async move { reply(200, set) }
    };
    let upstream = Upstream::start_tls(authority.issue(&["127.0.0.1"]).server(&["http/1.1"]), handler).await;
    let yaml = by_url(&upstream.url());
    let trusting = Launch::new(&yaml).file("ca.pem", authority.certificate());
    let ca = trusting.home().path("ca.pem");
    let trusting = trusting.env("SSL_CERT_FILE", ca.to_str().unwrap()).start().await;
    assert_eq!(ask(&trusting, &issuer.token("7")).await, accepted());
    let strange = Gateway::start(&yaml).await;
    assert_eq!(ask(&strange, &issuer.token("7")).await, (503, "authentication_unavailable".into()));
}

#[tokio::test]
async fn an_issuer_may_have_an_authority_of_its_own() {
    let (issuer, authority) = (Issuer::new("k"), tests::tls::Authority::new());
    let set = jwks(&[&issuer]);
    let handler = move |_| {
        let set = set.clone();
        async move { reply(200, set) }
    };
    let upstream = Upstream::start_tls(authority.issue(&["127.0.0.1"]).server(&["http/1.1"]), handler).await;
    let yaml = config(&format!("{{ url: \"{}\", tls: {{ ca: ca.pem }} }}", upstream.url()));
    let gateway = Launch::new(&yaml).file("ca.pem", authority.certificate()).start().await;
    assert_eq!(ask(&gateway, &issuer.token("7")).await, accepted());
    let strange = Launch::new(&yaml).file("ca.pem", tests::tls::Authority::new().certificate()).start().await;
    assert_eq!(ask(&strange, &issuer.token("7")).await, (503, "authentication_unavailable".into()));
}

#[tokio::test]
async fn keys_that_cannot_be_used_are_told() {
    let issuer = Issuer::new("k");
    let published = Published::keys(&[]).await;
    let weak = json!({ "kty": "RSA", "n": "wQ", "e": "AQAB" });
    let other = json!({ "kty": "RSA", "use": "enc", "n": "wQ", "e": "AQAB" });
    published.say(200, json!({ "keys": [issuer.jwk(), other, weak] }).to_string());
    let gateway = Gateway::start(by_url(&published.upstream.url())).await;
    let warning = |line: &Value| line["message"] == "some of the issuer's keys cannot be used";
    let line = gateway.log("the warning", warning).await;
    assert_eq!((&line["count"], &line["authenticator"]), (&json!(1), &json!("users")), "{line}");
    assert!(line["error"].as_str().unwrap().starts_with("keys[2] is an RSA key of 8 bits"), "{line}");
    let health = gateway.admin("/health").await.json()["issuers"][0].clone();
    assert_eq!(
        (&health["keys"], &health["left_out"][0]),
        (&json!(1), &json!("keys[1] is not for signatures"))
    );
    assert_eq!(health["left_out"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn keys_are_renewed_before_they_are_too_old() {
    let issuer = Issuer::new("k");
    let published = Published::keys(&[&issuer]).await;
    let yaml = config(&format!("{{ url: \"{}\", refresh: 1s }}", published.upstream.url()));
    let gateway = Gateway::start(&yaml).await;
    eventually("the keys were fetched again", Duration::from_secs(30), async || {
        (published.asked() > 2).then_some(())
    })
    .await;
    assert_eq!(ask(&gateway, &issuer.token("7")).await, accepted());
}
