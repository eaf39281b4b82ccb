//! Stops asking somebody who does not answer, and asks again from time to time.

use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

/// Failures in a row after which nobody is asked any more.
const MOST_FAILURES: u32 = 5;

/// Until one question is let through to see.
const PAUSE: Duration = Duration::from_secs(1);

/// How the latest questions went.
#[derive(Debug, Default)]
pub struct Outage(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    failures: u32,
    retry_at: Option<Instant>,
}

/// What a report has changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// It fails from now on.
    Began,
    /// It answers again.
    Ended,
}

impl Outage {
    /// Whether to ask now. During an outage the answer is yes once in a while, for one.
    pub fn may_ask(&self, now: Instant) -> bool {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match state.retry_at {
            Some(retry_at) if now < retry_at => false,
            Some(_) => {
                state.retry_at = Some(now + PAUSE);
                true
            }
            None => true,
        }
    }

    /// How a question went.
    pub fn report(&self, answered: bool, now: Instant) -> Option<Change> {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let was_out = state.retry_at.is_some();
        if answered {
            *state = State::default();
            return was_out.then_some(Change::Ended);
        }
        state.failures = state.failures.saturating_add(1);
        if state.failures < MOST_FAILURES {
            return None;
        }
        state.retry_at = Some(now + PAUSE);
        (!was_out).then_some(Change::Began)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn after_failures_in_a_row_one_question_a_second_is_let_through() {
        let (outage, now) = (Outage::default(), Instant::now());
        for _ in 1..MOST_FAILURES {
            assert!(outage.may_ask(now));
            assert_eq!(outage.report(false, now), None);
        }
        assert_eq!(outage.report(true, now), None);
        for _ in 1..MOST_FAILURES {
            assert_eq!(outage.report(false, now), None, "an answer in between ends the row");
        }
        assert_eq!(outage.report(false, now), Some(Change::Began));
        assert!(!outage.may_ask(now) && !outage.may_ask(now + PAUSE / 2));
        let later = now + PAUSE;
        assert!(outage.may_ask(later) && !outage.may_ask(later), "one only");
        assert_eq!(outage.report(false, later), None);
        assert!(!outage.may_ask(later + PAUSE / 2));
        let again = later + PAUSE;
        assert!(outage.may_ask(again));
        assert_eq!(outage.report(true, again), Some(Change::Ended));
        assert!(outage.may_ask(again) && outage.may_ask(again));
    }
}
