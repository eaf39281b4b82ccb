use http::header::{ACCESS_CONTROL_REQUEST_HEADERS, ACCESS_CONTROL_REQUEST_METHOD};
use serde_json::{Value, json};

use super::*;
use crate::reason::Reason;

mod origins;

fn cors(config: Value) -> Cors {
    Cors::new(&serde_json::from_value(config).unwrap())
}

fn of(origins: &[&str]) -> Cors {
    cors(json!({ "origins": origins }))
}

fn map(fields: &[(&str, &str)]) -> HeaderMap {
    let field = |(name, value): &(&str, &str)| {
        (name.parse::<HeaderName>().unwrap(), HeaderValue::from_bytes(value.as_bytes()).unwrap())
    };
    fields.iter().map(field).collect()
}

/// Whether an answer to this origin names it.
fn allows(cors: &Cors, origin: &str) -> bool {
    cors.origin(&map(&[("origin", origin)])).is_some_and(|named| named == origin)
}

fn preflight(cors: &Cors, origin: &str, method: &str, headers: &str) -> Result<HeaderValue, Refused> {
    let fields = map(&[
        ("origin", origin),
        ("access-control-request-method", method),
        ("access-control-request-headers", headers),
    ]);
    cors.preflight(&Preflight::of(&Method::OPTIONS, &fields).unwrap(), &fields)
}

/// What stands in the answer to a preflight that is granted.
fn granted(cors: &Cors, origin: &str, method: &str) -> HeaderMap {
    let origin = preflight(cors, origin, method, "").unwrap();
    let mut fields = HeaderMap::new();
    cors.grant(&mut fields);
    cors.share(Some(&origin), &mut fields);
    fields
}

fn shared(cors: &Cors, request: &[(&str, &str)], answer: &[(&str, &str)]) -> HeaderMap {
    let mut fields = map(answer);
    cors.share(cors.origin(&map(request)).as_ref(), &mut fields);
    fields
}

const APP: &str = "https://app.example.com";

#[test]
fn what_is_off_says_nothing() {
    let off = Cors::default();
    assert!(off.is_off() && of(&[]).is_off() && !of(&["*"]).is_off());
    assert!(shared(&off, &[("origin", APP)], &[]).is_empty());
    assert_eq!(off.check_websocket(&map(&[("origin", APP)]), None, false), Ok(()));
}

#[test]
fn an_answer_names_the_origin_and_says_that_it_depends_on_it() {
    let config = json!({ "origins": [APP], "credentials": true, "expose_headers": ["X-Request-ID", "etag"] });
    let expected = map(&[
        ("access-control-allow-origin", APP),
        ("access-control-allow-credentials", "true"),
        ("access-control-expose-headers", "x-request-id, etag"),
        ("vary", "Origin"),
    ]);
    assert_eq!(shared(&cors(config), &[("origin", APP)], &[]), expected);
    let strange = [&[("origin", "https://evil.test")][..], &[], &[("origin", "null")]];
    for request in strange {
        assert_eq!(shared(&of(&[APP]), request, &[]), map(&[("vary", "Origin")]), "{request:?}");
    }
}

#[test]
fn the_same_for_everybody_depends_on_nothing() {
    for request in [&[("origin", "https://evil.test")][..], &[("origin", "null")], &[]] {
        assert_eq!(shared(&of(&["*"]), request, &[]), map(&[("access-control-allow-origin", "*")]));
    }
}

#[test]
fn an_answer_that_varies_already_says_so_once() {
    for vary in ["Accept, origin", "*", "ORIGIN"] {
        let answer = shared(&of(&[APP]), &[], &[("vary", vary)]);
        assert_eq!(answer.get_all(VARY).iter().collect::<Vec<_>>(), [vary]);
    }
    let answer = shared(&of(&[APP]), &[], &[("vary", "Accept-Encoding"), ("vary", "X-Origin")]);
    assert_eq!(answer.get_all(VARY).iter().collect::<Vec<_>>(), ["Accept-Encoding", "X-Origin", "Origin"]);
}

#[test]
fn a_preflight_is_told_what_is_allowed() {
    let full = cors(json!({
        "origins": [APP], "methods": ["GET", "PUT"], "headers": ["Content-Type", "x-tenant"],
        "expose_headers": ["etag"], "credentials": true, "max_age": "1h",
    }));
    let expected = map(&[
        ("access-control-allow-origin", APP),
        ("access-control-allow-credentials", "true"),
        ("access-control-allow-methods", "GET, PUT"),
        ("access-control-allow-headers", "content-type, x-tenant"),
        ("access-control-max-age", "3600"),
        ("vary", "Origin, Access-Control-Request-Method, Access-Control-Request-Headers"),
    ]);
    assert_eq!(granted(&full, APP, "PUT"), expected);
    let open = granted(&of(&["*"]), "https://evil.test", "POST");
    assert_eq!(
        (&open["access-control-allow-origin"], &open["access-control-max-age"]),
        (&"*".parse().unwrap(), &"600".parse().unwrap())
    );
    assert!(!open.contains_key("access-control-allow-headers"));
}

#[test]
fn a_preflight_is_refused_for_what_is_not_allowed() {
    let some = cors(json!({ "origins": [APP], "methods": ["PUT"], "headers": ["content-type", "x-tenant"] }));
    assert!(preflight(&some, APP, "PUT", "Content-Type,X-TENANT ,, x-tenant").is_ok());
    for (origin, method, headers, error) in [
        ("https://evil.test", "PUT", "", "cors.origins does not have `https://evil.test`"),
        (APP, "DELETE", "", "cors.methods does not have `DELETE`"),
        (APP, "put", "", "cors.methods does not have `put`"),
        (APP, "PUT", "content-type, x-other", "cors.headers does not have `x-other`"),
        (APP, "PUT", "x-tenant: a", "access-control-request-headers is no list of up to 256 header names"),
        (
            APP,
            "PUT",
            &"a,".repeat(300),
            "access-control-request-headers is no list of up to 256 header names",
        ),
    ] {
        let refused = preflight(&some, origin, method, headers).unwrap_err();
        assert_eq!(refused.to_string(), error);
        let is_origin = matches!(refused, Refused::Origin(_));
        let code = if is_origin { "origin_not_allowed" } else { "preflight_refused" };
        assert_eq!(Reason::from(refused).code(), code);
    }
}

#[test]
fn a_long_origin_is_cut_for_the_log() {
    let text = preflight(&of(&[APP]), &"\u{e4}".repeat(5000), "GET", "").unwrap_err().to_string();
    assert!(text.len() < 300 && text.ends_with("...`"), "{text}");
}

#[test]
fn any_header_is_any_but_authorization() {
    let any = cors(json!({ "origins": ["*"], "methods": ["*"], "headers": ["*"] }));
    assert!(preflight(&any, APP, "PURGE", "x-a, x-b").is_ok());
    assert_eq!(
        preflight(&any, APP, "GET", "Authorization"),
        Err(Refused::Header(http::header::AUTHORIZATION))
    );
    let both = cors(json!({ "origins": ["*"], "headers": ["*", "authorization"] }));
    assert!(preflight(&both, APP, "GET", "authorization, x-a").is_ok());
    assert_eq!(granted(&both, APP, "GET")["access-control-allow-headers"], "*, authorization");
}

#[test]
fn methods_are_the_routes_unless_they_are_said() {
    let (silent, own) = (of(&[APP]), cors(json!({ "origins": [APP], "methods": ["PATCH"] })));
    let route = [Method::GET, Method::DELETE];
    assert_eq!(
        granted(&silent.of_route(&route), APP, "DELETE")["access-control-allow-methods"],
        "GET, DELETE"
    );
    assert_eq!(
        granted(&silent.of_route(&[]), APP, "POST")["access-control-allow-methods"],
        "GET, HEAD, POST"
    );
    assert!(preflight(&silent.of_route(&[]), APP, "DELETE", "").is_err());
    assert!(preflight(&own.of_route(&route), APP, "PATCH", "").is_ok());
    assert!(preflight(&own.of_route(&route), APP, "DELETE", "").is_err());
}

#[test]
fn only_a_browsers_question_is_a_preflight() {
    let asks = |method: Method, fields: &[(&str, &str)]| Preflight::of(&method, &map(fields)).is_some();
    let (origin, wants) = (("origin", APP), ("access-control-request-method", "PUT"));
    assert!(asks(Method::OPTIONS, &[origin, wants]));
    assert!(!asks(Method::GET, &[origin, wants]));
    assert!(!asks(Method::OPTIONS, &[origin]));
    assert!(!asks(Method::OPTIONS, &[wants]));
    assert!(!asks(Method::OPTIONS, &[origin, ("access-control-request-method", "not a method")]));
    assert!(!asks(Method::OPTIONS, &[origin, ("access-control-request-method", "")]));
}

#[test]
fn headers_on_several_lines_are_asked_for_together() {
    let mut fields = map(&[("origin", APP)]);
    fields.insert(ACCESS_CONTROL_REQUEST_METHOD, HeaderValue::from_static("PUT"));
    for line in ["x-a", "x-b,x-c"] {
        fields.append(ACCESS_CONTROL_REQUEST_HEADERS, HeaderValue::from_static(line));
    }
    let asked = Preflight::of(&Method::OPTIONS, &fields).unwrap();
    assert_eq!(
        (asked.method, asked.headers),
        (Method::PUT, ["x-a", "x-b", "x-c"].map(HeaderName::from_static).to_vec())
    );
}

#[test]
fn a_websocket_is_for_allowed_origins_and_for_the_hosts_own() {
    let cors = of(&[APP]);
    for (origin, host, is_in) in [
        (Some(APP), "api.example.com", true),
        (None, "api.example.com", true),
        (Some("https://api.example.com"), "api.example.com", true),
        (Some("https://api.example.com"), "API.example.com:443", true),
        (Some("http://api.example.com"), "api.example.com", true),
        (Some("http://localhost:8080"), "localhost:8080", true),
        (Some("http://[::1]:8080"), "[::1]:8080", true),
        (Some("https://api.example.com"), "api.example.com:8443", false),
        (Some("https://api.example.com:8443"), "api.example.com", false),
        (Some("https://evil.test"), "api.example.com", false),
        (Some("https://api.example.com.evil.test"), "api.example.com", false),
        (Some("null"), "null", false),
        (Some("null"), "", false),
        (Some(""), "", false),
    ] {
        let headers = map(&origin.map(|origin| ("origin", origin)).into_iter().collect::<Vec<_>>());
        let host = HeaderValue::from_static(host);
        assert_eq!(
            cors.check_websocket(&headers, Some(&host), false).is_ok(),
            is_in,
            "{origin:?} at {host:?}"
        );
    }
    let strange = map(&[("origin", "https://evil.test")]);
    assert!(of(&["*"]).check_websocket(&strange, None, false).is_ok());
    assert!(cors.check_websocket(&strange, None, false).is_err());
}

#[test]
fn a_page_without_tls_is_not_of_the_host_that_is_asked_by_tls() {
    let host = HeaderValue::from_static("app.example.com");
    let is_in = |origin, https| {
        of(&["https://other.test"]).check_websocket(&map(&[("origin", origin)]), Some(&host), https).is_ok()
    };
    assert_eq!([is_in(APP, true), is_in("http://app.example.com", true)], [true, false]);
    assert_eq!([is_in(APP, false), is_in("http://app.example.com", false)], [true, true]);
}
