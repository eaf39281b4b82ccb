//! The reference of every key, in Markdown, made from the JSON Schema.
//!
//! `docs/configuration.md` holds it between two marks; a test keeps it current. One section per mapping of the file,
//! in the order of the file; a mapping that is used twice is described once.

use std::collections::HashMap;

use serde_json::{Map, Value};

use super::schema::schema;

/// The reference, beginning with its first heading.
pub fn reference() -> String {
    let root = schema().as_value();
    let mut writer = Writer { root, seen: HashMap::new(), text: String::new() };
    writer.text.push_str("### The file\n\n");
    writer.section("", root);
    writer.values();
    writer.text
}

/// The keys at the top, in the order in which one writes them; any other follows.
const ORDER: [&str; 11] = [
    "listeners",
    "admin",
    "drain",
    "telemetry",
    "upstreams",
    "redis",
    "rate_limits",
    "authenticators",
    "defaults",
    "routes",
    "graphql",
];

/// Texts with a form of their own, described at the end.
const VALUES: [(&str, &str); 13] = [
    ("Duration", "duration"),
    ("ByteSize", "size"),
    ("Percent", "percentage"),
    ("Rate", "rate"),
    ("Name", "name"),
    ("Secret", "secret"),
    ("ListenAddress", "address"),
    ("Cidr", "address range"),
    ("TrustedHeader", "trusted header"),
    ("EndpointUrl", "endpoint URL"),
    ("RedisUrl", "Redis URL"),
    ("HttpUrl", "URL"),
    ("StatusRange", "status range"),
];

struct Writer<'s> {
    root: &'s Value,
    /// Where a definition is described.
    seen: HashMap<String, String>,
    text: String,
}

impl<'s> Writer<'s> {
    /// A table of a mapping's keys, then a section for each mapping in it.
    fn section(&mut self, path: &str, schema: &'s Value) {
        let Some(keys) = schema["properties"].as_object() else { return };
        let required: Vec<&str> =
            schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        self.text.push_str("| Key | Type | Default | Meaning |\n| --- | --- | --- | --- |\n");
        let mut below = Vec::new();
        for (key, value) in sorted(keys, &required, path.is_empty()) {
            let whole = if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") };
            let found = self.mappings(value, &whole);
            let default = match required.contains(&key) {
                true => "**required**".into(),
                false => default(value, !found.is_empty()),
            };
            let kind = linked(&self.kind(value), &found);
            self.row(key, &kind, &default, &meaning(self.root, value));
            below.extend(found);
        }
        self.text.push('\n');
        for (path, name, schema) in below {
            self.mapping(&path, name, schema);
        }
    }

    fn mapping(&mut self, path: &str, name: Option<String>, schema: &'s Value) {
        self.text.push_str(&format!("### `{path}`\n\n"));
        if let Some(described) = name.as_ref().and_then(|name| self.seen.get(name)) {
            self.text.push_str(&format!("The same keys as [`{described}`](#{}).\n\n", anchor(described)));
            return;
        }
        if let Some(name) = name {
            self.seen.insert(name, path.to_owned());
        }
        if let Some(description) = schema["description"].as_str() {
            self.text.push_str(&format!("{}\n\n", paragraph(description)));
        }
        match alternatives(schema) {
            Some(list) if schema["properties"].is_null() => self.one_of(path, list),
            _ => self.section(path, schema),
        }
    }

    /// A mapping that is one of several: all their keys in one table.
    fn one_of(&mut self, path: &str, list: &'s [Value]) {
        let objects = || list.iter().filter(|item| item["properties"].is_object());
        let words: Vec<String> = list.iter().filter_map(word).collect();
        let alone = objects().count() == 1;
        match (words.is_empty(), alone) {
            (true, true) => {}
            (true, false) => self.text.push_str("Exactly one of:\n\n"),
            (false, _) => {
                let or = if alone { "Or a mapping:" } else { "Or a mapping with exactly one of:" };
                self.text.push_str(&format!("One of these words:\n\n{}\n{or}\n\n", words.concat()));
            }
        }
        self.text.push_str("| Key | Type | Default | Meaning |\n| --- | --- | --- | --- |\n");
        let mut below = Vec::new();
        for object in objects() {
            let keys = object["properties"].as_object().into_iter().flatten();
            for (key, value) in keys {
                let description = [value, object]
                    .into_iter()
                    .map(|schema| meaning(self.root, schema))
                    .find(|text| !text.is_empty());
                let required =
                    object["required"].as_array().is_some_and(|keys| keys.iter().any(|name| name == key));
                let default = if required { "**required**".into() } else { default(value, false) };
                let found = self.mappings(value, &format!("{path}.{key}"));
                let kind = linked(&self.kind(value), &found);
                self.row(key, &kind, &default, &description.unwrap_or_default());
                below.extend(found);
            }
        }
        self.text.push('\n');
        for (path, name, schema) in below {
            self.mapping(&path, name, schema);
        }
    }

    fn row(&mut self, key: &str, kind: &str, default: &str, meaning: &str) {
        self.text.push_str(&format!("| `{key}` | {kind} | {default} | {meaning} |\n"));
    }

    /// The mappings a value may be or contain, each with the path of its own section.
    fn mappings(&self, value: &'s Value, path: &str) -> Vec<(String, Option<String>, &'s Value)> {
        let (name, schema) = resolve(self.root, value);
        if let Some(items) = schema.get("items") {
            return self.mappings(items, &format!("{path}[]"));
        }
        if let Some(values) = map_values(schema) {
            return self.mappings(values, &format!("{path}.NAME"));
        }
        let is_mapping = schema["properties"].is_object()
            || alternatives(schema)
                .is_some_and(|list| list.iter().any(|item| item["properties"].is_object()));
        if is_mapping { vec![(path.to_owned(), name.map(Into::into), schema)] } else { Vec::new() }
    }

    /// The type in words.
    fn kind(&self, value: &Value) -> String {
        let (name, schema) = resolve(self.root, value);
        if let Some((_, word)) = VALUES.iter().find(|(known, _)| Some(*known) == name) {
            return format!("[{word}](#values)");
        }
        if let Some(items) = schema.get("items") {
            return format!("list of {}", self.kind(items));
        }
        if let Some(values) = map_values(schema) {
            return format!("mapping of {}", self.kind(values));
        }
        if let Some(list) = alternatives(schema) {
            let consts: Vec<String> = list
                .iter()
                .filter_map(|item| item["const"].as_str())
                .map(|text| format!("`{text}`"))
                .collect();
            if consts.len() == list.len() {
                return consts.join(" \\| ");
            }
            let mut kinds: Vec<String> = list.iter().map(|item| self.kind(item)).collect();
            kinds.dedup();
            return kinds.join(" or ");
        }
        if let Some(values) = schema["enum"].as_array() {
            return values.iter().map(|value| format!("`{value}`")).collect::<Vec<_>>().join(" \\| ");
        }
        plain(schema)
    }

    fn values(&mut self) {
        self.text.push_str("### Values\n\n| Type | Form | Examples |\n| --- | --- | --- |\n");
        for (name, word) in VALUES {
            let schema = &self.root["$defs"][name];
            let examples = schema["examples"].as_array().into_iter().flatten().map(code).collect::<Vec<_>>();
            let form = cell(schema["description"].as_str().unwrap_or_default());
            self.text.push_str(&format!("| {word} | {form} | {} |\n", examples.join(", ")));
        }
    }
}

/// At the top as in [`ORDER`]; elsewhere the required keys first, then by the alphabet.
fn sorted<'s>(keys: &'s Map<String, Value>, required: &[&str], top: bool) -> Vec<(&'s str, &'s Value)> {
    let mut keys: Vec<_> = keys.iter().map(|(key, value)| (key.as_str(), value)).collect();
    let rank = |key: &str| {
        let top = ORDER.iter().position(|known| top && *known == key).unwrap_or(ORDER.len());
        let required = required.iter().position(|known| *known == key).unwrap_or(required.len());
        (top, required)
    };
    keys.sort_by_key(|(key, _)| (rank(key), *key));
    keys
}

/// Follows references, and looks through "this or null".
fn resolve<'s>(root: &'s Value, value: &'s Value) -> (Option<&'s str>, &'s Value) {
    let mut at = (None, value);
    loop {
        if let Some(name) = at.1["$ref"].as_str().and_then(|path| path.strip_prefix("#/$defs/")) {
            at = (Some(name), &root["$defs"][name]);
            continue;
        }
        let list = at.1["anyOf"].as_array().map(Vec::as_slice).unwrap_or_default();
        match list {
            [one, null] if null["type"] == "null" => at = (None, one),
            _ => return at,
        }
    }
}

fn alternatives(schema: &Value) -> Option<&[Value]> {
    schema["oneOf"].as_array().or(schema["anyOf"].as_array()).map(Vec::as_slice)
}

/// A choice without a value of its own, as an item of a list.
fn word(choice: &Value) -> Option<String> {
    let description = cell(choice["description"].as_str().unwrap_or_default());
    Some(format!("- `{}`: {description}\n", choice["const"].as_str()?))
}

/// The word `mapping` as a link to its section.
fn linked(kind: &str, found: &[(String, Option<String>, &Value)]) -> String {
    match (found.first(), kind.rfind("mapping")) {
        (Some((path, ..)), Some(at)) => {
            format!("{}[mapping](#{})", &kind[..at], anchor(path)) + &kind[at + "mapping".len()..]
        }
        _ => kind.to_owned(),
    }
}

/// What a mapping with free keys maps to.
fn map_values(schema: &Value) -> Option<&Value> {
    if schema["properties"].is_object() {
        return None;
    }
    let by_pattern = schema["patternProperties"].as_object().and_then(|patterns| patterns.values().next());
    by_pattern.or_else(|| schema.get("additionalProperties").filter(|values| values.is_object()))
}

fn plain(schema: &Value) -> String {
    let kinds: Vec<&str> = match &schema["type"] {
        Value::String(kind) => vec![kind],
        Value::Array(kinds) => {
            kinds.iter().filter_map(Value::as_str).filter(|kind| *kind != "null").collect()
        }
        _ => vec!["mapping"],
    };
    let words = kinds.iter().map(|kind| match *kind {
        "integer" => number(schema),
        "boolean" => "`true` \\| `false`".into(),
        "object" => "mapping".into(),
        "string" => "text".into(),
        other => other.into(),
    });
    words.collect::<Vec<_>>().join(" or ")
}

/// Bounds that only say how wide the Rust type is are left out.
fn number(schema: &Value) -> String {
    let widths = [u64::from(u8::MAX), u64::from(u16::MAX), u64::from(u32::MAX)];
    let most = schema["maximum"].as_u64().filter(|most| !widths.contains(most));
    match (schema["minimum"].as_u64(), most) {
        (Some(least), Some(most)) => format!("number from {least} to {most}"),
        (Some(least), None) if least > 0 => format!("number, at least {least}"),
        _ => "number".into(),
    }
}

/// Defaults of mappings are those of their own keys.
fn default(value: &Value, mapping: bool) -> String {
    match &value["default"] {
        Value::Null | Value::Object(_) => String::new(),
        Value::Array(items) if items.is_empty() => String::new(),
        Value::String(text) if text.is_empty() => String::new(),
        _ if mapping => String::new(),
        default => code(default),
    }
}

fn code(value: &Value) -> String {
    match value {
        Value::String(text) => format!("`{text}`"),
        Value::Array(items) => {
            let items: Vec<String> =
                items.iter().map(|item| item.as_str().map_or_else(|| item.to_string(), Into::into)).collect();
            format!("`[{}]`", items.join(", "))
        }
        other => format!("`{other}`"),
    }
}

/// The description, what form the text has, what each variant means, and examples.
fn meaning(root: &Value, value: &Value) -> String {
    let mut text = cell(value["description"].as_str().unwrap_or_default());
    let (name, schema) = resolve(root, value);
    let special = name.is_some_and(|name| !VALUES.iter().any(|(known, _)| *known == name));
    if special && schema["type"] == "string" {
        text.push_str(&format!("<br>{}", cell(schema["description"].as_str().unwrap_or_default())));
    }
    for variant in alternatives(schema).into_iter().flatten() {
        if let (Some(name), Some(description)) = (variant["const"].as_str(), variant["description"].as_str())
        {
            text.push_str(&format!("<br>`{name}`: {}", cell(description)));
        }
    }
    if let Some(examples) = value["examples"].as_array() {
        let examples: Vec<String> = examples.iter().map(code).collect();
        text.push_str(&format!(" For example {}.", examples.join(", ")));
    }
    text
}

/// One line, fit for a table.
fn cell(text: &str) -> String {
    paragraph(text).replace("\n\n", "<br>").replace('|', "\\|")
}

/// Line ends of the source are no line ends of the text; empty lines are.
fn paragraph(text: &str) -> String {
    text.split("\n\n").map(|part| part.replace('\n', " ")).collect::<Vec<_>>().join("\n\n")
}

/// As GitHub makes them of headings.
fn anchor(heading: &str) -> String {
    heading.to_lowercase().chars().filter(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-')).collect()
}

#[cfg(test)]
mod tests;
