//! The `api_keys:` of an authenticator, and the file of keys that it names.

use std::path::PathBuf;

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{
    policy::authentication::config::FromConfig,
    value::{Located, Name, Rate, Secret, Timestamp, each_entry, each_item},
};

/// API keys from a file: `ID.SECRET`, of which the file keeps only a hash.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ApiKeysConfig {
    /// YAML file with the keys. Its changes are noticed like those of this file.
    pub file: Located<PathBuf>,
    /// Where in a request keys are.
    #[serde(default)]
    pub from: FromConfig,
}

/// The file of keys.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeysFile {
    /// The keys.
    #[serde(deserialize_with = "each_item")]
    pub keys: Vec<KeyConfig>,
}

/// A key: exactly one of `sha256` and `argon2id`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeyConfig {
    /// What comes before the dot. Unique.
    pub id: Located<String>,
    /// SHA-256 of what comes after it, in hexadecimal.
    #[serde(default)]
    pub sha256: Option<Located<Secret>>,
    /// Argon2id of what comes after it, as PHC string.
    #[serde(default)]
    pub argon2id: Option<Located<Secret>>,
    /// Whose key it is: the claim `sub`, which is the id without it.
    #[serde(default)]
    pub owner: Option<Located<String>>,
    /// What it may do: the claim `scope`.
    #[serde(default)]
    pub scopes: Vec<Located<String>>,
    /// From then on it is refused.
    #[serde(default)]
    pub expires: Option<Timestamp>,
    /// Further claims.
    #[serde(default)]
    pub claims: Located<Map<String, Value>>,
    /// What its caller has of rate limits, by their names, in place of what everybody has.
    #[serde(default, deserialize_with = "each_entry")]
    pub rate_limits: IndexMap<Located<Name>, QuotaConfig>,
}

/// What a key has of a rate limit.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct QuotaConfig {
    /// How often requests may come.
    pub limit: Located<Rate>,
    /// How much of it may come at once; without it the count of `limit`.
    #[serde(default)]
    pub burst: Option<Located<u32>>,
}
