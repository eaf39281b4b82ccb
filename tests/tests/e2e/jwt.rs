//! JSON Web Tokens: attacks, and what is remembered.

use serde_json::{Value, json};
use tests::jwt::{AUDIENCE, ISSUER, Issuer, claims, encode, jwks, now, unsigned, with_secret};
use tests::{Gateway, Launch};

use super::authentication::bearer;

/// An authenticator `users` with these keys, and a route that answers by itself.
pub fn config(keys: &str) -> String {
    format!(
        "authenticators: {{ users: {{ jwt: {{ issuer: \"{ISSUER}\", audiences: [{AUDIENCE}], keys: {keys} }} }} }}
routes: [{{ name: a, match: {{ path: /** }}, respond: {{ body: in }}, authentication: {{ by: [users] }} }}]\n"
    )
}

/// Status, and what was answered or the reason why not.
pub async fn ask(gateway: &Gateway, token: &str) -> (u16, String) {
    let headers = bearer(token);
    let headers: Vec<(&str, &str)> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let answer = gateway.request("GET", "/", &headers).await;
    let said = if answer.status == 200 { answer.text() } else { answer.problem().reason };
    (answer.status.as_u16(), said)
}

/// What who is let in gets to see.
pub fn accepted() -> (u16, String) {
    (200, "in".into())
}

#[tokio::test]
async fn attacks_are_refused_each_for_its_reason() {
    let (issuer, evil) = (Issuer::new("k"), Issuer::new("k"));
    let gateway =
        Launch::new(&config("{ file: jwks.json }")).file("jwks.json", jwks(&[&issuer])).start().await;
    let good = issuer.token("7");
    assert_eq!(ask(&gateway, &good).await, accepted());
    let header = json!({ "alg": "ES256", "kid": "k" });
    let with = |name: &str, value: Value| {
        let mut header = header.clone();
        header[name] = value;
        header
    };
    let none = |alg: &str| unsigned(&json!({ "alg": alg, "kid": "k" }), &claims(json!({}))) + ".";
    let (message, tag) = good.rsplit_once('.').unwrap();
    let key = issuer.jwk();
    for (why, token, reason) in [
        ("alg none", none("none"), "token_not_trusted"),
        ("alg None", none("nOnE"), "token_not_trusted"),
        ("public key as secret", with_secret(&key.to_string(), &claims(json!({}))), "token_not_trusted"),
        ("x as secret", with_secret(key["x"].as_str().unwrap(), &claims(json!({}))), "token_not_trusted"),
        ("stripped signature", format!("{message}."), "token_not_trusted"),
        ("r = s = 0", format!("{message}.{}", encode([0; 64])), "token_not_trusted"),
        ("signature of another length", format!("{message}.{}", encode([1; 63])), "token_not_trusted"),
        ("another key by the same name", evil.token("7"), "token_not_trusted"),
        ("wrong kid", issuer.sign(&with("kid", json!("x")), &claims(json!({}))), "token_not_trusted"),
        ("embedded jwk", evil.sign(&with("jwk", evil.jwk()), &claims(json!({}))), "token_not_trusted"),
        (
            "jku",
            evil.sign(&with("jku", json!("http://127.0.0.1:1/")), &claims(json!({}))),
            "token_not_trusted",
        ),
        ("crit", issuer.sign(&with("crit", json!(["exp"])), &claims(json!({}))), "token_malformed"),
        ("b64", issuer.sign(&with("b64", json!(false)), &claims(json!({}))), "token_malformed"),
        ("expired", issuer.token_with(json!({ "exp": now() - 60 })), "token_expired"),
        ("not yet valid", issuer.token_with(json!({ "nbf": now() + 60 })), "token_not_yet_valid"),
        ("wrong audience", issuer.token_with(json!({ "aud": "bank" })), "token_claims_refused"),
        ("wrong issuer", issuer.token_with(json!({ "iss": "https://evil.test" })), "token_claims_refused"),
        ("no exp", issuer.token_with(json!({ "exp": null })), "token_claims_refused"),
        ("no iss", issuer.token_with(json!({ "iss": null })), "token_claims_refused"),
        ("no aud", issuer.token_with(json!({ "aud": null })), "token_claims_refused"),
        ("exp a text", issuer.token_with(json!({ "exp": "9999999999" })), "token_malformed"),
        ("aud an object", issuer.token_with(json!({ "aud": { "shop": 1 } })), "token_malformed"),
        ("huge", issuer.token_with(json!({ "x": "y".repeat(20_000) })), "token_malformed"),
        ("no token", "token".into(), "token_malformed"),
        ("two parts", message.to_owned(), "token_malformed"),
        ("four parts", format!("{good}.{tag}"), "token_malformed"),
        (
            "header no JSON",
            format!("{}.{}.{tag}", encode("{"), message.split('.').nth(1).unwrap()),
            "token_malformed",
        ),
        (
            "claims no JSON",
            format!("{}.{}.{tag}", message.split('.').next().unwrap(), encode("[]")),
            "token_malformed",
        ),
        (
            "nested",
            format!("{}.{}.{tag}", message.split('.').next().unwrap(), encode(&good)),
            "token_malformed",
        ),
        ("empty", String::new(), "token_malformed"),
    ] {
        assert_eq!(ask(&gateway, &token).await, (401, reason.to_owned()), "{why}");
    }
    let field = format!("Bearer {good}");
    let twice = [("authorization", field.as_str()), ("authorization", field.as_str())];
    let several = gateway.request("GET", "/", &twice).await;
    assert_eq!(several.refused(400), "credentials_ambiguous");
    let challenge = several.header("www-authenticate").to_owned();
    assert!(challenge.contains(", error=\"invalid_request\", "), "{challenge}");
    assert_eq!(ask(&gateway, &good).await, accepted());
}

#[tokio::test]
async fn a_token_is_checked_once_and_remembered() {
    let issuer = Issuer::new("k");
    let gateway =
        Launch::new(&config("{ file: jwks.json }")).file("jwks.json", jwks(&[&issuer])).start().await;
    let token = issuer.token("7");
    for _ in 0..3 {
        assert_eq!(ask(&gateway, &token).await, accepted());
    }
    let metrics = gateway.metrics().await;
    let users = [("authenticator", "users")];
    assert_eq!(metrics.value("gateway_token_cache_misses_total", &users), 1.0);
    assert_eq!(metrics.value("gateway_token_cache_hits_total", &users), 2.0);
    assert_eq!(metrics.value("gateway_token_cache_entries", &users), 1.0);
    // What has nothing to do with it leaves the memory as it is, a new key does not.
    let other = config("{ file: jwks.json }").replace("body: in", "body: in, status: 203");
    assert_eq!(gateway.reload(&other).await.status, 200);
    assert_eq!(
        gateway.request("GET", "/", &[("authorization", &format!("Bearer {token}"))]).await.status,
        203
    );
    assert_eq!(gateway.metrics().await.value("gateway_token_cache_hits_total", &users), 3.0);
    gateway.home().write("jwks.json", jwks(&[&Issuer::new("k")]));
    assert_eq!(gateway.reload_now().await.status, 200);
    assert_eq!(ask(&gateway, &token).await, (401, "token_not_trusted".into()));
}

#[tokio::test]
async fn of_one_issuer_each_authenticator_takes_the_tokens_for_its_audience() {
    let issuer = Issuer::new("k");
    let jwt = |audience: &str| {
        format!("{{ jwt: {{ issuer: \"{ISSUER}\", audiences: [{audience}], keys: {{ file: jwks.json }} }} }}")
    };
    let yaml = format!(
        "authenticators: {{ shop: {}, bank: {} }}
routes: [{{ name: a, match: {{ path: /** }}, respond: {{ body: in }}, authentication: {{ by: [shop, bank] }} }}]\n",
        jwt("shop"),
        jwt("bank")
    );
    let gateway = Launch::new(&yaml).file("jwks.json", jwks(&[&issuer])).start().await;
    for audience in ["shop", "bank"] {
        let token = issuer.token_with(json!({ "aud": audience, "sub": audience }));
        assert_eq!(ask(&gateway, &token).await, accepted());
        let line = gateway.access_log("the request", |line| line["subject"] == audience).await;
        assert_eq!(line["authenticator"], audience);
    }
    let nobodys = issuer.token_with(json!({ "aud": "else" }));
    assert_eq!(ask(&gateway, &nobodys).await, (401, "token_claims_refused".into()));
    let forged = Issuer::new("k").token_with(json!({ "aud": "bank" }));
    assert_eq!(ask(&gateway, &forged).await, (401, "token_not_trusted".into()));
    let logout = json!({ "alg": "ES256", "kid": "k", "typ": "logout+jwt" });
    let logout = issuer.sign(&logout, &claims(json!({ "aud": "bank" })));
    assert_eq!(ask(&gateway, &logout).await, (401, "token_claims_refused".into()));
}
