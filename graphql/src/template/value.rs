//! What expansion is given: values in the form in which the engine holds them.
//!
//! Arguments and claims are JSON trees; a parent's members and batch keys are
//! pieces of a service's answer and stay its text, so that a number keeps its
//! digits and nothing is built only to be written out again.

use std::borrow::Cow;

/// A value for a template.
#[derive(Debug, Clone, PartialEq)]
pub enum Value<'a> {
    /// An argument or a claim.
    Json(Cow<'a, serde_json::Value>),
    /// JSON text, exactly as a service wrote it.
    Raw(Cow<'a, str>),
    /// Text that is not JSON, as a header's value is.
    Text(Cow<'a, str>),
    /// The keys of a batch.
    List(Vec<Value<'a>>),
}

/// A value as a URI or a header sees it.
#[derive(Debug, PartialEq)]
pub(super) enum Plain<'a> {
    Null,
    Scalar(Cow<'a, str>),
    List(Vec<Plain<'a>>),
    Object,
    /// Text that should have been JSON.
    Broken,
}

impl<'a> Value<'a> {
    pub(super) fn plain(&'a self) -> Plain<'a> {
        match self {
            Value::Json(json) => plain_json(json),
            Value::Raw(text) => plain_raw(text),
            Value::Text(text) => Plain::Scalar(Cow::Borrowed(text)),
            Value::List(items) => Plain::List(items.iter().map(Value::plain).collect()),
        }
    }
}

fn plain_json(json: &serde_json::Value) -> Plain<'_> {
    use serde_json::Value as Json;
    match json {
        Json::Null => Plain::Null,
        Json::Bool(true) => Plain::Scalar("true".into()),
        Json::Bool(false) => Plain::Scalar("false".into()),
        Json::Number(number) => Plain::Scalar(number.to_string().into()),
        Json::String(text) => Plain::Scalar(text.into()),
        Json::Array(items) => Plain::List(items.iter().map(plain_json).collect()),
        Json::Object(_) => Plain::Object,
    }
}

fn plain_raw(text: &str) -> Plain<'_> {
    let text = text.trim_ascii();
    match text.as_bytes().first() {
        Some(b'"') => match serde_json::from_str::<BorrowedText>(text) {
            Ok(BorrowedText(text)) => Plain::Scalar(text),
            Err(_) => Plain::Broken,
        },
        Some(b'[') => match serde_json::from_str::<Vec<&serde_json::value::RawValue>>(text) {
            Ok(items) => Plain::List(items.iter().map(|item| plain_raw(item.get())).collect()),
            Err(_) => Plain::Broken,
        },
        Some(b'{') => Plain::Object,
        Some(b'n') => Plain::Null,
        Some(b'-' | b'0'..=b'9' | b't' | b'f') => Plain::Scalar(text.into()),
        _ => Plain::Broken,
    }
}

/// A JSON string that borrows where it has no escapes.
#[derive(serde::Deserialize)]
struct BorrowedText<'a>(#[serde(borrow)] Cow<'a, str>);
