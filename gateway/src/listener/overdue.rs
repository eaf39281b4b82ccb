//! Until when the request that is open must have its answer, where nobody above can keep the time.
//!
//! Pingora knows one timeout between two reads from a service, for the head of an answer and for what follows it. A
//! WebSocket must be opened in time and may then be silent for long. So its time up to there is kept here: the watchdog
//! wakes the connection's task, and the stream below Pingora, which asks all the while whether the client is still there,
//! says that it is not. HTTP/1 only: nothing else switches protocols.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use tokio::time::Instant;

/// Not a time.
const NEVER: u64 = u64::MAX;

/// When the request that is open is overdue, and whether it is. Written by the connection's own task.
#[derive(Debug)]
pub(super) struct Overdue {
    /// Milliseconds after the connection was opened.
    at: AtomicU64,
    is: AtomicBool,
}

impl Default for Overdue {
    fn default() -> Self {
        Self { at: AtomicU64::new(NEVER), is: AtomicBool::new(false) }
    }
}

impl Overdue {
    /// The request is to be answered within so much time after the connection was opened.
    pub fn begin(&self, within: Duration) {
        self.at.store(u64::try_from(within.as_millis()).unwrap_or(NEVER), Relaxed);
    }

    /// The request is over, or its time is nobody's affair any more.
    pub fn end(&self) {
        self.at.store(NEVER, Relaxed);
        self.is.store(false, Relaxed);
    }

    /// When to look, for a connection that was opened then; `None` where nothing is waited for.
    pub fn at(&self, opened: Instant) -> Option<Instant> {
        let at = Some(self.at.load(Relaxed)).filter(|at| *at != NEVER)?;
        opened.checked_add(Duration::from_millis(at))
    }

    /// Its time has passed.
    pub fn set(&self) {
        self.at.store(NEVER, Relaxed);
        self.is.store(true, Relaxed);
    }

    /// Whether its time has passed.
    pub fn is(&self) -> bool {
        self.is.load(Relaxed)
    }
}
