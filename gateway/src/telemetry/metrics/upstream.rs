//! Numbers of one upstream: attempts, connections, the health of its endpoints.

use std::sync::Arc;
use std::time::Duration;

use http::Method;
use prometheus::Registry;

use super::concurrency::{ConcurrencyFamilies, ConcurrencyMetrics};
use super::family::{Family, Slots};
use super::instrument::{Counter, Histogram, Level, UpDown};
use super::slot::{self, METHOD_SLOTS, STATUS_SLOTS};
use crate::reason::Reason;
use crate::telemetry::names::{METHODS, metrics as names};

/// One attempt to get an answer, at its end.
#[derive(Debug, Clone, Copy)]
pub struct AttemptRecord<'a> {
    /// The request method.
    pub method: &'a Method,
    /// Status of the answer, where its head arrived.
    pub status: Option<u16>,
    /// Why there was no (complete) answer.
    pub error: Option<Reason>,
    /// From choosing an endpoint to the end of the answer.
    pub duration: Duration,
}

/// How something that either works or not went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    Success,
    Failure,
}

impl Outcome {
    const LABELS: [&'static str; 2] = ["success", "failure"];
}

#[derive(Debug, Clone)]
pub(super) struct UpstreamFamilies {
    duration: Family<Histogram>,
    active: Family<UpDown>,
    opened: Family<Counter>,
    reused: Family<Counter>,
    connect: Family<Histogram>,
    connect_failures: Family<Counter>,
    connect_retries: Family<Counter>,
    healthy: Family<Level>,
    checks: Family<Counter>,
    resolutions: Family<Counter>,
    concurrency: ConcurrencyFamilies,
}

impl UpstreamFamilies {
    pub(super) fn register(registry: &Registry, concurrency: ConcurrencyFamilies) -> Self {
        UpstreamFamilies {
            duration: Family::register(registry, names::CLIENT_DURATION),
            active: Family::register(registry, names::CLIENT_ACTIVE),
            opened: Family::register(registry, names::UPSTREAM_CONNECTIONS_OPENED),
            reused: Family::register(registry, names::UPSTREAM_CONNECTIONS_REUSED),
            connect: Family::register(registry, names::UPSTREAM_CONNECT_DURATION),
            connect_failures: Family::register(registry, names::UPSTREAM_CONNECT_FAILURES),
            connect_retries: Family::register(registry, names::UPSTREAM_CONNECT_RETRIES),
            healthy: Family::register(registry, names::UPSTREAM_ENDPOINT_HEALTHY),
            checks: Family::register(registry, names::UPSTREAM_HEALTH_CHECKS),
            resolutions: Family::register(registry, names::UPSTREAM_RESOLUTIONS),
            concurrency,
        }
    }
}

/// Numbers of one upstream. Recording looks up no label.
#[derive(Debug)]
pub struct UpstreamMetrics {
    name: Box<str>,
    families: UpstreamFamilies,
    answered: [Slots<Histogram>; METHOD_SLOTS],
    connect_failures: Slots<Counter>,
    active: Arc<UpDown>,
    opened: Arc<Counter>,
    reused: Arc<Counter>,
    connect: Arc<Histogram>,
    connect_retries: Arc<Counter>,
    checks: [Arc<Counter>; 2],
    resolutions: Slots<Counter>,
}

impl UpstreamMetrics {
    pub(super) fn new(name: &str, families: UpstreamFamilies) -> Self {
        UpstreamMetrics {
            name: name.into(),
            answered: [const { Slots::new(STATUS_SLOTS) }; METHOD_SLOTS],
            connect_failures: Slots::new(Reason::COUNT),
            active: families.active.with(&[name]),
            opened: families.opened.with(&[name]),
            reused: families.reused.with(&[name]),
            connect: families.connect.with(&[name]),
            connect_retries: families.connect_retries.with(&[name]),
            checks: Outcome::LABELS.map(|label| families.checks.with(&[name, label])),
            resolutions: Slots::new(Outcome::LABELS.len()),
            families,
        }
    }

    /// The numbers of its concurrency limit, for an upstream that has one.
    pub fn concurrency(&self) -> ConcurrencyMetrics {
        ConcurrencyMetrics::of_upstream(&self.name, &self.families.concurrency)
    }

    /// Counts an attempt as going on, until [`Self::record_attempt`].
    pub fn attempt_began(&self) {
        self.active.add(1);
    }

    /// Records an attempt that has ended, with an answer or without.
    pub fn record_attempt(&self, attempt: &AttemptRecord<'_>) {
        self.active.add(-1);
        let method = slot::of_method(attempt.method);
        let status = attempt.status.map(slot::of_status);
        let make = || {
            let status = status.map(slot::status_label).unwrap_or_default();
            let error = attempt.error.map_or("", Reason::code);
            self.families.duration.with(&[METHODS[method], &self.name, &status, error])
        };
        match (status, attempt.error) {
            (Some(status), None) => {
                self.answered[method].get(status, make).observe_duration(attempt.duration);
            }
            // Failures are rare enough to look their series up.
            _ => make().observe_duration(attempt.duration),
        }
    }

    /// Counts an attempt that took a connection from the pool.
    pub fn connection_reused(&self) {
        self.reused.inc();
    }

    /// Counts a connection that was made, TLS handshake included in `took`.
    pub fn connection_opened(&self, took: Duration) {
        self.opened.inc();
        self.connect.observe_duration(took);
    }

    /// Counts a connection that could not be made.
    pub fn connect_failed(&self, reason: Reason) {
        let make = || self.families.connect_failures.with(&[&self.name, reason.code()]);
        self.connect_failures.get(reason.index(), make).inc();
    }

    /// Counts an attempt directly after [`UpstreamMetrics::connect_failed`].
    pub fn connect_retried(&self) {
        self.connect_retries.inc();
    }

    /// Counts a health check.
    pub fn health_checked(&self, outcome: Outcome) {
        self.checks[outcome as usize].inc();
    }

    /// Counts a look-up of the upstream's names.
    pub fn name_resolved(&self, outcome: Outcome) {
        let index = outcome as usize;
        let make = || self.families.resolutions.with(&[&self.name, Outcome::LABELS[index]]);
        self.resolutions.get(index, make).inc();
    }

    /// The gauge of one endpoint. It leaves `/metrics` when the last handle
    /// is dropped, so an endpoint that is gone does not look healthy for ever.
    pub fn endpoint(&self, address: &str) -> EndpointMetrics {
        EndpointMetrics {
            labels: [self.name.clone(), address.into()],
            healthy: Some(self.families.healthy.with(&[&self.name, address])),
            family: self.families.healthy.clone(),
        }
    }
}

/// Whether one endpoint may be chosen.
#[derive(Debug)]
pub struct EndpointMetrics {
    labels: [Box<str>; 2],
    family: Family<Level>,
    /// `None` only while dropping.
    healthy: Option<Arc<Level>>,
}

impl EndpointMetrics {
    /// Shows the endpoint's state.
    pub fn set_healthy(&self, healthy: bool) {
        if let Some(gauge) = &self.healthy {
            gauge.set(i64::from(healthy));
        }
    }
}

impl Drop for EndpointMetrics {
    fn drop(&mut self) {
        if let Some(gauge) = self.healthy.take() {
            self.family.release(&[&self.labels[0], &self.labels[1]], gauge);
        }
    }
}
