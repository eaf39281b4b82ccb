//! Who is told when connections come and go.

use std::time::Duration;

use crate::telemetry::metrics::{ListenerMetrics, Rejected};

pub use crate::telemetry::metrics::Ending;

/// What is known of a connection when it is gone.
#[derive(Debug, Clone, Copy)]
pub struct Departed {
    /// Why it ended.
    pub ending: Ending,
    /// From accept to end.
    pub lifetime: Duration,
    /// Requests that reached the proxy.
    pub requests: u64,
    /// Bytes read from the client, inside TLS.
    pub bytes_in: u64,
    /// Bytes written to the client, inside TLS.
    pub bytes_out: u64,
}

/// Told of everything that happens to connections. Called on the connection's
/// own task, never per request: an implementation counts and returns.
pub trait ListenerEvents: Send + Sync + 'static {
    /// A connection was accepted and is being served.
    fn opened(&self) {}
    /// A connection that was [`opened`](Self::opened) is gone.
    fn departed(&self, _departed: &Departed) {}
    /// A connection was closed at once because the listener is full.
    fn refused(&self) {}
    /// `accept` failed (out of file descriptors or memory, mostly).
    fn accept_failed(&self) {}
}

/// Counts nothing; for tests and tools.
impl ListenerEvents for () {}

impl ListenerEvents for ListenerMetrics {
    fn opened(&self) {
        self.opened();
    }
    fn departed(&self, departed: &Departed) {
        self.closed(departed.ending);
    }
    fn refused(&self) {
        self.rejected(Rejected::ConnectionLimit);
    }
    fn accept_failed(&self) {
        self.accept_failed();
    }
}
