//! Numbers of the gateway as a whole: configuration, panics, readiness, and
//! what telemetry itself kept and lost.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use prometheus::Registry;

use super::family::Family;
use super::instrument::{Counter, Level};
use crate::telemetry::names::metrics as names;

/// How a reload of the configuration ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reload {
    /// A new configuration runs.
    Applied,
    /// The files say what runs already.
    Unchanged,
    /// The files have mistakes; the old configuration runs on.
    Refused,
}

impl Reload {
    const LABELS: [&'static str; 3] = ["applied", "unchanged", "refused"];
}

/// Numbers of the gateway as a whole.
#[derive(Debug)]
pub struct GatewayMetrics {
    panics: Arc<Counter>,
    ready: Arc<Level>,
    config_info: Family<Level>,
    reloads: [Arc<Counter>; 3],
    reload_successful: Arc<Level>,
    reload_timestamp: Arc<Level>,
}

impl GatewayMetrics {
    pub(super) fn register(registry: &Registry) -> Self {
        let build: Family<Level> = Family::register(registry, names::BUILD_INFO);
        build.with(&[env!("CARGO_PKG_VERSION")]).set(1);
        let reloads: Family<Counter> = Family::register(registry, names::CONFIG_RELOADS);
        GatewayMetrics {
            panics: Family::register(registry, names::PANICS).with(&[]),
            ready: Family::register(registry, names::READY).with(&[]),
            config_info: Family::register(registry, names::CONFIG_INFO),
            reloads: Reload::LABELS.map(|label| reloads.with(&[label])),
            reload_successful: Family::register(registry, names::CONFIG_RELOAD_SUCCESSFUL).with(&[]),
            reload_timestamp: Family::register(registry, names::CONFIG_RELOAD_TIMESTAMP).with(&[]),
        }
    }

    /// Counts a panic that lost a request.
    pub fn panicked(&self) {
        self.panics.inc();
    }

    /// Shows what `/health/ready` says.
    pub fn set_ready(&self, ready: bool) {
        self.ready.set(i64::from(ready));
    }

    /// Shows the configuration that runs since `at`: at start and when a
    /// reload was applied.
    pub fn config_in_use(&self, version: &str, at: SystemTime) {
        self.config_info.clear();
        self.config_info.with(&[version]).set(1);
        let seconds = at.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        self.reload_timestamp.set(i64::try_from(seconds).unwrap_or(i64::MAX));
        self.reload_successful.set(1);
    }

    /// Counts a reload and shows whether the files are fit to run.
    pub fn reloaded(&self, result: Reload) {
        self.reloads[result as usize].inc();
        self.reload_successful.set(i64::from(result != Reload::Refused));
    }
}

/// Why a request's spans were kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kept {
    /// Sampled when it began, here or by a trusted parent.
    Head,
    /// Answered with a 5xx.
    Error,
    /// Took longer than the threshold.
    Slow,
}

impl Kept {
    const ALL: [Kept; 3] = [Kept::Head, Kept::Error, Kept::Slow];

    /// The word for it in metrics and on the span.
    pub fn as_str(self) -> &'static str {
        match self {
            Kept::Head => "head",
            Kept::Error => "error",
            Kept::Slow => "slow",
        }
    }
}

/// Why spans were lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SpanLoss {
    /// The exporter was too slow for what came.
    QueueFull,
    /// The collector did not take them.
    ExportFailed,
    /// The process ended first.
    Shutdown,
    /// One request made more than it may.
    SpanLimit,
}

impl SpanLoss {
    const LABELS: [&'static str; 4] = ["queue_full", "export_failed", "shutdown", "span_limit"];
}

/// Why lines of the access log were lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LineLoss {
    /// The writer was too slow for what came.
    QueueFull,
    /// The file or stream refused them.
    WriteFailed,
}

impl LineLoss {
    const LABELS: [&'static str; 2] = ["queue_full", "write_failed"];
}

/// What telemetry itself kept and lost.
#[derive(Debug)]
pub struct TelemetryMetrics {
    kept: [Arc<Counter>; 3],
    over_rate: Arc<Counter>,
    spans_exported: Arc<Counter>,
    spans_lost: [Arc<Counter>; 4],
    lines: Arc<Counter>,
    lines_lost: [Arc<Counter>; 2],
    log_lost: Family<Counter>,
}

impl TelemetryMetrics {
    pub(super) fn register(registry: &Registry) -> Self {
        let kept: Family<Counter> = Family::register(registry, names::TRACES_KEPT);
        let spans_lost: Family<Counter> = Family::register(registry, names::SPANS_DROPPED);
        let lines_lost: Family<Counter> = Family::register(registry, names::ACCESS_LINES_DROPPED);
        let log_lost: Family<Counter> = Family::register(registry, names::LOG_LINES_DROPPED);
        log_lost.with(&[]);
        TelemetryMetrics {
            log_lost,
            kept: Kept::ALL.map(|why| kept.with(&[why.as_str()])),
            over_rate: Family::register(registry, names::TRACES_OVER_RATE).with(&[]),
            spans_exported: Family::register(registry, names::SPANS_EXPORTED).with(&[]),
            spans_lost: SpanLoss::LABELS.map(|label| spans_lost.with(&[label])),
            lines: Family::register(registry, names::ACCESS_LINES).with(&[]),
            lines_lost: LineLoss::LABELS.map(|label| lines_lost.with(&[label])),
        }
    }

    /// Counts a request whose spans were kept.
    pub fn trace_kept(&self, why: Kept) {
        self.kept[why as usize].inc();
    }

    /// Counts a failed or slow request whose spans were not kept.
    pub fn trace_over_rate(&self) {
        self.over_rate.inc();
    }

    /// Counts spans the collector took.
    pub fn spans_exported(&self, count: u64) {
        self.spans_exported.add(count);
    }

    /// Counts spans that were lost.
    pub fn spans_lost(&self, why: SpanLoss, count: u64) {
        self.spans_lost[why as usize].add(count);
    }

    /// Counts lines of the access log that were written.
    pub fn lines_written(&self, count: u64) {
        self.lines.add(count);
    }

    /// Counts lines of the access log that were lost.
    pub fn lines_lost(&self, why: LineLoss, count: u64) {
        self.lines_lost[why as usize].add(count);
    }

    /// Shows the count of lines of the application log that were lost. The log is older than these metrics, so it
    /// brings its own counter.
    pub fn watch_log(&self, lost: Arc<Counter>) {
        self.log_lost.put(&[], lost);
    }
}
