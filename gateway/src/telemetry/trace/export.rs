//! The queue of kept spans and the task that empties it.
//!
//! The SDK's batch processor is not used: its queue counts spans one by one
//! and reports what it drops to its own log only.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::{Duration, Instant};

use opentelemetry_sdk::trace::{SpanData, SpanExporter as _};
use tokio::runtime::Handle;
use tokio::sync::{Notify, mpsc, watch};
use tokio::time::{sleep, timeout, timeout_at};

use super::context::TraceContext;
use super::otlp::{self, Target};
use super::span::Span;
use crate::telemetry::metrics::{SpanLoss, TelemetryMetrics};

/// Spans sent at once at most.
const BATCH: usize = 512;
/// The first span of a batch waits so long for others.
const LINGER: Duration = Duration::from_millis(500);
/// Failures of the collector are logged this often at most.
const LOG_EVERY: Duration = Duration::from_secs(30);

/// The kept spans of one request.
#[derive(Debug)]
pub struct RequestSpans {
    pub context: TraceContext,
    pub spans: Vec<Span>,
}

/// The near end of a queue to one collector.
#[derive(Debug)]
pub struct Exporter {
    queue: mpsc::UnboundedSender<RequestSpans>,
    shared: Arc<Shared>,
    closing: watch::Sender<bool>,
}

#[derive(Debug)]
struct Shared {
    /// Spans in the queue: it is bounded by these, not by requests.
    queued: AtomicUsize,
    bound: usize,
    /// Tells that a batch is full before its time.
    full: Notify,
    metrics: Arc<TelemetryMetrics>,
}

impl Exporter {
    /// Starts the task on `runtime`. The collector need not be there.
    pub fn start(
        target: &Target,
        metrics: Arc<TelemetryMetrics>,
        runtime: &Handle,
    ) -> Result<Self, otlp::SetupError> {
        let _context = runtime.enter();
        let client = otlp::connect(target)?;
        let (queue, waiting) = mpsc::unbounded_channel();
        let (closing, closes) = watch::channel(false);
        let shared = Arc::new(Shared {
            queued: AtomicUsize::new(0),
            bound: target.queue,
            full: Notify::new(),
            metrics,
        });
        let sender = Sender { client, target: target.clone(), shared: shared.clone(), logged: None };
        runtime.spawn(sender.run(waiting, closes));
        Ok(Exporter { queue, shared, closing })
    }

    /// Queues spans, or counts them as dropped where the queue is full.
    pub fn send(&self, request: RequestSpans) {
        let count = request.spans.len();
        let queued = self.shared.queued.fetch_add(count, Relaxed);
        let why = if queued + count > self.shared.bound {
            SpanLoss::QueueFull
        } else if self.queue.send(request).is_err() {
            SpanLoss::Shutdown
        } else {
            if queued < BATCH && queued + count >= BATCH {
                self.shared.full.notify_one();
            }
            return;
        };
        self.shared.queued.fetch_sub(count, Relaxed);
        self.shared.metrics.spans_lost(why, count as u64);
    }

    /// Takes no more spans; those that wait are still sent.
    pub fn close(&self) {
        self.closing.send_replace(true);
    }

    /// Waits until all is sent; what is not by `deadline` counts as dropped.
    pub async fn closed(&self, deadline: Instant) {
        if timeout_at(deadline.into(), self.closing.closed()).await.is_err() {
            let left = self.shared.queued.load(Relaxed) as u64;
            self.shared.metrics.spans_lost(SpanLoss::Shutdown, left);
        }
    }
}

/// The far end: takes spans from the queue and sends them.
struct Sender {
    client: opentelemetry_otlp::SpanExporter,
    target: Target,
    shared: Arc<Shared>,
    logged: Option<Instant>,
}

impl Sender {
    /// Ends when the queue is closed and empty; `closes` is dropped with it,
    /// which is how [`Exporter::closed`] knows.
    async fn run(
        mut self,
        mut waiting: mpsc::UnboundedReceiver<RequestSpans>,
        mut closes: watch::Receiver<bool>,
    ) {
        loop {
            let first = tokio::select! {
                first = waiting.recv() => first,
                // An exporter that was dropped without a word is closed too.
                _ = closes.wait_for(|closing| *closing), if !waiting.is_closed() => {
                    waiting.close();
                    continue;
                }
            };
            let Some(first) = first else { return };
            let mut batch = Vec::with_capacity(BATCH);
            otlp::convert(first, &mut batch);
            self.fill(&mut batch, &mut waiting, &mut closes).await;
            self.send(batch).await;
        }
    }

    /// Adds what comes until the batch is full or the first has waited enough.
    ///
    /// It does not listen to the queue meanwhile: to wake this thread for every trace would cost the requests more
    /// than everything else about spans.
    async fn fill(
        &self,
        batch: &mut Vec<SpanData>,
        waiting: &mut mpsc::UnboundedReceiver<RequestSpans>,
        closes: &mut watch::Receiver<bool>,
    ) {
        if self.shared.queued.load(Relaxed) < BATCH {
            tokio::select! {
                () = sleep(LINGER) => {}
                () = self.shared.full.notified() => {}
                _ = closes.wait_for(|closing| *closing) => {}
            }
        }
        while batch.len() < BATCH
            && let Ok(next) = waiting.try_recv()
        {
            otlp::convert(next, batch);
        }
    }

    async fn send(&mut self, batch: Vec<SpanData>) {
        let count = batch.len();
        // The client keeps to its limit for each try; the sum is bounded here.
        let result = match timeout(self.target.timeout, self.client.export(batch)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(error.to_string()),
            Err(_) => Err(format!("no answer within {:?}", self.target.timeout)),
        };
        self.shared.queued.fetch_sub(count, Relaxed);
        match result {
            Ok(()) => self.shared.metrics.spans_exported(count as u64),
            Err(error) => {
                self.shared.metrics.spans_lost(SpanLoss::ExportFailed, count as u64);
                self.complain(&error, count);
            }
        }
    }

    fn complain(&mut self, error: &str, count: usize) {
        let now = Instant::now();
        if self.logged.is_none_or(|last| now.duration_since(last) >= LOG_EVERY) {
            self.logged = Some(now);
            tracing::warn!(error, count, address = %self.target.endpoint, "collector did not take spans");
        }
    }
}
