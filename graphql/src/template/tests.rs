//! What templates expand to, and what no value can make of them.

use std::borrow::Cow;
use std::collections::HashMap;

use proptest::prelude::*;
use serde_json::{Value as Json, json};

use super::*;

/// Values by the reference's text.
struct Given(HashMap<String, Value<'static>>);

impl Given {
    fn json(values: Json) -> Self {
        let Json::Object(values) = values else { panic!("an object of values") };
        let owned = |(name, value)| (name, Value::Json(Cow::Owned(value)));
        Given(values.into_iter().map(owned).collect())
    }
}

impl Scope for Given {
    fn value(&self, reference: &Reference) -> Option<Value<'_>> {
        self.0.get(&reference.to_string()).cloned()
    }
}

fn reference(name: &str) -> Result<Reference, (String, Option<String>)> {
    let path = |text: &str| text.split('.').map(Into::into).collect();
    Ok(match name.split_once('.') {
        Some(("parent", rest)) => Reference::Parent(path(rest)),
        Some(("claims", rest)) => Reference::Claim(rest.into()),
        Some(("headers", rest)) => Reference::Header(rest.parse().expect("a header name")),
        _ if name == "keys" => Reference::Keys,
        _ => Reference::Argument(path(name)),
    })
}

fn parsed<T>(parse: impl FnOnce(&mut Syntax<'_>) -> Option<T>) -> T {
    let mut names = reference;
    let mut syntax = Syntax::new(&mut names);
    let template = parse(&mut syntax);
    assert_eq!(syntax.errors, []);
    template.expect("a template")
}

fn uri(template: &str) -> UriTemplate {
    parsed(|syntax| UriTemplate::parse(template, syntax))
}

fn header(template: &str) -> HeaderTemplate {
    parsed(|syntax| HeaderTemplate::parse(template, syntax))
}

fn expand(template: &str, values: Json) -> Result<String, ExpandError> {
    uri(template).expand(&Given::json(values))
}

#[test]
fn a_uri_is_filled_with_encoded_values() {
    for (template, values, expected) in [
        ("/users/{id}", json!({"id": 7}), "/users/7"),
        ("/users/{id}", json!({"id": "a b/c?d#e&f=g%"}), "/users/a%20b%2Fc%3Fd%23e%26f%3Dg%25"),
        ("/users/{id}", json!({"id": "größe~-._"}), "/users/gr%C3%B6%C3%9Fe~-._"),
        ("/users/{ids}", json!({"ids": [1, "b,c"]}), "/users/1,b%2Cc"),
        ("/{a}-{b}.json", json!({"a": true, "b": 1.5}), "/true-1.5.json"),
        ("/at/{lat,lon}", json!({"lat": 1, "lon": 2}), "/at/1,2"),
        ("/o{?ids*,first}", json!({"ids": [1, 2], "first": 3}), "/o?ids=1&ids=2&first=3"),
        ("/o{?ids}", json!({"ids": [1, 2]}), "/o?ids=1,2"),
        ("/o{?a,b}", json!({"b": "x&y=z"}), "/o?b=x%26y%3Dz"),
        ("/o{?a}{&b}", json!({"a": null, "b": 1}), "/o?b=1"),
        ("/o{?a}", json!({}), "/o"),
        ("/o{?a}", json!({"a": ""}), "/o?a="),
        ("/o{?ids*}", json!({"ids": []}), "/o"),
        ("/o{?ids*}", json!({"ids": [null, 1]}), "/o?ids=1"),
        ("/o?v=2{&a}", json!({"a": 1}), "/o?v=2&a=1"),
        ("/o?u={parent.user.id}&v=2", json!({"parent.user.id": 5}), "/o?u=5&v=2"),
        ("/o?u={a}&v=2", json!({}), "/o?v=2"),
        ("/o?v=2&flag", json!({}), "/o?v=2&flag"),
        ("/me/{claims.sub}", json!({"claims.sub": "ann"}), "/me/ann"),
        ("/of/{claims.https://a.example/t}", json!({"claims.https://a.example/t": "ann"}), "/of/ann"),
        ("/o?g={claims.cognito:groups}", json!({"claims.cognito:groups": ["a", "b"]}), "/o?g=a,b"),
        ("/a b/{x}", json!({"x": 1}), "/a%20b/1"),
    ] {
        assert_eq!(expand(template, values).as_deref(), Ok(expected), "{template}");
    }
}

#[test]
fn a_path_value_that_changes_the_path_sends_nothing() {
    let missing = || ExpandError::Missing("`id`".into());
    let refused = || ExpandError::PathValue("`id`".into());
    for (value, expected) in [
        (json!({}), missing()),
        (json!({"id": null}), missing()),
        (json!({"id": ""}), missing()),
        (json!({"id": []}), missing()),
        (json!({"id": [1, ""]}), missing()),
        (json!({"id": "."}), refused()),
        (json!({"id": ".."}), refused()),
        (json!({"id": "../admin"}), refused()),
        (json!({"id": "a\\..\\b"}), refused()),
        (json!({"id": ["a", ".."]}), refused()),
        (json!({"id": "a\u{0}"}), refused()),
        (json!({"id": {"a": 1}}), ExpandError::NotScalar("`id`".into())),
        (json!({"id": [[1]]}), ExpandError::NotScalar("`id`".into())),
    ] {
        assert_eq!(expand("/users/{id}", value.clone()), Err(expected), "{value}");
    }
    assert_eq!(expand("/users/{id}", json!({"id": "..."})).as_deref(), Ok("/users/..."));
}

#[test]
fn what_a_service_wrote_keeps_its_digits() {
    let raw = |text: &'static str| Given(HashMap::from([("parent.id".into(), Value::Raw(text.into()))]));
    let template = uri("/a/{parent.id}");
    for (text, expected) in [
        ("12345678901234567890123", "/a/12345678901234567890123"),
        ("1.0", "/a/1.0"),
        (r#""a\/\u00e9""#, "/a/a%2F%C3%A9"),
        (r#"[1, "x"]"#, "/a/1,x"),
        (" true ", "/a/true"),
    ] {
        assert_eq!(template.expand(&raw(text)).as_deref(), Ok(expected), "{text}");
    }
    for text in ["nonsense {", "", "\"open", "[1"] {
        assert!(template.expand(&raw(text)).is_err(), "{text}");
    }
}

#[test]
fn a_header_is_left_out_where_a_value_is_missing_and_refused_where_it_would_end_early() {
    let template = header("X-Tenant: t-{parent.id} ");
    assert_eq!(template.name(), "x-tenant");
    let value = |values| template.expand(&Given::json(values));
    assert_eq!(value(json!({"parent.id": "a b"})).expect("a value").expect("a value"), "t-a b");
    assert_eq!(value(json!({})), Ok(None));
    assert_eq!(value(json!({"parent.id": null})), Ok(None));
    for bad in ["a\r\nx: y", "a\nb", "a\u{0}", "\u{7f}"] {
        assert_eq!(
            value(json!({"parent.id": bad})),
            Err(ExpandError::HeaderValue("a member of the service's data".into())),
            "{bad:?}"
        );
    }
    assert_eq!(
        value(json!({"parent.id": [1]})),
        Err(ExpandError::NotScalar("a member of the service's data".into()))
    );
}

#[test]
fn a_client_is_told_no_names_but_those_of_its_arguments() {
    for (template, told) in [
        ("/a/{input.id}", "`input.id` has no value"),
        ("/a/{parent.internal_ref}", "a member of the service's data has no value"),
        ("/a/{claims.sub}", "a claim of the caller has no value"),
        ("/a/{headers.x-internal}", "a header of the request has no value"),
        ("/a/{keys}", "a member of the service's data has no value"),
    ] {
        let error = expand(template, json!({})).expect_err("nothing to send");
        assert_eq!(error.to_string(), told, "{template}");
    }
}

/// Compiles the value of `body:` as it would stand in a schema.
fn body(literal: &str) -> BodyTemplate {
    let sdl =
        format!("directive @d(body: Any) on OBJECT scalar Any type Query @d(body: {literal}) {{ a: ID }}");
    let schema = apollo_compiler::Schema::parse(sdl, "x").expect("a schema");
    let query = schema.get_object("Query").expect("Query");
    let value = &query.directives[0].arguments[0].value;
    parsed(|syntax| BodyTemplate::compile(value, syntax, &|_| Casing::Keep, &mut |_, _| {}))
}

#[test]
fn a_body_leaf_that_is_a_name_becomes_typed_json() {
    let template = body(
        r#"{id: "{id}", text: "n-{id}", list: ["{gone}", "{input}", 1.50, true, null, "x"], gone: "{gone}"}"#,
    );
    let values = json!({"id": 7, "input": {"a": [1, "b"], "camelCase": null}});
    let sent = template.expand(&Given::json(values)).expect("a body").expect("a body");
    assert_eq!(
        String::from_utf8(sent).expect("text"),
        r#"{"id":7,"text":"n-7","list":[null,{"a":[1,"b"],"camelCase":null},1.50,true,null,"x"]}"#
    );
}

#[test]
fn a_body_that_is_undefined_is_not_sent() {
    assert_eq!(body(r#""{input}""#).expand(&Given::json(json!({}))), Ok(None));
    let null = body(r#""{input}""#).expand(&Given::json(json!({"input": null})));
    assert_eq!(null, Ok(Some(b"null".to_vec())));
}

#[test]
fn keys_are_sent_as_the_service_wrote_them() {
    let keys = Value::List(vec![Value::Raw("1".into()), Value::Raw(r#""b""#.into())]);
    let given = Given(HashMap::from([("keys".to_owned(), keys)]));
    let sent = body(r#"{ids: "{keys}"}"#).expand(&given).expect("a body").expect("a body");
    assert_eq!(sent, br#"{"ids":[1,"b"]}"#);
    assert_eq!(uri("/x?ids={keys}").expand(&given).as_deref(), Ok("/x?ids=1,b"));
}

#[test]
fn text_in_a_body_cannot_leave_its_string() {
    let given = Given::json(json!({"x": "\"}, \"admin\": true, \"\\"}));
    let sent = body(r#"{note: "say {x}"}"#).expand(&given).expect("a body").expect("a body");
    let sent: Json = serde_json::from_slice(&sent).expect("JSON");
    assert_eq!(sent, json!({"note": "say \"}, \"admin\": true, \"\\"}));
    let missing = body(r#"{note: "say {x}"}"#).expand(&Given::json(json!({})));
    assert_eq!(missing, Err(ExpandError::Missing("`x`".into())));
}

fn hostile() -> impl Strategy<Value = Json> {
    let text =
        prop_oneof![any::<String>(), "[./\\\\?#&=%:;@\\r\\n\\x00 a{}]{0,8}", Just("%2e%2e%2f".to_owned()),];
    let scalar = prop_oneof![
        text.prop_map(Json::from),
        any::<i64>().prop_map(Json::from),
        any::<bool>().prop_map(Json::from),
        Just(Json::Null),
    ];
    scalar.prop_recursive(2, 8, 4, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Json::from),
            proptest::collection::hash_map("[a-z&=]{1,3}", inner, 0..3)
                .prop_map(|map| Json::Object(map.into_iter().collect())),
        ]
    })
}

proptest! {
    /// Whatever the values are, the path keeps its segments and the query its names.
    #[test]
    fn no_value_adds_a_segment_a_parameter_or_a_fragment(a in hostile(), b in hostile(), c in hostile()) {
        let template = uri("/one/{a}/two-{b}/end?fixed=1&said={c}{&b,c*}");
        let given = Given::json(json!({"a": a, "b": b, "c": c}));
        let Ok(expanded) = template.expand(&given) else { return Ok(()) };
        prop_assert!(expanded.bytes().all(|c| c.is_ascii_graphic() && !b"#\\\"<>".contains(&c)), "{expanded}");
        let (path, query) = expanded.split_once('?').expect("the fixed query");
        let segments: Vec<&str> = path.split('/').collect();
        prop_assert_eq!(segments.len(), 5);
        prop_assert_eq!((segments[1], segments[4]), ("one", "end"));
        prop_assert!(segments[1..].iter().all(|segment| !segment.is_empty()), "{path}");
        for segment in &segments {
            let decoded = percent_encoding::percent_decode_str(segment).decode_utf8().expect("UTF-8");
            prop_assert!(decoded.split(['/', '\\']).all(|part| part != "." && part != ".."), "{path}");
        }
        prop_assert!(!query.contains('?'));
        for pair in query.split('&') {
            let name = pair.split('=').next().expect("a name");
            prop_assert!(["fixed", "said", "b", "c"].contains(&name), "{query}");
            prop_assert_eq!(pair.matches('=').count(), 1);
        }
        prop_assert!(expanded.parse::<http::uri::PathAndQuery>().is_ok());
    }

    /// A header value is one line, whatever it was made of.
    #[test]
    fn no_value_ends_a_header(a in hostile()) {
        let given = Given::json(json!({"a": a}));
        if let Ok(Some(value)) = header("X-A: b{a}c").expand(&given) {
            prop_assert!(value.as_bytes().iter().all(|c| !b"\r\n\0".contains(c)));
        }
    }

    /// A body is the JSON that was meant, whatever the values are.
    #[test]
    fn no_value_changes_the_shape_of_a_body(a in hostile(), b in any::<String>()) {
        let given = Given::json(json!({"a": a.clone(), "b": b.clone()}));
        let sent = body(r#"{a: "{a}", t: "x{b}"}"#).expand(&given).expect("a body").expect("a body");
        let sent: Json = serde_json::from_slice(&sent).expect("JSON");
        prop_assert_eq!(sent, json!({"a": a, "t": format!("x{b}")}));
    }

    /// Any text is either a template or refused; reading it never panics.
    #[test]
    fn any_text_is_read_or_refused(text in "[/a{}?&,*.%#:+ é=]{0,24}") {
        let mut names = reference;
        let mut syntax = Syntax::new(&mut names);
        let template = UriTemplate::parse(&text, &mut syntax);
        prop_assert_eq!(template.is_some(), syntax.errors.is_empty());
        prop_assert!(syntax.errors.iter().all(|error| error.offset <= text.len()));
    }
}
