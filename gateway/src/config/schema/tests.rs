//! What editors accept beyond the types.

use super::*;

fn allowed(schema: Value) -> Value {
    let mut schema = Schema::try_from(schema).unwrap();
    allow_variables(&mut schema);
    schema.to_value()
}

const VARIABLE: &str = r"\$\{.*\}";

#[test]
fn a_number_or_flag_may_be_a_variable() {
    for kind in ["integer", "number", "boolean"] {
        let expected = json!({ "type": [kind, "string"], "pattern": VARIABLE });
        assert_eq!(allowed(json!({ "type": kind })), expected);
    }
    let nullable = allowed(json!({ "type": ["integer", "null"] }));
    assert_eq!(nullable, json!({ "type": ["integer", "null", "string"], "pattern": VARIABLE }));
}

#[test]
fn a_choice_may_be_a_variable() {
    let choice = allowed(json!({ "oneOf": [{ "const": "a" }, { "const": "b" }] }));
    let variable = json!({ "type": "string", "pattern": VARIABLE });
    assert_eq!(choice, json!({ "oneOf": [{ "const": "a" }, { "const": "b" }, variable] }));
    let list = allowed(json!({ "enum": [301, 302] }));
    assert_eq!(list, json!({ "anyOf": [{ "enum": [301, 302] }, variable] }));
}

#[test]
fn texts_mappings_and_lists_stay_as_they_are() {
    for schema in [
        json!({ "type": "string", "pattern": "^a$" }),
        json!({ "type": "object", "additionalProperties": { "type": "string" } }),
        json!({ "type": "array", "items": { "type": "string" } }),
        json!({ "oneOf": [{ "type": "object" }, { "type": "string" }] }),
    ] {
        assert_eq!(allowed(schema.clone()), schema);
    }
}

#[test]
fn variables_are_allowed_wherever_a_number_stands() {
    let schema = allowed(json!({ "properties": { "a": { "items": { "type": "integer" } } } }));
    assert_eq!(schema["properties"]["a"]["items"]["type"], json!(["integer", "string"]));
}
