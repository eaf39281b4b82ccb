//! The sections `authenticators:` and `authentication:`.

use std::path::PathBuf;

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    api_keys::config::ApiKeysConfig, basic::config::BasicConfig, introspection::config::IntrospectionConfig,
    jwt::config::JwtConfig,
};
use crate::value::{Located, Name};

/// A way to recognise callers, which routes name in `authentication.by`. Exactly one of the methods.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AuthenticatorConfig {
    /// JSON Web Tokens of one issuer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jwt: Option<JwtConfig>,
    /// API keys from a file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub api_keys: Option<ApiKeysConfig>,
    /// Names and passwords.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub basic: Option<BasicConfig>,
    /// Tokens that only their issuer understands.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub introspection: Option<IntrospectionConfig>,
}

/// Where in a request credentials are: in a header, and beside it, if they are named, in a cookie or the query. The first
/// place that has some counts.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct FromConfig {
    /// The header: without it `authorization` for tokens, `x-api-key` for API keys. In `authorization` they stand after
    /// `Bearer` or `ApiKey`, elsewhere alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(example = &"x-token")]
    pub header: Option<Located<String>>,
    /// A cookie. Browsers send cookies by themselves, also with what other sites ask for.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(example = &"session")]
    pub cookie: Option<Located<String>>,
    /// A parameter of the query. Addresses end up in histories and in logs of others, so this is for clients that can
    /// send nothing else.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(example = &"access_token")]
    pub query: Option<Located<String>>,
}

/// Who may call, by credentials. Without `by` everybody may: on a route `{}` switches off what `defaults` says.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct AuthenticationConfig {
    /// Names of `authenticators`, in the order in which they are asked. One whose credentials are not there leaves the
    /// decision to the next.
    #[schemars(example = ["users", "partners"])]
    pub by: Vec<Located<Name>>,
    /// Let requests without credentials pass, as nobody. Wrong credentials are refused all the same.
    pub anonymous: bool,
    /// Headers for the service, and the claim that each is made of, as in `x-tenant: tenant.id`. Entries of lists are
    /// joined by commas. No client can send these headers, to whatever route.
    pub headers: IndexMap<Located<String>, Located<String>>,
    /// What becomes of the credentials.
    pub credentials: CredentialsConfig,
    /// The `realm` of `WWW-Authenticate`: what clients may show to people who are asked for credentials.
    pub realm: Located<String>,
}

/// What becomes of credentials on the way to the service.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CredentialsConfig {
    /// The service gets neither `Authorization` nor anything else in which the route's authenticators look for
    /// credentials, not even unused ones.
    #[default]
    Drop,
    /// The service gets what the client sent.
    Keep,
}

impl Default for AuthenticationConfig {
    fn default() -> Self {
        Self {
            by: Vec::new(),
            anonymous: false,
            headers: IndexMap::new(),
            credentials: CredentialsConfig::Drop,
            realm: "api".to_owned().into(),
        }
    }
}

impl AuthenticationConfig {
    /// Whether it lets everybody in.
    pub fn is_off(&self) -> bool {
        self.by.is_empty()
    }
}

/// How an issuer that is asked proves who it is. For `https://` only.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct IssuerTlsConfig {
    /// PEM file of the authorities to trust instead of the system's.
    pub ca: Located<PathBuf>,
}
