//! Numbers of rate limits: what they decide, and how many keys are remembered for them.

use std::sync::{Arc, OnceLock};

use prometheus::Registry;

use super::family::{Family, Slots};
use super::instrument::{Counter, UpDown};
use crate::telemetry::names::metrics as names;

/// What a limit said of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RateLimitResult {
    /// It had as much as the request costs.
    Allowed,
    /// It had not.
    Refused,
    /// Nobody could tell, and it let it pass.
    Uncounted,
    /// Nobody could tell, and it refused.
    Unavailable,
}

impl RateLimitResult {
    const COUNT: usize = 4;

    /// The word for it in metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            RateLimitResult::Allowed => "allowed",
            RateLimitResult::Refused => "refused",
            RateLimitResult::Uncounted => "uncounted",
            RateLimitResult::Unavailable => "unavailable",
        }
    }
}

#[derive(Debug, Clone)]
pub(super) struct RateLimitFamilies {
    decisions: Family<Counter>,
    keys: Family<UpDown>,
    evicted: Family<Counter>,
}

impl RateLimitFamilies {
    pub(super) fn register(registry: &Registry) -> Self {
        RateLimitFamilies {
            decisions: Family::register(registry, names::RATE_LIMIT_DECISIONS),
            keys: Family::register(registry, names::RATE_LIMIT_KEYS),
            evicted: Family::register(registry, names::RATE_LIMIT_EVICTIONS),
        }
    }
}

/// Numbers of one limit on one route. Cheap until used.
#[derive(Debug)]
pub struct RateLimitMetrics {
    route: Box<str>,
    limit: Box<str>,
    families: RateLimitFamilies,
    decisions: Slots<Counter>,
}

impl RateLimitMetrics {
    pub(super) fn new(route: &str, limit: &str, families: RateLimitFamilies) -> Self {
        let decisions = Slots::new(RateLimitResult::COUNT);
        RateLimitMetrics { route: route.into(), limit: limit.into(), families, decisions }
    }

    /// Counts a decision.
    pub fn decided(&self, result: RateLimitResult) {
        let make = || self.families.decisions.with(&[&self.route, &self.limit, result.as_str()]);
        self.decisions.get(result as usize, make).inc();
    }
}

/// Numbers of what is remembered for one limit. Cheap until used.
#[derive(Debug)]
pub struct RateLimitKeys {
    route: Box<str>,
    limit: Box<str>,
    families: RateLimitFamilies,
    keys: OnceLock<Arc<UpDown>>,
    evicted: OnceLock<Arc<Counter>>,
}

impl RateLimitKeys {
    pub(super) fn new(route: &str, limit: &str, families: RateLimitFamilies) -> Self {
        let (keys, evicted) = (OnceLock::new(), OnceLock::new());
        RateLimitKeys { route: route.into(), limit: limit.into(), families, keys, evicted }
    }

    /// One key more is remembered.
    pub fn remembered(&self) {
        self.keys().add(1);
    }

    /// So many keys less are.
    pub fn forgotten(&self, count: usize) {
        if count > 0 {
            self.keys().add(-i64::try_from(count).unwrap_or(i64::MAX));
        }
    }

    /// A key had to go that still counted.
    pub fn evicted(&self) {
        self.evicted.get_or_init(|| self.families.evicted.with(&[&self.route, &self.limit])).inc();
    }

    fn keys(&self) -> &UpDown {
        self.keys.get_or_init(|| self.families.keys.with(&[&self.route, &self.limit]))
    }
}
