//! A text that is never shown: not in logs, errors, debug output or `GET /config`.
//!
//! Written as text, or as `file:/run/secrets/x` (the file's content without the line end).
//! Only [`Secret::expose`] gives it out, so that a search for that word finds every use.

use std::{borrow::Cow, fmt, sync::Arc};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// The newtype name by which the configuration's deserializer recognises a secret: it resolves `file:` itself,
/// relative to the configuration, and then calls `visit_str` with the secret.
pub const SECRET: &str = "$glassgate::Secret";

const MASK: &str = "***";

/// A secret text. Printing it in any way gives `***`.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Secret(Arc<str>);

impl Secret {
    /// Wraps a text that must not be shown from here on.
    pub fn new(text: impl Into<Arc<str>>) -> Self {
        Self(text.into())
    }

    /// A secret file's content without the line end that editors add.
    pub fn trimmed(text: &str) -> &str {
        text.strip_suffix('\n').map_or(text, |line| line.strip_suffix('\r').unwrap_or(line))
    }

    /// The secret itself. Never pass the result to anything that logs or prints.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(MASK)
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(MASK)
    }
}

impl Serialize for Secret {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(MASK)
    }
}

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl<'de> de::Visitor<'de> for Visitor {
            type Value = Secret;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a secret: a text, or `file:` and a path")
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<Secret, E> {
                Ok(Secret::new(text))
            }
            fn visit_newtype_struct<D: Deserializer<'de>>(self, deserializer: D) -> Result<Secret, D::Error> {
                // Other formats than the configuration's: nothing is relative to anything there.
                let text = String::deserialize(deserializer)?;
                match text.starts_with("file:") {
                    true => Err(de::Error::custom("only the configuration can name a secret's file")),
                    false => Ok(Secret::new(text)),
                }
            }
        }
        deserializer.deserialize_newtype_struct(SECRET, Visitor)
    }
}

impl JsonSchema for Secret {
    fn schema_name() -> Cow<'static, str> {
        "Secret".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "title": "secret",
            "description": "A text that is never shown. Better not written here: `${ENV}` takes it from the environment, `file:/run/secrets/x` from a file.",
            "examples": ["${API_TOKEN}", "file:/run/secrets/api-token"]
        })
    }
}
