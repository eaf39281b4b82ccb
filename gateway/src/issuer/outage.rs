//! Whether an issuer can be asked at all.
//!
//! That some questions fail says little: anybody can send tokens over which an issuer stumbles. So failures only raise a
//! suspicion, and a question of the gateway's own decides, about a token that nobody has sent. While that one fails too no
//! request waits for the issuer. It is repeated until it is answered; what clients send has no part in it.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, SystemTime},
};

/// Failures without an answer in between that raise the suspicion.
const SUSPICIOUS: u32 = 5;

/// From one question of the gateway's own to the next.
pub const PAUSE: Duration = Duration::from_secs(1);

/// How the latest questions went.
#[derive(Debug, Default)]
pub struct Outage(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    failures: u32,
    /// The gateway asks questions of its own.
    is_watched: bool,
    latest: Latest,
}

/// What is known of an issuer.
#[derive(Debug, Clone, Default)]
pub struct Latest {
    /// Since when it cannot be asked; `None` while it can.
    pub since: Option<SystemTime>,
    /// Why there was no answer to the latest question that has none.
    pub error: Option<Arc<str>>,
}

/// What has changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// It cannot be asked from now on.
    Began,
    /// It can be asked again.
    Ended,
}

impl Outage {
    /// What is known now.
    pub fn latest(&self) -> Latest {
        self.state().latest.clone()
    }

    /// Why nobody needs to ask; `None` while the issuer can be asked.
    pub fn reason(&self) -> Option<Arc<str>> {
        let state = self.state();
        state.latest.since.map(|_| state.latest.error.clone().unwrap_or_default())
    }

    /// A question was answered.
    pub fn answered(&self) -> Option<Change> {
        let mut state = self.state();
        state.failures = 0;
        std::mem::take(&mut state.latest).since.map(|_| Change::Ended)
    }

    /// There was no answer, for a reason that says nothing of the issuer.
    pub fn excused(&self, why: &Arc<str>) {
        self.state().latest.error = Some(why.clone());
    }

    /// There was no answer, which may be the issuer's fault. True: it is to be watched from now on.
    pub fn failed(&self, why: &Arc<str>) -> bool {
        let mut state = self.state();
        state.latest.error = Some(why.clone());
        state.failures = state.failures.saturating_add(1);
        let begins = state.failures >= SUSPICIOUS && !state.is_watched;
        state.is_watched |= begins;
        begins
    }

    /// What came of a question of the gateway's own. An answer ends the watching.
    pub fn probed(&self, result: Result<(), Arc<str>>, now: SystemTime) -> Option<Change> {
        let mut state = self.state();
        let was_out = state.latest.since.is_some();
        match result {
            Ok(()) => {
                *state = State::default();
                was_out.then_some(Change::Ended)
            }
            Err(why) => {
                state.latest.error = Some(why);
                state.latest.since.get_or_insert(now);
                (!was_out).then_some(Change::Began)
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // No code that holds the lock can leave it half-written.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn suspected() -> Outage {
        let outage = Outage::default();
        let why: Arc<str> = "late".into();
        let begins: Vec<bool> = (0..SUSPICIOUS + 3).map(|_| outage.failed(&why)).collect();
        assert_eq!(begins, [false, false, false, false, true, false, false, false], "it is watched once");
        outage
    }

    #[test]
    fn failures_alone_are_no_outage() {
        let outage = suspected();
        assert!(outage.reason().is_none());
        assert_eq!(outage.probed(Ok(()), SystemTime::now()), None);
        assert!(outage.reason().is_none());
        assert!(suspected().0.lock().unwrap().is_watched);
    }

    #[test]
    fn an_outage_lasts_until_a_question_is_answered() {
        let (outage, now) = (suspected(), SystemTime::UNIX_EPOCH);
        let later = now + PAUSE;
        assert_eq!(outage.probed(Err("503".into()), now), Some(Change::Began));
        assert_eq!(outage.probed(Err("401".into()), later), None);
        assert_eq!((outage.reason().as_deref(), outage.latest().since), (Some("401"), Some(now)));
        assert_eq!(outage.probed(Ok(()), later), Some(Change::Ended));
        assert!(outage.reason().is_none() && outage.latest().error.is_none());
        for _ in 0..SUSPICIOUS - 1 {
            assert!(!outage.failed(&"late".into()), "all is forgotten");
        }
        assert!(outage.failed(&"late".into()));
        outage.probed(Err("late".into()), now);
        assert_eq!(outage.answered(), Some(Change::Ended), "a question of before may be answered, too");
    }

    #[test]
    fn an_answer_in_between_ends_the_suspicion() {
        let outage = Outage::default();
        for _ in 0..10 * SUSPICIOUS {
            assert!(!outage.failed(&"late".into()));
            assert_eq!(outage.answered(), None);
        }
    }

    #[test]
    fn what_says_nothing_of_the_issuer_raises_no_suspicion() {
        let outage = Outage::default();
        for _ in 0..10 * SUSPICIOUS {
            outage.excused(&"400".into());
        }
        assert!(!outage.failed(&"late".into()));
    }
}
