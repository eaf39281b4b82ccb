//! `rate_limits:` of a route and of `defaults:`, and `rate_limits:` at the top for those that routes share.

use std::{borrow::Cow, fmt, num::NonZeroU32};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::{
    Cost, MAX_KEYS,
    counting::{Mode, OnFailure},
};
use crate::value::{Located, Name, Percent, Rate};

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
    pub cost: Located<CostConfig>,
    /// How many keys are remembered in memory, at about 50 bytes each. Beyond, one of those goes that have spent the
    /// least.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1), extend("default" = MAX_KEYS))]
    pub max_keys: Option<Located<u32>>,
    /// How exactly several gateways count it; without it as `redis.rate_limits` says, and without `redis` each for itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mode: Option<Located<Mode>>,
    /// With `mode: leased`, in place of `redis.rate_limits.lease`: how much of the burst a gateway takes in advance.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lease: Option<Located<Percent>>,
    /// What happens while Redis is slow or gone, in place of `redis.rate_limits.on_failure`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_failure: Option<Located<OnFailure>>,
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
    /// How exactly several gateways count it; without it as `redis.rate_limits` says, and without `redis` each for itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mode: Option<Located<Mode>>,
    /// With `mode: leased`, in place of `redis.rate_limits.lease`: how much of the burst a gateway takes in advance.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lease: Option<Located<Percent>>,
    /// What happens while Redis is slow or gone, in place of `redis.rate_limits.on_failure`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_failure: Option<Located<OnFailure>>,
}

/// What tells callers apart.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum PartConfig {
    /// The client's address; behind `trusted_proxies` the one that they name. Of IPv6 the /64 network that it is in.
    ClientAddress,
    /// The caller, as its authenticator knows it: the `sub` of a token, of an API key, of a password's owner. Where that
    /// is not known, the client's address counts in its place.
    Subject,
    /// The API key that was used, by its id: whoever has several keys has as many buckets. Where the caller came with
    /// something else, the client's address counts in its place.
    ApiKey,
    /// The route, for a shared limit that counts each route for itself.
    Route,
    /// A claim of the caller: the path of it, with dots. Where there is no such claim, the client's address counts in its
    /// place.
    #[schemars(example = "tenant.id")]
    Claim(Located<String>),
    /// A header of the request. Requests without it are counted together.
    #[schemars(example = "x-tenant")]
    Header(Located<String>),
}

/// What a request takes of a limit: a number from 1, `graphql`, or `graphql_mutations`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CostConfig(pub Cost);

const GRAPHQL: &str = "graphql";
const GRAPHQL_MUTATIONS: &str = "graphql_mutations";
const EXPECTED: &str = "a number from 1, `graphql` or `graphql_mutations`";

fn one() -> Located<CostConfig> {
    CostConfig(Cost::Fixed(NonZeroU32::MIN)).into()
}

impl Serialize for CostConfig {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Cost::Fixed(cost) => cost.serialize(serializer),
            Cost::Graphql => GRAPHQL.serialize(serializer),
            Cost::GraphqlMutations => GRAPHQL_MUTATIONS.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for CostConfig {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl de::Visitor<'_> for Visitor {
            type Value = CostConfig;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(EXPECTED)
            }
            fn visit_u64<E: de::Error>(self, number: u64) -> Result<CostConfig, E> {
                let cost = u32::try_from(number).ok().and_then(NonZeroU32::new);
                let wrong = || E::custom(format!("`{number}` is not a cost; write {EXPECTED}"));
                cost.map(|cost| CostConfig(Cost::Fixed(cost))).ok_or_else(wrong)
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<CostConfig, E> {
                match text {
                    GRAPHQL => Ok(CostConfig(Cost::Graphql)),
                    GRAPHQL_MUTATIONS => Ok(CostConfig(Cost::GraphqlMutations)),
                    _ => Err(E::custom(format!("`{text}` is not a cost; write {EXPECTED}"))),
                }
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}

impl JsonSchema for CostConfig {
    fn schema_name() -> Cow<'static, str> {
        "Cost".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "oneOf": [
                { "type": "integer", "minimum": 1 },
                {
                    "type": "string",
                    "const": GRAPHQL,
                    "description": "what the GraphQL operation costs: the calls to services that it may need. Only with `graphql`."
                },
                {
                    "type": "string",
                    "const": GRAPHQL_MUTATIONS,
                    "description": "1 for each mutation of the GraphQL operation, nothing for a query. Only with `graphql`."
                }
            ]
        })
    }
}
