//! Numbers of one authenticator: whom it let in, whom not and why, and what it remembers.

use prometheus::Registry;

use super::family::{Family, Slots};
use super::instrument::{Counter, Level};
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
}

impl AuthenticatorFamilies {
    pub(super) fn register(registry: &Registry) -> Self {
        AuthenticatorFamilies {
            decisions: Family::register(registry, names::AUTHENTICATIONS),
            hits: Family::register(registry, names::TOKEN_CACHE_HITS),
            misses: Family::register(registry, names::TOKEN_CACHE_MISSES),
            remembered: Family::register(registry, names::TOKEN_CACHE_ENTRIES),
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
}
