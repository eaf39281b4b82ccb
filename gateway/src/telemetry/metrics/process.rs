//! Numbers of the process and of its executors, read when scraped.

use std::sync::{Arc, Mutex, PoisonError};

use prometheus::Registry;
use prometheus::core::{Collector, Desc};
use prometheus::process_collector::ProcessCollector;
use prometheus::proto::{Counter, MetricFamily};
use tokio::runtime::Handle;

use super::family::Family;
use super::instrument::Level;
use crate::telemetry::names::metrics as names;

/// Registers `process_*`: CPU, memory, file descriptors, threads, start time.
pub(super) fn register(registry: &Registry) {
    let collector = Box::new(Process(ProcessCollector::for_self()));
    registry.register(collector).expect("no other row of the table begins with `process_`");
}

/// The crate's collector, but for CPU time, which it rounds to whole seconds:
/// too coarse for a rate over a scrape's interval.
struct Process(ProcessCollector);

impl Collector for Process {
    fn desc(&self) -> Vec<&Desc> {
        self.0.desc()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        let mut families = self.0.collect();
        let cpu = families.iter_mut().find(|family| family.name() == names::PROCESS_CPU.name);
        if let (Some(family), Some(seconds)) = (cpu, cpu_seconds()) {
            for metric in family.mut_metric() {
                let mut counter = Counter::default();
                counter.set_value(seconds);
                metric.set_counter(counter);
            }
        }
        families
    }
}

/// User and system time, from `proc_pid_stat(5)`.
fn cpu_seconds() -> Option<f64> {
    /// `USER_HZ`, the same wherever Linux runs today.
    const TICKS_PER_SECOND: f64 = 100.0;
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    // The name in parentheses may hold spaces and parentheses itself.
    let mut fields = stat.rsplit_once(')')?.1.split_ascii_whitespace();
    let user: f64 = fields.nth(11)?.parse().ok()?;
    let system: f64 = fields.next()?.parse().ok()?;
    Some((user + system) / TICKS_PER_SECOND)
}

#[derive(Debug)]
struct Watched {
    name: Box<str>,
    handle: Handle,
}

/// The executors that are shown.
#[derive(Debug, Clone)]
pub(super) struct Runtimes {
    watched: Arc<Mutex<Vec<Watched>>>,
    workers: Family<Level>,
    tasks: Family<Level>,
    queue: Family<Level>,
}

impl Runtimes {
    pub(super) fn register(registry: &Registry) -> Self {
        // Refreshed by `refresh`, just before a scrape.
        Runtimes {
            watched: Arc::default(),
            workers: Family::register(registry, names::RUNTIME_WORKERS),
            tasks: Family::register(registry, names::RUNTIME_TASKS),
            queue: Family::register(registry, names::RUNTIME_QUEUE),
        }
    }

    pub(super) fn watch(&self, name: &str, handle: Handle) {
        let mut watched = self.watched.lock().unwrap_or_else(PoisonError::into_inner);
        watched.retain(|known| *known.name != *name);
        watched.push(Watched { name: name.into(), handle });
    }

    pub(super) fn refresh(&self) {
        let watched = self.watched.lock().unwrap_or_else(PoisonError::into_inner);
        for Watched { name, handle } in watched.iter() {
            let metrics = handle.metrics();
            let set = |family: &Family<Level>, value: usize| {
                family.with(&[name]).set(i64::try_from(value).unwrap_or(i64::MAX));
            };
            set(&self.workers, metrics.num_workers());
            set(&self.tasks, metrics.num_alive_tasks());
            set(&self.queue, metrics.global_queue_depth());
        }
    }
}
