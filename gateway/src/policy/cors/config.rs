//! The `cors:` key of a route, and of `defaults:`.

use std::{borrow::Cow, fmt};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de, ser::SerializeMap};

use super::pattern::{OriginPattern, OriginRegex};
use crate::value::{Duration, Located, each_item};

/// Which pages of other origins may read the route's answers, and send what needs a preflight. Without `origins` none
/// may, and nothing is said: on a route `{}` switches off what `defaults` says.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct CorsConfig {
    /// The origins: exact (`https://app.example.com`), all names below one (`https://*.example.com`), a regular
    /// expression that matches the whole origin, or `"*"` for any.
    #[serde(deserialize_with = "each_item", skip_serializing_if = "Vec::is_empty")]
    pub origins: Vec<Located<OriginPattern>>,
    /// Methods they may use. Empty: those of the route's `match`; where that has none, `GET`, `HEAD` and `POST`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(example = ["GET", "PUT", "DELETE"])]
    pub methods: Vec<Located<String>>,
    /// Headers they may send beyond those that any page may. `"*"` is any but `authorization`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(example = ["authorization", "content-type"])]
    pub headers: Vec<Located<String>>,
    /// Headers of the answer that they may read beyond the usual ones.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(example = ["x-request-id"])]
    pub expose_headers: Vec<Located<String>>,
    /// Whether they may send the user's cookies and read the answer. Then nothing may be `"*"`.
    pub credentials: bool,
    /// How long a browser may remember the answer to a preflight. Browsers have bounds of their own, from 2 to 24 hours.
    pub max_age: Duration,
}

impl Default for CorsConfig {
    fn default() -> Self {
        Self {
            origins: Vec::new(),
            methods: Vec::new(),
            headers: Vec::new(),
            expose_headers: Vec::new(),
            credentials: false,
            max_age: Duration::from_secs(600),
        }
    }
}

impl CorsConfig {
    /// Whether no origin is named.
    pub fn is_off(&self) -> bool {
        self.origins.is_empty()
    }
}

impl<'de> Deserialize<'de> for OriginPattern {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Full {
            regex: String,
        }

        struct Visitor;
        impl<'de> de::Visitor<'de> for Visitor {
            type Value = OriginPattern;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(r#"an origin in quotes, as `"https://app.example.com"`, or `regex`"#)
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<OriginPattern, E> {
                text.parse().map_err(E::custom)
            }
            fn visit_map<A: de::MapAccess<'de>>(self, map: A) -> Result<OriginPattern, A::Error> {
                let Full { regex } = Full::deserialize(de::value::MapAccessDeserializer::new(map))?;
                OriginRegex::new(&regex).map(OriginPattern::Regex).map_err(de::Error::custom)
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}

impl Serialize for OriginPattern {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let OriginPattern::Regex(regex) = self else { return serializer.collect_str(self) };
        let mut map = serializer.serialize_map(Some(1))?;
        map.serialize_entry("regex", regex.written())?;
        map.end()
    }
}

impl JsonSchema for OriginPattern {
    fn schema_name() -> Cow<'static, str> {
        "OriginPattern".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "An origin, or a pattern for origins. `\"null\"` is the origin of pages that have none.",
            "anyOf": [
                {
                    "type": "string",
                    "title": "origin",
                    "pattern": r"^(\*|null|[a-zA-Z][a-zA-Z0-9+.-]*://(\*\.)?[a-zA-Z0-9._:\[\]-]+|.*\$\{.*)$",
                    "examples": ["https://app.example.com", "https://*.example.com", "http://localhost:3000", "*"]
                },
                {
                    "type": "object",
                    "properties": {
                        "regex": {
                            "description": "A regular expression that matches the whole origin, as browsers write it: in lower case, without the scheme's usual port.",
                            "type": "string",
                            "examples": [r"https://pr-[0-9]+\.preview\.example\.com"]
                        }
                    },
                    "required": ["regex"],
                    "additionalProperties": false
                }
            ]
        })
    }
}
