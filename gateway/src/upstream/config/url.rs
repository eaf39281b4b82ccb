//! The address of an endpoint as it is written: `http://orders.internal:7002`.
//!
//! Not a general URL: a path, a query or credentials have no meaning here, and silently dropping one would surprise.

use std::{borrow::Cow, fmt, net::IpAddr, str::FromStr, sync::Arc};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};

/// Scheme, host and port of an endpoint.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct EndpointUrl {
    /// True for `https://`.
    pub https: bool,
    /// Whom to connect to.
    pub host: HostName,
    /// 80 or 443 where none was written.
    pub port: u16,
}

/// An address, or a name to look one up.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum HostName {
    /// An IP literal; IPv6 is written in brackets.
    Address(IpAddr),
    /// A DNS name, in lower case.
    Name(Arc<str>),
}

impl EndpointUrl {
    /// `host` or `host:port`, as it belongs into `Host`: without the scheme's own port.
    pub fn authority(&self) -> String {
        let usual = if self.https { 443 } else { 80 };
        if self.port == usual { self.host.to_string() } else { format!("{}:{}", self.host, self.port) }
    }
}

impl HostName {
    /// As a TLS server name: without brackets.
    pub fn server_name(&self) -> String {
        match self {
            Self::Address(address) => address.to_string(),
            Self::Name(name) => name.to_string(),
        }
    }
}

impl fmt::Display for HostName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(IpAddr::V6(address)) => write!(f, "[{address}]"),
            Self::Address(IpAddr::V4(address)) => write!(f, "{address}"),
            Self::Name(name) => f.write_str(name),
        }
    }
}

impl fmt::Display for EndpointUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.https { "https" } else { "http" };
        write!(f, "{scheme}://{}", self.authority())
    }
}

impl FromStr for EndpointUrl {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (https, rest) = match (text.strip_prefix("http://"), text.strip_prefix("https://")) {
            (Some(rest), _) => (false, rest),
            (_, Some(rest)) => (true, rest),
            _ => {
                return Err(format!(
                    "`{text}` does not begin with `http://` or `https://`; write `http://host:port`"
                ));
            }
        };
        let authority = rest.strip_suffix('/').unwrap_or(rest);
        if authority.contains(['/', '?', '#']) {
            return Err(format!(
                "`{text}` goes on after the port; an endpoint is `scheme://host:port`, use a route's `rewrite` for paths"
            ));
        }
        if authority.contains('@') {
            return Err(
                "the endpoint contains credentials; set an `authorization` header in the route".into()
            );
        }
        let (host, port) = split_port(authority)
            .ok_or_else(|| format!("`{text}` has no valid port; write a number from 1 to 65535"))?;
        let port = port.unwrap_or(if https { 443 } else { 80 });
        let host = host.parse().map_err(|()| {
            format!("`{host}` is neither an IP address nor a host name; write `http://host:port`")
        })?;
        Ok(Self { https, host, port })
    }
}

/// `[::1]:80`, `host:80` or `host`; `None` if what follows the colon is no port.
fn split_port(authority: &str) -> Option<(&str, Option<u16>)> {
    let after_host =
        if authority.starts_with('[') { authority.find(']').map_or(0, |end| end + 1) } else { 0 };
    let Some(colon) = authority[after_host..].find(':').map(|at| at + after_host) else {
        return Some((authority, None));
    };
    let port = &authority[colon + 1..];
    let digits = !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit());
    let port = port.parse::<u16>().ok().filter(|port| digits && *port > 0)?;
    Some((&authority[..colon], Some(port)))
}

impl FromStr for HostName {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        if let Some(inner) = text.strip_prefix('[') {
            let inner = inner.strip_suffix(']').ok_or(())?;
            return inner.parse().map(|address| Self::Address(IpAddr::V6(address))).map_err(|_| ());
        }
        if let Ok(address) = text.parse() {
            return Ok(Self::Address(IpAddr::V4(address)));
        }
        let label = |label: &str| {
            (1..=63).contains(&label.len())
                && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
                && !label.starts_with('-')
                && !label.ends_with('-')
        };
        // A name whose last label is a number would be read as an address by half of the world's libraries.
        let absolute = text.strip_suffix('.').unwrap_or(text);
        let numeric =
            absolute.rsplit('.').next().is_some_and(|last| last.bytes().all(|b| b.is_ascii_digit()));
        if text.len() > 253 || numeric || !absolute.split('.').all(label) {
            return Err(());
        }
        Ok(Self::Name(text.to_ascii_lowercase().into()))
    }
}

impl Serialize for EndpointUrl {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for EndpointUrl {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

impl JsonSchema for EndpointUrl {
    fn schema_name() -> Cow<'static, str> {
        "EndpointUrl".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "Scheme, host and port; without a port 80 or 443. It has no path: that is the route's affair.",
            "examples": ["http://orders.internal:7002", "https://api.example.com", "http://[::1]:7002"],
            "type": "string",
            "pattern": "^https?://[^/?#@]+/?$"
        })
    }
}
