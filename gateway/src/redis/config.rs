//! The `redis:` section: where the store for rate limits is, and how long it may take.

use std::{num::NonZeroU32, path::PathBuf, time};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::url::RedisUrl;
use crate::{
    policy::rate_limit::counting::CountingConfig,
    value::{Duration, Secret},
};

/// A Redis server or cluster (7.0 or newer, or Valkey) that several gateways count rate limits in. What it holds may be
/// lost at any time: nothing but counters is kept there.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RedisConfig {
    /// One server, or the name that leads to the primary of a replicated one. Either this or `cluster`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<RedisUrl>,
    /// Some nodes of a Redis Cluster, from which the others are learned; all with the same user and password.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cluster: Vec<RedisUrl>,
    /// The user of its ACL; without one the default user.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// The password, as it is: nothing in it is percent-encoded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password: Option<Secret>,
    /// A PEM file with the authorities that may have signed the server's certificate, in place of the system's. For
    /// `rediss://` only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca: Option<PathBuf>,
    /// How long a request waits for Redis at most; from 1ms to 10s. Then `on_failure` says what happens.
    #[serde(default = "timeout")]
    pub timeout: Duration,
    /// What every key begins with. Gateways that count together say the same.
    #[serde(default = "prefix")]
    #[schemars(length(min = 1, max = 64))]
    pub prefix: String,
    /// When Redis is not asked any more.
    #[serde(default)]
    pub breaker: BreakerConfig,
    /// How rate limits use it, where a limit does not say otherwise.
    #[serde(default)]
    pub rate_limits: CountingConfig,
}

/// When Redis is not asked any more, and how soon again.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct BreakerConfig {
    /// So many failures in a row (errors, deadlines that passed) open it; if some calls succeed, more than one failure in
    /// four does. While it is open no request waits for Redis.
    pub failures: NonZeroU32,
    /// The longest pause between two attempts to reach Redis while it is open. The first follow faster.
    pub retry: Duration,
}

impl Default for BreakerConfig {
    fn default() -> Self {
        Self { failures: NonZeroU32::new(5).expect("five is not zero"), retry: Duration::from_secs(1) }
    }
}

fn timeout() -> Duration {
    "25ms".parse().expect("a duration")
}

fn prefix() -> String {
    "glassgate".into()
}

/// The bounds of `timeout`.
pub const TIMEOUT: std::ops::RangeInclusive<time::Duration> =
    time::Duration::from_millis(1)..=time::Duration::from_secs(10);
