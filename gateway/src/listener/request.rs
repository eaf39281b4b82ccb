//! A request in flight, as its connection sees it.

use std::sync::Arc;

use tokio::time::Instant;

use super::Ending;
use super::connection::{Connection, Phase};
use crate::reason::Reason;

/// A request in flight; dropped when the request is over, whatever its end.
#[derive(Debug)]
pub struct RequestGuard {
    connection: Arc<Connection>,
    /// When the head ended, while the body is still arriving.
    body_since: Option<Instant>,
}

impl RequestGuard {
    pub(super) fn new(connection: Arc<Connection>, has_body: bool) -> Self {
        Self { connection, body_since: has_body.then(Instant::now) }
    }

    /// The connection the request came in on.
    pub fn connection(&self) -> &Arc<Connection> {
        &self.connection
    }

    /// The request's body has been read to its end: its deadline is over.
    pub fn body_done(&mut self) {
        self.body_since = None;
        if self.connection.phase() == Phase::Body {
            self.connection.enter(Phase::Open);
        }
    }

    /// The request is given up unless another protocol is spoken by then: reading from the client fails, and
    /// [`Self::is_overdue`] says why. HTTP/1 only.
    pub fn answer_by(&self, deadline: std::time::Instant) {
        self.connection.answer_by(Instant::from_std(deadline));
    }

    /// Whether the time of [`Self::answer_by`] has passed.
    pub fn is_overdue(&self) -> bool {
        self.connection.overdue().is()
    }

    /// The connection speaks another protocol from here on (WebSocket): no
    /// deadline of ours applies, only the drain's grace period.
    pub fn upgraded(&mut self) {
        self.body_since = None;
        // Only HTTP/1 switches protocols; a stream of HTTP/2 leaves its connection as it is.
        if !self.connection.is_multiplexed() {
            self.connection.overdue().end();
            self.connection.enter(Phase::Upgraded);
        }
    }

    /// Why the request ends though nobody has answered it: its connection was ended, or its client has left.
    pub fn abandoned(&self) -> Reason {
        match self.connection.verdict() {
            _ if self.connection.drain().is_cut() => Reason::GatewayShutdown,
            // It is still there, and too slow, with its body or with our answer.
            Some(Ending::BodyDeadline | Ending::WriteDeadline) => Reason::ClientTimeout,
            _ => Reason::ClientDisconnected,
        }
    }

    /// Whether the client has closed its side or broken off, also where it is behind a body that nobody has read yet.
    /// A system call; always false where the kernel does not tell.
    pub fn client_has_left(&self) -> bool {
        self.connection.is_closed_by_client()
    }

    /// Whether the body has been arriving for longer than `deadlines.body`.
    ///
    /// On HTTP/1 the connection is closed by then. The streams of HTTP/2 share
    /// a connection, so there the proxy asks with every chunk.
    pub fn body_overdue(&self) -> bool {
        let allowed = self.connection.listener().settings().deadlines.body.get();
        self.body_since.is_some_and(|since| since.elapsed() > allowed)
    }
}

impl Drop for RequestGuard {
    fn drop(&mut self) {
        self.connection.overdue().end();
        self.connection.close_request();
    }
}
