//! The name of a header that only trusted proxies may send.

use std::{borrow::Cow, fmt, str::FromStr};

use http::HeaderName;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::Invalid;

/// A header that is believed of trusted proxies and removed from anybody else's requests. YAML:
/// `x-forwarded-client-cert`.
///
/// Refused are headers that trust must not change: of the connection, made anew by the gateway, or naming another
/// path than the one that was matched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrustedHeader(HeaderName);

impl TrustedHeader {
    /// The name, in lower case.
    pub const fn get(&self) -> &HeaderName {
        &self.0
    }
}

impl FromStr for TrustedHeader {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let name = HeaderName::try_from(text).map_err(|_| {
            Invalid::new(format!(
                "`{text}` is not a header name; write for example `x-forwarded-client-cert`"
            ))
        })?;
        // What services take from their environment has `_` for `-` (CGI).
        let refusal = match name.as_str().replace('_', "-").as_str() {
            "x-forwarded-for" | "x-forwarded-proto" | "x-forwarded-host" | "forwarded" => {
                "is made by the gateway, as `client_address` says"
            }
            "x-original-url" | "x-rewrite-url" => {
                "names another path than the one that is routed, so it is never passed on"
            }
            "x-request-id" | "traceparent" | "tracestate" | "baggage" => {
                "is made or checked by the gateway itself, whoever sends it"
            }
            "proxy" => "becomes a proxy's address in CGI, so it is never passed on",
            "connection"
            | "content-length"
            | "expect"
            | "host"
            | "keep-alive"
            | "proxy-authenticate"
            | "proxy-authorization"
            | "proxy-connection"
            | "te"
            | "trailer"
            | "transfer-encoding"
            | "upgrade" => "belongs to the connection and not to its sender",
            _ => return Ok(Self(name)),
        };
        Err(Invalid::new(format!("`{name}` {refusal}; remove it")))
    }
}

impl fmt::Display for TrustedHeader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl JsonSchema for TrustedHeader {
    fn schema_name() -> Cow<'static, str> {
        "TrustedHeader".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "title": "trusted header",
            "description": "The name of a header that only trusted proxies may send.",
            "pattern": r"^([A-Za-z0-9_-]+|.*\$\{.*)$",
            "examples": ["x-forwarded-client-cert", "x-forwarded-user", "x-real-ip"]
        })
    }
}

impl Serialize for TrustedHeader {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for TrustedHeader {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}
