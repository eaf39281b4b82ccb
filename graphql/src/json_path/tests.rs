//! Which paths are singular, and what paths yield.

use serde_json::{Value, json};

use super::*;

fn steps(text: &str) -> Vec<Step> {
    match JsonPath::parse(text) {
        Ok(JsonPath::Singular(steps)) => steps,
        other => panic!("{text}: {other:?}"),
    }
}

fn evaluated(path: &JsonPath, json: &str) -> Result<Option<String>, serde_json::Error> {
    path.evaluate(&Document::new(json)?)
}

/// What a path yields of a value.
fn yielded(path: &JsonPath, value: &Value) -> Option<Value> {
    let text = evaluated(path, &value.to_string()).expect("JSON");
    text.map(|text| serde_json::from_str(&text).expect("JSON"))
}

fn name(name: &str) -> Step {
    Step::Name(name.into())
}

#[test]
fn paths_to_one_node_become_steps() {
    assert_eq!(steps("$"), []);
    assert_eq!(steps("$.data.items"), [name("data"), name("items")]);
    assert_eq!(steps("$['a-b'][0][-1]"), [name("a-b"), Step::Index(0), Step::Index(-1)]);
    assert_eq!(steps("$ [ \"x\" ] .y"), [name("x"), name("y")]);
    assert_eq!(steps(r#"$['it\'s']["a\"b"]['"']"#), [name("it's"), name("a\"b"), name("\"")]);
    assert_eq!(steps(r"$['\u00e9\\']"), [name("é\\")]);
    assert_eq!(steps("$.größe"), [name("größe")]);
}

#[test]
fn other_paths_are_evaluated_and_yield_a_list() {
    let value = json!({"items": [{"id": 1}, {"id": 2, "old": true}, {"id": 3}]});
    for (path, expected) in [
        ("$.items[*].id", json!([1, 2, 3])),
        ("$..id", json!([1, 2, 3])),
        ("$.items[1:].id", json!([2, 3])),
        ("$.items[0, 2].id", json!([1, 3])),
        ("$.items[?@.old].id", json!([2])),
        ("$.nothing.*", json!([])),
    ] {
        let path = JsonPath::parse(path).expect(path);
        assert!(matches!(path, JsonPath::General(_)), "{path:?}");
        assert_eq!(yielded(&path, &value), Some(expected));
    }
}

#[test]
fn a_singular_path_yields_its_value_and_absent_is_nothing() {
    let value = json!({"a": {"b": [10, 20]}, "n": null});
    for (path, expected) in [
        ("$.a.b[0]", Some(json!(10))),
        ("$.a.b[-1]", Some(json!(20))),
        ("$.a.b[2]", None),
        ("$.a.b[-3]", None),
        ("$.a.b.c", None),
        ("$.n", Some(json!(null))),
        ("$.n.x", None),
    ] {
        assert_eq!(yielded(&JsonPath::parse(path).expect(path), &value), expected, "{path}");
    }
}

#[test]
fn numbers_keep_their_digits() {
    let json = r#"{"a\u0062": [18446744073709551616, {"id": -9223372036854775809, "x": 1.50}], "n": 1}"#;
    for (path, expected) in [
        ("$.ab[0]", "18446744073709551616"),
        ("$.ab[-1].x", "1.50"),
        ("$.ab[*].id", "[-9223372036854775809]"),
        ("$.ab[?@ > 1]", "[18446744073709551616]"),
        ("$.ab[1:]", r#"[{"id": -9223372036854775809, "x": 1.50}]"#),
        ("$.none[*]", "[]"),
    ] {
        let yielded = evaluated(&JsonPath::parse(path).expect(path), json).expect("JSON");
        assert_eq!(yielded.as_deref(), Some(expected), "{path}");
    }
    for alone in ["[1.50]", "[1e2]", "[-0]"] {
        let yielded = evaluated(&JsonPath::parse("$[*]").expect("a path"), alone).expect("JSON");
        assert_eq!(yielded.as_deref(), Some(alone));
    }
    assert!(Document::new("[1,").is_err());
}

#[test]
fn a_wrong_path_says_where() {
    for path in ["a.b", "$.", "$[", "$['a]", "$.a b", "", "$[01]"] {
        let error = JsonPath::parse(path).expect_err(path);
        assert!(error.offset <= path.len(), "{path}: {error:?}");
    }
}

proptest::proptest! {
    /// The steps and serde_json_path agree wherever both read a path.
    #[test]
    fn steps_agree_with_the_library(
        names in proptest::collection::vec("[a-z'\"\\\\é -]{1,4}", 0..4),
        index in -3i64..3,
    ) {
        let mut value = json!([1, {"deep": true}]);
        let mut path = String::from("$");
        for name in names.iter().rev() {
            value = json!({ name: value });
        }
        for name in &names {
            path.push_str(&format!("[{}]", json!(name)));
        }
        path.push_str(&format!("[{index}]"));
        let library = serde_json_path::JsonPath::parse(&path).expect("a valid path");
        let ours = JsonPath::parse(&path).expect("a valid path");
        proptest::prop_assert!(matches!(ours, JsonPath::Singular(_)));
        proptest::prop_assert_eq!(
            yielded(&ours, &value),
            library.query(&value).exactly_one().ok().cloned()
        );
    }
}
