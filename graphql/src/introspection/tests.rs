//! What is asked for, and nothing else, under the names it was asked for.

use apollo_compiler::ExecutableDocument;
use apollo_compiler::response::JsonMap;
use serde_json::{Value, json};

use crate::code::Code;
use crate::error::RequestError;
use crate::schema::{Schema, SchemaOptions, SdlFile, Sources};

const SDL: &str = r#"
type Query { a(by: By, in: In): ID @rest(source: "s", POST: "/a", body: {by: "{by}", in: "{in}"}) }
input By @oneOf { id: ID name: String }
input In { id: ID }
"#;

fn ask(query: &str, variables: Value) -> Result<Value, RequestError> {
    let text = ask_in_order(query, variables)?;
    Ok(serde_json::from_str(&text).expect("JSON"))
}

/// The answer as text: the order of members is part of it.
fn ask_in_order(query: &str, variables: Value) -> Result<String, RequestError> {
    ask_within(usize::MAX, SDL, query, variables)
}

/// The answer, if it is no larger than `max_bytes`.
fn ask_within(max_bytes: usize, sdl: &str, query: &str, variables: Value) -> Result<String, RequestError> {
    let files = [SdlFile { name: "x".into(), text: sdl.into() }];
    let loaded = Schema::load(&files, &Sources::named(["s"]), &SchemaOptions::default());
    let schema = loaded.expect("a schema").schema;
    let document =
        ExecutableDocument::parse_and_validate(schema.apollo(), query, "q").expect("a valid query");
    let operation = document.operations.iter().next().expect("an operation");
    let Value::Object(variables) = variables else { panic!("an object of variables") };
    let values = schema.introspect(&document, operation, &variables, max_bytes)?;
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
    let error = answer.expect_err("too deep");
    assert_eq!(error.messages[0].text, "Maximum introspection depth exceeded");
}

/// What most tools ask.
const TOOLS: &str = "
    { __schema { queryType { name } mutationType { name } types { ...T }
        directives { name description locations args { ...I } } } }
    fragment T on __Type { kind name description fields(includeDeprecated: true) {
        name description args { ...I } type { ...R } isDeprecated deprecationReason }
        inputFields { ...I } interfaces { ...R } enumValues(includeDeprecated: true) {
        name description isDeprecated deprecationReason } possibleTypes { ...R } }
    fragment I on __InputValue { name description type { ...R } defaultValue }
    fragment R on __Type { kind name ofType { kind name ofType { kind name ofType { kind name } } } }";

fn large_schema() -> String {
    let types = (0..1000).map(|n| {
        format!("type T{n} implements N {{ id(of: [ID!]! = [1]): ID! all: [[T{n}!]!]! \"Why.\" old: E @deprecated(reason: \"x\") }}")
    });
    let query = r#"type Query { a: N @rest(source: "s", GET: "/a") } interface N { id(of: [ID!]! = [1]): ID! } enum E { A B }"#;
    types.chain([query.to_owned()]).collect()
}

#[test]
fn what_tools_ask_of_a_large_schema_is_answered_wherever_the_answer_may_be_sent() {
    let sdl = large_schema();
    let answer = ask_within(usize::MAX, &sdl, TOOLS, json!({})).expect("an answer");
    assert!(ask_within(answer.len(), &sdl, TOOLS, json!({})).is_ok(), "{} bytes", answer.len());
    let error = ask_within(answer.len() / 4, &sdl, TOOLS, json!({})).expect_err("too large");
    assert_eq!(error.code, Code::ResponseTooLarge);
}

#[test]
fn deprecated_parts_count_where_they_are_asked_for() {
    let old = |n: usize| {
        format!("old{n}(a: Int @deprecated): Int @deprecated @rest(source: \"s\", GET: \"/old\") ")
    };
    let old: String = (0..100).map(old).collect();
    let values: String = (0..100).map(|n| format!("V{n} @deprecated ")).collect();
    let sdl = format!(
        "type Query {{ now(e: E): Int @rest(source: \"s\", GET: \"/now{{?e}}\") {old} }} enum E {{ V {values} }}"
    );
    let query = "query($all: Boolean, $name: String!) {
        __type(name: $name) { fields(includeDeprecated: $all) { name } enumValues(includeDeprecated: $all) { name } } }";
    for name in ["Query", "E"] {
        for (all, is_answered) in [(json!(false), true), (json!(null), true), (json!(true), false)] {
            let answer = ask_within(500, &sdl, query, json!({"all": all, "name": name}));
            assert_eq!(answer.is_ok(), is_answered, "{name} {all}: {answer:?}");
        }
    }
    let query = "{ __type(name: \"Query\") { fields(includeDeprecated: true) { args { name } } } }";
    let answer = ask_within(usize::MAX, &sdl, query, json!({})).expect("an answer");
    assert!(ask_within(answer.len() + 100 * 12, &sdl, query, json!({})).is_ok(), "{}", answer.len());
}

#[test]
fn aliases_that_multiply_a_large_schema_are_refused_unanswered() {
    let alias = |name: &str, n: usize, set: &str| format!("{name}{n}: {name} {{ {set} }} ");
    let many = |name: &str, set: &str| (0..50).map(|n| alias(name, n, set)).collect::<String>();
    let sdl = large_schema();
    for (query, variables) in [
        (format!("{{ __schema {{ {} }} }}", many("types", &many("fields", "name"))), json!({})),
        (
            format!(
                "{{ __schema {{ types {{ {} }} }} }}",
                many("interfaces", &many("possibleTypes", "name"))
            ),
            json!({}),
        ),
        (
            format!(
                "query($n: String!, $yes: Boolean!) {{ __type(name: $n) @include(if: $yes) {{ {} }} }}",
                many(
                    "possibleTypes",
                    &many("fields", "args { type { ofType { ofType { ofType { name } } } } }")
                )
            ),
            json!({"n": "N", "yes": true}),
        ),
    ] {
        let error = ask_within(16 << 20, &sdl, &query, variables).expect_err("too large");
        assert_eq!(error.code, Code::ResponseTooLarge, "{}", &query[..60]);
    }
}
