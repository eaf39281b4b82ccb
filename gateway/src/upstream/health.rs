//! Whether an endpoint may be chosen: what its checks found, one after the other.
//!
//! An endpoint that was never checked may be chosen: after a start or a new address, waiting for checks would refuse
//! requests that would be answered. The first check of all decides at once; later ones must agree several times.
//! The checks themselves are made in [`check`], when to make them is in [`schedule`].

pub mod check;
pub mod schedule;

use std::{
    sync::{
        Arc,
        atomic::{AtomicU8, AtomicU32, Ordering},
    },
    time::SystemTime,
};

use arc_swap::ArcSwapOption;

use super::settings::HealthSettings;

/// How an endpoint is judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Verdict {
    /// Never checked.
    Unknown,
    /// May be chosen.
    Healthy,
    /// May not be chosen.
    Unhealthy,
}

/// The latest check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LastCheck {
    /// When it ended.
    pub at: SystemTime,
    /// Why it failed, for the operator; `Ok` with what it found.
    pub result: Result<String, String>,
}

/// An endpoint's health. Written by the one task that checks the endpoint, read by everybody.
#[derive(Debug)]
pub struct Health {
    verdict: AtomicU8,
    /// Checks in a row that speak against the verdict.
    against: AtomicU32,
    /// Failed checks in a row.
    failures: AtomicU32,
    last: ArcSwapOption<LastCheck>,
}

impl Health {
    /// Starts with what is known of the same address from before.
    pub fn new(before: Verdict) -> Self {
        Self {
            verdict: AtomicU8::new(before as u8),
            against: AtomicU32::new(0),
            failures: AtomicU32::new(0),
            last: ArcSwapOption::empty(),
        }
    }

    /// The current verdict.
    pub fn verdict(&self) -> Verdict {
        match self.verdict.load(Ordering::Relaxed) {
            1 => Verdict::Healthy,
            2 => Verdict::Unhealthy,
            _ => Verdict::Unknown,
        }
    }

    /// May requests be sent there?
    pub fn is_usable(&self) -> bool {
        self.verdict() != Verdict::Unhealthy
    }

    /// Failed checks in a row, up to now.
    pub fn consecutive_failures(&self) -> u32 {
        self.failures.load(Ordering::Relaxed)
    }

    /// The latest check, if there was one.
    pub fn last_check(&self) -> Option<Arc<LastCheck>> {
        self.last.load_full()
    }

    /// Takes a check into account; gives the new verdict if it changed.
    pub fn record(&self, check: LastCheck, settings: &HealthSettings) -> Option<Verdict> {
        let ok = check.result.is_ok();
        self.failures.store(if ok { 0 } else { self.consecutive_failures() + 1 }, Ordering::Relaxed);
        self.last.store(Some(Arc::new(check)));

        let before = self.verdict();
        let opinion = if ok { Verdict::Healthy } else { Verdict::Unhealthy };
        let against = if opinion == before { 0 } else { self.against.load(Ordering::Relaxed) + 1 };
        let needed = if ok { settings.healthy_after } else { settings.unhealthy_after };
        let turns = opinion != before && (before == Verdict::Unknown || against >= u32::from(needed));
        self.against.store(if turns { 0 } else { against }, Ordering::Relaxed);
        if !turns {
            return None;
        }
        self.verdict.store(opinion as u8, Ordering::Relaxed);
        Some(opinion)
    }
}

#[cfg(test)]
mod tests;
