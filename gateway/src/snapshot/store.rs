//! The snapshot that runs, and what became of the latest attempt to replace it.

use std::{sync::Arc, time::SystemTime};

use arc_swap::{ArcSwap, Guard};

use super::Snapshot;
use crate::{
    config::{ConfigErrors, Problem, Severity},
    issuer::Issuers,
    upstream::Upstreams,
};

/// Holds what runs. Reading takes no lock.
#[derive(Debug)]
pub struct Store {
    snapshot: ArcSwap<Snapshot>,
    /// Keeps the upstreams' tasks alive: requests and old snapshots do not.
    upstreams: ArcSwap<Upstreams>,
    /// The same for those who fetch keys.
    issuers: ArcSwap<Issuers>,
    status: ArcSwap<Status>,
}

/// What became of the latest load.
#[derive(Debug, Clone, Default)]
pub struct Status {
    /// Why the files are not what runs; `None` where they are.
    pub failure: Option<Failure>,
    /// Changes that only a restart applies.
    pub needs_restart: Vec<String>,
    /// What is allowed but suspicious in the running configuration.
    pub warnings: Vec<Problem>,
}

/// Why a configuration was not taken.
#[derive(Debug, Clone)]
pub struct Failure {
    /// When.
    pub at: SystemTime,
    /// What is wrong.
    pub problems: Vec<Problem>,
}

impl Failure {
    /// The files are wrong.
    pub fn of(errors: &ConfigErrors, at: SystemTime) -> Self {
        Self { at, problems: errors.problems().to_vec() }
    }

    /// Everything is right but for the outside world; `text` by the convention `message; hint`.
    pub fn outside(text: impl Into<String>, at: SystemTime) -> Self {
        let nowhere = crate::value::Place::unknown();
        Self { at, problems: vec![Problem::error(nowhere, text)] }
    }

    /// How many of the problems are errors.
    pub fn errors(&self) -> usize {
        self.problems.iter().filter(|problem| problem.severity == Severity::Error).count()
    }
}

impl Store {
    /// Begins with this.
    pub fn new(snapshot: Snapshot, upstreams: Upstreams, issuers: Issuers, status: Status) -> Self {
        Self {
            snapshot: ArcSwap::from_pointee(snapshot),
            upstreams: ArcSwap::from_pointee(upstreams),
            issuers: ArcSwap::from_pointee(issuers),
            status: ArcSwap::from_pointee(status),
        }
    }

    /// The snapshot of this moment, for a request to keep.
    pub fn snapshot(&self) -> Arc<Snapshot> {
        self.snapshot.load_full()
    }

    /// The upstreams of this moment.
    pub fn upstreams(&self) -> Guard<Arc<Upstreams>> {
        self.upstreams.load()
    }

    /// The issuers of this moment.
    pub fn issuers(&self) -> Guard<Arc<Issuers>> {
        self.issuers.load()
    }

    /// What became of the latest load.
    pub fn status(&self) -> Guard<Arc<Status>> {
        self.status.load()
    }

    pub(super) fn replace(&self, snapshot: Snapshot, upstreams: Upstreams, issuers: Issuers, status: Status) {
        self.snapshot.store(Arc::new(snapshot));
        self.upstreams.store(Arc::new(upstreams));
        self.issuers.store(Arc::new(issuers));
        self.status.store(Arc::new(status));
    }

    pub(super) fn note(&self, status: Status) {
        self.status.store(Arc::new(status));
    }
}
