//! A limit that is learned from latency.
//!
//! While a service has room, one request more costs the others nothing. From there on it only waits in front of the
//! others, and latency grows with the number of requests. So the limit follows the quotient of both latencies, after
//! the gradient controller of Envoy's adaptive concurrency filter
//! (<https://www.envoyproxy.io/docs/envoy/latest/configuration/http/http_filters/adaptive_concurrency_filter>):
//!
//! ```text
//! gradient = (1 + tolerance) * latency at rest / latency now       between 0.5 and 2
//! limit    = gradient * limit + sqrt(limit)
//! ```
//!
//! The latency at rest is measured from time to time with a lowered limit. In six points this differs:
//!
//! - **A measurement halves what is in flight**; there the limit falls to 3 and sheds nearly everything. Where half of
//!   the requests are answered in about half of the time, they only waited for each other and still do: it is halved
//!   again.
//! - **While latency is that at rest nothing is measured**, since it is all there is to find: a service that has room is
//!   never held up.
//! - **A limit that has fallen to less than half** since the last measurement is measured at once: perhaps the service
//!   has become slower, whatever the load, and the latency at rest is out of date.
//! - **Only requests that began within a window count there**, so that a slow service is not judged several times by
//!   what was before the last change.
//! - **What nobody uses does not grow**, as in Netflix's concurrency-limits
//!   (<https://github.com/Netflix/concurrency-limits>, `Gradient2Limit`): while less than half of the limit was in
//!   flight, latency says nothing about more.
//! - **Overload counts by itself**, as drops do in its `AIMDLimit`: the share of requests that came to nothing for being
//!   too slow, or that the service refused as too many, is taken off the limit.
//!
//! Other failures say nothing about load. What they took is not looked at: a service that fails at once would look fast.

use std::time::{Duration, Instant};

use super::{latencies::Latencies, settings::Adaptive};

/// The shortest window.
const WINDOW: Duration = Duration::from_millis(100);

/// The fewest samples of a window.
const SAMPLES: u32 = 10;

/// A window of so few samples that is older tells of another time.
const STALE: Duration = Duration::from_secs(60);

/// The samples of a measurement.
const MEASURED: u32 = 25;

/// When fewer do.
const PATIENCE: Duration = Duration::from_secs(5);

/// Half of the requests in less than this share of the time: half was still too much.
const RELIEVED: f64 = 0.65;

/// The share of overload that means something.
const OVERLOAD: f64 = 0.1;

/// Measurements are at least so many times the latency at rest apart, since each takes some of it.
const SPARING: f64 = 20.0;

/// The most that one window takes away, and adds.
const STEPS: (f64, f64) = (0.5, 2.0);

/// What became of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It was answered.
    Answered,
    /// It was too much: it timed out, or the service said so.
    Overloaded,
    /// Nobody waited for it any longer, so it would have taken longer.
    Abandoned,
    /// It failed otherwise.
    Unrelated,
}

/// What an adaptive limit has learned so far.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Learned {
    /// The limit.
    pub limit: u32,
    /// The latency at rest in seconds; `None` before the first measurement.
    pub rest: Option<f64>,
    /// The latency of late in seconds, the median; `None` as long as nothing was answered.
    pub latency: Option<f64>,
    /// The latency at rest is being measured.
    pub measuring: bool,
}

/// The controller of one limit.
#[derive(Debug)]
pub(super) struct Gradient {
    settings: Adaptive,
    limit: f64,
    /// The latency at rest in seconds.
    rest: Option<f64>,
    /// The latency of the last window in seconds.
    latency: Option<f64>,
    measured: Measured,
    phase: Phase,
    window: Window,
}

/// The last measurement.
#[derive(Debug)]
struct Measured {
    at: Instant,
    limit: f64,
}

#[derive(Debug)]
enum Phase {
    /// The limit follows latency.
    Following,
    /// The latency at rest is measured. Before it took the lower limit, the limit was this, and latency that, if known.
    Measuring { limit: f64, latency: Option<f64> },
}

#[derive(Debug)]
struct Window {
    opened: Instant,
    latencies: Latencies,
    overloads: u32,
    /// Latencies of requests that were never answered.
    abandoned: u32,
    /// The most that were in flight at once.
    peak: u32,
}

impl Gradient {
    /// Begins by measuring.
    pub fn new(settings: Adaptive, now: Instant) -> Self {
        let limit = f64::from(settings.initial);
        Self {
            settings,
            limit,
            rest: None,
            latency: None,
            measured: Measured { at: now, limit },
            phase: Phase::Measuring { limit, latency: None },
            window: Window::open(now),
        }
    }

    /// What it was made with.
    pub fn settings(&self) -> &Adaptive {
        &self.settings
    }

    /// The limit now.
    pub fn limit(&self) -> u32 {
        // Within the settings' bounds, which are whole.
        self.limit as u32
    }

    /// What is known by now.
    pub fn learned(&self) -> Learned {
        let measuring = matches!(self.phase, Phase::Measuring { .. });
        Learned { limit: self.limit(), rest: self.rest, latency: self.latency, measuring }
    }

    /// Goes on with other settings, as far as what was learned fits in.
    pub fn adjust(&mut self, settings: Adaptive) {
        self.settings = settings;
        self.limit = self.bounded(self.limit);
        if let Phase::Measuring { limit, latency } = self.phase {
            self.phase = Phase::Measuring { limit: self.bounded(limit), latency };
        }
    }

    /// Learns from a request that began at `began` and ends now, with so many in flight beside it, itself included.
    pub fn learn(&mut self, outcome: Outcome, began: Instant, in_flight: u32, now: Instant) {
        if self.window.is_stale(now) {
            self.window = Window::open(now);
        }
        self.window.add(outcome, began, in_flight, now, self.rest);
        match self.phase {
            Phase::Measuring { limit, latency } if self.window.is_measured(now) => {
                self.measured(limit, latency, now);
                self.open_window(now);
            }
            Phase::Following if self.window.is_complete(now) => {
                self.limit = self.next_limit();
                self.measure_if_due(now);
                self.open_window(now);
            }
            _ => {}
        }
    }

    fn open_window(&mut self, now: Instant) {
        self.latency = self.window.latencies.median().or(self.latency);
        self.window = Window::open(now);
    }

    fn measure_if_due(&mut self, now: Instant) {
        if !self.is_measurement_due(now) {
            return;
        }
        let latency = self.window.latencies.median();
        match (self.rest, latency) {
            (Some(rest), Some(latency)) if latency <= rest * (1.0 + self.settings.tolerance) => {
                self.rest = Some(rest.min(latency));
                self.measured = Measured { at: now, limit: self.limit };
            }
            _ => self.measure(latency),
        }
    }

    /// `latency` is that of what is in flight now.
    fn measure(&mut self, latency: Option<f64>) {
        self.phase = Phase::Measuring { limit: self.limit, latency };
        self.limit = self.bounded(self.limit.min(f64::from(self.window.peak)) / 2.0);
    }

    fn measured(&mut self, limit: f64, before: Option<f64>, now: Instant) {
        let rest = self.window.rest();
        let is_relieved = match (rest, before) {
            (Some(rest), Some(before)) => rest < before * RELIEVED,
            // The first one of all has nothing to compare with.
            (Some(_), None) => self.is_used(),
            (None, _) => false,
        };
        if is_relieved && self.limit > f64::from(self.settings.min) {
            return self.measure(rest);
        }
        self.rest = rest.or(self.rest);
        self.limit = limit;
        self.measured = Measured { at: now, limit };
        self.phase = Phase::Following;
    }

    fn next_limit(&self) -> f64 {
        let window = &self.window;
        let latency = match (self.rest, window.latencies.median()) {
            (Some(rest), Some(now)) => (1.0 + self.settings.tolerance) * rest / now,
            _ => 1.0,
        };
        let overload = window.overload();
        let most = if overload >= OVERLOAD { 1.0 - overload } else { f64::INFINITY };
        let gradient = latency.min(most).clamp(STEPS.0, STEPS.1);
        let room = if overload >= OVERLOAD { 0.0 } else { self.limit.sqrt() };
        let next = self.limit * gradient + room;
        self.bounded(if self.is_used() { next } else { next.min(self.limit) })
    }

    /// Whether latency says anything about more than what is in flight.
    fn is_used(&self) -> bool {
        f64::from(self.window.peak) >= self.limit / 2.0
    }

    fn is_measurement_due(&self, now: Instant) -> bool {
        let spared = Duration::from_secs_f64(self.rest.unwrap_or(0.0) * SPARING);
        let due = self.measured.at + self.settings.probe.max(spared);
        now >= due || self.rest.is_none() || self.limit < self.measured.limit / 2.0
    }

    fn bounded(&self, limit: f64) -> f64 {
        limit.clamp(f64::from(self.settings.min), f64::from(self.settings.max))
    }
}

impl Window {
    fn open(now: Instant) -> Self {
        Self { opened: now, latencies: Latencies::default(), overloads: 0, abandoned: 0, peak: 0 }
    }

    fn add(&mut self, outcome: Outcome, began: Instant, in_flight: u32, now: Instant, rest: Option<f64>) {
        self.peak = self.peak.max(in_flight);
        let latency = now.saturating_duration_since(began);
        let counts = began >= self.opened;
        match outcome {
            Outcome::Answered if counts => self.latencies.add(latency),
            // It says that it would have taken more than this, which is news where this is much.
            Outcome::Abandoned if counts && rest.is_some_and(|rest| latency.as_secs_f64() > rest) => {
                self.latencies.add(latency);
                self.abandoned += 1;
            }
            // It began long ago, and yet is news.
            Outcome::Overloaded => self.overloads += 1,
            Outcome::Answered | Outcome::Abandoned | Outcome::Unrelated => {}
        }
    }

    fn samples(&self) -> u32 {
        self.latencies.count() + self.overloads
    }

    /// The share of overload, 0 to 1.
    fn overload(&self) -> f64 {
        f64::from(self.overloads) / f64::from(self.samples().max(1))
    }

    fn is_stale(&self, now: Instant) -> bool {
        self.samples() < SAMPLES && now.saturating_duration_since(self.opened) >= STALE
    }

    fn is_complete(&self, now: Instant) -> bool {
        self.samples() >= SAMPLES && now.saturating_duration_since(self.opened) >= WINDOW
    }

    fn is_measured(&self, now: Instant) -> bool {
        let long = now.saturating_duration_since(self.opened) >= PATIENCE;
        self.samples() >= MEASURED || long && self.samples() >= SAMPLES
    }

    /// The latency at rest that a measurement has found; nothing where most requests were not answered.
    fn rest(&self) -> Option<f64> {
        let unanswered = self.overloads + self.abandoned;
        self.latencies.median().filter(|_| unanswered * 2 < self.samples())
    }
}
