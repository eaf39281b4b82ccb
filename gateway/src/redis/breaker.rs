//! When Redis is not asked any more.
//!
//! A score that failures raise by three and successes lower by one: so many failures in a row reach the bound, and so does
//! a share of failures of more than one in four, whatever the order. A slow server that answers now and then does not
//! keep requests waiting.

use std::{
    num::NonZeroU32,
    sync::atomic::{AtomicU32, Ordering::Relaxed},
};

/// What a failure weighs; a success weighs one.
const FAILURE: u32 = 3;

/// Counts failures. Closing again is decided by probes, not here.
#[derive(Debug)]
pub struct Breaker {
    score: AtomicU32,
    bound: u32,
}

impl Breaker {
    /// Opens after so many failures in a row.
    pub fn new(failures: NonZeroU32) -> Self {
        Self { score: AtomicU32::new(0), bound: failures.get().saturating_mul(FAILURE) }
    }

    /// A call has succeeded.
    pub fn succeeded(&self) {
        // Mostly there is nothing to take back, and then nothing is written that other threads read.
        if self.score.load(Relaxed) > 0 {
            // The closure never refuses.
            let _ = self.score.fetch_update(Relaxed, Relaxed, |score| Some(score.saturating_sub(1)));
        }
    }

    /// A call has failed. True for the one that opens it.
    pub fn failed(&self) -> bool {
        let add = |score: u32| Some(score.saturating_add(FAILURE).min(self.bound));
        let before = self.score.fetch_update(Relaxed, Relaxed, add).unwrap_or(self.bound);
        before < self.bound && add(before) == Some(self.bound)
    }

    /// A probe has succeeded: counting begins again.
    pub fn reset(&self) {
        self.score.store(0, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn breaker() -> Breaker {
        Breaker::new(NonZeroU32::new(5).unwrap())
    }

    #[test]
    fn it_opens_once_after_so_many_failures_in_a_row() {
        let breaker = breaker();
        assert_eq!(
            [(); 8].map(|()| breaker.failed()),
            [false, false, false, false, true, false, false, false]
        );
        breaker.reset();
        assert!(!breaker.failed());
    }

    #[test]
    fn one_failure_in_three_opens_it_in_the_end_and_one_in_five_never() {
        let opens = |every: u32| {
            let breaker = breaker();
            let call = |n: u32| {
                if n.is_multiple_of(every) {
                    return breaker.failed();
                }
                breaker.succeeded();
                false
            };
            (0..1000).any(call)
        };
        assert!(opens(3));
        assert!(!opens(5));
    }
}
