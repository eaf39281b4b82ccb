//! The entry of a key, by the rules of the file of keys.

use std::time::SystemTime;

use clap::Args;
use serde_json::{Map, Value, json};

use super::random;
use crate::{
    policy::authentication::{
        SecretHash,
        api_keys::{Key, is_own_claim, is_owner},
        is_scope,
    },
    value::{Duration, Name, Rate, Timestamp},
};

/// What an entry says beyond the key.
#[derive(Debug, Args)]
pub struct EntryArguments {
    /// Whose key it is.
    #[arg(long, value_name = "NAME", value_parser = owner)]
    owner: Option<String>,
    /// What it may do; may be given several times.
    #[arg(long = "scope", value_name = "SCOPE", value_parser = scope)]
    scopes: Vec<String>,
    /// A further claim, a text; may be given several times.
    #[arg(long = "claim", value_name = "NAME=VALUE", value_parser = claim)]
    claims: Vec<(String, String)>,
    /// What it has of a rate limit in place of what everybody has, as in calls=1000/m; may be given several times.
    #[arg(long = "limit", value_name = "NAME=RATE", value_parser = limit)]
    limits: Vec<(Name, Rate)>,
    /// For how long it counts, as in 90d.
    #[arg(long, value_name = "DURATION", value_parser = span)]
    expires_in: Option<Duration>,
    /// Hash with Argon2id in place of SHA-256, which is enough for keys made here.
    #[arg(long)]
    pub argon2: bool,
}

fn owner(text: &str) -> Result<String, String> {
    match is_owner(text) {
        true => Ok(text.into()),
        false => Err("an owner has a name, without space around it".into()),
    }
}

fn scope(text: &str) -> Result<String, String> {
    match is_scope(text) {
        true => Ok(text.into()),
        false => Err("write scopes without spaces and quotes, one with each --scope".into()),
    }
}

fn claim(text: &str) -> Result<(String, String), String> {
    let (name, value) =
        text.split_once('=').filter(|(name, _)| !name.is_empty()).ok_or("write NAME=VALUE")?;
    match is_own_claim(name) {
        true => Err(format!("the claim `{name}` is made of --owner, --scope and the id")),
        false => Ok((name.into(), value.into())),
    }
}

fn limit(text: &str) -> Result<(Name, Rate), String> {
    let (name, rate) = text.split_once('=').ok_or("write NAME=RATE, as in calls=1000/m")?;
    let name = name.parse().map_err(|error| format!("{error}"))?;
    Ok((name, rate.parse().map_err(|error| format!("{error}"))?))
}

/// A duration whose units are those of keys.
fn span(text: &str) -> Result<Duration, String> {
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(format!("the duration has no unit; write `{text}d` for days"));
    }
    let span: Duration = text.parse().map_err(|error| format!("{error}"))?;
    match span.is_zero() {
        true => Err("a key that expires at once lets nobody in".into()),
        false => Ok(span),
    }
}

/// An entry: its keys in the order in which one reads them.
pub struct Entry(Vec<(&'static str, Value)>);

impl Entry {
    /// What the arguments say of a key that is made or taken over at the time `now`.
    pub fn new(key: &Key<'_>, arguments: &EntryArguments, now: SystemTime) -> Result<Self, String> {
        let EntryArguments { owner, scopes, claims, limits, expires_in, argon2 } = arguments;
        let secret = key.secret().as_bytes();
        let hash = match argon2 {
            true => ("argon2id", SecretHash::write_argon2id(secret, random()?)),
            false => ("sha256", SecretHash::write_sha256(secret)),
        };
        let mut entry = vec![("id", key.id().into()), (hash.0, hash.1.into())];
        entry.extend(owner.as_deref().map(|owner| ("owner", literal(owner))));
        if !scopes.is_empty() {
            entry.push(("scopes", scopes.iter().map(|scope| literal(scope)).collect()));
        }
        if let Some(span) = expires_in {
            let expires = expiry(*span, now).ok_or("no clock goes as far as that")?;
            entry.push(("expires", expires.to_string().into()));
        }
        if !claims.is_empty() {
            let claims = claims.iter().map(|(name, value)| (name.clone(), literal(value)));
            entry.push(("claims", Value::Object(unique(claims)?)));
        }
        if !limits.is_empty() {
            let limits = limits.iter().map(|(name, rate)| (name.to_string(), json!({ "limit": rate })));
            entry.push(("rate_limits", Value::Object(unique(limits)?)));
        }
        Ok(Self(entry))
    }

    /// As one object.
    pub fn json(&self) -> Map<String, Value> {
        self.0.iter().map(|(key, value)| ((*key).to_owned(), value.clone())).collect()
    }

    /// As an item of a list that is indented this far. JSON is YAML, so values need no writer of their own.
    pub fn yaml(&self, indent: usize) -> String {
        let lines = self.0.iter().enumerate().map(|(index, (key, value))| {
            let lead = if index == 0 { "- " } else { "  " };
            format!("{:indent$}{lead}{key}: {value}\n", "")
        });
        lines.collect()
    }
}

/// A text that stays what it is where variables are filled in.
fn literal(text: &str) -> Value {
    text.replace("${", "$${").into()
}

fn unique(pairs: impl Iterator<Item = (String, Value)>) -> Result<Map<String, Value>, String> {
    let mut all = Map::new();
    for (name, value) in pairs {
        if all.insert(name.clone(), value).is_some() {
            return Err(format!("`{name}` is given twice"));
        }
    }
    Ok(all)
}

/// To the second: finer is only harder to read.
fn expiry(span: Duration, now: SystemTime) -> Option<Timestamp> {
    let since = now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().checked_add(span.get())?;
    let expires = std::time::Duration::from_secs(since.as_secs());
    // The last moment that can be written is in the year 9999.
    let written =
        SystemTime::UNIX_EPOCH.checked_add(expires).filter(|_| since.as_secs() < 253_370_764_800)?;
    Some(written.into())
}
