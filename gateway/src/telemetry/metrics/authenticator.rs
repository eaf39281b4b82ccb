//! Numbers of one authenticator: whom it let in, whom not and why, what it remembers, and how old its keys are.

use std::sync::{Arc, OnceLock};
use std::time::Instant;

use prometheus::Registry;

use super::family::{Family, Slots};
use super::instrument::{Age, Counter, Level};
use crate::reason::Reason;
use crate::telemetry::names::metrics as names;

/// The result of credentials that count; others have the reason's code.
const ACCEPTED: &str = "accepted";

#[derive(Debug, Clone)]
pub(super) struct AuthenticatorFamilies {
    decisions: Family<Counter>,
    hits: Family<Counter>,
    misses: Family<Counter>,
    remembered: Family<Level>,
    refreshes: Family<Counter>,
    key_age: Family<Age>,
}

impl AuthenticatorFamilies {
    pub(super) fn register(registry: &Registry) -> Self {
        AuthenticatorFamilies {
            decisions: Family::register(registry, names::AUTHENTICATIONS),
            hits: Family::register(registry, names::TOKEN_CACHE_HITS),
            misses: Family::register(registry, names::TOKEN_CACHE_MISSES),
            remembered: Family::register(registry, names::TOKEN_CACHE_ENTRIES),
            refreshes: Family::register(registry, names::JWKS_REFRESHES),
            key_age: Family::register(registry, names::JWKS_AGE),
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

    /// Shows how many tokens are remembered.
    pub fn remembers(&self, count: u64) {
        let count = i64::try_from(count).unwrap_or(i64::MAX);
        self.families.remembered.with(&[&self.name]).set(count);
    }

    /// The numbers of its issuer's keys.
    pub fn keys(&self) -> KeyMetrics {
        KeyMetrics { name: self.name.clone(), families: self.families.clone(), age: OnceLock::new() }
    }
}

/// Numbers of the keys that an issuer sends. Their age leaves `/metrics` with them.
#[derive(Debug)]
pub struct KeyMetrics {
    name: Box<str>,
    families: AuthenticatorFamilies,
    /// Not there before the first keys.
    age: OnceLock<Arc<Age>>,
}

impl KeyMetrics {
    /// Counts an attempt to fetch keys. After a successful one they are new.
    pub fn refreshed(&self, successful: bool) {
        let result = if successful { "success" } else { "failure" };
        self.families.refreshes.with(&[&self.name, result]).inc();
        if successful {
            self.age.get_or_init(|| self.families.key_age.with(&[&self.name])).begin(Instant::now());
        }
    }
}

impl Drop for KeyMetrics {
    fn drop(&mut self) {
        if let Some(age) = self.age.take() {
            self.families.key_age.release(&[&self.name], age);
        }
    }
}
