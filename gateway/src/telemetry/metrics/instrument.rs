//! Counters, gauges and histograms that many threads can write without
//! waiting for each other.
//!
//! The instruments of the `prometheus` crate keep one copy of each number, so
//! every core that records takes the same cache line from the others: its
//! histogram costs 32 ns alone and 200 ns when a second thread records too.
//! These keep a copy for each serving thread (see [`super::stripe`]) and add
//! them up when scraped, so what one thread records costs the others nothing.
//! A copy is only allocated when its thread records.
//!
//! A scrape may see a bucket before it sees the sum that belongs to it; the
//! next scrape has both.

use std::fmt;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use prometheus::proto;

use super::stripe::Striped;
use crate::telemetry::names::Buckets;

/// Room for the longest list of buckets and `+Inf`.
const MAX_BUCKETS: usize = 17;

/// Something that can be read for a scrape.
pub trait Instrument: Send + Sync + 'static {
    /// Writes the present value.
    fn read(&self, into: &mut proto::Metric);
}

/// A number that only grows.
#[derive(Debug, Default)]
pub struct Counter(Striped<AtomicU64>);

impl Counter {
    /// Adds one.
    pub fn inc(&self) {
        self.add(1);
    }

    /// Adds `n`.
    pub fn add(&self, n: u64) {
        let (part, writing) = self.0.mine();
        writing.add(part, n);
    }

    /// The present value.
    pub fn get(&self) -> u64 {
        self.0.all().map(|part| part.load(Relaxed)).sum()
    }
}

impl Instrument for Counter {
    fn read(&self, into: &mut proto::Metric) {
        let mut counter = proto::Counter::default();
        counter.set_value(self.get() as f64);
        into.set_counter(counter);
    }
}

/// A number that callers raise and lower: how many there are of something.
#[derive(Debug, Default)]
pub struct UpDown(Striped<AtomicI64>);

impl UpDown {
    /// Adds `n`, which may be negative.
    pub fn add(&self, n: i64) {
        let (part, writing) = self.0.mine();
        writing.add_signed(part, n);
    }

    /// The present value.
    pub fn get(&self) -> i64 {
        self.0.all().map(|part| part.load(Relaxed)).sum()
    }
}

impl Instrument for UpDown {
    fn read(&self, into: &mut proto::Metric) {
        into.set_gauge(gauge(self.get()));
    }
}

/// A number that is set as a whole.
#[derive(Debug, Default)]
pub struct Level(AtomicI64);

impl Level {
    /// Sets the value.
    pub fn set(&self, value: i64) {
        self.0.store(value, Relaxed);
    }

    /// Adds `n`, which may be negative.
    pub fn add(&self, n: i64) {
        self.0.fetch_add(n, Relaxed);
    }

    /// The present value.
    pub fn get(&self) -> i64 {
        self.0.load(Relaxed)
    }
}

/// An amount that is set as a whole, and need not be a whole number.
#[derive(Debug, Default)]
pub struct Amount(
    /// The bits of an `f64`.
    AtomicU64,
);

impl Amount {
    /// Sets the amount.
    pub fn set(&self, amount: f64) {
        self.0.store(amount.to_bits(), Relaxed);
    }
}

impl Instrument for Amount {
    fn read(&self, into: &mut proto::Metric) {
        let mut gauge = proto::Gauge::default();
        gauge.set_value(f64::from_bits(self.0.load(Relaxed)));
        into.set_gauge(gauge);
    }
}

/// A number that is kept elsewhere, and looked up when it is shown.
pub struct LookedUp(Box<dyn Fn() -> u64 + Send + Sync>);

impl LookedUp {
    /// What a function gives at the time.
    pub fn new(look: impl Fn() -> u64 + Send + Sync + 'static) -> Self {
        Self(Box::new(look))
    }
}

impl fmt::Debug for LookedUp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LookedUp")
    }
}

impl Instrument for LookedUp {
    fn read(&self, into: &mut proto::Metric) {
        into.set_gauge(gauge(i64::try_from((self.0)()).unwrap_or(i64::MAX)));
    }
}

/// How long ago something happened, in seconds; told when it is read.
#[derive(Debug)]
pub struct Age {
    made: Instant,
    /// Milliseconds from `made`; what is older than the instrument has less than none.
    began: AtomicI64,
}

impl Age {
    /// From an instrument's making on.
    pub fn new() -> Self {
        Self { made: Instant::now(), began: AtomicI64::new(0) }
    }

    /// It happened at this time.
    pub fn begin(&self, at: Instant) {
        let milliseconds = |time: Duration| i64::try_from(time.as_millis()).unwrap_or(i64::MAX);
        let before = milliseconds(self.made.saturating_duration_since(at));
        self.began.store(milliseconds(at.saturating_duration_since(self.made)) - before, Relaxed);
    }

    fn at(&self, now: Instant) -> f64 {
        let began = self.began.load(Relaxed) as f64 / 1000.0;
        (now.saturating_duration_since(self.made).as_secs_f64() - began).max(0.0)
    }
}

impl Instrument for Age {
    fn read(&self, into: &mut proto::Metric) {
        let mut gauge = proto::Gauge::default();
        gauge.set_value(self.at(Instant::now()));
        into.set_gauge(gauge);
    }
}

impl Instrument for Level {
    fn read(&self, into: &mut proto::Metric) {
        into.set_gauge(gauge(self.get()));
    }
}

fn gauge(value: i64) -> proto::Gauge {
    let mut gauge = proto::Gauge::default();
    gauge.set_value(value as f64);
    gauge
}

#[derive(Debug, Default)]
struct Cells {
    counts: [AtomicU64; MAX_BUCKETS],
    sum: AtomicU64,
}

/// Counts observations by size.
#[derive(Debug)]
pub struct Histogram {
    buckets: Buckets,
    cells: Striped<Cells>,
}

impl Histogram {
    /// An empty histogram with these buckets.
    pub fn new(buckets: Buckets) -> Self {
        assert!(buckets.bounds().len() < MAX_BUCKETS, "{buckets:?} has more bounds than fit");
        Histogram { buckets, cells: Striped::default() }
    }

    /// Records a duration, in a histogram of seconds.
    pub fn observe_duration(&self, duration: Duration) {
        debug_assert_eq!(self.buckets, Buckets::Seconds);
        self.observe(u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX));
    }

    /// Records a value in the parts of [`Buckets::bounds`].
    pub fn observe(&self, value: u64) {
        let bucket = self.buckets.bounds().partition_point(|bound| *bound < value);
        let (cells, writing) = self.cells.mine();
        writing.add(&cells.counts[bucket], 1);
        writing.add(&cells.sum, value);
    }

    /// How many values were recorded.
    #[cfg(test)]
    pub fn count(&self) -> u64 {
        self.cells.all().flat_map(|cells| &cells.counts).map(|count| count.load(Relaxed)).sum()
    }
}

impl Instrument for Histogram {
    fn read(&self, into: &mut proto::Metric) {
        let mut counts = [0; MAX_BUCKETS];
        let mut sum = 0u64;
        for cells in self.cells.all() {
            for (total, count) in counts.iter_mut().zip(&cells.counts) {
                *total += count.load(Relaxed);
            }
            sum = sum.wrapping_add(cells.sum.load(Relaxed));
        }
        let mut cumulative = 0;
        let mut buckets = Vec::with_capacity(self.buckets.bounds().len());
        for (bound, count) in self.buckets.bounds().iter().zip(counts) {
            cumulative += count;
            let mut bucket = proto::Bucket::default();
            bucket.set_upper_bound(*bound as f64 / self.buckets.per_unit());
            bucket.set_cumulative_count(cumulative);
            buckets.push(bucket);
        }
        let mut histogram = proto::Histogram::default();
        histogram.set_bucket(buckets);
        histogram.set_sample_count(counts.iter().sum());
        histogram.set_sample_sum(sum as f64 / self.buckets.per_unit());
        into.set_histogram(histogram);
    }
}
