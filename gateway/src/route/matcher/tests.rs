use http::{HeaderValue, Method};

use super::pattern::PatternError;
use super::*;

fn header(name: &'static str, value: ValueCondition) -> HeaderCondition {
    HeaderCondition { name: HeaderName::from_static(name), value }
}

fn matcher(methods: MethodSet, headers: Vec<HeaderCondition>) -> Matcher {
    let path = PathPattern::parse("/").expect("a path");
    Matcher { host: HostPattern::Any, path, methods, headers, query: Vec::new() }
}

fn exact(text: &str) -> ValueCondition {
    ValueCondition::Exact(text.to_owned())
}

#[test]
fn get_includes_head_and_nothing_else() {
    let set = MethodSet::of([Method::GET]);
    assert!(set.contains(&Method::GET) && set.contains(&Method::HEAD));
    assert!(!set.contains(&Method::POST) && !set.contains(&Method::OPTIONS));
    let listed: Vec<_> = set.iter().map(Method::as_str).collect();
    assert_eq!(listed, ["GET", "HEAD"]);
}

#[test]
fn an_extension_method_is_a_method_like_others() {
    let purge = Method::from_bytes(b"PURGE").expect("a token");
    let set = MethodSet::of([purge.clone(), Method::POST]);
    assert!(set.contains(&purge) && !set.contains(&Method::GET));
    assert!(set.intersects(&MethodSet::of([purge])));
    assert!(!set.intersects(&MethodSet::of([Method::PUT])));
}

#[test]
fn hosts_are_compared_without_port_case_and_final_dot() {
    for host in ["example.com", "EXAMPLE.com", "example.com:8080", "example.com.", "Example.Com.:80"] {
        assert_eq!(canonical_host(host), "example.com", "{host}");
    }
    assert_eq!(canonical_host("[::1]:8080"), "[::1]");
    assert_eq!(canonical_host("[::1]"), "[::1]");
}

#[test]
fn host_patterns_say_what_is_wrong_with_them() {
    assert_eq!(HostPattern::parse("*.Example.com"), Ok(HostPattern::Wildcard(".example.com".into())));
    assert_eq!(HostPattern::parse("*"), Ok(HostPattern::Any));
    for wrong in ["", "a.*.com", "*", "exa mple.com", "example.com:80", "a..b", "*.", "www*.example.com"] {
        if wrong != "*" {
            assert!(HostPattern::parse(wrong).is_err(), "{wrong}");
        }
    }
}

#[test]
fn path_patterns_know_their_parts() {
    let pattern = PathPattern::parse("/api/users/{id}/**").expect("a path");
    assert_eq!(pattern.literal_prefix(), "/api/users");
    assert_eq!(pattern.segments[2], Segment::Parameter("id".to_owned()));
    assert_eq!(PathPattern::parse("/").expect("a path").segments, [Segment::Literal(String::new())]);
}

#[test]
fn path_patterns_that_nothing_can_match_are_refused() {
    let wrong = [
        ("users", PatternError::NotAbsolute),
        ("/**/a", PatternError::TailNotLast),
        ("/a*", PatternError::Segment("a*".into())),
        ("/{id}.json", PatternError::Segment("{id}.json".into())),
        ("/{}", PatternError::Segment("{}".into())),
        ("/{a}/{a}", PatternError::Twice("a".into())),
        ("/a//b", PatternError::NotNormal("/a/b".into())),
        ("/%61", PatternError::NotNormal("/a".into())),
        ("/a/../b", PatternError::NotNormal("/b".into())),
        ("/a b", PatternError::Refused),
        ("/../a", PatternError::Refused),
    ];
    for (text, error) in wrong {
        assert_eq!(PathPattern::parse(text), Err(error), "{text}");
    }
}

#[test]
fn a_condition_holds_if_any_line_does() {
    let mut headers = HeaderMap::new();
    headers.append("x-a", HeaderValue::from_static("1"));
    headers.append("x-a", HeaderValue::from_static("2"));
    assert!(header("x-a", exact("2")).holds(&headers));
    assert!(header("x-a", ValueCondition::Present).holds(&headers));
    assert!(!header("x-a", exact("3")).holds(&headers));
    assert!(!header("x-b", ValueCondition::Present).holds(&headers));
}

#[test]
fn query_values_are_compared_decoded() {
    let wanted = |name: &str, value| QueryCondition { name: name.to_owned(), value };
    assert!(wanted("a b", exact("c/d")).holds(Some("x=1&a+b=c%2Fd")));
    assert!(wanted("flag", ValueCondition::Present).holds(Some("flag")));
    assert!(!wanted("flag", exact("1")).holds(Some("flag")));
    assert!(!wanted("flag", ValueCondition::Present).holds(None));
}

#[test]
fn matchers_collide_unless_something_tells_them_apart() {
    let get = || MethodSet::of([Method::GET]);
    let post = || MethodSet::of([Method::POST]);
    let a = |value: &str| vec![header("x-a", exact(value))];
    let b = |value: &str| vec![header("x-b", exact(value))];
    assert!(matcher(get(), vec![]).collides_with(&matcher(get(), vec![])));
    assert!(!matcher(get(), vec![]).collides_with(&matcher(post(), vec![])));
    assert!(!matcher(get(), vec![]).collides_with(&matcher(MethodSet::any(), vec![])));
    assert!(!matcher(get(), vec![]).collides_with(&matcher(get(), a("1"))));
    assert!(!matcher(get(), a("1")).collides_with(&matcher(get(), a("2"))));
    assert!(matcher(get(), a("1")).collides_with(&matcher(get(), b("1"))));
}
