//! Where a Redis server is: `redis://user:password@host:6379/0`, or `rediss://` with TLS.
//!
//! It may hold a password, so it is read like a secret (`file:/run/secrets/redis-url` works) and shows itself without
//! one.

use std::{borrow::Cow, fmt, str::FromStr};

use percent_encoding::percent_decode_str;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};

use crate::{upstream::config::HostName, value::Secret};

/// Redis' own port.
const PORT: u16 = 6379;

/// A server, and who we are there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RedisUrl {
    /// True for `rediss://`.
    pub tls: bool,
    /// Whom to connect to.
    pub host: HostName,
    /// 6379 where none was written.
    pub port: u16,
    /// The number of the database.
    pub database: u16,
    /// The user of an ACL; without one Redis takes `default`.
    pub user: Option<String>,
    /// Its password.
    pub password: Option<Secret>,
}

impl RedisUrl {
    /// Without what is secret.
    fn scheme(&self) -> &'static str {
        if self.tls { "rediss" } else { "redis" }
    }
}

/// Without the password.
impl fmt::Display for RedisUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://", self.scheme())?;
        match (&self.user, &self.password) {
            (None, None) => {}
            (user, None) => write!(f, "{}@", user.as_deref().unwrap_or_default())?,
            (user, Some(password)) => write!(f, "{}:{password}@", user.as_deref().unwrap_or_default())?,
        }
        write!(f, "{}:{}", self.host, self.port)?;
        if self.database > 0 { write!(f, "/{}", self.database) } else { Ok(()) }
    }
}

impl FromStr for RedisUrl {
    type Err = String;

    /// No error repeats what may be a password.
    fn from_str(text: &str) -> Result<Self, String> {
        const FORM: &str = "write `redis://user:password@host:6379/0`, or `rediss://` for TLS";
        let (tls, rest) = match (text.strip_prefix("redis://"), text.strip_prefix("rediss://")) {
            (Some(rest), _) => (false, rest),
            (_, Some(rest)) => (true, rest),
            _ => return Err(format!("the address begins with neither `redis://` nor `rediss://`; {FORM}")),
        };
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        if rest.contains(['?', '#']) {
            return Err(format!(
                "the address of a Redis server has neither query nor fragment; percent-encode `?` and `#` in a \
                 password or give it as `password`, and {FORM}"
            ));
        }
        let (login, host) = match authority.rsplit_once('@') {
            Some((login, host)) => (Some(login), host),
            None => (None, authority),
        };
        let (user, password) = login.map(credentials).transpose()?.unwrap_or_default();
        let (host, port) = host_and_port(host).ok_or_else(|| {
            format!(
                "the address names neither a host nor an IP address with a valid port; percent-encode `/`, `:` and `@` \
                 in a password or give it as `password`, and {FORM}"
            )
        })?;
        let database = match path {
            "" => 0,
            number => number
                .parse()
                .map_err(|_| format!("what follows the host is not the number of a database; {FORM}"))?,
        };
        Ok(Self { tls, host, port, database, user, password })
    }
}

/// `user:password`, percent-encoded; `:password` and `user` too.
fn credentials(login: &str) -> Result<(Option<String>, Option<Secret>), String> {
    let decoded = |part: &str| {
        let text = percent_decode_str(part).decode_utf8().map_err(|_| {
            "user or password in the address of a Redis server is not UTF-8; percent-encode it as such"
                .to_owned()
        })?;
        Ok::<_, String>(Some(text.into_owned()).filter(|text| !text.is_empty()))
    };
    let (user, password) = login.split_once(':').unwrap_or((login, ""));
    Ok((decoded(user)?, decoded(password)?.map(Secret::new)))
}

fn host_and_port(text: &str) -> Option<(HostName, u16)> {
    let after_host = if text.starts_with('[') { text.find(']')? + 1 } else { 0 };
    let (host, port) = match text[after_host..].split_once(':') {
        Some((rest, port)) => (&text[..after_host + rest.len()], port.parse().ok().filter(|port| *port > 0)?),
        None => (text, PORT),
    };
    Some((host.parse().ok()?, port))
}

impl Serialize for RedisUrl {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for RedisUrl {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Secret::deserialize(deserializer)?.expose().parse().map_err(D::Error::custom)
    }
}

impl JsonSchema for RedisUrl {
    fn schema_name() -> Cow<'static, str> {
        "RedisUrl".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "title": "Redis URL",
            "description": "`redis://` or `rediss://` (TLS), user and password (percent-encoded) where the server wants them and `user` and `password` do not say them, host, port (6379) and database (0). `file:/run/secrets/x` takes the whole URL from a file. Shown without the password.",
            "examples": ["redis://127.0.0.1:6379/0", "rediss://redis.internal", "file:/run/secrets/redis-url"]
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_says_everything_and_shows_everything_but_the_password() {
        for (text, shown) in [
            ("redis://127.0.0.1", "redis://127.0.0.1:6379"),
            ("redis://cache.internal:7000/3", "redis://cache.internal:7000/3"),
            ("rediss://[::1]:6380/", "rediss://[::1]:6380"),
            ("redis://:geheim@localhost", "redis://:***@localhost:6379"),
            ("redis://ann:g%40h%3aeim@localhost/0", "redis://ann:***@localhost:6379"),
            ("redis://ann@localhost", "redis://ann@localhost:6379"),
        ] {
            let url: RedisUrl = text.parse().unwrap();
            assert_eq!(url.to_string(), shown);
            assert!(!format!("{url:?}").contains("eim"), "{url:?}");
        }
        let url: RedisUrl = "redis://ann:g%40h%3aeim@localhost".parse().unwrap();
        assert_eq!(url.password.unwrap().expose(), "g@h:eim");
    }

    #[test]
    fn no_error_repeats_what_may_be_a_password() {
        for text in [
            "geheim",
            "http://a:geheim@b",
            "redis://a:geheim@",
            "redis://a:geheim@b:0",
            "redis://a:geheim@b:x",
            "redis://a:geheim@b/x",
            "redis://a:gehe/im@b",
            "redis://a:geheim?x@b",
            "redis://a:geheim%ff@b",
            "redis://a:geheim@b c",
        ] {
            let error = text.parse::<RedisUrl>().unwrap_err();
            assert!(!error.contains("gehe") && error.contains("; "), "{text}: {error}");
        }
    }
}
