//! What to write in place of a value of another type: a list of one, a mapping with the key that was meant.
//!
//! Where the value may be a secret in the wrong place it is not repeated.

use crate::config::{
    masking::Document,
    tree::{Kind, NodeId, Scalar, Tree},
};

/// Longer values are not repeated.
const LONGEST: usize = 60;

/// Keys whose texts are lists of words to those who come from OAuth or HTTP, as in `scope: "a b"`.
const WORDS: [&str; 4] = ["any_scope", "headers", "methods", "scopes"];

/// Sections that `{}` switches off.
const SWITCHED_OFF: [&str; 6] =
    ["authentication", "authorization", "concurrency", "cors", "ip_filter", "limits"];

/// What kind of value stands where a section belongs.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Found {
    Text,
    Number,
    List,
}

/// What a value in place of a section was probably meant as; `@` stands for the value.
const SECTIONS: [(&str, Found, &str); 16] = [
    ("adaptive", Found::Number, "{ max: @ }"),
    ("admin", Found::Text, "{ address: @ }"),
    ("api_keys", Found::Text, "{ file: @ }"),
    ("authentication", Found::List, "{ by: @ }"),
    ("authentication", Found::Text, "{ by: [@] }"),
    ("authorization", Found::List, "{ scopes: @ }"),
    ("authorization", Found::Text, "{ allow: @ }"),
    ("basic", Found::List, "{ users: @ }"),
    ("concurrency", Found::Number, "{ max: @ }"),
    ("cors", Found::List, "{ origins: @ }"),
    ("from", Found::Text, "{ header: @ }"),
    ("ip_filter", Found::List, "{ allow: @ }"),
    ("match", Found::Text, "{ path: @ }"),
    ("queue", Found::Number, "{ size: @ }"),
    ("redis", Found::Text, "{ url: @ }"),
    ("roles", Found::List, "{ any_of: @ }"),
];

/// A hint for a node in whose place something else is expected (`a list`, `a mapping`).
pub fn hint(tree: &Tree, document: Document, node: NodeId, expected: &str) -> Option<String> {
    let key = tree.key(node);
    if let ("a mapping", Document::Accounts(first), None) = (expected, document, key) {
        return Some(format!("begin with `{first}:`, and indent the rest below it"));
    }
    let is_shown = !document.is_sensitive(tree, node);
    match expected {
        "a list" => Some(list(tree, node, key.unwrap_or_default(), is_shown)),
        "a mapping" => mapping(tree, node, key?, is_shown),
        _ => None,
    }
}

fn list(tree: &Tree, node: NodeId, key: &str, is_shown: bool) -> String {
    let is_mapping = matches!(tree.kind(node), Kind::Mapping(_));
    let empty = if key == "rate_limits" { "write `[]` to switch them off" } else { "write `[]` for none" };
    match tree.scalar(node) {
        None if tree.entries(node).is_empty() => empty.to_owned(),
        None if is_mapping => "write `- ` before its first key, or `[` and `]` around it".to_owned(),
        Some(Scalar::Flag(false)) => empty.to_owned(),
        _ => match as_list(tree, node, key).filter(|_| is_shown) {
            Some(list) => format!("write `{list}`"),
            None => "write `[` and `]` around it".to_owned(),
        },
    }
}

fn mapping(tree: &Tree, node: NodeId, key: &str, is_shown: bool) -> Option<String> {
    let found = match tree.scalar(node) {
        None => Found::List,
        Some(Scalar::Flag(false)) if SWITCHED_OFF.contains(&key) => {
            return Some("write `{}` to switch it off".to_owned());
        }
        Some(Scalar::Flag(true)) => return switched_on(key),
        Some(Scalar::Unsigned(_) | Scalar::Signed(_) | Scalar::Float(_)) => Found::Number,
        Some(Scalar::Text(_)) => Found::Text,
        Some(Scalar::Flag(_) | Scalar::Nothing) => return None,
    };
    section(tree, node, key, found, is_shown)
}

fn switched_on(key: &str) -> Option<String> {
    let text = match key {
        "adaptive" => "write `{}` for its defaults",
        "authentication" => "name authenticators, as in `{ by: [users] }`",
        "concurrency" => "write `{ max: 100 }`, or `{ adaptive: {} }`",
        "cors" => "name the origins, as in `{ origins: [\"https://app.example.com\"] }`",
        _ => return None,
    };
    Some(text.to_owned())
}

fn section(tree: &Tree, node: NodeId, key: &str, found: Found, is_shown: bool) -> Option<String> {
    if key == "keys" && found == Found::Text {
        return Some(
            "say what it is: `{ url: ... }`, `{ file: ... }`, `{ pem: ... }` or `{ secret: ... }`".to_owned(),
        );
    }
    let (_, _, form) = SECTIONS.iter().find(|(known, kind, _)| *known == key && *kind == found)?;
    let value = match found {
        Found::List => items(tree, node),
        Found::Text | Found::Number => as_written(tree, node).map(quoted),
    };
    let value = value.filter(|_| is_shown).unwrap_or_else(|| "...".to_owned());
    Some(format!("write `{}`", form.replace('@', &value)))
}

/// A scalar as the list of one, or of its words.
fn as_list(tree: &Tree, node: NodeId, key: &str) -> Option<String> {
    let text = as_written(tree, node)?;
    let ends_word = |letter: char| letter == ',' || letter.is_whitespace() && WORDS.contains(&key);
    let words: Vec<String> = match text.contains("${") {
        true => vec![quoted(text)],
        false => text.split(ends_word).map(str::trim).filter(|word| !word.is_empty()).map(quoted).collect(),
    };
    Some(format!("[{}]", words.join(", ")))
}

/// A list of scalars, in one line.
fn items(tree: &Tree, node: NodeId) -> Option<String> {
    let Kind::List(items) = tree.kind(node) else { return None };
    let items: Option<Vec<_>> = items.iter().map(|item| as_written(tree, *item).map(quoted)).collect();
    items.map(|items| format!("[{}]", items.join(", "))).filter(|list| list.len() <= LONGEST)
}

/// A short scalar as it stands in the file: what variables hold may be a secret.
fn as_written(tree: &Tree, node: NodeId) -> Option<&str> {
    let text = tree.written(node).or_else(|| tree.text(node))?;
    (text.len() <= LONGEST && !text.contains(['\n', '`'])).then_some(text)
}

/// A text as YAML within brackets has it.
fn quoted(text: &str) -> String {
    let is_plain = |letter: char| letter.is_alphanumeric() || "-_./:+".contains(letter);
    let begins = text.starts_with(|letter: char| letter.is_alphanumeric() || letter == '/');
    match begins && text.chars().all(is_plain) && !text.ends_with(':') {
        true => text.to_owned(),
        false => format!("'{}'", text.replace('\'', "''")),
    }
}
