//! Lets others go on: other tasks of the thread during long work, and the
//! request's own calls while it waits for work that is done aside.

use std::future::{Future, pending};
use std::pin::pin;
use std::time::Instant;

use futures::stream::StreamExt;
use tokio::task::yield_now;
use tokio::time::timeout_at;

use super::Run;
use crate::aside::Turn;

/// Bytes read or written between two chances for other tasks.
pub(crate) const YIELD_BYTES: usize = 256 << 10;

/// Rows or keys worked on between two chances for other tasks.
const YIELD_ROWS: usize = 4096;

/// Counts rows or keys worked on, and gives other tasks a chance after enough.
#[derive(Debug, Default)]
pub(super) struct Steps(usize);

impl Steps {
    pub(super) async fn more(&mut self, rows: usize) {
        self.0 += rows;
        if self.0 >= YIELD_ROWS {
            self.0 = 0;
            yield_now().await;
        }
    }
}

impl Run<'_> {
    /// Gives other tasks a chance after enough work; whether the time is over
    /// then. Long work is all that takes long enough for a look at the clock.
    pub(super) async fn is_over(&mut self, cutoff: Instant) -> bool {
        if self.worked < YIELD_BYTES {
            return false;
        }
        self.worked = 0;
        yield_now().await;
        Instant::now() >= cutoff
    }

    /// A thread for long work, if there is one in time.
    pub(super) async fn turn(&mut self) -> Option<Turn> {
        let (cutoff, aside) = (self.cutoff()?, self.env.aside);
        let turn = self.beside(timeout_at(cutoff.into(), aside.turn())).await;
        // After long work, or none for want of time, the clock is looked at.
        self.worked = YIELD_BYTES;
        // A thread that is free is given even where the time is over.
        turn.ok()?.filter(|_| Instant::now() < cutoff)
    }

    /// Runs long work, which is not cut off half-way: what it works on comes back.
    pub(super) async fn aside<T: Send + 'static>(
        &mut self,
        turn: Turn,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> T {
        match self.beside(turn.run(work)).await {
            Some(value) => value,
            // The runtime is shutting down, and this task with it.
            None => pending().await,
        }
    }

    /// Waits for something while calls under way go on.
    async fn beside<T>(&mut self, something: impl Future<Output = T>) -> T {
        let mut something = pin!(something);
        loop {
            tokio::select! {
                biased;
                value = &mut something => return value,
                Some(done) = self.in_flight.next() => self.arrive(done),
            }
        }
    }

    /// When calls end, so that time is left to write the answer.
    pub(super) fn cutoff(&self) -> Option<Instant> {
        self.env.context.deadline.checked_sub(self.env.limits.answer_time)
    }
}
