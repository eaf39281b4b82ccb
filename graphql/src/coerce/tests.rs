use apollo_compiler::validation::Valid;
use apollo_compiler::{ExecutableDocument, Schema};
use serde_json::{Value, json};

use super::*;
use crate::engine::Engine;
use crate::limits::Limits;
use crate::testing::{Fake, Reply, ask_with, engine};

fn schema() -> Valid<Schema> {
    let sdl = r#"
        directive @oneOf on INPUT_OBJECT
        scalar Any
        enum Colour { RED GREEN }
        input By @oneOf { id: ID, name: String }
        input Item { productId: ID!, quantity: Int! = 1, note: String }
        input Wrap { item: Item = {productId: 3} }
        input Order { items: [Item!]!, colour: Colour = RED, any: Any }
        type Query {
            f(i: Int, f: Float, s: String, b: Boolean, id: ID, c: Colour, l: [Int!], ll: [[Int]],
              by: By, o: Order, w: Wrap, any: Any, need: Int! = 7): Int
            must(i: Int!): Int
        }
    "#;
    Schema::parse_and_validate(sdl, "schema.graphql").expect("the schema is valid")
}

fn coerce(definitions: &str, given: Value) -> Result<Value, Vec<String>> {
    let schema = schema();
    let text = format!("query({definitions}) {{ __typename }}");
    let document = ExecutableDocument::parse(&schema, text, "q").expect("the query parses");
    let operation = document.operations.get(None).expect("one operation");
    let given = given.as_object().expect("variables are an object");
    variables(&schema, &document, operation, given, 10)
        .map(Value::Object)
        .map_err(|error| error.messages.into_iter().map(|m| m.text).collect())
}

fn arguments_of(field: &str, given: Value) -> Result<Value, String> {
    let schema = schema();
    let document = ExecutableDocument::parse(&schema, field, "q").expect("the query parses");
    let operation = document.operations.get(None).expect("one operation");
    let given = given.as_object().expect("variables are an object");
    let field = operation.root_fields(&document).next().expect("a field");
    Arguments::new(&schema, &field.definition.arguments, &field.arguments)
        .and_then(|arguments| Coerced::within(1 << 10).values(&arguments, &schema, given))
        .map(|values| Value::Object(values.as_ref().clone()))
        .map_err(|error| error.to_string())
}

#[test]
fn values_that_fit_are_coerced_as_the_specification_says() {
    for (definitions, given, expected) in [
        ("$a: Int", json!({"a": 1.0}), json!({"a": 1})),
        ("$a: Float", json!({"a": 1}), json!({"a": 1})),
        ("$a: ID", json!({"a": 7}), json!({"a": "7"})),
        ("$a: ID", json!({"a": u64::MAX}), json!({"a": "18446744073709551615"})),
        ("$a: ID", json!({"a": 7.0}), json!({"a": "7"})),
        ("$a: Wrap", json!({"a": {}}), json!({"a": {"item": {"productId": "3", "quantity": 1}}})),
        ("$a: [Int]", json!({"a": 1}), json!({"a": [1]})),
        ("$a: [[Int]]", json!({"a": [1, null]}), json!({"a": [[1], null]})),
        ("$a: [[Int]]", json!({"a": 1}), json!({"a": [[1]]})),
        ("$a: Int = 5", json!({}), json!({"a": 5})),
        ("$a: Int = 5", json!({"a": null}), json!({"a": null})),
        ("$a: ID = 5", json!({}), json!({"a": "5"})),
        ("$a: Int", json!({}), json!({})),
        ("$a: Any", json!({"a": {"x": [1]}}), json!({"a": {"x": [1]}})),
        ("$a: Int", json!({"unknown": 1}), json!({})),
        (
            "$a: Order",
            json!({"a": {"items": {"productId": 1}}}),
            json!({"a": {"items": [{"productId": "1", "quantity": 1}], "colour": "RED"}}),
        ),
    ] {
        assert_eq!(coerce(definitions, given), Ok(expected), "{definitions}");
    }
}

#[test]
fn values_that_do_not_fit_are_refused_with_their_path() {
    for (definitions, given, expected) in [
        ("$a: Int!", json!({}), "Variable \"$a\" of required type \"Int!\" was not provided."),
        ("$a: Int!", json!({"a": null}), "Variable \"$a\" of non-null type \"Int!\" must not be null."),
        (
            "$a: Int",
            json!({"a": 1.5}),
            "Variable \"$a\" got invalid value 1.5; Int cannot represent non-integer value: 1.5",
        ),
        (
            "$a: Int",
            json!({"a": "1"}),
            "Variable \"$a\" got invalid value \"1\"; Int cannot represent non-integer value: \"1\"",
        ),
        (
            "$a: Int",
            json!({"a": 2_147_483_648_u32}),
            "Variable \"$a\" got invalid value 2147483648; Int cannot represent non 32-bit signed integer value: 2147483648",
        ),
        (
            "$a: String",
            json!({"a": 1}),
            "Variable \"$a\" got invalid value 1; String cannot represent a non string value: 1",
        ),
        (
            "$a: Boolean",
            json!({"a": 0}),
            "Variable \"$a\" got invalid value 0; Boolean cannot represent a non boolean value: 0",
        ),
        (
            "$a: Float",
            json!({"a": "x"}),
            "Variable \"$a\" got invalid value \"x\"; Float cannot represent non numeric value: \"x\"",
        ),
        (
            "$a: ID",
            json!({"a": true}),
            "Variable \"$a\" got invalid value true; ID cannot represent value: true",
        ),
        (
            "$a: ID",
            // One more than 64 bits hold: its digits are lost by now.
            json!({"a": 18_446_744_073_709_551_616.0}),
            "Variable \"$a\" got invalid value 1.8446744073709552e+19; ID cannot represent value: 1.8446744073709552e+19",
        ),
        (
            "$a: Colour",
            json!({"a": "BLUE"}),
            "Variable \"$a\" got invalid value \"BLUE\"; Value \"BLUE\" does not exist in \"Colour\" enum.",
        ),
        (
            "$a: [Int!]",
            json!({"a": [1, null]}),
            "Variable \"$a\" got invalid value null at \"a[1]\"; Expected non-nullable type \"Int!\" not to be null.",
        ),
        (
            "$a: Order",
            json!({"a": 1}),
            "Variable \"$a\" got invalid value 1; Expected type \"Order\" to be an object.",
        ),
        (
            "$a: Order",
            json!({"a": {"items": [{"productId": 1, "quantity": "x"}]}}),
            "Variable \"$a\" got invalid value \"x\" at \"a.items[0].quantity\"; Int cannot represent non-integer value: \"x\"",
        ),
        (
            "$a: Order",
            json!({"a": {"items": [{}]}}),
            "Variable \"$a\" got invalid value {} at \"a.items[0]\"; Field \"productId\" of required type \"ID!\" was not provided.",
        ),
        (
            "$a: Order",
            json!({"a": {"items": [], "x": 1}}),
            "Variable \"$a\" got invalid value {\"items\":[],\"x\":1}; Field \"x\" is not defined by type \"Order\".",
        ),
        (
            "$a: By",
            json!({"a": {}}),
            "Variable \"$a\" got invalid value {}; Exactly one key must be specified for OneOf type \"By\".",
        ),
        (
            "$a: By",
            json!({"a": {"id": null}}),
            "Variable \"$a\" got invalid value {\"id\":null}; Field \"id\" must be non-null.",
        ),
    ] {
        assert_eq!(coerce(definitions, given), Err(vec![expected.to_owned()]), "{definitions}");
    }
}

#[test]
fn every_wrong_variable_is_reported() {
    let errors = coerce("$a: Int, $b: [Int]!", json!({"a": "x", "b": [1.5, "y"]})).unwrap_err();
    assert_eq!(errors.len(), 3, "{errors:?}");
}

#[test]
fn arguments_take_literals_variables_and_defaults() {
    for (field, given, expected) in [
        ("{ f }", json!({}), json!({"need": 7})),
        (
            "{ f(i: 1, f: 2, s: \"x\", b: true, id: 3, c: GREEN) }",
            json!({}),
            json!({"i": 1, "f": 2, "s": "x", "b": true, "id": "3", "c": "GREEN", "need": 7}),
        ),
        ("{ f(l: 1, ll: [1, [2, null]]) }", json!({}), json!({"l": [1], "ll": [[1], [2, null]], "need": 7})),
        ("{ f(w: {}) }", json!({}), json!({"w": {"item": {"productId": "3", "quantity": 1}}, "need": 7})),
        ("query($i: Int) { f(i: $i) }", json!({}), json!({"need": 7})),
        ("query($i: Int) { f(i: $i) }", json!({"i": null}), json!({"i": null, "need": 7})),
        ("query($i: Int) { f(need: $i) }", json!({}), json!({"need": 7})),
        ("query($i: Int) { f(ll: [[$i, 1]]) }", json!({}), json!({"ll": [[null, 1]], "need": 7})),
        (
            "query($n: String) { f(o: {items: {productId: 1, note: $n}}) }",
            json!({}),
            json!({"o": {"items": [{"productId": "1", "quantity": 1}], "colour": "RED"}, "need": 7}),
        ),
        (
            "query($n: String) { f(any: {a: [1, $n], b: $n}) }",
            json!({"n": "x"}),
            json!({"any": {"a": [1, "x"], "b": "x"}, "need": 7}),
        ),
    ] {
        assert_eq!(arguments_of(field, given), Ok(expected), "{field}");
    }
}

#[test]
fn arguments_that_become_null_at_run_time_are_refused() {
    assert_eq!(
        arguments_of("query($i: Int = 1) { must(i: $i) }", json!({"i": null})),
        Err("Argument \"i\" of non-null type \"Int!\" must not be null.".into()),
    );
    assert_eq!(
        arguments_of("query($i: Int) { must(i: $i) }", json!({})),
        Err("Argument \"i\" of required type \"Int!\" was provided the variable \"$i\" which was not provided a runtime value.".into()),
    );
    assert_eq!(
        arguments_of("query($n: String) { f(by: {id: 1, name: $n}) }", json!({"n": "x"})),
        Err("Argument \"by\" has invalid value {id: 1, name: $n}.".into()),
    );
}

#[test]
fn a_large_wrong_value_is_shown_cut_and_not_written_out_for_every_error() {
    let unknown: Values = (0..60_000).map(|n| (format!("x{n}"), json!("é"))).collect();
    let started = std::time::Instant::now();
    let errors = coerce("$a: Order", json!({"a": unknown})).unwrap_err();
    assert!(started.elapsed() < std::time::Duration::from_secs(1));
    assert_eq!(errors.len(), 10);
    assert!(errors.iter().all(|error| error.chars().count() < 250), "{errors:?}");
    let wrong = coerce("$a: Int, $b: Int", json!({"a": "é".repeat(300), "b": "b"})).unwrap_err();
    assert!(wrong[0].contains(&format!("\"{}...", "é".repeat(99))), "{wrong:?}");
}

const CALLS: &str = r#"
    scalar Any
    input Wrap { text: String, any: Any }
    type Query {
        find(texts: [String!]): ID @rest(source: "users", GET: "/find{?texts}")
        add(texts: [String!], any: Any, wraps: [Wrap]): ID
            @rest(source: "users", POST: "/add", body: {texts: "{texts}", any: "{any}", wraps: "{wraps}"})
        users: [User!]! @rest(source: "users", GET: "/users")
    }
    type User { id: ID! note(text: [String!]): ID @rest(source: "orders", GET: "/{parent.id}{?text}") }
"#;

fn codes(response: &Value) -> Vec<&str> {
    let errors = response["errors"].as_array().map(Vec::as_slice).unwrap_or_default();
    errors.iter().filter_map(|error| error["extensions"]["code"].as_str()).collect()
}

#[tokio::test]
async fn a_variable_repeated_in_literals_is_not_copied_without_bound() {
    let limits = Limits { request_bytes: 1000, variable_values: 100, ..Limits::default() };
    let most = limits.argument_bytes();
    let engine = Engine::new(crate::testing::schema(CALLS), limits, 10);
    let text = json!("x".repeat(100));
    let many = |used: &str| used.repeat(most / 100 + 1);
    for (operation, value, is_sent) in [
        ("query($v: String!) { add(texts: [$v $v]) }".to_owned(), text.clone(), true),
        (format!("query($v: String!) {{ add(texts: [{}]) }}", many("$v ")), text.clone(), false),
        (format!("query($v: String!) {{ find(texts: [{}]) }}", many("$v ")), text.clone(), false),
        (format!("query($v: String!) {{ add(wraps: [{}]) }}", many("{text: $v} ")), text.clone(), false),
        (format!("query($v: Any) {{ add(any: {{a: [{}]}}) }}", many("$v ")), json!([1, 2, 3, 4]), false),
        (format!("query($v: Any) {{ add(any: {{a: [{}]}}) }}", many("$v ")), json!(1), true),
        (
            format!("query($v: Any) {{ add(any: [{}]) }}", many("{v: $v} ")),
            json!({"a": {}, "b": {}, "c": {}, "d": {}}),
            false,
        ),
    ] {
        let fake = Fake::new(|_| Reply::Json(json!("1")));
        let (response, _) = ask_with(&engine, &fake, &operation, json!({"v": value})).await;
        let expected: &[&str] = if is_sent { &[] } else { &["graphql_argument_invalid"] };
        assert_eq!(codes(&response), expected, "{operation:.50}");
        assert_eq!(fake.calls().len(), usize::from(is_sent), "{operation:.50}");
    }
}

#[tokio::test]
async fn all_fields_together_have_one_bound_on_copies() {
    let limits = Limits { request_bytes: 1000, variable_values: 1, ..Limits::default() };
    let engine = Engine::new(crate::testing::schema(CALLS), limits, 10);
    let fields: String = (0..6).map(|n| format!("f{n}: add(texts: [$v]) ")).collect();
    let fake = Fake::new(|_| Reply::Json(json!("1")));
    let variables = json!({"v": "x".repeat(900)});
    let (response, _) =
        ask_with(&engine, &fake, &format!("query($v: String!) {{ {fields} }}"), variables).await;
    assert_eq!(codes(&response).len(), 2, "{response}");
}

#[tokio::test]
async fn a_wrong_argument_is_shown_cut_wherever_its_field_stands() {
    let long = "y".repeat(2000);
    let query = format!("{{ users {{ note(text: [\"{long}\", $v]) }} }}");
    let fake = Fake::new(|_| Reply::Json((0..50).map(|id| json!({"id": id})).collect()));
    let query = format!("query($v: String = \"\") {query}");
    let (response, _) = ask_with(&engine(CALLS), &fake, &query, json!({"v": null})).await;
    assert_eq!(codes(&response), ["graphql_argument_invalid"; 50]);
    let message = response["errors"][0]["message"].as_str().unwrap();
    assert!(message.ends_with("yyy....") && message.len() < 200, "{message}");
}

#[test]
fn arguments_are_coerced_once_for_all_places_even_if_they_are_wrong() {
    let schema = schema();
    let query = "query($s: String!) { f(by: {id: 1, name: $s}) }";
    let document = ExecutableDocument::parse(&schema, query, "q").expect("the query parses");
    let operation = document.operations.get(None).expect("one operation");
    let field = operation.root_fields(&document).next().expect("a field");
    let arguments =
        Arguments::new(&schema, &field.definition.arguments, &field.arguments).expect("arguments");
    let mut coerced = Coerced::within(100);
    let first = coerced.values(&arguments, &schema, json!({"s": "x"}).as_object().expect("an object"));
    let second = coerced.values(&arguments, &schema, &Values::new());
    assert!(first.is_err() && first == second, "{first:?} {second:?}");
}
