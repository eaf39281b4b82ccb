//! What is asked for, and nothing else, under the names it was asked for.

use apollo_compiler::ExecutableDocument;
use apollo_compiler::response::JsonMap;
use serde_json::{Value, json};

use crate::schema::{Schema, SchemaOptions, SdlFile, Sources};

const SDL: &str = r#"
type Query { a(by: By, in: In): ID @rest(source: "s", POST: "/a", body: {by: "{by}", in: "{in}"}) }
input By @oneOf { id: ID name: String }
input In { id: ID }
"#;

fn ask(query: &str, variables: Value) -> Result<Value, String> {
    let text = ask_in_order(query, variables)?;
    Ok(serde_json::from_str(&text).expect("JSON"))
}

/// The answer as text: the order of members is part of it.
fn ask_in_order(query: &str, variables: Value) -> Result<String, String> {
    let files = [SdlFile { name: "x".into(), text: SDL.into() }];
    let loaded = Schema::load(&files, &Sources::named(["s"]), &SchemaOptions::default());
    let schema = loaded.expect("a schema").schema;
    let document =
        ExecutableDocument::parse_and_validate(schema.apollo(), query, "q").expect("a valid query");
    let operation = document.operations.iter().next().expect("an operation");
    let Value::Object(variables) = variables else { panic!("an object of variables") };
    let values = schema.introspect(&document, operation, &variables)?;
    let data: JsonMap = values.into_iter().map(|(key, value)| (key.into(), value)).collect();
    Ok(serde_json::to_string(&data).expect("JSON"))
}

#[test]
fn only_introspection_fields_are_answered_under_their_aliases() {
    let answer = ask(
        "{ a s: __schema { queryType { name } } __typename none: __type(name: \"No\") { name } }",
        json!({}),
    );
    assert_eq!(answer, Ok(json!({"s": {"queryType": {"name": "Query"}}, "none": null})));
}

#[test]
fn variables_fragments_and_conditions_are_followed() {
    let query =
        "query Q($name: String!, $with: Boolean!) { __type(name: $name) { ...F kind @include(if: $with) } }
                 fragment F on __Type { name }";
    let answer = |with: bool| ask(query, json!({"name": "ID", "with": with}));
    assert_eq!(answer(true), Ok(json!({"__type": {"name": "ID", "kind": "SCALAR"}})));
    assert_eq!(answer(false), Ok(json!({"__type": {"name": "ID"}})));
}

#[test]
fn is_one_of_tells_input_types_apart_wherever_it_is_asked_for() {
    let query = "query Q { by: __type(name: \"By\") { name ...F } in: __type(name: \"In\") { ... { isOneOf } isOneOf }
                   q: __type(name: \"Query\") { isOneOf fields { args { type { one: isOneOf name } } } } }
                 fragment F on __Type { x: isOneOf }";
    assert_eq!(
        ask(query, json!({})),
        Ok(json!({
            "by": {"name": "By", "x": true},
            "in": {"isOneOf": false},
            "q": {"isOneOf": null, "fields": [{"args": [
                {"type": {"one": true, "name": "By"}},
                {"type": {"one": false, "name": "In"}},
            ]}]},
        }))
    );
}

#[test]
fn is_one_of_is_told_where_fields_are_merged() {
    let query = "query($no: Boolean = false) { t: __type(name: \"By\") { name } ... @skip(if: $no) { t: __type(name: \"By\") { isOneOf } } }";
    assert_eq!(ask(query, json!({"no": false})), Ok(json!({"t": {"name": "By", "isOneOf": true}})));
    assert_eq!(ask(query, json!({"no": true})), Ok(json!({"t": {"name": "By"}})));
}

#[test]
fn members_come_in_the_order_of_the_selection() {
    let query = "{ z: __type(name: \"By\") { one: isOneOf name kind } a: __type(name: \"In\") { name ...F } }
                 fragment F on __Type { isOneOf kind }";
    assert_eq!(
        ask_in_order(query, json!({})).as_deref(),
        Ok(
            r#"{"z":{"one":true,"name":"By","kind":"INPUT_OBJECT"},"a":{"name":"In","isOneOf":false,"kind":"INPUT_OBJECT"}}"#
        )
    );
}

#[test]
fn lists_nested_without_end_are_refused() {
    let mut query = "name".to_owned();
    for _ in 0..6 {
        query = format!("fields {{ type {{ {query} }} }}");
    }
    let answer = ask(&format!("{{ __schema {{ types {{ {query} }} }} }}"), json!({}));
    assert_eq!(answer, Err("Maximum introspection depth exceeded".to_owned()));
}
