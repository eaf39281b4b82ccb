//! Numbers of one concurrency limit, be it a route's or an upstream's.

use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use prometheus::Registry;

use super::family::{Family, Slots};
use super::instrument::{Amount, Counter, Histogram, Level, UpDown};
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

/// By what an adaptive limit goes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Latencies {
    /// At rest, in seconds; `None` before it was measured.
    pub rest: Option<f64>,
    /// Of late, in seconds; `None` as long as nothing was answered.
    pub latency: Option<f64>,
    /// That at rest is being measured.
    pub measuring: bool,
}

#[derive(Debug, Clone)]
pub(super) struct ConcurrencyFamilies {
    in_flight: Family<UpDown>,
    limit: Family<Level>,
    rest: Family<Amount>,
    latency: Family<Amount>,
    measuring: Family<Level>,
    queue: Family<UpDown>,
    wait: Family<Histogram>,
    shed: Family<Counter>,
}

impl ConcurrencyFamilies {
    pub(super) fn register(registry: &Registry) -> Self {
        ConcurrencyFamilies {
            in_flight: Family::register(registry, names::CONCURRENCY_IN_FLIGHT),
            limit: Family::register(registry, names::CONCURRENCY_LIMIT),
            rest: Family::register(registry, names::CONCURRENCY_REST),
            latency: Family::register(registry, names::CONCURRENCY_LATENCY),
            measuring: Family::register(registry, names::CONCURRENCY_MEASURING),
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
    latest: Mutex<Latest>,
    handles: OnceLock<Handles>,
    shed: Slots<Counter>,
}

/// What is to be shown from the first use on.
#[derive(Debug, Default)]
struct Latest {
    limit: u32,
    latencies: Option<Latencies>,
    /// Where there are latencies, and they are shown.
    gauges: Option<Gauges>,
}

/// Those of an adaptive limit. What is not known yet is not shown.
#[derive(Debug)]
struct Gauges {
    rest: Option<Arc<Amount>>,
    latency: Option<Arc<Amount>>,
    measuring: Arc<Level>,
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
            latest: Mutex::default(),
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
        latest.limit = limit;
        if let Some(handles) = self.handles.get() {
            handles.limit.set(i64::from(limit));
        }
    }

    /// Shows by what an adaptive limit goes; `None` where it is fixed.
    pub fn set_learned(&self, latencies: Option<Latencies>) {
        let mut latest = self.latest();
        latest.latencies = latencies;
        if self.handles.get().is_some() {
            self.show(&mut latest);
        }
    }

    fn show(&self, latest: &mut Latest) {
        let Some(Latencies { rest, latency, measuring }) = latest.latencies else {
            return self.hide(latest);
        };
        let labels = self.labels.each_ref().map(|label| &**label);
        let make = || Gauges { rest: None, latency: None, measuring: self.families.measuring.with(&labels) };
        let gauges = latest.gauges.get_or_insert_with(make);
        gauges.measuring.set(i64::from(measuring));
        if let Some(rest) = rest {
            gauges.rest.get_or_insert_with(|| self.families.rest.with(&labels)).set(rest);
        }
        if let Some(latency) = latency {
            gauges.latency.get_or_insert_with(|| self.families.latency.with(&labels)).set(latency);
        }
    }

    fn hide(&self, latest: &mut Latest) {
        let Some(Gauges { rest, latency, measuring }) = latest.gauges.take() else { return };
        let labels = self.labels.each_ref().map(|label| &**label);
        self.families.measuring.release(&labels, measuring);
        rest.into_iter().for_each(|rest| self.families.rest.release(&labels, rest));
        latency.into_iter().for_each(|latency| self.families.latency.release(&labels, latency));
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
        let mut latest = self.latest();
        self.show(&mut latest);
        self.handles.get_or_init(|| {
            let labels = self.labels.each_ref().map(|label| &**label);
            let handles = Handles {
                in_flight: self.families.in_flight.with(&labels),
                limit: self.families.limit.with(&labels),
                queue: self.families.queue.with(&labels),
                wait: self.families.wait.with(&labels),
            };
            handles.limit.set(i64::from(latest.limit));
            handles
        })
    }

    fn latest(&self) -> MutexGuard<'_, Latest> {
        self.latest.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for ConcurrencyMetrics {
    fn drop(&mut self) {
        let Some(Handles { in_flight, limit, queue, .. }) = self.handles.take() else { return };
        self.hide(&mut self.latest());
        let labels = self.labels.each_ref().map(|label| &**label);
        self.families.in_flight.release(&labels, in_flight);
        self.families.limit.release(&labels, limit);
        self.families.queue.release(&labels, queue);
    }
}
