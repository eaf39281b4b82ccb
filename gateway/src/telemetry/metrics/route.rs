//! Numbers of one route: what came in by it and how it was answered.

use std::sync::Arc;
use std::time::Duration;

use http::Method;
use prometheus::Registry;

use super::concurrency::{ConcurrencyFamilies, ConcurrencyMetrics};
use super::family::{Family, Slots};
use super::instrument::{Counter, Histogram, UpDown};
use super::slot::{self, METHOD_SLOTS, STATUS_SLOTS};
use crate::reason::Reason;
use crate::telemetry::names::{METHODS, metrics as names};

/// One request, at its end.
#[derive(Debug, Clone, Copy)]
pub struct RequestRecord<'a> {
    /// The request method.
    pub method: &'a Method,
    /// Status of the answer; 499 where the client left before it had one.
    pub status: u16,
    /// From the end of the head to the last byte of the answer.
    pub duration: Duration,
    /// Bytes of the request body that arrived.
    pub request_bytes: u64,
    /// Bytes of the response body that were sent.
    pub response_bytes: u64,
    /// Why the gateway answered itself, or gave the request up.
    pub reason: Option<Reason>,
}

/// How a preflight was answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PreflightResult {
    /// The request may follow.
    Allowed,
    /// Not from this origin.
    Origin,
    /// Not with this method.
    Method,
    /// Not with these headers.
    Headers,
}

impl PreflightResult {
    const LABELS: [&'static str; 4] = ["allowed", "origin", "method", "headers"];
}

#[derive(Debug, Clone)]
pub(super) struct RouteFamilies {
    duration: Family<Histogram>,
    request_body: Family<Histogram>,
    response_body: Family<Histogram>,
    active: Family<UpDown>,
    refused: Family<Counter>,
    preflights: Family<Counter>,
    concurrency: ConcurrencyFamilies,
}

impl RouteFamilies {
    pub(super) fn register(registry: &Registry, concurrency: ConcurrencyFamilies) -> Self {
        RouteFamilies {
            duration: Family::register(registry, names::SERVER_DURATION),
            request_body: Family::register(registry, names::SERVER_REQUEST_BODY),
            response_body: Family::register(registry, names::SERVER_RESPONSE_BODY),
            active: Family::register(registry, names::SERVER_ACTIVE),
            refused: Family::register(registry, names::REFUSED),
            preflights: Family::register(registry, names::PREFLIGHTS),
            concurrency,
        }
    }
}

/// Handles of one method of one route.
#[derive(Debug)]
struct OfMethod {
    duration: Slots<Histogram>,
    request_body: Arc<Histogram>,
    response_body: Arc<Histogram>,
    active: Arc<UpDown>,
}

/// Numbers of one route. Cheap until used; recording looks up no label.
#[derive(Debug)]
pub struct RouteMetrics {
    name: Box<str>,
    families: RouteFamilies,
    methods: Slots<OfMethod>,
    refused: Slots<Counter>,
    preflights: Slots<Counter>,
}

impl RouteMetrics {
    pub(super) fn new(name: &str, families: RouteFamilies) -> Self {
        RouteMetrics {
            name: name.into(),
            families,
            methods: Slots::new(METHOD_SLOTS),
            refused: Slots::new(Reason::COUNT),
            preflights: Slots::new(PreflightResult::LABELS.len()),
        }
    }

    /// Counts a request as being handled, until [`Self::ended`].
    ///
    /// No guard: whoever carries a request through ends it exactly once anyway, and a guard's own reference to the
    /// gauge would be one more count that all threads write.
    pub fn began(&self, method: &Method) {
        self.of(slot::of_method(method)).active.add(1);
    }

    /// The request is not being handled any more.
    pub fn ended(&self, method: &Method) {
        self.of(slot::of_method(method)).active.add(-1);
    }

    /// The numbers of its concurrency limit, for a route that has one.
    pub fn concurrency(&self) -> ConcurrencyMetrics {
        ConcurrencyMetrics::of_route(&self.name, &self.families.concurrency)
    }

    /// Records a request that has ended.
    pub fn record(&self, request: &RequestRecord<'_>) {
        let method = slot::of_method(request.method);
        let of = self.of(method);
        let status = slot::of_status(request.status);
        let duration = of.duration.get(status, || {
            self.families.duration.with(&[METHODS[method], &self.name, &slot::status_label(status)])
        });
        duration.observe_duration(request.duration);
        of.request_body.observe(request.request_bytes);
        of.response_body.observe(request.response_bytes);
        if let Some(reason) = request.reason {
            let make = || self.families.refused.with(&[&self.name, reason.code()]);
            self.refused.get(reason.index(), make).inc();
        }
    }

    /// Counts a preflight that was answered.
    pub fn preflight(&self, result: PreflightResult) {
        let make = || {
            let label = PreflightResult::LABELS[result as usize];
            self.families.preflights.with(&[&self.name, label])
        };
        self.preflights.get(result as usize, make).inc();
    }

    fn of(&self, method: usize) -> &OfMethod {
        self.methods.get(method, || {
            let labels = [METHODS[method], &self.name];
            Arc::new(OfMethod {
                duration: Slots::new(STATUS_SLOTS),
                request_body: self.families.request_body.with(&labels),
                response_body: self.families.response_body.with(&labels),
                active: self.families.active.with(&labels),
            })
        })
    }
}
