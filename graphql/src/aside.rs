//! Work that would hold up a thread that serves requests.
//!
//! A document, the variables or a service's answer may be as large as their
//! limits allow, and then take milliseconds, during which the thread answers
//! nobody else. Such work goes to the runtime's threads for blocking work, on
//! half of the cores at most, which all engines share: who sends nothing but
//! large documents waits for himself, and no longer than until his deadline.

#[cfg(test)]
mod tests;

use std::panic::resume_unwind;
use std::sync::{Arc, LazyLock};
use std::thread::available_parallelism;
use std::time::Instant;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::spawn_blocking;
use tokio::time::timeout_at;

use crate::code::Code;
use crate::error::RequestError;

/// The way aside, with its width.
#[derive(Debug, Clone)]
pub(crate) struct Aside(Arc<Semaphore>);

impl Aside {
    /// The one way aside of this process: engines share its cores.
    pub(crate) fn new() -> Self {
        static ALL: LazyLock<Arc<Semaphore>> = LazyLock::new(|| Arc::new(Semaphore::new(width())));
        Self(ALL.clone())
    }

    /// Runs `work` on another thread. Work that began ends even if nobody waits
    /// any more. A panic in it is one here.
    ///
    /// # Errors
    /// The deadline passed before the work ended, or before it began; or the
    /// runtime is shutting down.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        deadline: Instant,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, RequestError> {
        let late = || {
            let text = "There was no time left to execute the operation";
            Err(RequestError::new(Code::DeadlineExceeded, text))
        };
        // A timer may be a millisecond late, in which work could still begin.
        if deadline <= Instant::now() {
            return late();
        }
        let done = async { self.turn().await?.run(work).await };
        match timeout_at(deadline.into(), done).await {
            Ok(done) => done.ok_or_else(|| RequestError::of(Code::Internal)),
            Err(_) => late(),
        }
    }

    /// Waits until there is a thread for further work; `None` only where the
    /// runtime is shutting down.
    pub(crate) async fn turn(&self) -> Option<Turn> {
        self.0.clone().acquire_owned().await.ok().map(Turn)
    }
}

/// How many pieces of work there may be at a time.
fn width() -> usize {
    let cores = available_parallelism().map_or(1, std::num::NonZero::get);
    (cores / 2).max(1)
}

/// A thread for one piece of work.
pub(crate) struct Turn(OwnedSemaphorePermit);

impl Turn {
    /// As [`Aside::run`] does, however long it takes; `None` only where the
    /// runtime is shutting down.
    pub(crate) async fn run<T: Send + 'static>(self, work: impl FnOnce() -> T + Send + 'static) -> Option<T> {
        let task = spawn_blocking(move || {
            let _permit = self.0;
            work()
        });
        match task.await {
            Ok(value) => Some(value),
            Err(error) => error.try_into_panic().map_or(None, |panic| resume_unwind(panic)),
        }
    }
}
