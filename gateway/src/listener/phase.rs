//! What a connection is doing.

/// What a connection is doing; decides its deadline.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Phase {
    /// In the TLS handshake.
    Handshake,
    /// Waiting for the first byte of a request.
    Quiet,
    /// In the middle of a head (on HTTP/2: before the first frame).
    Head,
    /// A request is open and its body is still arriving.
    Body,
    /// A request is open and nothing more is expected from the client.
    Open,
    /// Another protocol is spoken (WebSocket).
    Upgraded,
    /// HTTP/2: requests come and go beside each other.
    Multiplexed,
    /// Refused; reading what the client still sends so that it sees the answer.
    Lingering,
}

/// All of them, by number.
pub(super) const PHASES: [Phase; 8] = [
    Phase::Handshake,
    Phase::Quiet,
    Phase::Head,
    Phase::Body,
    Phase::Open,
    Phase::Upgraded,
    Phase::Multiplexed,
    Phase::Lingering,
];
