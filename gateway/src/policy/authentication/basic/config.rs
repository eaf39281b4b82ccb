//! The `basic:` of an authenticator, and the file of users that it may name.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::value::{Located, Secret, each_item};

/// Names and passwords (RFC 7617), for small internal tools: `users`, `file` or both.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct BasicConfig {
    /// The users.
    #[serde(deserialize_with = "each_item", skip_serializing_if = "Vec::is_empty")]
    pub users: Vec<UserConfig>,
    /// YAML file with further users, under the key `users`. Its changes are noticed like those of this file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<Located<PathBuf>>,
}

/// A user: exactly one of `argon2id` and `sha256`.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct UserConfig {
    /// Unique; without a colon. The claim `sub`.
    pub name: Located<String>,
    /// Argon2id of the password as PHC string: `$argon2id$v=19$...`, which `glassgate password` makes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub argon2id: Option<Located<Secret>>,
    /// SHA-256 of the password in hexadecimal. Only for passwords made at random: others are guessed too fast.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<Located<Secret>>,
    /// What the user may do: the claim `scope`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub scopes: Vec<Located<String>>,
    /// Further claims.
    #[serde(default, skip_serializing_if = "no_claims")]
    pub claims: Located<Map<String, Value>>,
}

fn no_claims(claims: &Located<Map<String, Value>>) -> bool {
    claims.is_empty()
}

/// The file of users.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UsersFile {
    /// The users.
    #[serde(deserialize_with = "each_item")]
    pub users: Vec<UserConfig>,
}
