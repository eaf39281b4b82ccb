mod attacks;
mod issuer;
mod keys;
mod remembering;

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

use super::*;
use crate::{policy::authentication::Fit, reason::Reason};
use issuer::Signer;

const ISSUER: &str = "https://issuer.test";
const AUDIENCE: &str = "shop";

/// The time at which all tests happen, in seconds.
const NOW: i64 = 1_800_000_000;

fn now() -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(NOW.unsigned_abs())
}

/// What a good token claims.
fn claims() -> Value {
    json!({ "iss": ISSUER, "aud": AUDIENCE, "sub": "7", "exp": NOW + 60 })
}

/// The same with other claims; `null` takes one away.
fn claims_with(others: Value) -> Value {
    let mut claims = claims();
    for (name, value) in others.as_object().unwrap() {
        claims[name] = value.clone();
    }
    claims.as_object_mut().unwrap().retain(|_, value| !value.is_null());
    claims
}

fn rules() -> ClaimRules {
    ClaimRules {
        issuer: Some(ISSUER.into()),
        audiences: vec!["other".into(), AUDIENCE.into()],
        required: ["exp", "iss", "aud"].map(Into::into).to_vec(),
        leeway: Duration::from_secs(30),
        ..ClaimRules::default()
    }
}

/// Keys as an issuer publishes them.
fn set(jwks: &[Value]) -> KeySet {
    let document = json!({ "keys": jwks });
    read_jwks(document.to_string().as_bytes(), &[], true).unwrap().keys
}

/// A JWK with a name and an algorithm.
fn named(signer: &Signer, kid: &str, algorithm: &str) -> Value {
    let mut jwk = signer.jwk();
    jwk["kid"] = kid.into();
    jwk["alg"] = algorithm.into();
    jwk
}

/// Everything that is asked of a token.
fn decide(token: &[u8], keys: &KeySet) -> Result<(Value, Verified), Rejected> {
    let token = Token::parse(token)?;
    rules().check_ours(&token)?;
    let verified = verify(&token, keys, &rules(), now()).map_err(Unsigned::into_rejected)?;
    Ok((token.claims.into(), verified))
}

#[track_caller]
fn assert_refused(token: impl AsRef<[u8]>, keys: &KeySet, reason: Reason, why: &str) {
    let rejected = decide(token.as_ref(), keys).expect_err(why);
    assert_eq!(rejected.reason, reason, "{why}: {}", rejected.detail);
}

#[test]
fn every_algorithm_is_accepted_with_its_key() {
    for algorithm in Algorithm::ALL {
        let signer = Signer::new(algorithm);
        let keys = set(&[named(&signer, "k", algorithm.as_str())]);
        let token = signer.token(&json!({ "alg": algorithm.as_str(), "kid": "k" }), &claims());
        let (claims, verified) =
            decide(token.as_bytes(), &keys).unwrap_or_else(|why| panic!("{algorithm}: {why:?}"));
        assert_eq!(claims["sub"], "7");
        assert!(keys.holds(&verified.key));
    }
}

/// RFC 7515 appendix A.3 and RFC 8037 appendix A.4: keys and signatures by others.
#[test]
fn tokens_of_the_standards_are_accepted() {
    let ec = json!({
        "kty": "EC", "crv": "P-256",
        "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
        "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
    });
    let token = "eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q";
    let rules = ClaimRules { issuer: Some("joe".into()), ..ClaimRules::default() };
    let before = UNIX_EPOCH + Duration::from_secs(1_300_819_379);
    let token = Token::parse(token.as_bytes()).unwrap();
    assert!(verify(&token, &set(&[ec]), &rules, before).is_ok());
    assert_eq!(token.claims["http://example.com/is_root"], true);

    // Its payload is no claims, so the signature alone is looked at.
    let ed = json!({ "kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo" });
    let token = Token {
        header: serde_json::from_value(json!({ "alg": "EdDSA" })).unwrap(),
        claims: serde_json::Map::new(),
        message: b"eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc",
        signature: "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg",
    };
    assert!(set(&[ed]).signer(&token).is_ok());
}

#[test]
fn times_count_within_the_leeway() {
    let signer = Signer::new(Algorithm::ES256);
    let keys = set(&[named(&signer, "k", "ES256")]);
    let token = |claims: Value| signer.token(&json!({ "alg": "ES256", "kid": "k" }), &claims_with(claims));
    for good in [
        json!({ "exp": NOW - 29 }),
        json!({ "exp": NOW as f64 + 0.5 }),
        json!({ "exp": 1e300 }),
        json!({ "exp": i64::MAX }),
        json!({ "exp": u64::MAX }),
        json!({ "nbf": NOW + 30 }),
        json!({ "nbf": 0, "iat": NOW + 1000 }),
        json!({ "aud": ["x", "shop"] }),
    ] {
        assert!(decide(token(good.clone()).as_bytes(), &keys).is_ok(), "{good}");
    }
    for (bad, reason) in [
        (json!({ "exp": NOW - 30 }), Reason::TokenExpired),
        (json!({ "exp": NOW as f64 - 29.5 }), Reason::TokenExpired),
        (json!({ "exp": -1 }), Reason::TokenExpired),
        (json!({ "exp": -1e300 }), Reason::TokenExpired),
        (json!({ "nbf": NOW + 31 }), Reason::TokenNotYetValid),
        (json!({ "nbf": NOW as f64 + 30.5 }), Reason::TokenNotYetValid),
        (json!({ "nbf": 1e300 }), Reason::TokenNotYetValid),
    ] {
        assert_refused(token(bad.clone()), &keys, reason, &bad.to_string());
    }
}

#[test]
fn what_is_optional_counts_where_it_is_there() {
    let signer = Signer::new(Algorithm::EdDSA);
    let keys = set(&[signer.jwk()]);
    let rules = ClaimRules { required: vec!["tenant".into()], ..rules() };
    let check = |claims: Value| {
        let token = signer.token(&json!({ "alg": "EdDSA" }), &claims);
        let token = Token::parse(token.as_bytes()).unwrap();
        rules.check_ours(&token).map_err(|rejected| rejected.reason)?;
        verify(&token, &keys, &rules, now()).map_err(|why| why.into_rejected().reason)
    };
    assert!(check(json!({ "tenant": "acme" })).is_ok());
    assert_eq!(check(json!({})).unwrap_err(), Reason::TokenClaimsRefused);
    assert_eq!(check(json!({ "tenant": null })).unwrap_err(), Reason::TokenClaimsRefused);
    assert_eq!(check(json!({ "tenant": "acme", "aud": "x" })).unwrap_err(), Reason::TokenClaimsRefused);
    assert_eq!(check(json!({ "tenant": "acme", "iss": "x" })).unwrap_err(), Reason::TokenClaimsRefused);
    assert_eq!(check(json!({ "tenant": "acme", "exp": NOW - 60 })).unwrap_err(), Reason::TokenExpired);
}

/// What is said of a token of this type, where these count.
fn of_type(types: &[&str], typ: Value) -> Result<(), Rejected> {
    let rules = ClaimRules { types: types.iter().map(|name| media_type(name)).collect(), ..rules() };
    let mut header = json!({ "alg": "HS256", "typ": typ });
    header.as_object_mut().unwrap().retain(|_, value| !value.is_null());
    let token = Signer::new(Algorithm::HS256).token(&header, &claims());
    rules.check_ours(&Token::parse(token.as_bytes())?)
}

#[test]
fn a_token_of_another_type_is_no_access_token() {
    for counts in
        [Value::Null, json!("JWT"), json!("jwt"), json!("at+jwt"), json!("application/AT+JWT"), json!("JWS")]
    {
        assert_eq!(of_type(&[], counts.clone()), Ok(()), "{counts}");
    }
    for other in ["logout+jwt", "secevent+jwt", "application/dpop+jwt", "token-introspection+JWT"] {
        let rejected = of_type(&[], json!(other)).unwrap_err();
        assert_eq!((rejected.fit, rejected.reason), (Fit::Unknown, Reason::TokenClaimsRefused), "{other}");
        assert_eq!(of_type(&[other], json!(other)), Ok(()), "unless it is asked for");
    }
    for counts in ["at+jwt", "AT+jwt", "application/at+jwt", "JWT"] {
        assert_eq!(of_type(&["application/at+JWT", "jwt"], json!(counts)), Ok(()), "{counts}");
    }
    for other in [Value::Null, json!(""), json!("JWS"), json!("at+jwt ")] {
        assert!(of_type(&["at+jwt", "JWT"], other.clone()).is_err(), "{other}");
    }
    assert_eq!(of_type(&[], json!(["JWT"])).unwrap_err().reason, Reason::TokenMalformed);
}

#[test]
fn a_token_for_another_audience_may_be_anothers() {
    for (others, fit) in [
        (json!({ "iss": "x" }), Fit::Foreign),
        (json!({ "aud": "bank" }), Fit::Unknown),
        (json!({ "aud": 7 }), Fit::Own),
    ] {
        let token =
            Signer::new(Algorithm::HS256).token(&json!({ "alg": "HS256" }), &claims_with(others.clone()));
        let rejected = rules().check_ours(&Token::parse(token.as_bytes()).unwrap()).unwrap_err();
        assert_eq!(rejected.fit, fit, "{others}");
    }
}

#[test]
fn rules_cover_others_of_their_issuer_with_no_audience_and_no_type_of_their_own() {
    let with = |audiences: &[&str], types: &[&str]| ClaimRules {
        audiences: audiences.iter().map(|text| (*text).into()).collect(),
        types: types.iter().map(|text| (*text).into()).collect(),
        ..rules()
    };
    for (first, second, covers) in [
        (with(&["a", "b"], &[]), with(&["b"], &[]), true),
        (with(&[], &[]), with(&["b"], &["jwt"]), true),
        (with(&["a"], &["jwt"]), with(&["a"], &["jwt"]), true),
        (with(&["a"], &[]), with(&["a", "b"], &[]), false),
        (with(&["a"], &[]), with(&[], &[]), false),
        (with(&["a"], &[]), with(&["a"], &["logout+jwt"]), false),
        (with(&["a"], &["jwt"]), with(&["a"], &[]), false),
        (with(&[], &[]), ClaimRules { issuer: Some("x".into()), ..with(&[], &[]) }, false),
        (ClaimRules { issuer: None, ..with(&[], &[]) }, ClaimRules { issuer: None, ..with(&[], &[]) }, false),
    ] {
        assert_eq!(first.covers(&second), covers, "{first:?} {second:?}");
    }
}

#[test]
fn a_token_may_be_too_old_by_its_iat() {
    let rules = ClaimRules { max_age: Some(Duration::from_secs(3600)), ..rules() };
    let check = |others: Value| {
        let claims = claims_with(others);
        rules.check(claims.as_object().unwrap(), now()).map(drop).map_err(|rejected| rejected.reason)
    };
    for good in [json!(NOW), json!(NOW - 3630), json!(NOW + 30), json!(NOW as f64 - 0.5)] {
        assert_eq!(check(json!({ "iat": good })), Ok(()), "{good}");
    }
    for (iat, reason) in [
        (json!(NOW - 3631), Reason::TokenExpired),
        (json!(-1e300), Reason::TokenExpired),
        (json!(NOW + 31), Reason::TokenNotYetValid),
        (json!(1e300), Reason::TokenNotYetValid),
        (json!("now"), Reason::TokenMalformed),
        (Value::Null, Reason::TokenClaimsRefused),
    ] {
        assert_eq!(check(json!({ "iat": iat })), Err(reason), "{iat}");
    }
    let claims = claims_with(json!({ "iat": NOW, "exp": NOW + 100_000 }));
    let period = rules.check(claims.as_object().unwrap(), now()).unwrap();
    let later = |seconds| period.check(rules.leeway, now() + Duration::from_secs(seconds));
    assert!(later(3630).is_ok() && later(3631).is_err(), "one that is remembered grows old, too");
}
