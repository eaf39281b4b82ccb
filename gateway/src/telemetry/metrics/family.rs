//! All series of one metric, kept apart by the exact values of their labels.
//!
//! The vectors of the `prometheus` crate find a series by a hash over its
//! label values run together, so that ("ab", "c") and ("a", "bc") are one
//! series to them. A family compares the values themselves. Looking a series
//! up takes a lock: callers keep the handle (see [`Slots`]).

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use prometheus::Registry;
use prometheus::core::{Collector, Desc};
use prometheus::proto;

use super::instrument::{Age, Amount, Counter, Histogram, Instrument, Level, LookedUp, UpDown};
use crate::telemetry::names::{Kind, Metric};

type Values = Box<[Box<str>]>;

/// An instrument that can be made from its row of the table alone.
pub trait Make: Instrument {
    /// An instrument that has recorded nothing.
    fn make(row: &Metric) -> Self;
}

impl Make for Counter {
    fn make(_: &Metric) -> Self {
        Counter::default()
    }
}

impl Make for UpDown {
    fn make(_: &Metric) -> Self {
        UpDown::default()
    }
}

impl Make for Level {
    fn make(_: &Metric) -> Self {
        Level::default()
    }
}

impl Make for Amount {
    fn make(_: &Metric) -> Self {
        Amount::default()
    }
}

impl Make for Age {
    fn make(_: &Metric) -> Self {
        Age::new()
    }
}

impl Make for LookedUp {
    fn make(_: &Metric) -> Self {
        LookedUp::new(|| 0)
    }
}

impl Make for Histogram {
    fn make(row: &Metric) -> Self {
        match row.kind {
            Kind::Histogram(buckets) => Histogram::new(buckets),
            Kind::Counter | Kind::Gauge => unreachable!("{} is no histogram in the table", row.name),
        }
    }
}

/// All series of one metric.
pub struct Family<I>(Arc<Inner<I>>);

struct Inner<I> {
    row: Metric,
    desc: Desc,
    series: Mutex<HashMap<Values, Arc<I>>>,
}

impl<I> Clone for Family<I> {
    fn clone(&self) -> Self {
        Family(self.0.clone())
    }
}

impl<I> fmt::Debug for Family<I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Family").field(&self.0.row.name).finish()
    }
}

impl<I: Make> Family<I> {
    /// Registers the metric of this row, with no series yet.
    ///
    /// # Panics
    /// Where the row breaks Prometheus' rules for names, or stands in this
    /// registry already: both are mistakes in the table, found by any test.
    pub fn register(registry: &Registry, row: Metric) -> Self {
        let labels = row.labels.iter().map(|label| (*label).to_owned()).collect();
        let desc = Desc::new(row.name.to_owned(), row.help.to_owned(), labels, HashMap::new())
            .expect("the table's names are valid");
        let family = Family(Arc::new(Inner { row, desc, series: Mutex::default() }));
        registry.register(Box::new(family.clone())).expect("each row of the table is registered once");
        family
    }

    /// The series with these label values, in the order of the row's labels.
    pub fn with(&self, values: &[&str]) -> Arc<I> {
        debug_assert_eq!(values.len(), self.0.row.labels.len(), "{}", self.0.row.name);
        let key: Values = values.iter().map(|value| (*value).into()).collect();
        self.series().entry(key).or_insert_with(|| Arc::new(I::make(&self.0.row))).clone()
    }

    /// Shows an instrument that was made elsewhere under these label values.
    pub fn put(&self, values: &[&str], instrument: Arc<I>) {
        let key: Values = values.iter().map(|value| (*value).into()).collect();
        self.series().insert(key, instrument);
    }

    /// Takes back what was [put](Self::put) there, unless another one has taken its place.
    pub fn withdraw(&self, values: &[&str], instrument: &Arc<I>) {
        let key: Values = values.iter().map(|value| (*value).into()).collect();
        let mut series = self.series();
        if series.get(&key).is_some_and(|shown| Arc::ptr_eq(shown, instrument)) {
            series.remove(&key);
        }
    }

    /// Removes the series unless somebody besides the caller still holds it.
    pub fn release(&self, values: &[&str], held: Arc<I>) {
        let key: Values = values.iter().map(|value| (*value).into()).collect();
        let mut series = self.series();
        // One reference is the map's, one the caller's; new ones need the lock.
        if Arc::strong_count(&held) <= 2 {
            series.remove(&key);
        }
    }

    /// Removes every series, for information that is told by a label.
    pub fn clear(&self) {
        self.series().clear();
    }

    fn series(&self) -> MutexGuard<'_, HashMap<Values, Arc<I>>> {
        // No code that holds the lock can leave the map half-written.
        self.0.series.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<I: Make> Collector for Family<I> {
    fn desc(&self) -> Vec<&Desc> {
        vec![&self.0.desc]
    }

    fn collect(&self) -> Vec<proto::MetricFamily> {
        let series: Vec<_> = self.series().iter().map(|(k, v)| (labels(&self.0.row, k), v.clone())).collect();
        let mut family = proto::MetricFamily::default();
        family.set_name(self.0.row.name.to_owned());
        family.set_help(self.0.row.help.to_owned());
        family.set_field_type(match self.0.row.kind {
            Kind::Counter => proto::MetricType::COUNTER,
            Kind::Gauge => proto::MetricType::GAUGE,
            Kind::Histogram(_) => proto::MetricType::HISTOGRAM,
        });
        let read = |(labels, instrument): (_, Arc<I>)| {
            let mut metric = proto::Metric::from_label(labels);
            instrument.read(&mut metric);
            metric
        };
        family.set_metric(series.into_iter().map(read).collect());
        vec![family]
    }
}

/// An empty value is the same as no label to Prometheus: it is left out.
fn labels(row: &Metric, values: &Values) -> Vec<proto::LabelPair> {
    let pairs = row.labels.iter().zip(values).filter(|(_, value)| !value.is_empty());
    pairs
        .map(|(name, value)| {
            let mut pair = proto::LabelPair::default();
            pair.set_name((*name).to_owned());
            pair.set_value(value.to_string());
            pair
        })
        .collect()
}

/// A row of handles that are made when first used, found by their index.
///
/// The row itself is only allocated at the first use too: ten thousand routes
/// cost nothing until they are asked for.
#[derive(Debug)]
pub struct Slots<I> {
    length: usize,
    handles: OnceLock<Box<[OnceLock<Arc<I>>]>>,
}

impl<I> Slots<I> {
    /// A row of `length` slots.
    pub const fn new(length: usize) -> Self {
        Slots { length, handles: OnceLock::new() }
    }

    /// The handle at `index`, made by `make` the first time.
    pub fn get(&self, index: usize, make: impl FnOnce() -> Arc<I>) -> &Arc<I> {
        let handles = self.handles.get_or_init(|| (0..self.length).map(|_| OnceLock::new()).collect());
        handles[index].get_or_init(make)
    }
}
