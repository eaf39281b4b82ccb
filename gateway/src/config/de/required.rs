//! Which keys a section must have, as its JSON Schema says.
//!
//! serde's derive names the first missing key and stops. The schema, made from the same types, knows them all.

use std::sync::LazyLock;

use serde_json::Value;

/// Of every section: its keys, and those that are required.
static SECTIONS: LazyLock<Vec<(Vec<String>, Vec<String>)>> = LazyLock::new(|| {
    let mut sections = Vec::new();
    collect(crate::config::schema::schema().as_value(), &mut sections);
    sections
});

/// The required keys of the section with these keys; `first`, of which serde knows, is always among them.
pub fn of(keys: &[&str], first: &str) -> Vec<String> {
    let same =
        |known: &[String]| known.len() == keys.len() && known.iter().all(|key| keys.contains(&key.as_str()));
    let section = SECTIONS.iter().find(|(known, _)| same(known));
    let mut required = section.map(|(_, required)| required.clone()).unwrap_or_default();
    if !required.iter().any(|key| key == first) {
        required.push(first.into());
    }
    required
}

fn collect(schema: &Value, sections: &mut Vec<(Vec<String>, Vec<String>)>) {
    let children: Box<dyn Iterator<Item = &Value>> = match schema {
        Value::Object(members) => Box::new(members.values()),
        Value::Array(items) => Box::new(items.iter()),
        _ => return,
    };
    if let Some(properties) = schema.get("properties").and_then(Value::as_object) {
        let required = schema.get("required").and_then(Value::as_array);
        let required =
            required.into_iter().flatten().filter_map(|key| key.as_str().map(Into::into)).collect();
        sections.push((properties.keys().cloned().collect(), required));
    }
    for child in children {
        collect(child, sections);
    }
}
