//! A route's rate limits, and the counters behind them.
//!
//! Counters are *State*: whoever has spent something has spent it after a reload, too. A limit is known by its owner (a
//! route, or all that share it) and its name; while its quota and keys stay the same, so do the buckets of its
//! [`Limiter`]. A limit that changed begins anew, because what a key had left of the old one says nothing about the new
//! one, and the log says so.

use std::{
    collections::HashMap,
    sync::Arc,
    time::{Duration, Instant},
};

use http::HeaderValue;
use tokio::{task, time};

use super::Store;
use crate::{
    config::check,
    policy::rate_limit::{
        Cost, Limit,
        counting::{Counting, Together},
        fields,
        key::CommonKeys,
        local::Limiter,
    },
    telemetry::{Telemetry, metrics::RateLimitMetrics},
};

/// The rate limits of a route. Without any it is off.
#[derive(Debug, Default)]
pub struct RateLimits {
    /// In the order of the configuration.
    pub list: Box<[RateLimit]>,
    /// What answers say about them in `RateLimit-Policy`.
    pub policy: Option<HeaderValue>,
}

impl RateLimits {
    /// How many headers an answer may get by them.
    pub fn most_added(&self) -> usize {
        if self.policy.is_some() { 2 } else { 0 }
    }
}

/// One limit on one route.
#[derive(Debug)]
pub struct RateLimit {
    /// Unique among those of the route.
    pub name: Arc<str>,
    /// What a request takes.
    pub cost: Cost,
    /// Whether it can only be asked when it is known who calls.
    pub needs_identity: bool,
    /// Counts.
    pub limiter: Arc<Limiter>,
    /// How it is counted with other gateways, if it is.
    pub together: Option<CountedTogether>,
    /// Its numbers on this route.
    pub metrics: RateLimitMetrics,
}

/// What several gateways count together.
#[derive(Debug)]
pub struct CountedTogether {
    /// Name the buckets.
    pub keys: CommonKeys,
    /// How.
    pub how: Together,
}

/// Whose limit it is, and what it is called; shared ones have no route.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Owner {
    route: Option<Arc<str>>,
    limit: Arc<str>,
}

/// All limiters of a configuration, for the next one to go on with.
#[derive(Debug, Default)]
pub struct Limiters(HashMap<Owner, Arc<Limiter>>);

impl Limiters {
    fn sweep(&self, now: Instant) {
        self.0.values().for_each(|limiter| limiter.sweep(now));
    }
}

/// How often idle keys are looked for. New keys drive them out meanwhile.
const SWEEP: Duration = Duration::from_secs(10);

/// Changed limits that are logged, each in a line: one of `defaults` may belong to thousands of routes.
const MOST_CHANGES: usize = 20;

/// Forgets idle keys of the limits that run, again and again. Runs until it is dropped.
pub async fn sweep(store: Arc<Store>) {
    loop {
        time::sleep(SWEEP).await;
        let snapshot = store.snapshot();
        // Millions of keys take a while. It fails only where the process is about to end.
        let _ = task::spawn_blocking(move || snapshot.limiters.sweep(Instant::now())).await;
    }
}

/// Makes the limits of all routes, one after the other.
pub struct Builder<'a> {
    before: Option<&'a Limiters>,
    next: Limiters,
    changed: Vec<Owner>,
    telemetry: &'a Telemetry,
    now: Instant,
}

impl<'a> Builder<'a> {
    /// `before` is what runs so far.
    pub fn new(before: Option<&'a Limiters>, telemetry: &'a Telemetry, now: Instant) -> Self {
        Self { before, next: Limiters::default(), changed: Vec::new(), telemetry, now }
    }

    /// Those of one route.
    pub fn route(&mut self, route: &Arc<str>, limits: &[check::RateLimit]) -> RateLimits {
        if limits.is_empty() {
            return RateLimits::default();
        }
        let list: Box<[RateLimit]> = limits.iter().map(|limit| self.limit(route, limit)).collect();
        let told = list.iter().map(|limit| (&*limit.name, limit.limiter.limit().quota.rate));
        let policy = Some(fields::policy(told));
        RateLimits { list, policy }
    }

    /// All that were made. Says which of them were changed.
    pub fn finish(self) -> Limiters {
        for Owner { route, limit } in self.changed.iter().take(MOST_CHANGES) {
            let route = route.as_deref().unwrap_or_default();
            tracing::info!(route, rate_limit = &**limit, "the rate limit was changed and counts anew");
        }
        if let Some(more) = self.changed.get(MOST_CHANGES..).filter(|more| !more.is_empty()) {
            tracing::info!(count = more.len(), "more rate limits were changed and count anew");
        }
        self.next
    }

    fn limit(&mut self, route: &Arc<str>, limit: &check::RateLimit) -> RateLimit {
        let name = limit.name.to_arc();
        let owner = Owner { route: (!limit.shared).then(|| route.clone()), limit: name.clone() };
        RateLimit {
            together: together(&owner, &limit.limit),
            cost: limit.cost,
            needs_identity: limit.limit.needs_identity(),
            limiter: self.limiter(owner, limit),
            metrics: self.telemetry.metrics.rate_limit(route, &name),
            name,
        }
    }

    fn limiter(&mut self, owner: Owner, limit: &check::RateLimit) -> Arc<Limiter> {
        if let Some(made) = self.next.0.get(&owner) {
            return made.clone();
        }
        let before = self.before.and_then(|before| before.0.get(&owner));
        let alike = before.filter(|before| before.limit().counts_like(&limit.limit));
        let limiter = alike.map(|before| continued(before, limit)).unwrap_or_else(|| {
            let route = owner.route.as_deref().unwrap_or_default();
            if before.is_some() {
                self.changed.push(owner.clone());
            }
            let keys = self.telemetry.metrics.rate_limit_keys(route, &owner.limit);
            Arc::new(Limiter::new(limit.limit.clone(), self.now, keys))
        });
        self.next.0.insert(owner, limiter.clone());
        limiter
    }
}

/// What was counted stays.
fn continued(before: &Arc<Limiter>, limit: &check::RateLimit) -> Arc<Limiter> {
    match *before.limit() == *limit.limit {
        true => before.clone(),
        false => Arc::new(before.continued(limit.limit.clone())),
    }
}

fn together(owner: &Owner, limit: &Limit) -> Option<CountedTogether> {
    let Counting::Together(how) = limit.counting else { return None };
    Some(CountedTogether {
        keys: CommonKeys::new(owner.route.as_deref().unwrap_or_default(), &owner.limit, limit),
        how,
    })
}
