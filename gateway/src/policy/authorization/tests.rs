//! Who is let through, and who is not.

use http::{HeaderMap, HeaderName, HeaderValue, Method};
use serde_json::{Value, json};

use super::{
    expression::{MAX_LENGTH, MAX_TEXT, MAX_VALUES, Undecided},
    rules::ClaimRule,
    *,
};

mod language;

fn texts(list: &[&str]) -> Vec<Box<str>> {
    list.iter().copied().map(Box::from).collect()
}

fn claim(claim: &str, any_of: &[&str]) -> ClaimRule {
    ClaimRule { key: "authorization.claims", claim: claim.into(), any_of: texts(any_of) }
}

/// A request of its parts, all of which have a usual value.
struct Asked {
    path: &'static str,
    query: Option<&'static str>,
    headers: HeaderMap,
}

impl Asked {
    fn usual() -> Self {
        let headers = [("x-team", "blue"), ("accept", "a/b"), ("accept", "c/d")];
        let headers =
            headers.map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)));
        Self {
            path: "/tenants/acme/files/a%2Fb%C3%A9",
            query: Some("q=1&name=a+b%21&flag"),
            headers: headers.into_iter().collect(),
        }
    }

    fn request(&self) -> Request<'_> {
        Request {
            method: &Method::GET,
            host: "api.example.com",
            path: self.path,
            query: self.query,
            headers: &self.headers,
            client: "192.0.2.7".parse().unwrap(),
        }
    }
}

fn check(rules: Rules, claims: Option<&Value>) -> Result<(), Refused> {
    let asked = Asked::usual();
    let caller = claims.map(|claims| Caller {
        claims,
        scopes: claims["scope"].as_str().map(|scope| scope.split(' ').collect()).unwrap_or_default(),
    });
    Authorization::new(rules).check(caller.as_ref(), &asked.request())
}

#[test]
fn without_rules_everybody_is_let_through() {
    assert!(Authorization::new(Rules::default()).is_off());
    assert_eq!(check(Rules::default(), None), Ok(()));
    assert!(!Authorization::default().asks_for_identity());
}

#[test]
fn all_scopes_are_needed_and_the_missing_ones_are_named() {
    for (given, expected) in [
        ("a b", Ok(())),
        ("b c a", Ok(())),
        ("a", Err("b")),
        ("", Err("a b")),
        ("A b", Err("a")),
        ("ab", Err("a b")),
        ("a:b b", Err("a")),
    ] {
        let rules = Rules { scopes: texts(&["a", "b"]), ..Rules::default() };
        let found = check(rules, Some(&json!({ "scope": given })));
        assert_eq!(found, expected.map_err(|missing| Refused::Scope(missing.into())), "{given}");
    }
}

#[test]
fn of_any_scope_one_is_enough() {
    let rules =
        || Rules { scopes: texts(&["base"]), any_scope: texts(&["read", "admin"]), ..Rules::default() };
    assert_eq!(check(rules(), Some(&json!({"scope": "base admin"}))), Ok(()));
    assert_eq!(check(rules(), Some(&json!({"scope": "base"}))), Err(Refused::Scope("read".into())));
    assert_eq!(check(rules(), Some(&json!({"scope": "admin"}))), Err(Refused::Scope("base".into())));
    assert_eq!(check(rules(), Some(&json!({}))), Err(Refused::Scope("base read".into())));
}

#[test]
fn a_claim_has_one_of_its_values_or_an_item_that_is() {
    for (claims, lets) in [
        (json!({"tenant": "acme"}), true),
        (json!({"tenant": "globex"}), true),
        (json!({"tenant": "Acme"}), false),
        (json!({"tenant": ""}), false),
        (json!({"tenant": null}), false),
        (json!({}), false),
        (json!({"tenant": ["other", "acme"]}), true),
        (json!({"tenant": [["acme"]]}), false),
        (json!({"tenant": []}), false),
        (json!({"tenant": {"acme": true}}), false),
        (json!({"tenant": 7}), true),
        (json!({"tenant": 7.0}), false),
        (json!({"tenant": true}), true),
    ] {
        let rules =
            Rules { claims: vec![claim("tenant", &["acme", "globex", "7", "true"])], ..Rules::default() };
        let found = check(rules, Some(&claims));
        let denied = || Refused::Denied("authorization.claims: `tenant` has none of the values".into());
        assert_eq!(found, if lets { Ok(()) } else { Err(denied()) }, "{claims}");
    }
}

#[test]
fn dots_lead_into_objects_unless_a_claim_is_called_so() {
    for (name, claims, lets) in [
        ("realm.tier", json!({"realm": {"tier": "gold"}}), true),
        ("realm.tier", json!({"realm.tier": "gold"}), true),
        ("realm.tier", json!({"realm.tier": "tin", "realm": {"tier": "gold"}}), false),
        ("https://example.com/tier", json!({"https://example.com/tier": "gold"}), true),
        ("realm.tier", json!({"realm": "gold"}), false),
    ] {
        let rules = Rules { claims: vec![claim(name, &["gold"])], ..Rules::default() };
        assert_eq!(check(rules, Some(&claims)).is_ok(), lets, "{name} {claims}");
    }
}

#[test]
fn who_is_not_known_is_asked_to_say_who_it_is() {
    let allow = |text| Rules { allow: Some(Expression::compile(text, None).unwrap()), ..Rules::default() };
    for rules in [
        Rules { scopes: texts(&["a"]), ..Rules::default() },
        Rules { any_scope: texts(&["a"]), ..Rules::default() },
        Rules { claims: vec![claim("a", &["b"])], ..Rules::default() },
        allow("claims.sub == 'a'"),
        allow("'a' in scopes"),
        allow("request.method == 'POST' && size(scopes) > 0"),
    ] {
        assert!(rules.ask_for_identity());
        assert_eq!(check(rules, None), Err(Refused::Anonymous));
    }
    let denied = Refused::Denied("authorization.allow is false".into());
    assert_eq!(
        check(allow("request.method == 'POST'"), None),
        Err(denied),
        "credentials would change nothing"
    );
    assert_eq!(check(allow("request.method == 'GET'"), None), Ok(()));
    assert_eq!(check(allow("!has(claims.sub)"), None), Ok(()), "a rule may be for those who are not known");
    assert!(!allow("request.method == 'GET'").ask_for_identity());
}

#[test]
fn every_rule_must_hold() {
    let rules = |text| Rules {
        scopes: texts(&["a"]),
        claims: vec![claim("tenant", &["acme"])],
        allow: Some(Expression::compile(text, None).unwrap()),
        ..Rules::default()
    };
    let whole = json!({"scope": "a", "tenant": "acme"});
    assert_eq!(check(rules("true"), Some(&whole)), Ok(()));
    assert!(check(rules("false"), Some(&whole)).is_err());
    assert!(check(rules("true"), Some(&json!({"scope": "a"}))).is_err());
    assert!(check(rules("true"), Some(&json!({"tenant": "acme"}))).is_err());
}

#[test]
fn refusals_have_their_reasons() {
    assert_eq!(Refused::Anonymous.reason().status(), 401);
    assert_eq!(Refused::Scope("a".into()).reason().code(), "insufficient_scope");
    assert_eq!(Refused::Denied("".into()).reason().code(), "access_denied");
}
