//! API keys: `ID.SECRET`, made by `glassgate apikey new`.
//!
//! The id finds the key in a list, the secret proves that it is the caller's. Only the secret's hash is kept (see
//! `accounts`), so that who reads the list can call nobody in its name.

pub mod config;
#[cfg(test)]
mod tests;

use super::{Found, Place, Rejected, Sent};
use crate::reason::Reason;

/// Before a key in `Authorization`, which has a scheme (RFC 9110 section 11.6.2).
pub const SCHEME: &str = "ApiKey";

/// Characters of the longest id.
pub const LONGEST_ID: usize = 64;

/// A key as it was sent.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Key<'a> {
    /// Which key it claims to be.
    pub id: &'a str,
    /// What proves it.
    pub secret: &'a str,
}

/// Finds a key; the first of the places that has something counts.
///
/// # Errors
/// What is there is no key. Perhaps it is something else to another authenticator.
pub fn find<'a>(places: &[Place], sent: Sent<'a>) -> Result<Option<Key<'a>>, Rejected> {
    let malformed = |detail| Rejected::foreign(Reason::CredentialsInvalid, detail);
    for place in places {
        let text = match place.find(sent) {
            Found::Nothing => continue,
            Found::One(text) => text,
            Found::Several => return Err(malformed("several API keys")),
        };
        let text = match is_authorization(place) {
            false => Some(text),
            true => after_scheme(text),
        };
        // Another scheme of `Authorization` is no API key at all.
        let Some(text) = text else { continue };
        return Key::read(text)
            .map(Some)
            .ok_or_else(|| malformed("what should be an API key has another form"));
    }
    Ok(None)
}

fn is_authorization(place: &Place) -> bool {
    matches!(place, Place::Header(name) if *name == http::header::AUTHORIZATION)
}

fn after_scheme(text: &[u8]) -> Option<&[u8]> {
    let (scheme, rest) = text.split_at_checked(SCHEME.len())?;
    let ours =
        scheme.eq_ignore_ascii_case(SCHEME.as_bytes()) && rest.first().is_some_and(|byte| *byte == b' ');
    ours.then(|| rest.trim_ascii())
}

impl<'a> Key<'a> {
    /// `ID.SECRET`: the id ends at the first dot.
    pub fn read(text: &'a [u8]) -> Option<Self> {
        let (id, secret) = str::from_utf8(text).ok()?.split_once('.')?;
        (is_id(id) && !secret.is_empty()).then_some(Self { id, secret })
    }
}

/// Whether a text can be the id of a key: 1 to 64 letters, digits, `_` and `-`.
pub fn is_id(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
    (1..=LONGEST_ID).contains(&text.len()) && text.bytes().all(allowed)
}
