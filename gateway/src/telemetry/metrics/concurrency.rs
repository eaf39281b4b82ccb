//! Numbers of one concurrency limit, be it a route's or an upstream's.

use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use prometheus::Registry;

use super::family::{Family, Slots};
use super::instrument::{Counter, Histogram, Level, UpDown};
use crate::telemetry::names::metrics as names;

/// Why a request got no place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shed {
    /// The queue had no room.
    QueueFull,
    /// No place became free in time.
    QueueTimeout,
    /// A request of higher priority took its place in the queue.
    Displaced,
    /// Nobody waited for it any longer: the client has left, or the operation of a composed API is over.
    Left,
}

impl Shed {
    const COUNT: usize = 4;

    /// The word for it in metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Shed::QueueFull => "queue_full",
            Shed::QueueTimeout => "queue_timeout",
            Shed::Displaced => "displaced",
            Shed::Left => "client_left",
        }
    }
}

#[derive(Debug, Clone)]
pub(super) struct ConcurrencyFamilies {
    in_flight: Family<UpDown>,
    limit: Family<Level>,
    queue: Family<UpDown>,
    wait: Family<Histogram>,
    shed: Family<Counter>,
}

impl ConcurrencyFamilies {
    pub(super) fn register(registry: &Registry) -> Self {
        ConcurrencyFamilies {
            in_flight: Family::register(registry, names::CONCURRENCY_IN_FLIGHT),
            limit: Family::register(registry, names::CONCURRENCY_LIMIT),
            queue: Family::register(registry, names::CONCURRENCY_QUEUE),
            wait: Family::register(registry, names::CONCURRENCY_QUEUE_WAIT),
            shed: Family::register(registry, names::CONCURRENCY_SHED),
        }
    }
}

/// Numbers of one limit. They are in `/metrics` from its first use on, so that those of ten thousand routes cost nothing
/// before; its gauges leave with it.
#[derive(Debug)]
pub struct ConcurrencyMetrics {
    /// Of the route and of the upstream; one of them is empty, which to Prometheus is none.
    labels: [Box<str>; 2],
    families: ConcurrencyFamilies,
    limit: Mutex<u32>,
    handles: OnceLock<Handles>,
    shed: Slots<Counter>,
}

#[derive(Debug)]
struct Handles {
    in_flight: Arc<UpDown>,
    limit: Arc<Level>,
    queue: Arc<UpDown>,
    wait: Arc<Histogram>,
}

impl ConcurrencyMetrics {
    pub(super) fn of_route(name: &str, families: &ConcurrencyFamilies) -> Self {
        Self::new([name, ""], families)
    }

    pub(super) fn of_upstream(name: &str, families: &ConcurrencyFamilies) -> Self {
        Self::new(["", name], families)
    }

    fn new(labels: [&str; 2], families: &ConcurrencyFamilies) -> Self {
        ConcurrencyMetrics {
            labels: labels.map(Into::into),
            families: families.clone(),
            limit: Mutex::new(0),
            handles: OnceLock::new(),
            shed: Slots::new(Shed::COUNT),
        }
    }

    /// Counts a request that has a place, until [`Self::left`].
    pub fn entered(&self) {
        self.handles().in_flight.add(1);
    }

    /// The place is free again.
    pub fn left(&self) {
        self.handles().in_flight.add(-1);
    }

    /// Shows the limit.
    pub fn set_limit(&self, limit: u32) {
        let mut latest = self.latest();
        *latest = limit;
        if let Some(handles) = self.handles.get() {
            handles.limit.set(i64::from(limit));
        }
    }

    /// Counts a request that waits, until [`Self::waited`].
    pub fn waits(&self) {
        self.handles().queue.add(1);
    }

    /// The request waits no longer.
    pub fn waited(&self, took: Duration) {
        self.handles().queue.add(-1);
        self.handles().wait.observe_duration(took);
    }

    /// Counts a request that got no place.
    pub fn shed(&self, cause: Shed) {
        let [route, upstream] = &self.labels;
        let make = || self.families.shed.with(&[route, upstream, cause.as_str()]);
        self.shed.get(cause as usize, make).inc();
    }

    fn handles(&self) -> &Handles {
        self.handles.get().unwrap_or_else(|| self.make())
    }

    fn make(&self) -> &Handles {
        // Held all the time, so that no limit is set in between.
        let limit = self.latest();
        self.handles.get_or_init(|| {
            let labels = self.labels.each_ref().map(|label| &**label);
            let handles = Handles {
                in_flight: self.families.in_flight.with(&labels),
                limit: self.families.limit.with(&labels),
                queue: self.families.queue.with(&labels),
                wait: self.families.wait.with(&labels),
            };
            handles.limit.set(i64::from(*limit));
            handles
        })
    }

    fn latest(&self) -> MutexGuard<'_, u32> {
        self.limit.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for ConcurrencyMetrics {
    fn drop(&mut self) {
        let Some(Handles { in_flight, limit, queue, .. }) = self.handles.take() else { return };
        let labels = self.labels.each_ref().map(|label| &**label);
        self.families.in_flight.release(&labels, in_flight);
        self.families.limit.release(&labels, limit);
        self.families.queue.release(&labels, queue);
    }
}
