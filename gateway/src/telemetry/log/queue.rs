//! The way from an event to standard error: a bounded queue, and the thread that empties it.
//!
//! Whoever reads standard error may be slow or stuck, and no thread waits for that: where the queue is full, lines are
//! dropped and counted. Other than the access log's writer this one never pauses: events are few, and each should be
//! seen at once.
//!
//! `tracing-appender` has such a writer too. Where the output is stuck at the end it prints that, which waits for an
//! output again; and it bounds lines, not bytes.

use std::fs::File;
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use tracing_subscriber::fmt::MakeWriter;

use crate::telemetry::lines::{Lines, count};
use crate::telemetry::metrics::instrument::Counter;

/// Bytes that wait at most.
const BOUND: usize = 1024 * 1024;
/// A buffer that grew beyond is given back after a burst.
const KEEP_BYTES: usize = 64 * 1024;
/// How long the end of the process waits for the output.
const AT_END: Duration = Duration::from_secs(2);
/// How long a panic waits for the output, since the process may not live on.
const AT_PANIC: Duration = Duration::from_millis(100);

/// The near end of the queue.
#[derive(Debug, Clone)]
pub struct Queue(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    waiting: Mutex<Waiting>,
    /// Wakes the writer.
    work: Condvar,
    /// Tells that everything is written.
    done: Condvar,
    dropped: Arc<Counter>,
}

#[derive(Debug, Default)]
struct Waiting {
    lines: Vec<u8>,
    /// Bytes that were ever taken in.
    taken: u64,
    /// Of these, how many the writer is done with.
    written: u64,
    /// Somebody has waited for the writer in vain, and it has written nothing since.
    stuck: bool,
    closing: bool,
}

impl Shared {
    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        // Whoever holds the lock only appends.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Starts the thread that writes to standard error.
///
/// # Errors
/// Where the system refuses a thread or a file descriptor.
pub fn start() -> io::Result<(Queue, Flush)> {
    // Duplicated: unbuffered, and without the lock that `eprintln` takes.
    let stderr = File::from(io::stderr().as_fd().try_clone_to_owned()?);
    start_with(stderr)
}

fn start_with(output: impl Write + Send + 'static) -> io::Result<(Queue, Flush)> {
    let shared = Arc::new(Shared {
        waiting: Mutex::default(),
        work: Condvar::new(),
        done: Condvar::new(),
        dropped: Arc::default(),
    });
    let writer = Writer { shared: shared.clone(), output: Lines::new(output) };
    thread::Builder::new().name("log".to_owned()).spawn(move || writer.run())?;
    let queue = Queue(shared);
    Ok((queue.clone(), Flush(queue)))
}

impl Queue {
    /// Counts the lines that were lost.
    pub fn dropped(&self) -> &Arc<Counter> {
        &self.0.dropped
    }

    /// Gives the writer a moment to write what waits, for a thread that may be the process's last.
    pub fn after_panic(&self) {
        if !self.0.waiting().stuck {
            self.flush(AT_PANIC);
        }
    }

    fn push(&self, line: &[u8]) {
        let mut waiting = self.0.waiting();
        if waiting.lines.len() + line.len() > BOUND {
            drop(waiting);
            self.0.dropped.inc();
            return;
        }
        waiting.lines.extend_from_slice(line);
        waiting.taken += line.len() as u64;
        drop(waiting);
        self.0.work.notify_one();
    }

    /// Waits until all that was said so far is written; what others say meanwhile does not count.
    fn flush(&self, bound: Duration) {
        let deadline = Instant::now() + bound;
        let mut waiting = self.0.waiting();
        let said = waiting.taken;
        while waiting.written < said {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                waiting.stuck = true;
                return;
            }
            waiting = self.0.done.wait_timeout(waiting, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

impl<'a> MakeWriter<'a> for Queue {
    type Writer = &'a Queue;

    fn make_writer(&'a self) -> Self::Writer {
        self
    }
}

impl Write for &Queue {
    /// Takes a whole event, which is what the subscriber writes at once.
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.push(line);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Writes what waits when it is dropped, and ends the thread.
#[derive(Debug)]
#[must_use = "what is logged after it was dropped is lost"]
pub struct Flush(Queue);

impl Drop for Flush {
    fn drop(&mut self) {
        self.0.flush(AT_END);
        self.0.0.waiting().closing = true;
        self.0.0.work.notify_one();
    }
}

struct Writer<W> {
    shared: Arc<Shared>,
    output: Lines<W>,
}

impl<W: Write> Writer<W> {
    fn run(mut self) {
        let mut lines = Vec::new();
        while self.take(&mut lines) {
            if let Err((written, _)) = self.output.write(&lines) {
                // There is nobody left to tell but the metrics.
                self.shared.dropped.add(count(&lines[written..]));
            }
            let mut waiting = self.shared.waiting();
            waiting.written += lines.len() as u64;
            waiting.stuck = false;
            drop(waiting);
            self.shared.done.notify_all();
            lines.clear();
            lines.shrink_to(KEEP_BYTES);
        }
    }

    /// Waits for lines and takes all there are. False when there will be no more.
    fn take(&self, lines: &mut Vec<u8>) -> bool {
        let wait = |waiting: &mut Waiting| waiting.lines.is_empty() && !waiting.closing;
        let waiting = self.shared.work.wait_while(self.shared.waiting(), wait);
        let mut waiting = waiting.unwrap_or_else(PoisonError::into_inner);
        std::mem::swap(&mut waiting.lines, lines);
        !lines.is_empty()
    }
}

#[cfg(test)]
mod tests;
