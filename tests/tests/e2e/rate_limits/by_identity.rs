//! Limits that go by who calls.

use serde_json::json;
use tests::Gateway;
use tests::jwt::{AUDIENCE, ISSUER, claims, with_secret};

use super::{TRUSTING, admitted};

const SECRET: &str = "thirty-two bytes are the least for it";

/// A gateway that knows two issuers and believes what it is told of its clients.
async fn identifying(asked: &[(&str, &str, &str)]) -> Gateway {
    let mut yaml = format!(
        "{TRUSTING}authenticators:
  users: {{ jwt: {{ issuer: \"{ISSUER}\", audiences: [{AUDIENCE}], keys: {{ secret: \"{SECRET}\" }} }} }}
  partners: {{ jwt: {{ issuer: \"https://partners.test\", audiences: [{AUDIENCE}], keys: {{ secret: \"{SECRET}\" }} }} }}
routes:\n"
    );
    for (name, limits, authentication) in asked {
        yaml += &format!(
            "  - {{ name: {name}, match: {{ path: /{name} }}, respond: {{}}, rate_limits: {limits}, authentication: {authentication} }}\n"
        );
    }
    Gateway::start(yaml).await
}

fn token(others: serde_json::Value) -> String {
    format!("Bearer {}", with_secret(SECRET, &claims(others)))
}

#[tokio::test]
async fn callers_are_counted_by_who_they_are() {
    let both = "{ by: [users, partners] }";
    let gateway = identifying(&[
        ("subject", "[{ limit: 2/h, by: [subject] }]", both),
        ("tenant", "[{ limit: 2/h, by: [{ claim: tenant.id }] }]", both),
    ])
    .await;
    let one = token(json!({ "sub": "1", "tenant": { "id": "acme" } }));
    let two = token(json!({ "sub": "2", "tenant": { "id": "acme" } }));
    let partner = token(json!({ "iss": "https://partners.test", "sub": "1", "tenant": { "id": "acme" } }));
    let nobodys = token(json!({ "sub": null }));
    let from = async |path: &str, client: &str, token: &str| {
        admitted(&gateway, 2, path, &[("x-forwarded-for", client), ("authorization", token)]).await
    };
    assert_eq!(from("/subject", "192.0.2.1", &one).await, 2);
    assert_eq!(from("/subject", "192.0.2.2", &one).await, 0, "wherever it comes from");
    assert_eq!(from("/subject", "192.0.2.1", &two).await, 2);
    assert_eq!(from("/subject", "192.0.2.1", &partner).await, 2, "another issuer's subjects are others");
    assert_eq!(from("/tenant", "192.0.2.1", &one).await, 2);
    assert_eq!(from("/tenant", "192.0.2.2", &two).await, 0);
    assert_eq!(from("/tenant", "192.0.2.1", &partner).await, 0);
    for (client, expected) in [("192.0.2.1", 2), ("192.0.2.1", 0), ("192.0.2.2", 2)] {
        assert_eq!(
            from("/tenant", client, &nobodys).await,
            expected,
            "without the claim by address: {client}"
        );
    }
}

#[tokio::test]
async fn who_is_not_known_is_counted_by_address() {
    let anonymous = "{ by: [users], anonymous: true }";
    let gateway = identifying(&[("a", "[{ limit: 2/h, by: [subject] }]", anonymous)]).await;
    let (one, two) = (("x-forwarded-for", "192.0.2.1"), ("x-forwarded-for", "192.0.2.2"));
    let token = token(json!({ "sub": "1" }));
    assert_eq!(admitted(&gateway, 3, "/a", &[one]).await, 2);
    assert_eq!(admitted(&gateway, 3, "/a", &[two]).await, 2);
    assert_eq!(admitted(&gateway, 3, "/a", &[one, ("authorization", &token)]).await, 2);
}

#[tokio::test]
async fn guessing_is_limited_and_takes_nothing_from_those_who_are_known() {
    let gateway = identifying(&[(
        "a",
        "[{ limit: 3/h, name: address }, { limit: 2/h, name: caller, by: [subject] }]",
        "{ by: [users] }",
    )])
    .await;
    let (one, two) = (("x-forwarded-for", "192.0.2.1"), ("x-forwarded-for", "192.0.2.2"));
    let token = token(json!({ "sub": "1" }));
    let wrong = format!("{token}x");
    for left in [2, 1, 0] {
        let answer = gateway.request("GET", "/a", &[one, ("authorization", &wrong)]).await;
        assert_eq!(answer.refused(401), "token_not_trusted");
        let told = answer.header("ratelimit");
        assert!(told.starts_with(&format!(r#""address";r={left};t="#)) && !told.contains("caller"), "{told}");
    }
    for token in [&wrong, &token] {
        assert_eq!(admitted(&gateway, 1, "/a", &[one, ("authorization", token)]).await, 0);
    }
    let answer = gateway.request("GET", "/a", &[two, ("authorization", &token)]).await;
    assert_eq!(answer.status, 200);
    assert!(answer.header("ratelimit").contains(r#", "caller";r=1;t="#), "{answer:?}");
}
