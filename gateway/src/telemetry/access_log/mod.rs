//! The access log: one JSON line per request, written off the hot path.
//!
//! A request writes its line into a buffer of its thread (0.3 us) and appends
//! that to the one all share: no allocation, and a lock held for one `memcpy`.
//! Handing the writer's thread the fields instead means owning a dozen strings,
//! which costs the request as much, and then the line is still to be made.
//! A thread takes the shared buffer as a whole, at most every [`PAUSE`], so a
//! busy gateway wakes it a hundred times a second and not once a request.
//!
//! The shared buffer is bounded. Where the output is slower than the requests,
//! lines are dropped and counted; no request ever waits.

mod entry;
mod writer;

use std::cell::RefCell;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

pub use entry::{Entry, GraphqlEntry};

use crate::telemetry::config::{AccessLogConfig, AccessLogOutput};
use crate::telemetry::metrics::{LineLoss, Metrics, TelemetryMetrics};
use writer::Output;

/// After a write, others have so long to add to the next.
const PAUSE: Duration = Duration::from_millis(10);
/// Room for a line on average; the buffer is bounded in bytes too, since
/// clients decide how long paths are.
const BYTES_PER_LINE: usize = 1024;

/// The access log of the process. A reload may change where it goes.
#[derive(Debug)]
pub struct AccessLog {
    shared: Arc<Shared>,
    /// Where lines go now, to see whether a reload changes it.
    output: Mutex<AccessLogOutput>,
}

/// A reload of the access log, opened.
#[derive(Debug)]
pub struct Change {
    /// `None` where it stays.
    output: Option<(AccessLogOutput, Output)>,
    queue: usize,
}

#[derive(Debug)]
struct Shared {
    /// False where the output is `off`: requests do not even write a line.
    wanted: AtomicBool,
    queue: Mutex<Queue>,
    /// Wakes the writer.
    work: Condvar,
    /// Tells whoever waits for the end that the writer has ended.
    ended: Condvar,
    metrics: Arc<TelemetryMetrics>,
}

#[derive(Debug, Default)]
struct Queue {
    buffer: Vec<u8>,
    lines: usize,
    bound: usize,
    /// The writer waits and wants to be woken by the next line.
    idle: bool,
    /// Outputs that take over, each from this byte of the buffer on.
    switches: Vec<(usize, Output)>,
    reopen: bool,
    closing: bool,
    ended: bool,
}

impl Queue {
    fn has_work(&self) -> bool {
        self.lines > 0 || !self.switches.is_empty() || self.reopen || self.closing
    }

    /// Half full: not a moment for a pause.
    fn is_urgent(&self) -> bool {
        self.closing || self.lines >= self.bound / 2 || self.buffer.len() >= self.bound * BYTES_PER_LINE / 2
    }
}

impl Shared {
    fn queue(&self) -> MutexGuard<'_, Queue> {
        // Whoever holds the lock only appends, and counts after that.
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl AccessLog {
    /// Opens the output and starts the writer.
    ///
    /// # Errors
    /// Where the file cannot be opened or the thread cannot be started.
    pub fn start(config: &AccessLogConfig, metrics: &Metrics) -> io::Result<Arc<AccessLog>> {
        let output = config.resolved_output();
        let queue = Queue { bound: config.queue.get(), ..Queue::default() };
        let shared = Arc::new(Shared {
            wanted: AtomicBool::new(output != AccessLogOutput::Off),
            queue: Mutex::new(queue),
            work: Condvar::new(),
            ended: Condvar::new(),
            metrics: metrics.telemetry().clone(),
        });
        writer::start(shared.clone(), Output::open(&output)?)?;
        Ok(Arc::new(AccessLog { shared, output: Mutex::new(output) }))
    }

    /// Queues a line, or counts it as dropped. Never waits for the output.
    pub fn write(&self, entry: &Entry<'_>) {
        thread_local!(static LINE: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) });
        if !self.shared.wanted.load(Relaxed) {
            return;
        }
        LINE.with_borrow_mut(|line| {
            line.clear();
            entry.write(line);
            self.append(line);
        });
    }

    fn append(&self, line: &[u8]) {
        let mut queue = self.shared.queue();
        let full =
            queue.lines >= queue.bound || queue.buffer.len() + line.len() > queue.bound * BYTES_PER_LINE;
        if full || queue.closing {
            drop(queue);
            self.shared.metrics.lines_lost(LineLoss::QueueFull, 1);
            return;
        }
        let calm = !queue.is_urgent();
        queue.buffer.extend_from_slice(line);
        queue.lines += 1;
        let wake = std::mem::take(&mut queue.idle) || (calm && queue.is_urgent());
        drop(queue);
        if wake {
            self.shared.work.notify_one();
        }
    }

    /// Opens what another configuration needs without changing anything, so
    /// that a reload can fail before it has begun.
    ///
    /// # Errors
    /// Where the output cannot be opened.
    pub fn prepare(&self, config: &AccessLogConfig) -> io::Result<Change> {
        let wanted = config.resolved_output();
        let present = self.output.lock().unwrap_or_else(PoisonError::into_inner);
        let output = if *present == wanted { None } else { Some(Output::open(&wanted)?) };
        Ok(Change { output: output.map(|output| (wanted, output)), queue: config.queue.get() })
    }

    /// Takes a prepared change over, from the next line on.
    pub fn apply(&self, change: Change) {
        let Change { output, queue: bound } = change;
        let mut present = self.output.lock().unwrap_or_else(PoisonError::into_inner);
        let mut queue = self.shared.queue();
        queue.bound = bound;
        if let Some((wanted, next)) = output {
            let from = queue.buffer.len();
            queue.switches.push((from, next));
            self.shared.wanted.store(wanted != AccessLogOutput::Off, Relaxed);
            *present = wanted;
        }
        drop(queue);
        self.shared.work.notify_one();
    }

    /// Opens the file again, for whoever moved it away (`logrotate`).
    pub fn reopen(&self) {
        self.shared.queue().reopen = true;
        self.shared.work.notify_one();
    }

    /// Writes what waits and takes no more lines. Returns whether that was
    /// done within `bound`; blocks, so call it when no request is left.
    pub fn shutdown(&self, bound: Duration) -> bool {
        let deadline = Instant::now() + bound;
        let mut queue = self.shared.queue();
        queue.closing = true;
        self.shared.work.notify_one();
        while !queue.ended {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            let waited = self.shared.ended.wait_timeout(queue, left);
            queue = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        true
    }
}

impl Drop for AccessLog {
    fn drop(&mut self) {
        self.shared.queue().closing = true;
        self.shared.work.notify_one();
    }
}

#[cfg(test)]
mod tests;
