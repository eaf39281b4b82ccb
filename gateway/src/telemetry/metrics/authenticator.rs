//! Numbers of one authenticator: whom it let in, whom not and why, what it remembers, and how its keys are.

use std::sync::{Arc, OnceLock};
use std::time::Instant;

use prometheus::Registry;

use super::degraded::{Degraded, ISSUER};
use super::family::{Family, Slots};
use super::instrument::{Age, Counter, Level, LookedUp};
use crate::reason::Reason;
use crate::telemetry::names::metrics as names;

/// The result of credentials that count; others have the reason's code.
const ACCEPTED: &str = "accepted";

#[derive(Debug, Clone)]
pub(super) struct AuthenticatorFamilies {
    decisions: Family<Counter>,
    hits: Family<Counter>,
    misses: Family<Counter>,
    remembered: Family<LookedUp>,
    refreshes: Family<Counter>,
    keys: Family<Level>,
    key_age: Family<Age>,
    key_failures: Family<Level>,
    degraded: Family<Level>,
}

impl AuthenticatorFamilies {
    pub(super) fn register(registry: &Registry, degraded: Family<Level>) -> Self {
        AuthenticatorFamilies {
            decisions: Family::register(registry, names::AUTHENTICATIONS),
            hits: Family::register(registry, names::TOKEN_CACHE_HITS),
            misses: Family::register(registry, names::TOKEN_CACHE_MISSES),
            remembered: Family::register(registry, names::TOKEN_CACHE_ENTRIES),
            refreshes: Family::register(registry, names::JWKS_REFRESHES),
            keys: Family::register(registry, names::JWKS_KEYS),
            key_age: Family::register(registry, names::JWKS_AGE),
            key_failures: Family::register(registry, names::JWKS_FAILURES),
            degraded,
        }
    }
}

/// Numbers of one authenticator. Recording looks up no label.
#[derive(Debug)]
pub struct AuthenticatorMetrics {
    name: Box<str>,
    families: AuthenticatorFamilies,
    accepted: Slots<Counter>,
    rejected: Slots<Counter>,
    hits: Slots<Counter>,
    misses: Slots<Counter>,
}

impl AuthenticatorMetrics {
    pub(super) fn new(name: &str, families: AuthenticatorFamilies) -> Self {
        AuthenticatorMetrics {
            name: name.into(),
            families,
            accepted: Slots::new(1),
            rejected: Slots::new(Reason::COUNT),
            hits: Slots::new(1),
            misses: Slots::new(1),
        }
    }

    /// Counts a caller who was recognised.
    pub fn accepted(&self) {
        self.accepted.get(0, || self.families.decisions.with(&[&self.name, ACCEPTED])).inc();
    }

    /// Counts credentials that do not count, or that nobody can check.
    pub fn rejected(&self, reason: Reason) {
        let make = || self.families.decisions.with(&[&self.name, reason.code()]);
        self.rejected.get(reason.index(), make).inc();
    }

    /// Counts a token that was known from before.
    pub fn token_was_known(&self) {
        self.hits.get(0, || self.families.hits.with(&[&self.name])).inc();
    }

    /// Counts a token that was not.
    pub fn token_was_new(&self) {
        self.misses.get(0, || self.families.misses.with(&[&self.name])).inc();
    }

    /// Shows how many tokens are remembered, which `count` knows, while what this gives is held.
    pub fn shows_tokens(&self, count: impl Fn() -> u64 + Send + Sync + 'static) -> TokenCount {
        let Self { name, families, .. } = self;
        let count = Arc::new(LookedUp::new(count));
        families.remembered.put(&[name], count.clone());
        TokenCount { name: name.clone(), family: families.remembered.clone(), count }
    }

    /// The numbers of its issuer's keys, of which there are none yet.
    pub fn keys(&self) -> KeyMetrics {
        let Self { name, families, .. } = self;
        KeyMetrics {
            name: name.clone(),
            families: families.clone(),
            count: families.keys.with(&[name]),
            failures: families.key_failures.with(&[name]),
            age: OnceLock::new(),
            degraded: Degraded::new(families.degraded.with(&[ISSUER])),
        }
    }
}

/// How many tokens an authenticator remembers. It leaves `/metrics` with it.
#[derive(Debug)]
pub struct TokenCount {
    name: Box<str>,
    family: Family<LookedUp>,
    count: Arc<LookedUp>,
}

impl Drop for TokenCount {
    fn drop(&mut self) {
        self.family.withdraw(&[&self.name], &self.count);
    }
}

/// Numbers of the keys that an issuer sends. They leave `/metrics` with them.
#[derive(Debug)]
pub struct KeyMetrics {
    name: Box<str>,
    families: AuthenticatorFamilies,
    count: Arc<Level>,
    failures: Arc<Level>,
    /// Not there before the first keys.
    age: OnceLock<Arc<Age>>,
    degraded: Degraded,
}

impl KeyMetrics {
    /// There are so many keys, which came at this time; none have ever come where there is no time.
    pub fn has(&self, count: usize, since: Option<Instant>) {
        self.count.set(i64::try_from(count).unwrap_or(i64::MAX));
        if let Some(since) = since {
            self.age.get_or_init(|| self.families.key_age.with(&[&self.name])).begin(since);
        }
    }

    /// Counts an attempt to fetch keys. `failures` have followed each other, this one included.
    pub fn attempted(&self, failures: u32) {
        let result = if failures == 0 { "success" } else { "failure" };
        self.families.refreshes.with(&[&self.name, result]).inc();
        self.failures.set(i64::from(failures));
        self.degraded.set(failures > 0);
    }

    /// Nobody fetches them any more, so they are not missed either.
    pub fn given_up(&self) {
        self.degraded.set(false);
    }
}

impl Drop for KeyMetrics {
    fn drop(&mut self) {
        let Self { name, families, count, failures, .. } = self;
        families.keys.release(&[name], std::mem::take(count));
        families.key_failures.release(&[name], std::mem::take(failures));
        if let Some(age) = self.age.take() {
            families.key_age.release(&[name], age);
        }
    }
}
