use serde_json::json;

use super::*;
use crate::policy::authentication::Fit;

const VALID: Duration = Duration::from_secs(30);
const INVALID: Duration = Duration::from_secs(5);

fn now() -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(1_000_000)
}

fn rules() -> Rules {
    Rules {
        authenticator: "opaque".into(),
        issuer: None,
        audiences: [].into(),
        valid: VALID,
        invalid: INVALID,
    }
}

fn judge(rules: &Rules, answer: Value) -> Finding {
    rules.judge(answer.to_string().as_bytes(), now()).unwrap()
}

fn reason(rules: &Rules, answer: Value) -> Reason {
    judge(rules, answer).verdict.unwrap_err().reason
}

#[test]
fn an_active_token_is_its_claims() {
    let finding = judge(&rules(), json!({ "active": true, "sub": "u1", "scope": "a b", "client_id": "app" }));
    let identity = finding.verdict.unwrap();
    assert_eq!((identity.subject(), identity.has_scope("b")), (Some("u1"), true));
    assert_eq!(identity.claims, json!({ "sub": "u1", "scope": "a b", "client_id": "app" }));
    assert_eq!(&*identity.authenticator, "opaque");
    assert_eq!(finding.until, now() + VALID);
}

#[test]
fn a_good_answer_counts_no_longer_than_its_token() {
    let until = |exp: Value| judge(&rules(), json!({ "active": true, "exp": exp })).until;
    assert_eq!(until(json!(1_000_010)), now() + Duration::from_secs(10));
    assert_eq!(until(json!(1_000_010.5)), now() + Duration::from_millis(10_500));
    for far in [json!(2_000_000), json!(1e300), json!(u64::MAX), Value::Null] {
        assert_eq!(until(far), now() + VALID);
    }
}

#[test]
fn a_token_that_is_not_active_or_too_old_is_not_valid() {
    for answer in [
        json!({ "active": false }),
        json!({ "active": false, "sub": "u1", "exp": 2_000_000 }),
        json!({ "active": true, "exp": 1_000_000 }),
        json!({ "active": true, "exp": -1 }),
        json!({ "active": true, "exp": 0 }),
    ] {
        let finding = judge(&rules(), answer.clone());
        let rejected = finding.verdict.unwrap_err();
        assert_eq!(rejected.reason, Reason::CredentialsInvalid, "{answer}");
        assert_ne!(rejected.fit, Fit::Foreign, "{answer}");
        assert_eq!(finding.until, now() + INVALID);
    }
}

#[test]
fn issuer_and_audience_must_be_ours_where_they_are_configured() {
    let rules = Rules {
        issuer: Some("https://login".into()),
        audiences: ["api".into(), "web".into()].into(),
        ..rules()
    };
    let answer = |iss: Value, aud: Value| json!({ "active": true, "iss": iss, "aud": aud });
    for aud in [json!("api"), json!(["other", "web"])] {
        assert!(judge(&rules, answer(json!("https://login"), aud)).verdict.is_ok());
    }
    for (iss, aud) in [
        (json!("https://login/"), json!("api")),
        (Value::Null, json!("api")),
        (json!(["https://login"]), json!("api")),
        (json!("https://login"), Value::Null),
        (json!("https://login"), json!("ap")),
        (json!("https://login"), json!([])),
    ] {
        assert_eq!(
            reason(&rules, answer(iss.clone(), aud.clone())),
            Reason::TokenClaimsRefused,
            "{iss} {aud}"
        );
    }
    assert_eq!(reason(&rules, json!({ "active": true })), Reason::TokenClaimsRefused);
    for aud in [json!({ "api": 1 }), json!(["api", 5])] {
        assert_eq!(reason(&rules, answer(json!("https://login"), aud)), Reason::TokenMalformed);
    }
}

#[test]
fn an_answer_of_another_form_is_the_issuers_fault() {
    for answer in
        ["", "null", "[]", "{}", r#"{"active":"true"}"#, r#"{"active":1}"#, r#"{"active":true,"exp":"1"}"#]
    {
        assert!(rules().judge(answer.as_bytes(), now()).is_err(), "{answer}");
    }
}

#[test]
fn only_what_can_be_a_token_is_asked_about() {
    for sent in ["a", "2YotnFZFEjr1zCsicMWpAA", "a-._~+/b==", "eyJ.eyJ.sig"] {
        assert_eq!(token(sent.as_bytes()), Ok(sent));
    }
    let long = "a".repeat(LONGEST_TOKEN + 1);
    for sent in ["", "a b", "a&token=b", "ä", "a\"b", long.as_str()] {
        let rejected = token(sent.as_bytes()).unwrap_err();
        assert!(rejected.reason == Reason::TokenMalformed && rejected.fit == Fit::Foreign, "{sent}");
    }
}
