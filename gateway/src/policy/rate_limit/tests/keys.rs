//! Who is counted together.

use http::{HeaderName, HeaderValue};
use serde_json::{Value, json};

use super::*;
use crate::policy::rate_limit::key::{Caller, Keys};

fn headers(lines: &[(&'static str, &str)]) -> HeaderMap {
    let mut map = HeaderMap::new();
    for (name, value) in lines {
        map.append(HeaderName::from_static(name), HeaderValue::from_str(value).unwrap());
    }
    map
}

fn asked<'a>(client: &str, route: &'a str, headers: &'a HeaderMap) -> Asked<'a> {
    Asked { client: client.parse().unwrap(), route, headers, caller: None }
}

fn header(name: &'static str) -> Part {
    Part::Header(HeaderName::from_static(name))
}

#[test]
fn addresses_are_told_apart_and_those_of_ipv6_by_network() {
    let keys = Keys::random();
    let none = HeaderMap::new();
    let key = |client: &str| keys.key(&[Part::ClientAddress], &asked(client, "a", &none));
    assert_eq!(key("192.0.2.1"), key("192.0.2.1"));
    assert_eq!(key("192.0.2.1"), key("::ffff:192.0.2.1"));
    assert_ne!(key("192.0.2.1"), key("192.0.2.2"));
    assert_eq!(key("2001:db8:0:7::1"), key("2001:db8:0:7:ffff::2"));
    assert_ne!(key("2001:db8:0:7::1"), key("2001:db8:0:8::1"));
    assert_ne!(key("0.0.0.0"), key("::"));
}

#[test]
fn values_that_run_together_are_told_apart() {
    let keys = Keys::random();
    let by = [header("x-a"), header("x-b"), Part::Route];
    let requests = [
        (headers(&[("x-a", "ab"), ("x-b", "c")]), "r"),
        (headers(&[("x-a", "a"), ("x-b", "bc")]), "r"),
        (headers(&[("x-a", "abc")]), "r"),
        (headers(&[("x-b", "abc")]), "r"),
        (headers(&[("x-a", "abc"), ("x-b", "")]), "r"),
        (headers(&[("x-a", "ab"), ("x-a", "c")]), "r"),
        (headers(&[("x-a", "ab, c")]), "r"),
        (headers(&[]), "r"),
        (headers(&[]), "abcr"),
    ];
    let all: Vec<Key> =
        requests.iter().map(|(headers, route)| keys.key(&by, &asked("::1", route, headers))).collect();
    for (index, key) in all.iter().enumerate() {
        assert!(!all[..index].contains(key), "{:?}", requests[index]);
    }
}

#[test]
fn requests_without_a_header_are_one_caller() {
    let keys = Keys::random();
    let (none, other) = (HeaderMap::new(), headers(&[("x-b", "1")]));
    let key = |client, headers| keys.key(&[header("x-a")], &asked(client, "a", headers));
    assert_eq!(key("192.0.2.1", &none), key("192.0.2.2", &other));
    assert_ne!(key("192.0.2.1", &none), key("192.0.2.1", &headers(&[("x-a", "")])));
}

#[test]
fn nobody_knows_the_keys_of_another_limit() {
    let none = HeaderMap::new();
    let key = |keys: &Keys| keys.key(&[Part::ClientAddress], &asked("192.0.2.1", "a", &none));
    assert_ne!(key(&Keys::random()), key(&Keys::random()));
    let Key([first, second]) = key(&Keys::random());
    assert_ne!(first, second);
}

/// The key of a caller with these claims, and of nobody.
fn of_caller(keys: &Keys, part: Part, client: &str, caller: Option<(&str, &Value)>) -> Key {
    let headers = HeaderMap::new();
    let caller =
        caller.map(|(authenticator, claims)| Caller { authenticator, claims, api_key: None, quota: None });
    keys.key(&[part], &Asked { caller, ..asked(client, "a", &headers) })
}

#[test]
fn callers_are_told_apart_by_their_subject_and_not_by_their_address() {
    let keys = Keys::random();
    let (one, two, null) = (json!({"sub": "1"}), json!({"sub": "2"}), json!({"sub": null}));
    let key = |client, caller| of_caller(&keys, Part::Subject, client, caller);
    let first = key("192.0.2.1", Some(("users", &one)));
    assert_eq!(first, key("192.0.2.2", Some(("users", &one))));
    assert_ne!(first, key("192.0.2.1", Some(("users", &two))));
    assert_ne!(first, key("192.0.2.1", Some(("partners", &one))), "another's subjects are others");
    let nobody = key("192.0.2.1", None);
    assert_ne!(nobody, key("192.0.2.2", None), "who is not known counts by address");
    for unknown in [&json!({}), &null] {
        assert_eq!(nobody, key("192.0.2.1", Some(("users", unknown))));
    }
}

#[test]
fn api_keys_are_told_apart_by_id_and_authenticator_and_no_claim_is_one() {
    let keys = Keys::random();
    let (headers, claims) = (HeaderMap::new(), json!({ "key_id": "gg_1" }));
    let key = |client, authenticator, api_key| {
        let caller = Some(Caller { authenticator, claims: &claims, api_key, quota: None });
        keys.key(&[Part::ApiKey], &Asked { caller, ..asked(client, "a", &headers) })
    };
    let first = key("192.0.2.1", "partners", Some("gg_1"));
    assert_eq!(first, key("192.0.2.2", "partners", Some("gg_1")));
    assert_ne!(first, key("192.0.2.1", "partners", Some("gg_2")));
    assert_ne!(first, key("192.0.2.1", "others", Some("gg_1")));
    let token = key("192.0.2.1", "users", None);
    assert_ne!(token, first, "whatever a token says of itself");
    assert_ne!(token, key("192.0.2.2", "users", None), "counted by address");
}

#[test]
fn a_claim_is_the_same_whoever_says_so_and_whatever_it_is() {
    let keys = Keys::random();
    let part = || Part::Claim("tenant".into());
    let key = |client, claims: &Value| of_caller(&keys, part(), client, Some(("users", claims)));
    let nobody = of_caller(&keys, part(), "192.0.2.1", None);
    let values = [json!("acme"), json!(7), json!(["a", "b"]), json!({"id": 1}), json!(true), json!("")];
    let all: Vec<Key> = values
        .iter()
        .map(|value| {
            let claims = json!({"tenant": value});
            let found = key("192.0.2.1", &claims);
            let other = of_caller(&keys, part(), "192.0.2.2", Some(("partners", &claims)));
            assert_eq!(found, other, "{value}");
            assert_ne!(found, nobody, "{value}");
            found
        })
        .collect();
    for (index, key) in all.iter().enumerate() {
        assert!(!all[..index].contains(key), "{}", values[index]);
    }
    assert_eq!(nobody, key("192.0.2.1", &json!({"sub": "1"})));
}

#[test]
fn callers_whose_numbers_lost_digits_count_by_address() {
    let keys = Keys::random();
    let claims = ["12345678901234567890123", "12345678901234567890124", "0.5", "[1, 1e3]"];
    let claims = claims.map(|number| json!({"sub": serde_json::from_str::<Value>(number).unwrap()}));
    let nobody = |client| of_caller(&keys, Part::Subject, client, None);
    for claims in &claims {
        for part in [Part::Subject, Part::Claim("sub".into())] {
            let key = |client| of_caller(&keys, part.clone(), client, Some(("users", claims)));
            assert_eq!(key("192.0.2.1"), nobody("192.0.2.1"), "{claims}");
            assert_ne!(key("192.0.2.1"), key("192.0.2.2"), "{claims}");
        }
    }
}

#[test]
fn who_has_a_quota_of_their_own_has_a_bucket_of_its_size_beside_the_others() {
    let by_subject = Limit { by: Box::from([Part::Subject]), ..limit("2/h", 2) };
    let (limiter, now) = limiter(by_subject);
    let (headers, claims) = (HeaderMap::new(), json!({ "sub": "1" }));
    let through = |quota: Option<(&str, u32)>, cost| {
        let quota = quota.map(|(rate, burst)| Quota { rate: rate.parse().unwrap(), burst: count(burst) });
        let caller = Some(Caller { authenticator: "partners", claims: &claims, api_key: None, quota });
        let bucket = limiter.bucket(&Asked { caller, ..asked("192.0.2.1", "a", &headers) });
        let decisions = (0..9).map(|_| limiter.spend(bucket, count(cost), now));
        (decisions.filter(Decision::is_allowed).count(), limiter.look(bucket, now).reset)
    };
    assert_eq!(through(Some(("5/h", 5)), 1), (5, Duration::from_secs(720)), "more");
    assert_eq!(through(None, 1), (2, Duration::from_secs(1800)), "what everybody has is left untouched");
    assert_eq!(through(Some(("1/h", 1)), 1), (1, Duration::from_secs(3600)), "less");
    assert_eq!(through(Some(("5/h", 5)), 1).0, 0, "it is remembered");
    assert_eq!(through(Some(("6/h", 4)), 1).0, 4, "another one counts anew");
    assert_eq!(through(Some(("7/h", 7)), 3).0, 2, "a cost that no other would allow");
    assert_eq!(through(None, 3).0, 0);
}

#[test]
fn only_parts_that_say_who_calls_need_an_identity() {
    let limit = |by: Part| Limit { by: Box::from([Part::Route, by]), ..limit("1/s", 1) };
    for part in [Part::Subject, Part::ApiKey, Part::Claim("tenant".into())] {
        assert!(limit(part).needs_identity());
    }
    for part in [Part::ClientAddress, header("x-a")] {
        assert!(!limit(part).needs_identity());
    }
}
