//! What the gateway shows of itself: metrics, traces, access log, application log.
//!
//! One rule binds all of it: telemetry never holds up a request. Hot paths
//! touch a few atomics or append to a bounded buffer; whatever may block
//! (a collector, a disk, a terminal) is on the other side of a bounded queue,
//! and what is lost there is counted.
//!
//! Nothing here knows a proxy, a route or an upstream: callers bring plain
//! values.

pub mod access_log;
pub mod config;
mod lines;
pub mod log;
pub mod metrics;
pub mod names;
pub mod request_id;
pub mod trace;

use std::sync::Arc;

use access_log::AccessLog;
use metrics::Metrics;
use trace::Tracer;

/// What requests report to. One per process; a reload changes the settings of its parts.
#[derive(Debug, Clone)]
pub struct Telemetry {
    /// Every number.
    pub metrics: Arc<Metrics>,
    /// Spans.
    pub tracer: Arc<Tracer>,
    /// One line a request.
    pub access_log: Arc<AccessLog>,
}
