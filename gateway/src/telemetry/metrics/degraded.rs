//! What the gateway does without for a while.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use super::instrument::Level;

/// The component that issuers are.
pub(super) const ISSUER: &str = "issuer";

/// Counts one part of a component among those that the gateway does without, while it does, and not longer than it is
/// there.
#[derive(Debug)]
pub struct Degraded {
    all: Arc<Level>,
    is_counted: AtomicBool,
}

impl Degraded {
    pub(super) fn new(all: Arc<Level>) -> Self {
        Degraded { all, is_counted: AtomicBool::new(false) }
    }

    /// Says whether the gateway does without.
    pub fn set(&self, degraded: bool) {
        if self.is_counted.swap(degraded, Relaxed) != degraded {
            self.all.add(if degraded { 1 } else { -1 });
        }
    }
}

impl Drop for Degraded {
    fn drop(&mut self) {
        self.set(false);
    }
}
