//! Numbers of the store that gateways share.

use std::sync::Arc;
use std::time::Duration;

use prometheus::Registry;

use super::family::Family;
use super::instrument::{Counter, Histogram, Level};
use crate::telemetry::names::metrics as names;

/// How a call ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RedisCall {
    /// With an answer, in time.
    Answered,
    /// With an error.
    Failed,
    /// Not before its deadline.
    Late,
    /// It was not made: the breaker is open or there is no connection.
    Skipped,
}

impl RedisCall {
    const LABELS: [&'static str; 4] = ["success", "error", "timeout", "skipped"];
}

#[derive(Debug, Clone)]
pub(super) struct RedisFamilies {
    degraded: Family<Level>,
    calls: Family<Counter>,
    duration: Family<Histogram>,
    opened: Family<Counter>,
    leases: Family<Level>,
}

impl RedisFamilies {
    pub(super) fn register(registry: &Registry, degraded: Family<Level>) -> Self {
        RedisFamilies {
            degraded,
            calls: Family::register(registry, names::REDIS_CALLS),
            duration: Family::register(registry, names::REDIS_CALL_DURATION),
            opened: Family::register(registry, names::REDIS_BREAKER_OPENED),
            leases: Family::register(registry, names::REDIS_LEASES),
        }
    }
}

/// Numbers of the store that gateways share. Made when one is configured.
#[derive(Debug)]
pub struct RedisMetrics {
    degraded: Arc<Level>,
    calls: [Arc<Counter>; 4],
    duration: Arc<Histogram>,
    opened: Arc<Counter>,
    leases: Arc<Level>,
}

impl RedisMetrics {
    pub(super) fn new(families: &RedisFamilies) -> Self {
        RedisMetrics {
            degraded: families.degraded.with(&["redis"]),
            calls: RedisCall::LABELS.map(|label| families.calls.with(&[label])),
            duration: families.duration.with(&[]),
            opened: families.opened.with(&[]),
            leases: families.leases.with(&[]),
        }
    }

    /// Counts a call.
    pub fn called(&self, how: RedisCall, duration: Duration) {
        self.calls[how as usize].inc();
        if how != RedisCall::Skipped {
            self.duration.observe_duration(duration);
        }
    }

    /// Shows whether the gateway does without.
    pub fn degraded(&self, degraded: bool) {
        self.degraded.set(i64::from(degraded));
    }

    /// Counts an opening of the breaker.
    pub fn breaker_opened(&self) {
        self.opened.inc();
    }

    /// Shows how many buckets tokens are held of.
    pub fn leases(&self, count: usize) {
        self.leases.set(i64::try_from(count).unwrap_or(i64::MAX));
    }
}
