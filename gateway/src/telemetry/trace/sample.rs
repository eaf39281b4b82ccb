//! Which requests' spans are kept: decided once at the start and once at the
//! end, from values alone.

use std::time::{Duration, Instant};

use super::id::{TraceId, random_u64};
use super::w3c::Parent;
use crate::telemetry::config::{KeepConfig, TracesConfig};
use crate::telemetry::metrics::Kept;

/// The rules, as the configuration gives them.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sampling {
    /// Spans are kept where the random part of the id is below.
    threshold: u64,
    errors: bool,
    slower_than: Option<Duration>,
    per_second: u32,
}

/// How a request ended, as far as keeping its spans is concerned.
#[derive(Debug, Clone, Copy)]
pub struct Ended {
    /// Status of the answer.
    pub status: u16,
    /// How long the request took.
    pub duration: Duration,
    /// When that was.
    pub now: Instant,
}

/// What becomes of a request's spans.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// They are exported.
    Keep(Kept),
    /// They would be, but for the rate.
    OverRate,
    /// They are forgotten.
    Forget,
}

/// Seven bytes of a trace id are random by all versions of W3C Trace Context.
const RANDOM_BITS: u32 = 56;

impl Sampling {
    /// The rules of this section.
    pub fn new(config: &TracesConfig) -> Self {
        let KeepConfig { errors, slower_than, per_second } = config.keep;
        Sampling {
            threshold: (config.sample.fraction() * (1u64 << RANDOM_BITS) as f64) as u64,
            errors,
            slower_than: slower_than.map(|limit| limit.get()),
            per_second,
        }
    }

    /// At the start. A trusted caller's decision stands. Otherwise chance
    /// decides: by the trace's id where it is ours, so that all instances and
    /// all services with the same ratio agree. A stranger's id is not asked:
    /// whoever chooses ids could choose to be traced.
    pub fn at_start(&self, trace_id: TraceId, parent: Option<&Parent>, trusted: bool) -> bool {
        match parent {
            Some(parent) if trusted => parent.sampled,
            Some(_) => random_u64() >> (64 - RANDOM_BITS) < self.threshold,
            None => trace_id.get() as u64 & ((1 << RANDOM_BITS) - 1) < self.threshold,
        }
    }

    /// At the end: what was sampled, then failures and slow requests while
    /// the rate lasts.
    pub fn at_end(&self, sampled: bool, ended: &Ended, take: impl FnOnce(u32) -> bool) -> Verdict {
        if sampled {
            return Verdict::Keep(Kept::Head);
        }
        let slow = self.slower_than.is_some_and(|limit| ended.duration > limit);
        let why = match (self.errors && ended.status >= 500, slow) {
            (true, _) => Kept::Error,
            (false, true) => Kept::Slow,
            (false, false) => return Verdict::Forget,
        };
        if take(self.per_second) { Verdict::Keep(why) } else { Verdict::OverRate }
    }
}

/// A token bucket that holds one second's worth.
#[derive(Debug, Default)]
pub struct Bucket {
    tokens: f64,
    filled: Option<Instant>,
}

impl Bucket {
    /// Takes a token, where there is one at `now`; `per_second` may change.
    pub fn take(&mut self, per_second: u32, now: Instant) -> bool {
        let rate = f64::from(per_second);
        let passed = self.filled.map_or(Duration::MAX, |then| now.saturating_duration_since(then));
        self.tokens = (self.tokens + passed.as_secs_f64() * rate).min(rate);
        // Threads bring their own `now`: the clock must not go back.
        self.filled = Some(self.filled.map_or(now, |then| then.max(now)));
        let granted = self.tokens >= 1.0;
        if granted {
            self.tokens -= 1.0;
        }
        granted
    }
}
