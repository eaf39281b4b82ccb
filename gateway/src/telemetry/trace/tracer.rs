//! Decides about each request's spans and hands those that are kept over.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use http::HeaderMap;
use tokio::runtime::{Builder, Runtime};

use super::context::TraceContext;
use super::export::{Exporter, RequestSpans};
use super::otlp::Target;
use super::sample::{Bucket, Ended, Sampling, Verdict};
use super::span::Span;
use crate::telemetry::config::TelemetryConfig;
use crate::telemetry::metrics::{Kept, Metrics, SpanLoss, TelemetryMetrics};
use crate::telemetry::names::spans::attr;

/// Decides which spans are kept, and exports them. One per process; a reload
/// changes its settings.
#[derive(Debug)]
pub struct Tracer {
    settings: ArcSwap<Settings>,
    bucket: Mutex<Bucket>,
    metrics: Arc<TelemetryMetrics>,
    /// Made when the first exporter is: without one there is no thread.
    runtime: OnceLock<Option<Runtime>>,
}

#[derive(Debug)]
struct Settings {
    sampling: Sampling,
    export: Option<Export>,
}

/// An exporter and what it is for, to see whether a reload changes it.
#[derive(Debug, Clone)]
struct Export {
    target: Target,
    exporter: Arc<Exporter>,
}

impl Tracer {
    /// A tracer that follows this configuration.
    pub fn new(config: &TelemetryConfig, metrics: &Metrics) -> Arc<Tracer> {
        let tracer = Tracer {
            settings: ArcSwap::from_pointee(Settings {
                sampling: Sampling::new(&config.traces),
                export: None,
            }),
            bucket: Mutex::default(),
            metrics: metrics.telemetry().clone(),
            runtime: OnceLock::new(),
        };
        tracer.apply(config);
        Arc::new(tracer)
    }

    /// Follows another configuration from here on. Spans that wait for the
    /// former collector are still sent there.
    pub fn apply(&self, config: &TelemetryConfig) {
        let former = self.settings.load();
        let export = Target::of(config).and_then(|target| match &former.export {
            Some(export) if export.target == target => Some(export.clone()),
            _ => self.connect(target),
        });
        let next = Arc::new(Settings { sampling: Sampling::new(&config.traces), export });
        let replaced = |export: &&Export| {
            next.export.as_ref().is_none_or(|kept| !Arc::ptr_eq(&kept.exporter, &export.exporter))
        };
        let ended = former.export.as_ref().filter(replaced).map(|export| export.exporter.clone());
        self.settings.store(next);
        if let Some(exporter) = ended {
            exporter.close();
        }
    }

    fn connect(&self, target: Target) -> Option<Export> {
        let runtime = self.runtime.get_or_init(start_runtime).as_ref()?;
        let exporter = Exporter::start(&target, self.metrics.clone(), runtime.handle())
            .inspect_err(|error| {
                tracing::error!(%error, address = %target.endpoint, "spans are not exported");
            })
            .ok()?;
        Some(Export { exporter: Arc::new(exporter), target })
    }

    /// Whether spans may be kept at all: without a collector none is made.
    #[cfg(test)]
    pub fn exports(&self) -> bool {
        self.settings.load().export.is_some()
    }

    #[cfg(test)]
    pub(super) fn exporter(&self) -> Option<Arc<Exporter>> {
        self.settings.load().export.as_ref().map(|export| export.exporter.clone())
    }

    /// Takes a request's place in its trace from its headers. `trusted` says
    /// whether whoever sent them may decide about sampling and send baggage.
    pub fn begin(&self, headers: &HeaderMap, trusted: bool) -> TraceContext {
        let settings = self.settings.load();
        let rules = settings.export.is_some().then_some(settings.sampling);
        let context = TraceContext::new(headers, trusted, |trace_id, parent| {
            // Not to be exported and yet announced to upstreams as sampled
            // would make traces with a hole; a trusted caller's word stands.
            let chance = settings.export.is_some() || (trusted && parent.is_some());
            chance && settings.sampling.at_start(trace_id, parent, trusted)
        });
        context.under(rules)
    }

    /// Decides about the spans of a request that has ended, and exports them
    /// if they are kept; only then are they built. The first is the request's
    /// own. Never waits.
    pub fn finish(&self, context: &TraceContext, ended: &Ended, build: impl FnOnce() -> Vec<Span>) {
        // Most requests end here, without a look at settings that all threads share.
        if !context.may_be_kept(ended) {
            return;
        }
        let settings = self.settings.load();
        let Some(export) = &settings.export else { return };
        let verdict = settings.sampling.at_end(context.sampled(), ended, |per_second| {
            let mut bucket = self.bucket.lock().unwrap_or_else(PoisonError::into_inner);
            bucket.take(per_second, ended.now)
        });
        match verdict {
            Verdict::Forget => {}
            Verdict::OverRate => self.metrics.trace_over_rate(),
            Verdict::Keep(why) => {
                self.metrics.trace_kept(why);
                let mut spans = build();
                if let (Some(request), true) = (spans.first_mut(), why != Kept::Head) {
                    request.set(attr::KEPT, why.as_str());
                }
                export.exporter.send(RequestSpans { context: context.clone(), spans });
            }
        }
    }

    /// Counts spans that one request made beyond [`super::MAX_SPANS`].
    pub fn lost_to_limit(&self, count: u64) {
        if count > 0 {
            self.metrics.spans_lost(SpanLoss::SpanLimit, count);
        }
    }

    /// Sends what waits, for no longer than `bound`, and exports no more.
    /// What could not be sent by then is counted as dropped.
    pub async fn shutdown(&self, bound: Duration) {
        let settings = self.settings.load_full();
        self.settings.store(Arc::new(Settings { sampling: settings.sampling, export: None }));
        if let Some(export) = &settings.export {
            export.exporter.close();
            export.exporter.closed(Instant::now() + bound).await;
        }
    }
}

impl Drop for Tracer {
    fn drop(&mut self) {
        // Runtimes cannot be dropped where others run; this one only waits
        // for a collector that nobody waits for any more.
        if let Some(runtime) = self.runtime.take().flatten() {
            runtime.shutdown_background();
        }
    }
}

/// One thread for everything that speaks to collectors, so that neither a
/// slow one nor encoding takes time from requests.
fn start_runtime() -> Option<Runtime> {
    Builder::new_multi_thread()
        .worker_threads(1)
        .max_blocking_threads(1)
        .thread_name("trace-export")
        .enable_all()
        .build()
        .inspect_err(|error| tracing::error!(%error, "no thread for exporting spans"))
        .ok()
}
