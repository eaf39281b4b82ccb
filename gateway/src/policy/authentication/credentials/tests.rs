use super::*;

fn headers(lines: &[(&'static str, &'static str)]) -> HeaderMap {
    lines
        .iter()
        .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)))
        .collect()
}

fn header(name: &'static str) -> Place {
    Place::Header(HeaderName::from_static(name))
}

#[track_caller]
fn assert_found(place: &Place, headers: &HeaderMap, query: Option<&str>, expected: Found<'_>) {
    assert_eq!(place.find(Sent { headers, query }), expected);
}

#[test]
fn a_header_is_found_once_or_not_at_all() {
    let one = headers(&[("x-token", "a")]);
    assert_found(&header("x-token"), &one, None, Found::One(b"a"));
    assert_found(&header("authorization"), &one, None, Found::Nothing);
    let mut two = one.clone();
    two.append("x-token", HeaderValue::from_static("a"));
    assert_found(&header("x-token"), &two, None, Found::Several);
}

#[test]
fn a_cookie_is_found_by_its_whole_name() {
    let place = Place::Cookie("session".into());
    for (line, expected) in [
        ("session=a", Found::One(&b"a"[..])),
        ("x=1; session=a; y=2", Found::One(b"a")),
        ("x=1;session=\"a\"", Found::One(b"a")),
        ("session=", Found::One(b"")),
        ("session=a=b", Found::One(b"a=b")),
        ("session", Found::Nothing),
        ("xsession=a; session2=b; Session=c", Found::Nothing),
        ("session=a; session=b", Found::Several),
    ] {
        assert_found(&place, &headers(&[("cookie", line)]), None, expected);
    }
}

#[test]
fn a_parameter_is_found_by_its_whole_name() {
    let place = Place::Query("token".into());
    let none = HeaderMap::new();
    for (query, expected) in [
        (None, Found::Nothing),
        (Some("token=a.b.c"), Found::One(&b"a.b.c"[..])),
        (Some("x=1&token=a&y=token=b"), Found::One(b"a")),
        (Some("token"), Found::Nothing),
        (Some("xtoken=a&token2=b"), Found::Nothing),
        (Some("token=a&token=b"), Found::Several),
    ] {
        assert_found(&place, &none, query, expected);
    }
}

#[test]
fn only_the_cookie_itself_is_taken_out() {
    let place = Place::Cookie("session".into());
    for (line, rest) in [
        ("session=a", None),
        ("session=a; session=b", None),
        ("x=1; session=a;y=\"2\"", Some("x=1; y=\"2\"")),
        ("session=a; session2=b", Some("session2=b")),
        ("x=1;y=2", Some("x=1;y=2")),
        ("session ; x=1", Some("x=1")),
    ] {
        let mut headers = headers(&[("cookie", line)]);
        place.remove(&mut headers);
        assert_eq!(headers.get("cookie").map(|value| value.to_str().unwrap()), rest, "{line}");
    }
}

#[test]
fn only_the_parameter_itself_is_taken_out() {
    let places = [header("authorization"), Place::Query("token".into())];
    for (query, rest) in [
        ("token=a", Some("")),
        ("x=1&token=a&y=%20", Some("x=1&y=%20")),
        ("token&x", Some("x")),
        ("x=token&tokens=1", None),
        ("", None),
    ] {
        assert_eq!(without_parameters(query, &places).as_deref(), rest, "{query}");
    }
}

#[test]
fn a_bearer_token_follows_its_scheme() {
    for (value, token) in [
        ("Bearer abc", Some("abc")),
        ("bearer  abc ", Some("abc")),
        ("BEARER\tabc", Some("abc")),
        ("Bearer", Some("")),
        ("Bearer ", Some("")),
        ("Bearerabc", None),
        ("Basic abc", None),
        ("Bear", None),
        ("", None),
    ] {
        assert_eq!(bearer(value.as_bytes()), token.map(str::as_bytes), "{value}");
    }
}
