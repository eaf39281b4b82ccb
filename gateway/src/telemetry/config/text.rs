//! Types of the section that are written as text: they cannot hold a wrong value.

use std::borrow::Cow;
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use http::{HeaderName, HeaderValue, Uri};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::value::{Invalid, Secret};

/// Where the lines of the access log go: `stdout`, `stderr`, `off` or `file:` and a path.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum AccessLogOutput {
    /// Standard output.
    #[default]
    Stdout,
    /// Standard error.
    Stderr,
    /// A file, appended to.
    File(PathBuf),
    /// Nowhere.
    Off,
}

/// The collector's address: `http://` or `https://`, host, port, perhaps a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OtlpEndpoint(Uri);

impl OtlpEndpoint {
    /// The address as a URI with scheme and host.
    pub fn uri(&self) -> &Uri {
        &self.0
    }
}

/// Name of a header that is sent to the collector.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct OtlpHeaderName(HeaderName);

impl OtlpHeaderName {
    /// The name itself.
    pub fn get(&self) -> &HeaderName {
        &self.0
    }
}

/// Value of a header that is sent to the collector: a secret that a header can carry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(transparent)]
pub struct OtlpHeaderValue(Secret);

impl OtlpHeaderValue {
    /// The value, marked so that it is not printed.
    pub fn get(&self) -> HeaderValue {
        let mut value =
            HeaderValue::from_str(self.0.expose()).expect("checked when the configuration was read");
        value.set_sensitive(true);
        value
    }
}

impl FromStr for AccessLogOutput {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        match text {
            "stdout" => Ok(AccessLogOutput::Stdout),
            "stderr" => Ok(AccessLogOutput::Stderr),
            "off" => Ok(AccessLogOutput::Off),
            _ => match text.strip_prefix("file:") {
                Some(path) if !path.is_empty() => Ok(AccessLogOutput::File(path.into())),
                _ => Err(Invalid(format!(
                    "`{text}` is no output; write `stdout`, `stderr`, `off`, or `file:` and a path"
                ))),
            },
        }
    }
}

impl fmt::Display for AccessLogOutput {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            AccessLogOutput::Stdout => f.write_str("stdout"),
            AccessLogOutput::Stderr => f.write_str("stderr"),
            AccessLogOutput::Off => f.write_str("off"),
            AccessLogOutput::File(path) => write!(f, "file:{}", path.display()),
        }
    }
}

impl FromStr for OtlpEndpoint {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        if text.parse::<Uri>().is_ok_and(|uri| uri.authority().is_some_and(|a| a.as_str().contains('@'))) {
            return Err(Invalid(
                "the address contains credentials; set an `authorization` header in `headers`".into(),
            ));
        }
        let usable = |uri: &Uri| {
            matches!(uri.scheme_str(), Some("http" | "https"))
                && uri.host().is_some_and(|host| !host.is_empty())
        };
        text.parse().ok().filter(usable).map(OtlpEndpoint).ok_or_else(|| {
            Invalid(format!(
                "`{text}` is not a collector's address; write scheme, host and port, as in `http://127.0.0.1:4317`"
            ))
        })
    }
}

impl fmt::Display for OtlpEndpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for OtlpHeaderName {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let name = text.parse().map_err(|_| {
            Invalid(format!("`{text}` is not a header name; use letters, digits and `-`, as in `x-api-key`"))
        });
        name.map(OtlpHeaderName)
    }
}

impl fmt::Display for OtlpHeaderName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl<'de> Deserialize<'de> for OtlpHeaderValue {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let secret = Secret::deserialize(deserializer)?;
        // The text of the error must not show the secret.
        match HeaderValue::from_str(secret.expose()) {
            Ok(_) => Ok(OtlpHeaderValue(secret)),
            Err(_) => Err(de::Error::custom(
                "this secret cannot be the value of a header; remove line ends and control characters",
            )),
        }
    }
}

fn from_text<'de, T, D>(deserializer: D) -> Result<T, D::Error>
where
    T: FromStr<Err = Invalid>,
    D: Deserializer<'de>,
{
    String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
}

impl<'de> Deserialize<'de> for AccessLogOutput {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        from_text(deserializer)
    }
}

impl<'de> Deserialize<'de> for OtlpEndpoint {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        from_text(deserializer)
    }
}

impl<'de> Deserialize<'de> for OtlpHeaderName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        from_text(deserializer)
    }
}

impl Serialize for AccessLogOutput {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl Serialize for OtlpEndpoint {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl Serialize for OtlpHeaderName {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl JsonSchema for AccessLogOutput {
    fn schema_name() -> Cow<'static, str> {
        "AccessLogOutput".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "description": "`stdout`, `stderr`, `off`, or `file:` and a path relative to the configuration.",
            "pattern": r"^(stdout|stderr|off|file:.+|.*\$\{.*)$",
            "examples": ["stdout", "file:/var/log/glassgate/access.log"]
        })
    }
}

impl JsonSchema for OtlpEndpoint {
    fn schema_name() -> Cow<'static, str> {
        "OtlpEndpoint".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "description": "`http://` or `https://`, host and port. Over HTTP, `/v1/traces` is added where there is no path.",
            "pattern": r"^(https?://.+|.*\$\{.*)$",
            "examples": ["http://127.0.0.1:4317"]
        })
    }
}

impl JsonSchema for OtlpHeaderName {
    fn schema_name() -> Cow<'static, str> {
        "OtlpHeaderName".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "pattern": "^[a-zA-Z0-9_-]+$" })
    }
}
