//! The JSON Schema of the configuration (draft 2020-12), made from the same types that read it.
//!
//! `glassgate schema` prints it; editors use it through `config/glassgate.schema.json`, which a test keeps current.

use std::sync::LazyLock;

use schemars::{Schema, generate::SchemaSettings, transform::transform_subschemas};
use serde_json::{Value, json};

use super::file::Config;

/// The schema as the types give it, made once.
pub fn schema() -> &'static Schema {
    static SCHEMA: LazyLock<Schema> =
        LazyLock::new(|| SchemaSettings::draft2020_12().into_generator().into_root_schema_for::<Config>());
    &SCHEMA
}

/// As it is printed and committed: numbers, flags and choices may also be variables. Indented, with a line end.
pub fn schema_json() -> String {
    let mut schema = schema().clone();
    allow_variables(&mut schema);
    format!("{:#}\n", schema.to_value())
}

/// `${ENV}` stands for any scalar. Texts with a pattern of their own allow it there.
fn allow_variables(schema: &mut Schema) {
    transform_subschemas(&mut allow_variables, schema);
    let Some(object) = schema.as_object_mut() else { return };
    let variable = r"\$\{.*\}";
    let choice = object
        .get("oneOf")
        .and_then(Value::as_array)
        .is_some_and(|list| list.iter().all(|item| item.get("const").is_some()));
    if choice && let Some(Value::Array(list)) = object.get_mut("oneOf") {
        list.push(json!({ "type": "string", "pattern": variable }));
    }
    if let Some(values) = object.remove("enum") {
        let anything = json!([{ "enum": values }, { "type": "string", "pattern": variable }]);
        object.insert("anyOf".into(), anything);
    }
    let kinds: Vec<Value> = match object.get("type") {
        Some(Value::Array(kinds)) => kinds.clone(),
        Some(kind) => vec![kind.clone()],
        None => return,
    };
    let scalar = kinds.iter().any(|kind| matches!(kind.as_str(), Some("integer" | "number" | "boolean")));
    if scalar && !kinds.iter().any(|kind| kind == "string") {
        let kinds: Vec<Value> = kinds.into_iter().chain(["string".into()]).collect();
        object.insert("type".into(), kinds.into());
        object.insert("pattern".into(), variable.into());
    }
}

#[cfg(test)]
mod tests;
