//! The `concurrency:` key of a route, of `defaults:` and of an upstream.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::value::{Duration, Percent};

/// How many requests may be in flight at once, and how many may wait for their turn: exactly one of `max` and
/// `adaptive`. With neither there is no limit: on a route `{}` switches off what `defaults` says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ConcurrencyConfig {
    /// So many, whatever happens.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1), example = 100)]
    pub max: Option<u32>,
    /// As many as are answered without waiting for each other: learned from latency.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub adaptive: Option<AdaptiveConfig>,
    /// Where those wait that come when all places are taken.
    pub queue: QueueConfig,
    /// What `Retry-After` tells those who are refused, in whole seconds. Up to half more at random, so that they do not
    /// all come back in the same moment.
    pub retry_after: Duration,
}

/// A limit that is learned from latency, by the gradient controller of Envoy's adaptive concurrency filter.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct AdaptiveConfig {
    /// The limit to begin with.
    #[schemars(range(min = 1))]
    pub initial: u32,
    /// It never falls below.
    #[schemars(range(min = 1))]
    pub min: u32,
    /// It never rises above.
    #[schemars(range(min = 1))]
    pub max: u32,
    /// How much slower than at rest answers may become before the limit falls. More lets in more, and makes all wait
    /// longer.
    pub tolerance: Percent,
    /// How often the latency at rest is measured anew, where answers take longer: with half of what is in flight.
    pub probe: Duration,
}

/// A short queue. Higher priorities go first; within one it is the order of arrival.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct QueueConfig {
    /// How many may wait; 0 for none.
    #[schemars(range(max = 10_000))]
    pub size: u32,
    /// How long each may wait. It counts as part of `timeouts.total`.
    pub timeout: Duration,
}

impl Default for ConcurrencyConfig {
    fn default() -> Self {
        Self { max: None, adaptive: None, queue: QueueConfig::default(), retry_after: Duration::from_secs(1) }
    }
}

impl Default for AdaptiveConfig {
    fn default() -> Self {
        Self {
            initial: 20,
            min: 5,
            max: 1_000,
            tolerance: Percent::from_percent(25),
            probe: Duration::from_secs(30),
        }
    }
}

impl Default for QueueConfig {
    fn default() -> Self {
        Self { size: 100, timeout: Duration::from_millis(100) }
    }
}

impl ConcurrencyConfig {
    /// Whether there is no limit.
    pub fn is_off(&self) -> bool {
        self.max.is_none() && self.adaptive.is_none()
    }
}
