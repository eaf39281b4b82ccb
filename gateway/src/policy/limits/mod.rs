//! How large a request may be.
//!
//! A body that says its length is refused before a byte of it is read. Any other is counted as it comes, and the request
//! is given up with the byte that is too much: what came before has gone on by then, because nothing is held back.
//!
//! The size of heads is the listener's affair, before there is a route.

pub mod config;

use http::HeaderValue;

use crate::{reason::Reason, value::ByteSize};
use config::LimitsConfig;

/// Decides by sizes. The default is off: everything passes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Limits {
    body: Option<ByteSize>,
    uri: Option<ByteSize>,
}

/// What is too large. For the operator; a client is told [`Reason::UriTooLong`] or [`Reason::BodyTooLarge`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// Path and query.
    #[error("limits.uri is {most}, and path and query have {bytes} bytes")]
    Uri {
        /// What is allowed.
        most: ByteSize,
        /// What came.
        bytes: usize,
    },
    /// A body, by its own word.
    #[error("limits.body is {most}, and the body is announced with {bytes} bytes")]
    Announced {
        /// What is allowed.
        most: ByteSize,
        /// What was announced, in the client's digits.
        bytes: Box<str>,
    },
    /// A body, as it turned out.
    #[error("limits.body is {most}, and the body has more")]
    Body {
        /// What is allowed.
        most: ByteSize,
    },
}

impl From<&Refused> for Reason {
    fn from(refused: &Refused) -> Self {
        match refused {
            Refused::Uri { .. } => Self::UriTooLong,
            Refused::Announced { .. } | Refused::Body { .. } => Self::BodyTooLarge,
        }
    }
}

/// As many digits of an announced length as a log line shows.
const SHOWN: usize = 30;

impl Limits {
    /// What was configured.
    pub fn new(config: &LimitsConfig) -> Self {
        let LimitsConfig { body, uri } = *config;
        Self { body, uri }
    }

    /// Whether everything passes.
    pub fn is_off(&self) -> bool {
        *self == Self::default()
    }

    /// By what a head says: the bytes of path and query, and the `Content-Length`.
    pub fn check_head(&self, uri: usize, length: Option<&HeaderValue>) -> Result<(), Refused> {
        if let Some(most) = self.uri.filter(|most| uri as u64 > most.bytes()) {
            return Err(Refused::Uri { most, bytes: uri });
        }
        match (self.body, length) {
            (Some(most), Some(length)) => announced(most, length),
            _ => Ok(()),
        }
    }

    /// By what has come of a body so far.
    pub fn check_body(&self, received: u64) -> Result<(), Refused> {
        match self.body.filter(|most| received > most.bytes()) {
            Some(most) => Err(Refused::Body { most }),
            None => Ok(()),
        }
    }
}

/// A length is digits, which was checked with the head on HTTP/1 and is by the library on HTTP/2; one beyond any number
/// is too large all the same, and what is no length announces nothing.
fn announced(most: ByteSize, length: &HeaderValue) -> Result<(), Refused> {
    let Ok(digits) = length.to_str() else { return Ok(()) };
    let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    let fits = digits.parse::<u64>().is_ok_and(|bytes| bytes <= most.bytes());
    if !is_number || fits {
        return Ok(());
    }
    Err(Refused::Announced { most, bytes: digits.get(..SHOWN).unwrap_or(digits).into() })
}

#[cfg(test)]
mod tests;
