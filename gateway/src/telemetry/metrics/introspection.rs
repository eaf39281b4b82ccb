//! Numbers of one authenticator that asks an issuer about tokens.

use std::{sync::Arc, time::Duration};

use prometheus::Registry;

use super::{
    degraded::{Degraded, ISSUER},
    family::Family,
    instrument::{Counter, Histogram, Level},
};
use crate::telemetry::names::metrics as names;

/// What became of a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Introspected {
    /// The issuer knows it, and it counts here.
    Accepted,
    /// It is not active, or not meant for us.
    Refused,
    /// What the issuer said before was remembered.
    Remembered,
    /// The issuer gave no answer, or none that is usable.
    Failed,
    /// It was not asked, because it is down.
    Skipped,
}

impl Introspected {
    const LABELS: [&'static str; 5] = ["accepted", "refused", "remembered", "failed", "skipped"];
}

#[derive(Debug)]
pub(super) struct IntrospectionFamilies {
    tokens: Family<Counter>,
    duration: Family<Histogram>,
    degraded: Family<Level>,
}

impl IntrospectionFamilies {
    pub(super) fn register(registry: &Registry, degraded: Family<Level>) -> Self {
        Self {
            tokens: Family::register(registry, names::INTROSPECTIONS),
            duration: Family::register(registry, names::INTROSPECTION_DURATION),
            degraded,
        }
    }
}

/// Numbers of one such authenticator.
#[derive(Debug)]
pub struct IntrospectionMetrics {
    tokens: [Arc<Counter>; 5],
    duration: Arc<Histogram>,
    degraded: Arc<Level>,
}

impl IntrospectionMetrics {
    pub(super) fn new(name: &str, families: &IntrospectionFamilies) -> Self {
        Self {
            tokens: Introspected::LABELS.map(|label| families.tokens.with(&[name, label])),
            duration: families.duration.with(&[name]),
            degraded: families.degraded.with(&[ISSUER]),
        }
    }

    /// A place among the issuers that cannot be asked, for one that can so far.
    pub fn issuer(&self) -> Degraded {
        Degraded::new(self.degraded.clone())
    }

    /// Counts a token.
    pub fn count(&self, what: Introspected) {
        self.tokens[what as usize].inc();
    }

    /// Records how long a question took, answered or not.
    pub fn asked(&self, duration: Duration) {
        self.duration.observe_duration(duration);
    }
}
