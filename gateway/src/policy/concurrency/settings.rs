//! A limit's configuration after every check.

use std::time::Duration;

use super::config::{AdaptiveConfig, ConcurrencyConfig};

/// More would not be a short queue any more.
const LONGEST_QUEUE: u32 = 10_000;

/// Nor would this be a short wait.
const LONGEST_WAIT: Duration = Duration::from_secs(60);

/// What holds for one limit.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Settings {
    /// How many may be in flight.
    pub bound: Bound,
    /// How many may wait.
    pub queue: usize,
    /// How long each may wait.
    pub patience: Duration,
    /// When those who are refused may come back.
    pub retry_after: Duration,
}

/// How many may be in flight.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Bound {
    /// So many.
    Fixed(u32),
    /// As many as latency tells.
    Adaptive(Adaptive),
}

/// How a limit is learned.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Adaptive {
    /// What it begins with.
    pub initial: u32,
    /// The least it may become, at least 1.
    pub min: u32,
    /// The most it may become.
    pub max: u32,
    /// How much slower than at rest is still well: 0.25 for a quarter.
    pub tolerance: f64,
    /// From one measurement of the latency at rest to the next.
    pub probe: Duration,
}

/// Why a configuration cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Path of the key within `concurrency`; empty for the whole.
    pub key: &'static str,
    /// `what is wrong; what to do`.
    pub text: String,
}

impl Problem {
    /// The key's path, where that of `concurrency` is this.
    pub fn key_of(&self, concurrency: &str) -> String {
        if self.key.is_empty() { concurrency.to_owned() } else { format!("{concurrency}.{}", self.key) }
    }
}

impl Settings {
    /// Checks what was written; `None` where there is no limit.
    pub fn check(config: &ConcurrencyConfig) -> Result<Option<Self>, Vec<Problem>> {
        let ConcurrencyConfig { max, adaptive, queue, retry_after } = config;
        let mut problems = Problems::default();
        if max.is_some() && adaptive.is_some() {
            problems
                .add("adaptive", "the limit is either fixed or learned; keep one of `max` and `adaptive`");
        }
        let bound = match (max, adaptive) {
            (Some(max), _) => {
                problems.at_least_one("max", *max);
                Some(Bound::Fixed(*max))
            }
            (None, Some(config)) => Some(Bound::Adaptive(adaptive_of(config, &mut problems))),
            (None, None) => {
                if *config != ConcurrencyConfig::default() {
                    problems.add("", "there is no limit; add `max` or `adaptive`");
                }
                None
            }
        };
        let patience = queue.timeout.get();
        if queue.size > LONGEST_QUEUE {
            problems
                .add("queue.size", format!("{} is no short queue; the most is {LONGEST_QUEUE}", queue.size));
        }
        if queue.size > 0 && patience.is_zero() {
            problems.add("queue.timeout", "nobody could wait; write for example `100ms`, or `size: 0`");
        }
        if patience > LONGEST_WAIT {
            problems.add("queue.timeout", format!("`{}` is no short wait; the most is 1m", queue.timeout));
        }
        if retry_after.is_zero() {
            problems
                .add("retry_after", "all who are refused would come back at once; write for example `1s`");
        }
        problems.none()?;
        let (queue, retry_after) = (queue.size as usize, retry_after.get());
        Ok(bound.map(|bound| Self { bound, queue, patience, retry_after }))
    }

    /// What `Retry-After` says: whole seconds, up to half more than configured. `random` is from 0 to 1.
    pub fn retry_after(&self, random: f64) -> u64 {
        let seconds = self.retry_after.mul_f64(1.0 + random / 2.0);
        seconds.as_secs() + u64::from(seconds.subsec_nanos() > 0)
    }
}

impl Bound {
    /// The limit to begin with.
    pub fn initial(&self) -> u32 {
        match self {
            Self::Fixed(max) => *max,
            Self::Adaptive(adaptive) => adaptive.initial,
        }
    }
}

fn adaptive_of(config: &AdaptiveConfig, problems: &mut Problems) -> Adaptive {
    let AdaptiveConfig { initial, min, max, tolerance, probe } = *config;
    problems.at_least_one("adaptive.min", min);
    if max < min {
        problems.add("adaptive.max", format!("{max} is less than `min` ({min}); raise it, or lower `min`"));
    } else if !(min..=max).contains(&initial) {
        let text =
            format!("{initial} is not between `min` ({min}) and `max` ({max}); write a limit between them");
        problems.add("adaptive.initial", text);
    }
    if probe.get() < Duration::from_secs(1) {
        let text =
            "measurements less than 1s apart would hold up traffic most of the time; write for example `30s`";
        problems.add("adaptive.probe", text);
    }
    Adaptive { initial, min, max, tolerance: tolerance.fraction(), probe: probe.get() }
}

#[derive(Default)]
struct Problems(Vec<Problem>);

impl Problems {
    fn add(&mut self, key: &'static str, text: impl Into<String>) {
        self.0.push(Problem { key, text: text.into() });
    }

    fn at_least_one(&mut self, key: &'static str, limit: u32) {
        if limit == 0 {
            self.add(key, "no request could ever pass; write 1 or more");
        }
    }

    fn none(self) -> Result<(), Vec<Problem>> {
        if self.0.is_empty() { Ok(()) } else { Err(self.0) }
    }
}
