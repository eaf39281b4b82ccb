//! The `authorization:` key of a route, and of `defaults:`.

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::value::{Located, each_item};

/// What a caller must have and be. All that is said must hold; without anything, and with `{}`, everybody may call whom
/// `authentication` lets in.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct AuthorizationConfig {
    /// Scopes that the caller must have, all of them.
    #[serde(deserialize_with = "each_item", skip_serializing_if = "Vec::is_empty")]
    #[schemars(example = ["orders:read", "orders:write"])]
    pub scopes: Vec<Located<String>>,
    /// Scopes of which the caller must have one.
    #[serde(deserialize_with = "each_item", skip_serializing_if = "Vec::is_empty")]
    #[schemars(example = ["payments:read", "admin"])]
    pub any_scope: Vec<Located<String>>,
    /// Roles of which the caller must have one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub roles: Option<RolesConfig>,
    /// Claims, each with the values it may have; of a claim that is a list, one item must be among them. Dots lead into
    /// objects, `realm_access.tier`, unless there is a claim of just this name.
    #[serde(skip_serializing_if = "IndexMap::is_empty")]
    #[schemars(example = serde_json::json!({"tenant": ["acme", "globex"]}))]
    pub claims: IndexMap<Located<String>, Vec<Located<String>>>,
    /// An expression in CEL, the Common Expression Language, that must be true. It may read `claims`, `scopes` and
    /// `request`, and has at most 1,024 bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(example = "claims.tenant == request.path.tenant && \"admin\" in claims.roles")]
    pub allow: Option<Located<String>>,
}

/// Roles of which the caller must have one.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RolesConfig {
    /// The claim that holds them: a list of texts, or one text. Dots lead into objects, unless there is a claim of just
    /// this name.
    #[serde(default = "roles")]
    #[schemars(example = "realm_access.roles")]
    pub claim: Located<String>,
    /// The roles.
    #[serde(deserialize_with = "each_item")]
    #[schemars(example = ["admin", "support"])]
    pub any_of: Vec<Located<String>>,
}

fn roles() -> Located<String> {
    "roles".to_owned().into()
}

impl AuthorizationConfig {
    /// Whether nothing is asked for.
    pub fn is_off(&self) -> bool {
        let Self { scopes, any_scope, roles, claims, allow } = self;
        scopes.is_empty() && any_scope.is_empty() && roles.is_none() && claims.is_empty() && allow.is_none()
    }
}
