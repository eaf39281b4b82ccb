//! The address of a document or of a service's single endpoint: `https://login.example.com/jwks.json`.

use std::{borrow::Cow, fmt, net::IpAddr, str::FromStr};

use http::Uri;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::Invalid;

/// An absolute URL with `http` or `https`, without credentials and fragment. YAML: `https://login.example.com/jwks.json`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpUrl(Uri);

impl HttpUrl {
    /// For clients.
    pub fn uri(&self) -> &Uri {
        &self.0
    }

    /// Nobody in between can read or change what is sent: `https`, or it does not leave this machine.
    pub fn is_protected(&self) -> bool {
        let host = self.0.host().unwrap_or_default();
        let address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
        let loopback = host == "localhost" || address.is_ok_and(|address| address.is_loopback());
        loopback || self.0.scheme() == Some(&http::uri::Scheme::HTTPS)
    }
}

impl FromStr for HttpUrl {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let invalid = |what: &str| {
            Invalid::new(format!("`{text}` {what}; write for example `https://login.example.com/jwks.json`"))
        };
        if !text.starts_with("http://") && !text.starts_with("https://") {
            return Err(invalid("does not begin with `http://` or `https://`"));
        }
        if text.contains('#') {
            return Err(invalid("has a fragment, which no server sees"));
        }
        let uri: Uri = text.parse().map_err(|_| invalid("is not a URL"))?;
        let authority = uri.authority().filter(|authority| !authority.host().is_empty());
        let authority = authority.ok_or_else(|| invalid("names no host"))?;
        if authority.as_str().contains('@') {
            // Not repeated: they are secret.
            return Err(Invalid::new("the URL contains credentials, which everybody would see; remove them"));
        }
        if authority.as_str().len() > authority.host().len() && matches!(authority.port_u16(), None | Some(0))
        {
            return Err(invalid("has no valid port"));
        }
        Ok(Self(uri))
    }
}

impl fmt::Display for HttpUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Serialize for HttpUrl {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for HttpUrl {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

impl JsonSchema for HttpUrl {
    fn schema_name() -> Cow<'static, str> {
        "HttpUrl".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "title": "URL",
            "description": "An absolute URL with `http` or `https`, without credentials.",
            "pattern": r"^(https?://[^#@]+|.*\$\{.*)$",
            "examples": ["https://login.example.com/.well-known/jwks.json"]
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_absolute_and_plain() {
        for good in [
            "https://login.example.com/.well-known/jwks.json?v=1",
            "http://127.0.0.1:7001/keys",
            "http://[::1]:7001",
            "https://login.example.com",
        ] {
            assert!(good.parse::<HttpUrl>().is_ok(), "{good}");
        }
        for bad in [
            "",
            "login.example.com",
            "/jwks.json",
            "ftp://a/b",
            "http://",
            "https:///a",
            "http://a b/",
            "https://a/#b",
            "https://a:0/",
            "https://a:x/",
            "https://a:99999/",
        ] {
            assert!(bad.parse::<HttpUrl>().is_err(), "{bad}");
        }
        let refused = "https://user:hunter2@a/".parse::<HttpUrl>().unwrap_err().to_string();
        assert!(!refused.contains("hunter2"), "{refused}");
    }

    #[test]
    fn clear_text_is_protected_only_within_the_machine() {
        for (url, expected) in [
            ("https://a.test/", true),
            ("http://localhost:1/", true),
            ("http://127.0.0.9/", true),
            ("http://[::1]/", true),
            ("http://10.0.0.1/", false),
            ("http://a.test/", false),
            ("http://localhost.a.test/", false),
        ] {
            assert_eq!(url.parse::<HttpUrl>().unwrap().is_protected(), expected, "{url}");
        }
    }
}
