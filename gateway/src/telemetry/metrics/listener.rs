//! Numbers of one listener: connections, and why they ended.

use std::sync::Arc;

use prometheus::Registry;

use super::ending::Ending;
use super::family::{Family, Slots};
use super::instrument::{Counter, UpDown};
use crate::telemetry::names::metrics as names;

/// Why a connection was closed before a byte was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rejected {
    /// The listener has as many connections as it may.
    ConnectionLimit,
    /// The client has as many connections as one may.
    ClientConnectionLimit,
}

impl Rejected {
    const ALL: [Rejected; 2] = [Rejected::ConnectionLimit, Rejected::ClientConnectionLimit];

    /// The word for it in metrics and logs.
    pub fn as_str(self) -> &'static str {
        match self {
            Rejected::ConnectionLimit => "connection_limit",
            Rejected::ClientConnectionLimit => "client_connection_limit",
        }
    }
}

#[derive(Debug, Clone)]
pub(super) struct ListenerFamilies {
    open: Family<UpDown>,
    accepted: Family<Counter>,
    rejected: Family<Counter>,
    closed: Family<Counter>,
    handshake_failures: Family<Counter>,
    accept_errors: Family<Counter>,
}

impl ListenerFamilies {
    pub(super) fn register(registry: &Registry) -> Self {
        ListenerFamilies {
            open: Family::register(registry, names::LISTENER_CONNECTIONS),
            accepted: Family::register(registry, names::LISTENER_ACCEPTED),
            rejected: Family::register(registry, names::LISTENER_REJECTED),
            closed: Family::register(registry, names::LISTENER_CLOSED),
            handshake_failures: Family::register(registry, names::LISTENER_HANDSHAKE_FAILURES),
            accept_errors: Family::register(registry, names::LISTENER_ACCEPT_ERRORS),
        }
    }
}

/// Numbers of one listener.
#[derive(Debug)]
pub struct ListenerMetrics {
    name: Box<str>,
    families: ListenerFamilies,
    open: Arc<UpDown>,
    accepted: Arc<Counter>,
    accept_errors: Arc<Counter>,
    rejected: Slots<Counter>,
    closed: Slots<Counter>,
    handshake_failures: Slots<Counter>,
}

impl ListenerMetrics {
    pub(super) fn new(name: &str, families: ListenerFamilies) -> Self {
        ListenerMetrics {
            name: name.into(),
            open: families.open.with(&[name]),
            accepted: families.accepted.with(&[name]),
            accept_errors: families.accept_errors.with(&[name]),
            rejected: Slots::new(Rejected::ALL.len()),
            closed: Slots::new(Ending::COUNT),
            handshake_failures: Slots::new(Ending::COUNT),
            families,
        }
    }

    /// Counts a connection that is being served from now on.
    pub fn opened(&self) {
        self.accepted.inc();
        self.open.add(1);
    }

    /// Counts a connection that was closed at once.
    pub fn rejected(&self, why: Rejected) {
        let make = || self.families.rejected.with(&[&self.name, why.as_str()]);
        self.rejected.get(why as usize, make).inc();
    }

    /// Counts the end of a connection that was [`opened`](Self::opened).
    pub fn closed(&self, why: Ending) {
        self.open.add(-1);
        let make = || self.families.closed.with(&[&self.name, why.as_str()]);
        self.closed.get(why.index(), make).inc();
        if let Some(failure) = why.handshake_failure() {
            let make = || self.families.handshake_failures.with(&[&self.name, failure]);
            self.handshake_failures.get(why.index(), make).inc();
        }
    }

    /// Counts an error of `accept(2)`.
    pub fn accept_failed(&self) {
        self.accept_errors.inc();
    }
}
