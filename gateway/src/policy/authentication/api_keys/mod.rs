//! API keys: `ID.SECRET`, made by `glassgate apikey new`.
//!
//! The id finds the key in a list, the secret proves that it is the caller's. Only the secret's hash is kept (see
//! `accounts`), so that who reads the list can call nobody in its name.

pub mod config;
#[cfg(test)]
mod tests;

use std::borrow::Cow;

use super::{Place, Rejected, SCOPE_CLAIMS, Scheme, Sent, first};
use crate::reason::Reason;

/// The claim that is the id of the key.
pub const KEY_ID: &str = "key_id";

/// Characters of the longest id.
pub const LONGEST_ID: usize = 64;

/// A key as it was sent: its text, and where its dot is.
#[derive(Clone, PartialEq, Eq)]
pub struct Key<'a>(Cow<'a, str>, usize);

/// Finds a key; the first of the places that has something counts.
///
/// # Errors
/// What is there is no key. Perhaps it is something else to another authenticator.
pub fn find<'a>(places: &[Place], sent: Sent<'a>) -> Result<Option<Key<'a>>, Rejected> {
    let Some(text) = first(places, Scheme::ApiKey, sent)? else { return Ok(None) };
    Key::read(text).map(Some).ok_or_else(|| {
        Rejected::foreign(Reason::CredentialsInvalid, "what should be an API key has another form")
    })
}

impl<'a> Key<'a> {
    /// `ID.SECRET`: the id ends at the first dot.
    pub fn read(text: impl Into<Cow<'a, [u8]>>) -> Option<Self> {
        let text: Cow<'a, str> = match text.into() {
            Cow::Borrowed(bytes) => str::from_utf8(bytes).ok()?.into(),
            Cow::Owned(bytes) => String::from_utf8(bytes).ok()?.into(),
        };
        let (id, secret) = text.split_once('.')?;
        let (dot, is_key) = (id.len(), is_id(id) && !secret.is_empty());
        is_key.then_some(Self(text, dot))
    }

    /// Which key it claims to be.
    pub fn id(&self) -> &str {
        &self.0[..self.1]
    }

    /// What proves it.
    pub fn secret(&self) -> &str {
        &self.0[self.1 + 1..]
    }
}

/// Whether a text can be the owner of a key: a name that a header can carry as it is.
pub fn is_owner(text: &str) -> bool {
    !text.is_empty() && text.trim() == text && !text.chars().any(char::is_control)
}

/// Whether a claim is made of the other keys of an entry, and so cannot be among its further claims.
pub fn is_own_claim(name: &str) -> bool {
    name == "sub" || name == KEY_ID || SCOPE_CLAIMS.contains(&name)
}

/// Whether a text can be the id of a key: 1 to 64 letters, digits, `_` and `-`.
pub fn is_id(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
    (1..=LONGEST_ID).contains(&text.len()) && text.bytes().all(allowed)
}
