//! Request ids: UUIDs of version 7, or what a client brought.
//!
//! Held inline, since every request has one and most are never read again.

use std::fmt;
use std::ops::Deref;
use std::time::{SystemTime, UNIX_EPOCH};

use http::HeaderName;

use crate::telemetry::trace::random_u64;

/// Header that carries it.
pub const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

const MAX: usize = 64;

/// A request's id: `[A-Za-z0-9._-]{1,64}`.
///
/// Its bytes come first and are aligned, so that they are read a word at a time.
#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(C, align(8))]
pub struct RequestId {
    bytes: [u8; MAX],
    length: u8,
}

impl RequestId {
    /// A new one. Ids of later milliseconds sort behind.
    pub fn new(now: SystemTime) -> Self {
        let millis = now.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis());
        let mut random = [0; 10];
        random[..8].copy_from_slice(&random_u64().to_ne_bytes());
        random[8..].copy_from_slice(&random_u64().to_ne_bytes()[..2]);
        let millis = u64::try_from(millis).unwrap_or(u64::MAX);
        let uuid = uuid::Builder::from_unix_timestamp_millis(millis, &random).into_uuid();
        let mut bytes = [0; MAX];
        let length = uuid.hyphenated().encode_lower(&mut bytes).len();
        RequestId { bytes, length: length as u8 }
    }

    /// A client's, where it is fit to be shown in headers and logs.
    pub fn parse(text: &[u8]) -> Option<Self> {
        let fit = |byte: &u8| byte.is_ascii_alphanumeric() || b"._-".contains(byte);
        if text.is_empty() || text.len() > MAX || !text.iter().all(fit) {
            return None;
        }
        let mut bytes = [0; MAX];
        bytes[..text.len()].copy_from_slice(text);
        Some(RequestId { bytes, length: text.len() as u8 })
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.bytes[..usize::from(self.length)]).expect("only ASCII is put in")
    }
}

impl Deref for RequestId {
    type Target = str;

    fn deref(&self) -> &str {
        self.as_str()
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl fmt::Debug for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

#[cfg(test)]
mod tests;
