//! The `jwt:` key of an authenticator.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Algorithm;
use crate::{
    policy::authentication::config::{FromConfig, IssuerTlsConfig},
    value::{Duration, HttpUrl, Located, Secret},
};

/// JSON Web Tokens of one issuer, signed with its keys. `exp`, `iss` and `aud` must be there unless `optional_claims` names
/// them; `nbf` counts where it is there.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct JwtConfig {
    /// What `iss` must be, letter by letter.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(example = "https://login.example.com/")]
    pub issuer: Option<Located<String>>,
    /// For whom tokens must be: `aud` has one of these.
    #[serde(default)]
    #[schemars(example = ["https://api.example.com"])]
    pub audiences: Vec<Located<String>>,
    /// The keys that tokens are signed with.
    pub keys: KeysConfig,
    /// The signature algorithms that count; any other is refused, whatever a key or a token says. Without it each key
    /// counts for the one that its `alg` names, or else for that of its kind: RS256, ES256, ES384, EdDSA, HS256.
    #[serde(default)]
    #[schemars(example = ["ES256"])]
    pub algorithms: Vec<Located<Algorithm>>,
    /// Claims that must be there besides `exp`, `iss` and `aud`.
    #[serde(default)]
    #[schemars(example = ["sub"])]
    pub required_claims: Vec<Located<String>>,
    /// Which of `exp`, `iss` and `aud` may be missing. What is there counts all the same.
    #[serde(default)]
    pub optional_claims: Vec<Located<StandardClaim>>,
    /// What kinds of token count, by `typ` in their header; with or without `application/`, in any case. Without it those
    /// that name none count, and all but types of JWT that are made for something else, as `logout+jwt`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(example = ["at+jwt"])]
    pub types: Vec<Located<String>>,
    /// How long ago a token may have been issued (`iat`, which must be there then), whatever its `exp` says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(example = "1h")]
    pub max_age: Option<Located<Duration>>,
    /// How far the issuer's clock may differ from this one's, for `exp`, `nbf` and `max_age`; 5m at most.
    #[serde(default = "leeway")]
    pub leeway: Located<Duration>,
    /// Where in a request tokens are.
    #[serde(default)]
    pub from: FromConfig,
    /// What is remembered of tokens that were accepted.
    #[serde(default)]
    pub cache: JwtCache,
}

/// What is remembered of tokens that were accepted, so that their signatures are not checked again.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct JwtCache {
    /// How many tokens are remembered at most, each about twice as large as its claims; 0 remembers none.
    #[schemars(range(max = 1_000_000))]
    pub tokens: Located<u64>,
}

impl Default for JwtCache {
    fn default() -> Self {
        Self { tokens: 10_000.into() }
    }
}

/// Where keys come from: exactly one of `url`, `file`, `pem` and `secret`.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct KeysConfig {
    /// The address of a JWK Set, mostly what the issuer calls its `jwks_uri`. It is fetched in the background, and what
    /// was fetched stays while nothing newer comes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<Located<HttpUrl>>,
    /// How long a set from `url` may be kept; less where the issuer says so (`Cache-Control: max-age`). A key that the
    /// issuer withdraws counts no longer than that. 1s to 24h.
    #[serde(default = "refresh")]
    pub refresh: Located<Duration>,
    /// How the server at `url` proves who it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls: Option<IssuerTlsConfig>,
    /// A file with a JWK Set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<Located<PathBuf>>,
    /// A PEM file with a public key or a certificate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pem: Option<Located<PathBuf>>,
    /// A secret that is shared with the issuer, for HS256, HS384 and HS512; at least 32, 48 or 64 bytes. Whoever knows
    /// it can make tokens.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret: Option<Secret>,
}

/// A claim that is required by default.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum StandardClaim {
    /// When the token ends. One without counts for ever.
    Exp,
    /// Who has made it.
    Iss,
    /// For whom it is.
    Aud,
}

fn refresh() -> Located<Duration> {
    Duration::from_secs(600).into()
}

fn leeway() -> Located<Duration> {
    Duration::from_secs(30).into()
}
