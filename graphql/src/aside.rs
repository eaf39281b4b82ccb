//! Work that would hold up a thread that serves requests.
//!
//! A document or the variables may be as large as their limits allow, and then
//! take milliseconds, during which the thread answers nobody else. Such work
//! goes to the runtime's threads for blocking work, on half of the cores at
//! most: who sends nothing but large documents waits for himself.

#[cfg(test)]
mod tests;

use std::panic::resume_unwind;
use std::sync::Arc;
use std::thread::available_parallelism;

use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;

/// The way aside, with its width.
#[derive(Debug, Clone)]
pub(crate) struct Aside(Arc<Semaphore>);

impl Aside {
    pub(crate) fn new() -> Self {
        let cores = available_parallelism().map_or(1, std::num::NonZero::get);
        Self(Arc::new(Semaphore::new((cores / 2).max(1))))
    }

    /// Runs `work` on another thread. It ends even if nobody waits any more;
    /// `None` only where the runtime is shutting down. A panic in it is one here.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Option<T> {
        let permit = self.0.clone().acquire_owned().await.ok()?;
        let task = spawn_blocking(move || {
            let _permit = permit;
            work()
        });
        match task.await {
            Ok(value) => Some(value),
            Err(error) => error.try_into_panic().map_or(None, |panic| resume_unwind(panic)),
        }
    }
}
