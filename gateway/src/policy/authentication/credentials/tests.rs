use super::*;
use crate::policy::authentication::Fit;

fn headers(lines: &[(&'static str, &'static str)]) -> HeaderMap {
    lines
        .iter()
        .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)))
        .collect()
}

fn header(name: &'static str) -> Place {
    Place::Header(HeaderName::from_static(name))
}

fn one(value: &str) -> Found<'_> {
    Found::One(value.as_bytes().into())
}

#[track_caller]
fn assert_found(place: &Place, headers: &HeaderMap, query: Option<&str>, expected: Found<'_>) {
    assert_eq!(place.find(Sent { headers, query }), expected);
}

#[test]
fn a_header_is_found_once_or_not_at_all() {
    let once = headers(&[("x-token", "a")]);
    assert_found(&header("x-token"), &once, None, one("a"));
    assert_found(&header("authorization"), &once, None, Found::Nothing);
    let mut two = once.clone();
    two.append("x-token", HeaderValue::from_static("a"));
    assert_found(&header("x-token"), &two, None, Found::Several);
}

#[test]
fn another_spelling_of_a_header_is_the_same_header() {
    let lines = [("x-api-key", "a"), ("x_api_key", "b"), ("x-api_key", "c"), ("x-api-keys", "d")];
    assert_found(&header("x-api-key"), &headers(&lines), None, Found::Several);
    assert_found(&header("x-api-key"), &headers(&lines[1..2]), None, one("b"));
    let mut headers = headers(&lines);
    header("x-api-key").remove(&mut headers);
    assert_eq!(headers.keys().collect::<Vec<_>>(), ["x-api-keys"]);
}

#[test]
fn what_stands_in_authorization_has_a_scheme() {
    let places = [header("authorization"), header("x-token"), Place::Query("token".into())];
    let find = |lines: &[(&'static str, &'static str)], query| {
        let headers = headers(lines);
        let sent = Sent { headers: &headers, query };
        first(&places, Scheme::Bearer, sent).map(|found| found.map(Cow::into_owned))
    };
    let some = |text: &str| Ok(Some(text.as_bytes().to_vec()));
    assert_eq!(find(&[("authorization", "Bearer a"), ("x-token", "b")], Some("token=c")), some("a"));
    assert_eq!(find(&[("authorization", "Basic a"), ("x-token", "b")], Some("token=c")), some("b"));
    assert_eq!(find(&[("x-token", "Bearer b")], None), some("b"));
    assert_eq!(find(&[("authorization", "a")], Some("token=Bearer%20c")), some("Bearer c"));
    assert_eq!(find(&[("authorization", "a")], Some("x=c")), Ok(None));
    let rejected = find(&[], Some("token=a&token=b")).unwrap_err();
    assert_eq!((rejected.reason, rejected.fit), (Reason::CredentialsAmbiguous, Fit::Own));
    assert_eq!(rejected.detail, "the parameter `token` is there twice");
}

#[test]
fn a_cookie_is_found_by_its_whole_name() {
    let place = Place::Cookie("session".into());
    for (line, expected) in [
        ("session=a", one("a")),
        ("x=1; session=a; y=2", one("a")),
        ("x=1;session=\"a\"", one("a")),
        ("session=", one("")),
        ("session=a=b", one("a=b")),
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
        (Some("token=a.b.c"), one("a.b.c")),
        (Some("x=1&token=a&y=token=b"), one("a")),
        (Some("token"), Found::Nothing),
        (Some("xtoken=a&token2=b"), Found::Nothing),
        (Some("token=a&token=b"), Found::Several),
        (Some("token=a%2Eb%3d%3D"), one("a.b==")),
        (Some("token=a+b%2B"), one("a+b+")),
        (Some("token=%zz%"), one("%zz%")),
        (Some("%74ok%65n=a"), one("a")),
        (Some("token=a&t%6Fken=b"), Found::Several),
        (Some("token=a;token=b"), Found::Several),
        (Some("x=1;token=a;y=2"), one("a")),
        (Some("%2574oken=a"), Found::Nothing),
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
        ("x=1&t%6fken=a&y=2", Some("x=1&y=2")),
        ("x=1;token=a&y=2", Some("x=1&y=2")),
        ("token=a;token=b&x=a;b", Some("x=a;b")),
        ("x=1&&token", Some("x=1&")),
        ("", None),
    ] {
        assert_eq!(without_parameters(query, &places).as_deref(), rest, "{query}");
    }
}
