//! The `introspection:` of an authenticator.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    policy::authentication::config::{FromConfig, IssuerTlsConfig},
    value::{Duration, Located, Secret},
};

/// Tokens that only their issuer understands: it is asked about each (RFC 7662), and what it says is remembered.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct IntrospectionConfig {
    /// URL of the introspection endpoint.
    #[schemars(example = "https://login.example.com/oauth2/introspect")]
    pub endpoint: Located<String>,
    /// How the server there proves who it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls: Option<IssuerTlsConfig>,
    /// Who the gateway is to the issuer.
    pub client_id: Located<String>,
    /// What proves it.
    pub client_secret: Secret,
    /// How it is told: `basic` in the `Authorization` header, `post` in the body (RFC 6749 section 2.3.1).
    #[serde(default)]
    pub client_authentication: ClientAuthentication,
    /// The `iss` that must be in the answer; without it none must.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub issuer: Option<Located<String>>,
    /// One of these must be in the answer's `aud`; without them none must.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(example = ["https://api.example.com"])]
    pub audiences: Vec<Located<String>>,
    /// Where in a request tokens are.
    #[serde(default)]
    pub from: FromConfig,
    /// How long the issuer may take. Then, as where it cannot be reached, the request is answered with 503.
    #[serde(default = "timeout")]
    pub timeout: Located<Duration>,
    /// What is remembered of its answers.
    #[serde(default)]
    pub cache: IntrospectionCache,
}

/// How the gateway tells the issuer who it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ClientAuthentication {
    /// `client_secret_basic`.
    #[default]
    Basic,
    /// `client_secret_post`.
    Post,
}

/// What is remembered of an issuer's answers. A token that is revoked is accepted for this long at most.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct IntrospectionCache {
    /// How long a token that is good stays so without asking again, within its `exp`. `0s`: it is asked about each time.
    pub valid: Duration,
    /// How long one that is not good stays so.
    pub invalid: Duration,
    /// How many tokens are remembered at most, a few KiB each.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub tokens: Located<u32>,
}

impl Default for IntrospectionCache {
    fn default() -> Self {
        Self { valid: Duration::from_secs(30), invalid: Duration::from_secs(5), tokens: 10_000.into() }
    }
}

fn timeout() -> Located<Duration> {
    "500ms".parse::<Duration>().unwrap_or_default().into()
}
