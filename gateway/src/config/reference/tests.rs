//! How the schema becomes Markdown.

use serde_json::json;

use super::*;

/// The sections of a schema, without those of every reference.
fn written(root: &Value) -> String {
    let mut writer = Writer { root, seen: HashMap::new(), text: String::new() };
    writer.section("", root);
    writer.text
}

fn rows(root: Value) -> Vec<String> {
    let text = written(&root);
    text.lines().filter(|line| line.starts_with("| `")).map(Into::into).collect()
}

#[test]
fn required_keys_come_first_in_their_order() {
    let text = json!({ "type": "string", "description": "D." });
    let root = json!({
        "properties": { "below": { "type": "object", "required": ["z"], "properties": { "a": text, "z": text } } }
    });
    let rows = rows(root);
    assert_eq!(rows[1], "| `z` | text | **required** | D. |");
    assert_eq!(rows[2], "| `a` | text |  | D. |");
}

#[test]
fn a_row_tells_type_default_meaning_and_examples() {
    let root = json!({ "properties": {
        "count": { "type": "integer", "minimum": 1, "maximum": 4_294_967_295_u32, "default": 3, "description": "How\nmany." },
        "flag": { "type": "boolean", "default": true },
        "list": { "type": "array", "items": { "type": "string" }, "default": [], "examples": [["a", "b"]] },
        "size": { "type": "integer", "minimum": 1, "maximum": 256 },
        "text": { "type": ["string", "null"], "description": "Either | or.", "default": null },
    } });
    let expected = [
        "| `count` | number, at least 1 | `3` | How many. |",
        "| `flag` | `true` \\| `false` | `true` |  |",
        "| `list` | list of text |  |  For example `[a, b]`. |",
        "| `size` | number from 1 to 256 |  |  |",
        "| `text` | text |  | Either \\| or. |",
    ];
    assert_eq!(rows(root), expected);
}

#[test]
fn what_each_choice_means_stands_with_the_key() {
    let root = json!({
        "properties": { "mode": { "$ref": "#/$defs/Mode", "description": "How.", "default": "fast" } },
        "$defs": { "Mode": { "oneOf": [
            { "const": "fast", "type": "string", "description": "Quickly." },
            { "const": "safe", "type": "string", "description": "Surely." },
        ] } },
    });
    assert_eq!(
        rows(root),
        ["| `mode` | `fast` \\| `safe` | `fast` | How.<br>`fast`: Quickly.<br>`safe`: Surely. |"]
    );
}

#[test]
fn a_mapping_has_a_section_and_is_described_once() {
    let root = json!({
        "properties": {
            "one": { "$ref": "#/$defs/Part", "description": "First." },
            "two": { "type": "array", "items": { "$ref": "#/$defs/Part" }, "description": "More." },
        },
        "$defs": { "Part": { "description": "A part.", "properties": { "name": { "type": "string" } } } },
    });
    let text = written(&root);
    assert!(text.contains("| `one` | [mapping](#one) |  | First. |"), "{text}");
    assert!(text.contains("| `two` | list of [mapping](#two) |  | More. |"), "{text}");
    assert!(text.contains("### `one`\n\nA part.\n\n| Key"), "{text}");
    assert!(text.contains("### `two[]`\n\nThe same keys as [`one`](#one).\n"), "{text}");
}

#[test]
fn a_mapping_that_may_be_a_text_too_has_both() {
    let root = json!({ "properties": { "end": { "anyOf": [
        { "type": "string" },
        { "type": "object", "properties": { "url": { "type": "string", "description": "Where." } }, "required": ["url"] },
    ] } } });
    let text = written(&root);
    assert!(text.contains("| `end` | text or [mapping](#end) |"), "{text}");
    assert!(text.contains("| `url` | text | **required** | Where. |"), "{text}");
}

#[test]
fn anchors_are_those_of_github() {
    assert_eq!(anchor("routes[].match.headers[]"), "routesmatchheaders");
    assert_eq!(anchor("telemetry.access_log"), "telemetryaccess_log");
    assert_eq!(anchor("upstreams.NAME"), "upstreamsname");
}

#[test]
fn line_ends_of_the_source_are_none_of_the_text() {
    assert_eq!(cell("One\nsentence.\n\nAnother."), "One sentence.<br>Another.");
}
