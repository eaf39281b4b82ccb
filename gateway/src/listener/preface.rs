//! Which protocol a cleartext client speaks, from its first bytes.
//!
//! HTTP/2 by prior knowledge begins with a fixed preface (RFC 9113 section
//! 3.4). Anything that differs from it is HTTP/1, and that is known at the
//! first differing byte: a short HTTP/1.0 request must not wait for 24 bytes.

/// What an HTTP/2 client sends first.
pub(super) const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// What the first bytes say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    Http1,
    Http2,
    /// The bytes so far are a part of the preface.
    Undecided,
}

/// Decides by all bytes received so far.
pub(super) fn decide(data: &[u8]) -> Verdict {
    let n = data.len().min(PREFACE.len());
    match data[..n] == PREFACE[..n] {
        false => Verdict::Http1,
        true if n == PREFACE.len() => Verdict::Http2,
        true => Verdict::Undecided,
    }
}

#[cfg(test)]
mod tests;
