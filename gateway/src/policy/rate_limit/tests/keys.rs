//! Who is counted together.

use http::{HeaderName, HeaderValue};

use super::*;
use crate::policy::rate_limit::key::Keys;

fn headers(lines: &[(&'static str, &str)]) -> HeaderMap {
    let mut map = HeaderMap::new();
    for (name, value) in lines {
        map.append(HeaderName::from_static(name), HeaderValue::from_str(value).unwrap());
    }
    map
}

fn asked<'a>(client: &str, route: &'a str, headers: &'a HeaderMap) -> Asked<'a> {
    Asked { client: client.parse().unwrap(), route, headers }
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
