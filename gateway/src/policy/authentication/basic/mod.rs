//! Name and password of HTTP's basic scheme (RFC 7617), for small internal tools.
//!
//! The browser asks its user and sends both with every request, so they belong on TLS only.

pub mod config;
#[cfg(test)]
mod tests;

use base64::{
    Engine,
    alphabet::STANDARD,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use http::header;

use super::{Place, Rejected, Scheme, Sent, first};
use crate::reason::Reason;

/// Bytes of the longest value that is read: a name of 64 characters and a password of 1 KiB, with room.
const LONGEST: usize = 2048;

/// Clients leave the padding out, and some tools set bits that mean nothing; neither changes who is meant.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// A name and a password as they were sent.
#[derive(PartialEq, Eq)]
pub struct Login(Vec<u8>, usize);

impl Login {
    /// Who it claims to be.
    pub fn name(&self) -> &str {
        // It was looked at when it was read.
        str::from_utf8(&self.0[..self.1]).unwrap_or_default()
    }

    /// What proves it: any bytes.
    pub fn password(&self) -> &[u8] {
        &self.0[self.1 + 1..]
    }

    fn read(text: &[u8]) -> Option<Self> {
        let bytes = BASE64.decode(text).ok()?;
        let colon = bytes.iter().position(|byte| *byte == b':')?;
        str::from_utf8(&bytes[..colon]).ok()?;
        Some(Self(bytes, colon))
    }
}

/// Where name and password are.
pub const PLACES: [Place; 1] = [Place::Header(header::AUTHORIZATION)];

/// Finds name and password.
///
/// # Errors
/// What is there cannot be read.
pub fn find(sent: Sent<'_>) -> Result<Option<Login>, Rejected> {
    let malformed = |detail| Rejected::foreign(Reason::CredentialsInvalid, detail);
    let Some(text) = first(&PLACES, Scheme::Basic, sent)? else { return Ok(None) };
    if text.len() > LONGEST {
        return Err(malformed("name and password are longer than anybody's"));
    }
    Login::read(&text).map(Some).ok_or_else(|| malformed("name and password cannot be read"))
}
