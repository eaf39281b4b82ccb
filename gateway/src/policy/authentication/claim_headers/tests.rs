use serde_json::json;

use super::*;

fn headers(claim: &str, claims: Value) -> Result<Vec<(HeaderName, HeaderValue)>, Rejected> {
    let header = ClaimHeader { name: HeaderName::from_static("x-claim"), claim: claim.into() };
    let identity = Identity::new("users".into(), claims.as_object().unwrap().clone());
    ClaimHeaders::from_iter([header]).of(&identity).map(|told| told.list().to_vec())
}

#[test]
fn claims_become_the_text_that_they_are() {
    for (claim, expected) in [
        (json!("7"), Some("7")),
        (json!("Jos\u{e9}"), Some("Jos\u{e9}")),
        (json!("Doe, John"), Some("Doe, John")),
        (json!(7), Some("7")),
        (json!(-7), Some("-7")),
        (json!(u64::MAX), Some("18446744073709551615")),
        (json!(true), Some("true")),
        (json!(["admin", "staff", 7]), Some("admin,staff,7")),
        (json!(["admin"]), Some("admin")),
        (json!([]), None),
        (json!(""), None),
        (json!(null), None),
        (json!({ "a": 1 }), None),
    ] {
        let found = headers("c", json!({ "c": claim })).unwrap();
        let value = found.first().map(|(_, value)| String::from_utf8(value.as_bytes().to_vec()).unwrap());
        assert_eq!(value.as_deref(), expected, "{claim}");
    }
    assert!(headers("c", json!({})).unwrap().is_empty());
    assert_eq!(headers("t.id", json!({ "t": { "id": "acme" } })).unwrap()[0].1, "acme");
}

#[test]
fn a_claim_that_would_be_read_as_something_else_is_refused() {
    for claim in [
        json!("7\r\nx-role: admin"),
        json!("7\n"),
        json!("7\u{0}"),
        json!(" 7"),
        json!("7 "),
        json!("\u{a0}7"),
        json!(["staff,admin"]),
        json!(["staff", " admin"]),
        json!(["staff\nadmin"]),
        json!([["admin"]]),
        json!([null]),
        json!(0.5),
        serde_json::from_str("12345678901234567890123").unwrap(),
        json!(["7", 1e3]),
        json!([{ "admin": true }]),
    ] {
        let rejected = headers("c", json!({ "c": claim })).unwrap_err();
        assert_eq!(rejected.reason, Reason::TokenClaimsRefused, "{claim}");
        assert!(rejected.detail.starts_with("the claim `c` has "), "{rejected:?}");
    }
}

#[test]
fn reserved_names_are_found_in_every_spelling() {
    let names = ["x-user-id", "x-tenant", "x-user-id"].map(HeaderName::from_static);
    let reserved: Reserved = names.iter().collect();
    let sent = ["x-user-id", "x_user_id", "x-user_id", "x-user-ids", "x-user", "x-tenant", "accept"];
    let headers: HeaderMap =
        sent.iter().map(|name| (HeaderName::from_static(name), HeaderValue::from_static("1"))).collect();
    let mut found = reserved.claimed(&headers);
    found.sort_by(|a, b| a.as_str().cmp(b.as_str()));
    assert_eq!(found, ["x-tenant", "x-user-id", "x-user_id", "x_user_id"]);
    assert!(Reserved::default().claimed(&headers).is_empty());
}

#[test]
fn what_is_remembered_of_one_routes_headers_is_not_told_by_anothers() {
    let claims = json!({ "sub": "7", "tenant": "acme", "bad": "\n" });
    let identity = Identity::new("users".into(), claims.as_object().unwrap().clone());
    let headers = |name, claim: &str| {
        ClaimHeaders::from_iter([ClaimHeader { name: HeaderName::from_static(name), claim: claim.into() }])
    };
    let told = |headers: &ClaimHeaders| identity.told(headers).map(|told| told.list().to_vec());
    let header = |name, value| Ok(vec![(HeaderName::from_static(name), HeaderValue::from_static(value))]);
    assert!(told(&headers("x-bad", "bad")).is_err());
    for _ in 0..2 {
        assert_eq!(told(&headers("x-user-id", "sub")), header("x-user-id", "7"));
        assert_eq!(told(&headers("x-tenant", "tenant")), header("x-tenant", "acme"));
        assert_eq!(told(&headers("x-user-id", "tenant")), header("x-user-id", "acme"));
        assert_eq!(told(&ClaimHeaders::default()), Ok(Vec::new()));
        assert!(told(&headers("x-bad", "bad")).is_err());
    }
}
