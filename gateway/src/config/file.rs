//! The file as a whole: [`Config`], put together from the sections of their owners.
//!
//! What was written, with each section's own defaults; nothing here has been compared with anything else yet.

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::graphql::GraphqlConfig;
use crate::{
    listener::config::{DrainConfig, ListenerConfig},
    policy::{authentication::config::AuthenticatorConfig, rate_limit::config::SharedRateLimitConfig},
    redis::config::RedisConfig,
    route::config::{DefaultsConfig, RouteConfig},
    telemetry::config::TelemetryConfig,
    upstream::UpstreamConfig,
    value::{ListenAddress, Located, Name, each_entry, each_item},
};

/// The configuration of a gateway.
///
/// Relative paths start from the file's folder. Values may say `${ENV}` and `${ENV:-default}`. Keys beginning with
/// `x-` at the top level are ignored: a home for anchors.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "Glassgate configuration", extend("patternProperties" = { "^x-": {} }))]
pub struct Config {
    /// Addresses on which clients are served.
    #[serde(deserialize_with = "each_item")]
    #[schemars(length(min = 1))]
    pub listeners: Vec<ListenerConfig>,
    /// The listener for operators: metrics, health, configuration.
    #[serde(default)]
    pub admin: AdminConfig,
    /// How the gateway stops on SIGTERM.
    #[serde(default)]
    pub drain: DrainConfig,
    /// What the gateway shows of itself.
    #[serde(default)]
    pub telemetry: TelemetryConfig,
    /// The services behind the gateway, by name.
    #[serde(default, deserialize_with = "each_entry")]
    pub upstreams: IndexMap<Name, UpstreamConfig>,
    /// Where several gateways count rate limits together. Without it each counts for itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub redis: Option<RedisConfig>,
    /// Rate limits that routes share, by name. A route names one with `shared`.
    #[serde(default, deserialize_with = "each_entry", skip_serializing_if = "IndexMap::is_empty")]
    pub rate_limits: IndexMap<Located<Name>, SharedRateLimitConfig>,
    /// Ways to recognise callers, by name. Routes say which of them count.
    #[serde(default, deserialize_with = "each_entry", skip_serializing_if = "IndexMap::is_empty")]
    pub authenticators: IndexMap<Located<Name>, AuthenticatorConfig>,
    /// For routes that do not say otherwise.
    #[serde(default, skip_serializing_if = "DefaultsConfig::is_empty")]
    pub defaults: DefaultsConfig,
    /// Which requests go where. Their order means nothing: the most specific route wins.
    #[serde(default, deserialize_with = "each_item")]
    pub routes: Vec<RouteConfig>,
    /// GraphQL APIs composed from services, by name. A route mounts one.
    #[serde(default, deserialize_with = "each_entry")]
    pub graphql: IndexMap<Located<Name>, GraphqlConfig>,
}

/// The listener for operators. It has neither TLS nor authentication: keep it on loopback or a private network.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct AdminConfig {
    /// Where to listen; a change needs a restart.
    pub address: Located<ListenAddress>,
}

impl Default for AdminConfig {
    fn default() -> Self {
        let address = std::net::SocketAddr::from(([127, 0, 0, 1], 9090));
        Self { address: ListenAddress::from(address).into() }
    }
}
