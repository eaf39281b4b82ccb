//! `rate_limits:` of a route and of `defaults:`, and `rate_limits:` at the top for those that routes share.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::MAX_KEYS;
use crate::value::{Located, Name, Rate};

/// A limit of a route: one of its own (`limit`), or one that it shares with other routes (`shared`).
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RateLimitConfig {
    /// How often requests may come: a count and a period. Counted for this route alone, also where `defaults` says it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(example = "100/s", example = "10000/day")]
    pub limit: Option<Located<Rate>>,
    /// Count with other routes: a name of `rate_limits` at the top. Only with `cost`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shared: Option<Located<Name>>,
    /// What it is called in answers, metrics and logs. Without a name `limit-1` and so on, by its place in the list.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<Located<Name>>,
    /// How much of it may come at once; without it the count of `limit`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub burst: Option<Located<u32>>,
    /// Whose requests are counted together; several parts make one key. Without it `[client_address]`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(example = ["client_address"])]
    pub by: Vec<PartConfig>,
    /// How much of the limit a request of this route takes.
    #[serde(default = "one")]
    #[schemars(range(min = 1))]
    pub cost: Located<u32>,
    /// How many keys are remembered in memory, at about 50 bytes each. Beyond, one of those goes that have spent the
    /// least.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1), extend("default" = MAX_KEYS))]
    pub max_keys: Option<Located<u32>>,
}

/// A limit that routes share: what one of them takes is missing to all.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SharedRateLimitConfig {
    /// How often requests may come, over all routes that share it: a count and a period.
    #[schemars(example = "600/m")]
    pub limit: Located<Rate>,
    /// How much of it may come at once; without it the count of `limit`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub burst: Option<Located<u32>>,
    /// Whose requests are counted together; several parts make one key. Without it `[client_address]`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(example = ["client_address"])]
    pub by: Vec<PartConfig>,
    /// How many keys are remembered in memory, at about 50 bytes each. Beyond, one of those goes that have spent the
    /// least.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1), extend("default" = MAX_KEYS))]
    pub max_keys: Option<Located<u32>>,
}

/// What tells callers apart.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum PartConfig {
    /// The client's address; behind `trusted_proxies` the one that they name. Of IPv6 the /64 network that it is in.
    ClientAddress,
    /// The route, for a shared limit that counts each route for itself.
    Route,
    /// A header of the request. Requests without it are counted together.
    #[schemars(example = "x-tenant")]
    Header(Located<String>),
}

fn one() -> Located<u32> {
    1.into()
}
