//! Places within a concurrency limit: the policy, with a clock, a wait, and its numbers.
//!
//! An upstream has a gate where its configuration says so, and every attempt needs a place there, whoever makes it and
//! whichever it is. Routes have gates of the same kind.
//!
//! A gate outlives reloads: that of the same name goes on, with other settings where they have changed. So those who
//! are in flight stay counted, those who wait keep their turn, and what was learned is not lost.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::time::timeout;

use super::classify::is_timeout;
use crate::{
    policy::concurrency::{
        Bound, Displaced, Entry, Full, Learned, Limiter, Outcome, Permit, Priority, Settings, Waiting,
    },
    reason::Reason,
    telemetry::metrics::{ConcurrencyMetrics, Latencies, Shed},
};

/// A concurrency limit at work.
#[derive(Debug)]
pub struct Gate {
    limiter: Arc<Limiter>,
    metrics: Arc<ConcurrencyMetrics>,
}

/// A request gets no place.
#[derive(Debug, Clone, Copy)]
pub struct Refused {
    /// Why.
    pub cause: Shed,
    /// How long it waited.
    pub waited: Duration,
    /// When it may be tried again, in seconds.
    pub retry_after: u64,
    settings: Settings,
    limit: u32,
}

/// For the operator: a client is only told the reason, and when to come back.
impl std::fmt::Display for Refused {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Settings { queue, patience, bound, .. } = self.settings;
        // A request that has less time waits no longer than that.
        let wait =
            patience.min(Duration::from_millis(self.waited.as_millis().try_into().unwrap_or(u64::MAX)));
        match self.cause {
            Shed::QueueFull if queue == 0 => f.write_str("no place was free, and there is no queue"),
            Shed::QueueFull => write!(f, "the queue of {queue} was full"),
            Shed::QueueTimeout => write!(f, "no place became free within {wait:?}"),
            Shed::Displaced => f.write_str("a request of higher priority took the place in the queue"),
            Shed::Left => f.write_str("it left the queue"),
        }?;
        match bound {
            Bound::Adaptive(_) => write!(f, "; the limit was {}", self.limit),
            Bound::Fixed(_) => Ok(()),
        }
    }
}

impl Gate {
    /// The gate of the next configuration; `before` is that of the same name, which goes on. New settings do not hold
    /// before [`Gate::configure`].
    pub fn next(
        before: Option<&Arc<Self>>,
        settings: Option<Settings>,
        metrics: impl FnOnce() -> ConcurrencyMetrics,
    ) -> Option<Arc<Self>> {
        let settings = settings?;
        let new = || Arc::new(Self::new(settings, metrics()));
        Some(before.cloned().unwrap_or_else(new))
    }

    fn new(settings: Settings, metrics: ConcurrencyMetrics) -> Self {
        let gate = Self { limiter: Limiter::new(settings, Instant::now()), metrics: Arc::new(metrics) };
        gate.show();
        gate
    }

    /// From now on these settings hold.
    pub fn configure(&self, settings: Settings) {
        if self.limiter.settings() != settings {
            self.limiter.configure(settings, Instant::now());
            self.show();
        }
    }

    fn show(&self) {
        self.metrics.set_limit(self.limiter.limit());
        self.metrics.set_learned(self.limiter.learned().map(shown));
    }

    /// A place, at once or after a wait: as long as the settings allow, and not longer than `most`. Dropping the future
    /// gives the turn up. Whose request is complete says so to the place ([`Place::request_ended`]).
    pub async fn enter(&self, priority: Priority, most: Option<Duration>) -> Result<Place, Refused> {
        match self.limiter.enter(priority) {
            Ok(Entry::Admitted(permit)) => Ok(self.place(permit, None)),
            Ok(Entry::Waiting(waiting)) => self.wait(waiting, most).await,
            Err(Full) => Err(self.refused(Shed::QueueFull, Duration::ZERO)),
        }
    }

    async fn wait(&self, waiting: Waiting, most: Option<Duration>) -> Result<Place, Refused> {
        let mut queued = Queued::new(&self.metrics);
        let patience = waiting.patience();
        let verdict = timeout(most.map_or(patience, |most| most.min(patience)), waiting).await;
        let waited = queued.since.elapsed();
        queued.is_over = true;
        match verdict {
            // Both at once: a place is of no use to whom there is no time left.
            Ok(Ok(_)) if most.is_some_and(|most| waited >= most) => {
                Err(self.refused(Shed::QueueTimeout, waited))
            }
            Ok(Ok(permit)) => Ok(self.place(permit, Some(waited))),
            Ok(Err(Displaced)) => Err(self.refused(Shed::Displaced, waited)),
            Err(_) => Err(self.refused(Shed::QueueTimeout, waited)),
        }
    }

    fn place(&self, permit: Permit, waited: Option<Duration>) -> Place {
        self.metrics.entered();
        Place { permit: Some(permit), metrics: self.metrics.clone(), waited }
    }

    fn refused(&self, cause: Shed, waited: Duration) -> Refused {
        self.metrics.shed(cause);
        let settings = self.limiter.settings();
        let limit = self.limiter.limit();
        Refused { cause, waited, retry_after: settings.retry_after(fastrand::f64()), settings, limit }
    }
}

/// Counted as waiting until it is dropped; before the wait is over that is the end of somebody who has left.
struct Queued<'a> {
    metrics: &'a ConcurrencyMetrics,
    since: Instant,
    is_over: bool,
}

impl<'a> Queued<'a> {
    fn new(metrics: &'a ConcurrencyMetrics) -> Self {
        metrics.waits();
        Self { metrics, since: Instant::now(), is_over: false }
    }
}

impl Drop for Queued<'_> {
    fn drop(&mut self) {
        self.metrics.waited(self.since.elapsed());
        if !self.is_over {
            self.metrics.shed(Shed::Left);
        }
    }
}

/// A place within a limit, until it is dropped.
#[derive(Debug)]
pub struct Place {
    /// Taken when it is dropped.
    permit: Option<Permit>,
    metrics: Arc<ConcurrencyMetrics>,
    waited: Option<Duration>,
}

impl Place {
    /// How long it was waited for, where it was.
    pub fn waited(&self) -> Option<Duration> {
        self.waited
    }

    /// The client has sent its last byte. What came before was its time and not the service's: from a request that does
    /// not get there nothing is learned.
    pub fn request_ended(&mut self) {
        if let Some(permit) = self.learning() {
            permit.begin(Instant::now());
        }
    }

    /// The head of the answer came; how long the rest takes is the client's affair as well.
    pub fn answered(&mut self, status: u16) {
        if self.learning().is_some() {
            self.report(outcome(Some(status), None), Instant::now());
        }
    }

    /// It is over: the answer is complete, or there will be none because of `error`.
    pub fn finish(mut self, error: Option<Reason>, now: Instant) {
        self.report(outcome(None, error), now);
    }

    fn learning(&mut self) -> Option<&mut Permit> {
        self.permit.as_mut().filter(|permit| permit.is_learning())
    }

    fn report(&mut self, outcome: Outcome, now: Instant) {
        let learned = self.learning().and_then(|permit| permit.report(outcome, now));
        if let Some(learned) = learned {
            self.metrics.set_limit(learned.limit);
            self.metrics.set_learned(Some(shown(learned)));
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        // First: whoever sees in the metrics that it is over may count on its place being free.
        drop(self.permit.take());
        self.metrics.left();
    }
}

fn shown(learned: Learned) -> Latencies {
    let Learned { rest, latency, measuring, .. } = learned;
    Latencies { rest, latency, measuring }
}

/// What a request tells about the load of who answers it.
fn outcome(status: Option<u16>, error: Option<Reason>) -> Outcome {
    match (error, status) {
        (Some(Reason::ClientDisconnected), _) => Outcome::Abandoned,
        (Some(Reason::UpstreamOverloaded), _) => Outcome::Overloaded,
        (Some(reason), _) if is_timeout(reason) => Outcome::Overloaded,
        (Some(_), _) => Outcome::Unrelated,
        // What services and proxies say that have too much to do.
        (None, Some(503 | 504)) => Outcome::Overloaded,
        (None, Some(500..)) => Outcome::Unrelated,
        (None, _) => Outcome::Answered,
    }
}

#[cfg(test)]
mod tests;
