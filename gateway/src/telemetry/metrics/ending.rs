//! Why a client's connection ended: the words of `gateway_listener_connections_closed_total`.
//!
//! Requests that reach the proxy are counted there. What ends before (heads
//! that cannot be parsed, failed handshakes, deadlines) no filter ever sees;
//! these words are all there is of it. `docs/listeners.md` explains them.

/// Why a connection ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Ending {
    /// The client closed it between two requests, or left in the middle of an answer.
    Client,
    /// The gateway closed it after an answer, because HTTP or the client asked for it.
    Gateway,
    /// The client closed it without having sent a byte.
    Unused,
    /// The client closed it in the middle of a head.
    HeadAborted,
    /// The head was no HTTP and was answered 400 before any filter.
    MalformedHead,
    /// The head grew over the listener's limit and was answered 431.
    HeadTooLarge,
    /// `CONNECT` was answered 405 before any filter.
    ConnectRefused,
    /// A head took longer than `deadlines.head`.
    HeadDeadline,
    /// A request body took longer than `deadlines.body`.
    BodyDeadline,
    /// Nothing was requested for `deadlines.idle`.
    IdleDeadline,
    /// The client took no byte of the answer for `deadlines.idle`.
    WriteDeadline,
    /// The connection had served `max_requests_per_connection`.
    RequestLimit,
    /// The TLS handshake took longer than `deadlines.tls_handshake`.
    TlsDeadline,
    /// What the client sent is no TLS: plain HTTP on a TLS port, a port scan.
    TlsNotTls,
    /// No TLS version, cipher or protocol that both sides accept.
    TlsIncompatible,
    /// The client refused our certificate or raised another alert.
    TlsAlert,
    /// The client closed it during the handshake.
    TlsAborted,
    /// The handshake failed for another cause.
    TlsFailed,
    /// Closed in order because the gateway was draining.
    Drained,
    /// Cut off: the drain's grace period was over, or the gateway stopped at once.
    Cut,
    /// A panic in the gateway's own code took the connection down.
    Panicked,
}

/// Every ending and its word, in the order of the enum.
#[rustfmt::skip]
const WORDS: [(Ending, &str); 21] = [
    (Ending::Client, "client"),
    (Ending::Gateway, "gateway"),
    (Ending::Unused, "unused"),
    (Ending::HeadAborted, "head_aborted"),
    (Ending::MalformedHead, "malformed_head"),
    (Ending::HeadTooLarge, "head_too_large"),
    (Ending::ConnectRefused, "connect_not_supported"),
    (Ending::HeadDeadline, "head_deadline"),
    (Ending::BodyDeadline, "body_deadline"),
    (Ending::IdleDeadline, "idle_deadline"),
    (Ending::WriteDeadline, "write_deadline"),
    (Ending::RequestLimit, "request_limit"),
    (Ending::TlsDeadline, "tls_deadline"),
    (Ending::TlsNotTls, "tls_not_tls"),
    (Ending::TlsIncompatible, "tls_incompatible"),
    (Ending::TlsAlert, "tls_alert"),
    (Ending::TlsAborted, "tls_aborted"),
    (Ending::TlsFailed, "tls_failed"),
    (Ending::Drained, "drained"),
    (Ending::Cut, "cut"),
    (Ending::Panicked, "panicked"),
];

impl Ending {
    /// How many endings there are; [`Ending::index`] is below it.
    pub const COUNT: usize = WORDS.len();

    /// The ending at a position in the order of the enum.
    pub fn at(index: usize) -> Option<Ending> {
        WORDS.get(index).map(|(ending, _)| *ending)
    }

    /// Position in the order of the enum, for fixed arrays.
    pub fn index(self) -> usize {
        self as usize
    }

    /// The word for it in metrics, logs and documentation.
    pub fn as_str(self) -> &'static str {
        WORDS[self.index()].1
    }

    /// For endings in the TLS handshake: what follows `tls_` in the word.
    pub fn handshake_failure(self) -> Option<&'static str> {
        self.as_str().strip_prefix("tls_")
    }
}
