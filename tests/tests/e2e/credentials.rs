//! What a request brings: credentials in other spellings, of several kinds, and some that nobody can read.

use serde_json::{Value, json};
use tests::jwt::{AUDIENCE, Issuer, jwks};
use tests::{Gateway, Launch, Upstream, binaries, command, reply};

use super::api_keys::{Made, file, guarded};
use super::authentication::{bearer, gateway, get, providers, routes};

#[tokio::test]
async fn a_service_is_shown_no_other_key_than_was_looked_at() {
    let upstream = Upstream::echo().await;
    let made = Made::new(&[]).await;
    let yaml = guarded(&upstream, ", from: { query: api_key, cookie: key }", "");
    let gateway = Launch::new(&yaml).file("keys.yaml", file(&[&made])).start().await;
    let good = [("x-api-key", &*made.key)];
    for query in ["api%5Fkey=EVIL", "x=1&%61pi_key=EVIL", "x=1;api_key=EVIL", "api_key=EVIL", "api_key"] {
        let answer = gateway.request("GET", &format!("/?{query}"), &good).await;
        let rest = if query.starts_with("x=1") { "/?x=1" } else { "/" };
        assert_eq!((answer.status.as_u16(), &answer.json()["target"]), (200, &json!(rest)), "{query}");
    }
    let others = [("cookie", "key=EVIL; x=1"), ("authorization", "Bearer EVIL")];
    let answer = gateway.request("GET", "/", &[&good[..], &others].concat()).await;
    let headers = answer.json()["headers"].to_string();
    assert!(answer.status == 200 && headers.contains("x=1") && !headers.contains("EVIL"), "{headers}");
    // Which of the two a service would read nobody can say.
    for spelling in ["x_api_key", "x-api_key", "X_Api-Key"] {
        let answer = gateway.request("GET", "/", &[good[0], (spelling, "EVIL")]).await;
        assert_eq!(answer.refused(400), "credentials_ambiguous", "{spelling}");
    }
    let query = format!("/?api_key={}&api%5Fkey=EVIL", made.key);
    assert_eq!(gateway.get(&query).await.refused(400), "credentials_ambiguous");
}

#[tokio::test]
async fn a_key_in_the_query_may_be_escaped() {
    let upstream = Upstream::echo().await;
    let made = Made::new(&[]).await;
    let yaml = guarded(&upstream, ", from: { query: api_key }", "");
    let old = with_input("legacy.good1==+\n").await;
    let gateway = Launch::new(&yaml).file("keys.yaml", file(&[&made, &old])).start().await;
    let dot = made.key.replacen('.', "%2E", 1);
    for key in [&*made.key, &dot, "legacy.good1%3D%3D%2B", "legacy.good1==+", "legacy%2egood1%3d%3d+"] {
        assert_eq!(gateway.get(&format!("/?api_key={key}")).await.status, 200, "{key}");
    }
    assert_eq!(gateway.get("/?api_key=legacy.good1%3D%3D").await.refused(401), "credentials_invalid");
}

/// The entry of a key that exists.
async fn with_input(key: &str) -> Made {
    let home = tests::Home::new();
    let input = std::fs::File::open(home.write("key", key)).unwrap();
    let arguments = ["apikey", "hash", "--format", "json"];
    let output = command(binaries().join("glassgate")).args(arguments).stdin(input).output().unwrap();
    let made: Value = serde_json::from_slice(&output.stdout).unwrap();
    Made { key: key.trim().to_owned(), entry: made["entry"].clone() }
}

#[tokio::test]
async fn who_sends_something_that_nobody_can_read_is_not_taken_for_nobody() {
    let (issuer, upstream) = (Issuer::new("a"), Upstream::echo().await);
    let asked = [("a", "{ by: [users], anonymous: true }"), ("b", "{ by: [cookies], anonymous: true }")];
    let cookies = "  cookies: { jwt: { optional_claims: [iss, aud], keys: { file: jwks.json }, from: { header: x-token } } }\n";
    let gateway = gateway(&issuer, &format!("{cookies}{}", routes(&upstream, &asked))).await;
    let token = issuer.token("7");
    for mangled in [&format!("Bearer:{token}"), &token, "Basic\tYTpi", "Digest x", ""] {
        let answer = gateway.request("GET", "/a", &[("authorization", mangled)]).await;
        assert_eq!(answer.refused(401), "credentials_invalid", "{mangled}");
        let answer = gateway.request("GET", "/b", &[("authorization", mangled)]).await;
        assert_eq!(answer.status, 200, "nobody looks there: {mangled}");
    }
    let error = "no authenticator of the route knows the scheme in the header `authorization`";
    gateway.access_log("the refusal", |line| line["error"] == error).await;
    assert_eq!(gateway.get("/a").await.status, 200);
}

/// Two JWT authenticators without `issuer`, and an introspection whose issuer knows nothing.
async fn several(upstream: &Upstream, issuer: &Issuer, asked: &[(&str, &str)]) -> (Gateway, Upstream) {
    let none = Upstream::start(|_| async { reply(200, "{\"active\":false}") }).await;
    let own = format!(
        "  own: {{ jwt: {{ audiences: [{AUDIENCE}], optional_claims: [iss], keys: {{ file: jwks.json }} }} }}
  down: {{ jwt: {{ audiences: [{AUDIENCE}], optional_claims: [iss], keys: {{ url: \"{}/jwks.json\" }} }} }}
  opaque: {{ introspection: {{ endpoint: \"{}\", client_id: a, client_secret: b }} }}
  basic: {{ basic: {{ users: [{{ name: ann, sha256: {SESAME} }}] }} }}
  keys: {{ api_keys: {{ file: keys.yaml }} }}\n",
        none.url(),
        none.url()
    );
    let keys = format!("keys: [{{ id: a, sha256: {SESAME} }}]\n");
    let yaml = format!("{}{own}{}", providers(), routes(upstream, asked));
    let launch = Launch::new(&yaml).file("jwks.json", jwks(&[issuer])).file("keys.yaml", keys);
    (launch.start().await, none)
}

/// `printf %s sesame | sha256sum`.
const SESAME: &str = "d0c04f4b1951e4aeaaec8223ed2039e542f3aae805a6fa7f6d794e5afff5d272";

#[tokio::test]
async fn a_token_of_ones_own_that_does_not_count_ends_the_request() {
    let (issuer, upstream) = (Issuer::new("a"), Upstream::echo().await);
    let asked = [("a", "{ by: [own, keys] }"), ("down", "{ by: [own, down] }")];
    let (gateway, _none) = several(&upstream, &issuer, &asked).await;
    let ask = async |path: &str, token: &str, key: &str| {
        let sent = [("authorization", format!("Bearer {token}")), ("x-api-key", key.to_owned())];
        get(&gateway, path, &sent[..if key.is_empty() { 1 } else { 2 }]).await
    };
    let strange = Issuer::new("b").token("7");
    assert_eq!(ask("/a", &issuer.token("7"), "a.sesame").await.status, 200);
    let expired = issuer.token_with(json!({ "exp": 1 }));
    assert_eq!(ask("/a", &expired, "a.sesame").await.refused(401), "token_expired");
    assert_eq!(ask("/a", &strange, "a.sesame").await.status, 200, "it may be another's");
    // Somebody who might know the token cannot say so.
    assert_eq!(ask("/down", &strange, "").await.refused(503), "authentication_unavailable");
    assert_eq!(ask("/down", &expired, "").await.refused(401), "token_expired");
    assert_eq!(ask("/down", &issuer.token("7"), "").await.status, 200);
}

#[tokio::test]
async fn the_refusal_of_whoever_has_judged_is_told_and_each_is_counted() {
    let (issuer, upstream) = (Issuer::new("a"), Upstream::echo().await);
    let asked = [("a", "{ by: [users, opaque, partners, basic, keys] }")];
    let (gateway, _none) = several(&upstream, &issuer, &asked).await;
    let answer = get(&gateway, "/a", &bearer("an-opaque-token")).await;
    assert_eq!(answer.refused(401), "credentials_invalid");
    let error = "opaque: the issuer says that the token is not active";
    gateway.access_log("the refusal", |line| line["error"] == error).await;
    let metrics = gateway.metrics().await;
    let count = |authenticator: &str, result: &str| {
        metrics
            .value("gateway_authentications_total", &[("authenticator", authenticator), ("result", result)])
    };
    assert_eq!((count("users", "token_malformed"), count("opaque", "credentials_invalid")), (1.0, 1.0));
    // Only the scheme whose credentials were refused is told of an error.
    let challenges = |answer: &tests::Answer| -> Vec<String> {
        let all = answer.headers.get_all("www-authenticate").iter();
        all.map(|value| value.to_str().unwrap().to_owned()).collect()
    };
    let told =
        "Bearer realm=\"api\", error=\"invalid_token\", error_description=\"The credentials are not valid\"";
    let basic = "Basic realm=\"api\", charset=\"UTF-8\"";
    assert_eq!(challenges(&answer), [told, basic, "ApiKey realm=\"api\""]);
    for sent in [("authorization", "Basic YW5uOng="), ("x-api-key", "a.wrong")] {
        let answer = gateway.request("GET", "/a", &[sent]).await;
        assert_eq!(answer.refused(401), "credentials_invalid");
        assert_eq!(challenges(&answer), ["Bearer realm=\"api\"", basic, "ApiKey realm=\"api\""]);
    }
}
