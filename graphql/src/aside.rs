//! Work that would hold up a thread that serves requests.
//!
//! A document or the variables may be as large as their limits allow, and then
//! take milliseconds, during which the thread answers nobody else. Such work
//! goes to the runtime's threads for blocking work, on half of the cores at
//! most: who sends nothing but large documents waits for himself, and no
//! longer than until his deadline.

#[cfg(test)]
mod tests;

use std::panic::resume_unwind;
use std::sync::Arc;
use std::thread::available_parallelism;
use std::time::Instant;

use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;
use tokio::time::timeout_at;

use crate::code::Code;
use crate::error::RequestError;

/// The way aside, with its width.
#[derive(Debug, Clone)]
pub(crate) struct Aside(Arc<Semaphore>);

impl Aside {
    pub(crate) fn new() -> Self {
        let cores = available_parallelism().map_or(1, std::num::NonZero::get);
        Self(Arc::new(Semaphore::new((cores / 2).max(1))))
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
        timeout_at(deadline.into(), self.run_to_its_end(work)).await.unwrap_or_else(|_| late())
    }

    async fn run_to_its_end<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, RequestError> {
        let permit = self.0.clone().acquire_owned().await;
        let permit = permit.map_err(|_| RequestError::of(Code::Internal))?;
        let task = spawn_blocking(move || {
            let _permit = permit;
            work()
        });
        task.await.map_err(|error| {
            error.try_into_panic().map_or(RequestError::of(Code::Internal), |panic| resume_unwind(panic))
        })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;
    use std::time::Duration;

    use super::*;

    fn soon() -> Instant {
        Instant::now() + Duration::from_millis(1)
    }

    fn late<T>(result: Result<T, RequestError>) -> bool {
        result.is_err_and(|error| error.code == Code::DeadlineExceeded)
    }

    #[tokio::test]
    async fn nobody_waits_for_work_beyond_his_deadline() {
        let aside = Aside(Arc::new(Semaphore::new(1)));
        let (end, ended) = mpsc::channel::<()>();
        let (began, mut begun) = tokio::sync::mpsc::channel(1);
        let long = aside.clone();
        let first = tokio::spawn(async move {
            let work = move || {
                let _ = began.blocking_send(());
                ended.recv().is_ok()
            };
            long.run(Instant::now() + Duration::from_secs(60), work).await
        });
        assert_eq!(begun.recv().await, Some(()));
        assert!(late(aside.run(soon(), || ()).await), "no place is free");
        end.send(()).unwrap();
        assert_eq!(first.await.unwrap(), Ok(true));

        let (end, ended) = mpsc::channel::<()>();
        assert!(late(aside.run(soon(), move || ended.recv()).await), "it does not end");
        drop(end);
    }
}
