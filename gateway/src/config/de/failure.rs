//! serde's errors in the operator's words: "expected a whole number from 0 to 65535, found a text".

use std::fmt::{self, Display};

use serde::de::{self, Expected, Unexpected};

use crate::config::{suggest, tree::Scalar};

/// Why a node was refused.
#[derive(Debug)]
pub enum Failure {
    /// It is among the faults already.
    Reported,
    /// `what is wrong; what to do`.
    Text(String),
    Type {
        expected: String,
        found: &'static str,
    },
    Missing(&'static str),
}

impl Failure {
    /// Message and hint for the scalar it is about, if it is about one.
    pub fn into_text(self, scalar: Option<Scalar<'_>>) -> (String, Option<String>) {
        match self {
            Self::Reported => ("refused".into(), None),
            Self::Text(text) => split(text),
            Self::Type { expected, found } => {
                let expected = in_words(&expected);
                if let (Some(Scalar::Float(number)), "a number") = (scalar, found) {
                    return (format!("`{number}` is not {expected}"), None);
                }
                let hint = scalar.and_then(|scalar| type_hint(&expected, scalar));
                (format!("expected {expected}, found {found}"), hint)
            }
            Self::Missing(key) => (format!("the key `{key}` is missing"), None),
        }
    }
}

/// The convention of every error text here: `message; hint`.
pub fn split(text: String) -> (String, Option<String>) {
    match text.split_once("; ") {
        Some((message, hint)) => (message.into(), Some(hint.into())),
        None => (text, None),
    }
}

fn type_hint(expected: &str, found: Scalar<'_>) -> Option<String> {
    let Scalar::Text(text) = found else { return None };
    match text.to_ascii_lowercase().as_str() {
        "yes" | "on" if expected.contains("`true`") => Some("write `true`".into()),
        "no" | "off" if expected.contains("`true`") => Some("write `false`".into()),
        _ if text.contains(' ') => None,
        word if word.parse::<f64>().is_ok() && expected.contains("number") => {
            Some("remove the quotes".into())
        }
        "true" | "false" if expected.contains("`true`") => Some("remove the quotes".into()),
        _ => None,
    }
}

/// serde names Rust types.
pub fn in_words(expected: &str) -> String {
    let words = match expected {
        "u8" => "a whole number from 0 to 255",
        "u16" => "a whole number from 0 to 65535",
        "u32" => "a whole number from 0 to 4294967295",
        "u64" | "usize" => "a whole number, not negative",
        "i8" | "i16" | "i32" | "i64" | "isize" => "a whole number",
        "f32" | "f64" => "a number",
        "a boolean" => "`true` or `false`",
        "a string" | "path string" | "a character" => "a text",
        "a sequence" => "a list",
        "a map" => "a mapping",
        "unit" => "nothing",
        _ if expected.starts_with("a nonzero ") => "a whole number greater than 0",
        _ if expected.starts_with("struct ") => "a mapping",
        _ => expected,
    };
    words.into()
}

fn noun(found: &Unexpected<'_>) -> &'static str {
    match found {
        Unexpected::Bool(_) => "`true` or `false`",
        Unexpected::Unsigned(_) | Unexpected::Signed(_) | Unexpected::Float(_) => "a number",
        Unexpected::Char(_) | Unexpected::Str(_) | Unexpected::Bytes(_) => "a text",
        Unexpected::Seq => "a list",
        Unexpected::Unit | Unexpected::Option => "nothing",
        _ => "a mapping",
    }
}

impl de::Error for Failure {
    fn custom<T: Display>(text: T) -> Self {
        Self::Text(text.to_string())
    }

    fn invalid_type(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::Type { expected: expected.to_string(), found: noun(&found) }
    }

    fn invalid_value(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        let expected = in_words(&expected.to_string());
        match found {
            Unexpected::Unsigned(number) => Self::Text(format!("`{number}` is not {expected}")),
            Unexpected::Signed(number) => Self::Text(format!("`{number}` is not {expected}")),
            Unexpected::Float(number) => Self::Text(format!("`{number}` is not {expected}")),
            Unexpected::Str(text) => Self::Text(format!("`{text}` is not {expected}")),
            other => Self::Type { expected, found: noun(&other) },
        }
    }

    fn invalid_length(length: usize, expected: &dyn Expected) -> Self {
        Self::Text(format!("expected {expected}, found {length}"))
    }

    fn unknown_variant(variant: &str, expected: &'static [&'static str]) -> Self {
        Self::Text(format!(
            "unknown value `{variant}`; {}",
            suggest::among(variant, expected.iter().copied())
        ))
    }

    fn unknown_field(field: &str, expected: &'static [&'static str]) -> Self {
        Self::Text(format!("unknown key `{field}`; {}", suggest::among(field, expected.iter().copied())))
    }

    fn missing_field(field: &'static str) -> Self {
        Self::Missing(field)
    }

    fn duplicate_field(field: &'static str) -> Self {
        Self::Text(format!("the key `{field}` is given twice"))
    }
}

impl Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self:?}")
    }
}

impl std::error::Error for Failure {}
