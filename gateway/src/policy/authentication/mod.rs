//! Who calls: authenticators recognise callers by their credentials, a route says which of them count.
//!
//! - `credentials` finds what a request brings: in a header, a cookie, the query; `scheme` is how it is sent;
//! - an authenticator (a folder each, `jwt/`, `api_keys/`, `basic/`, `introspection/`) decides what it is worth: [`Rejected`] or an [`Identity`];
//! - `accounts` are names with secrets, of API keys as of users; `fingerprint` stands for secrets in memory;
//! - `rules` are the route's: whether nobody may call, what services are told, what they do not get to see;
//! - `claim_headers` makes headers of claims, and knows which headers no client may send.
//!
//! What talks to issuers, waits or keeps state is elsewhere (`issuer/`, `snapshot/authenticator.rs`), and the order in
//! which authenticators are asked is that of `proxy/authenticate.rs`.

mod accounts;
pub mod api_keys;
mod audience;
pub mod basic;
mod challenge;
mod claim_headers;
pub mod config;
mod credentials;
mod fingerprint;
mod identity;
pub mod introspection;
pub mod jwt;
mod scheme;

use std::borrow::Cow;

pub use accounts::{Account, Accounts, Costly, SecretHash, Verdict};
pub use challenge::{challenge, insufficient_scope};
pub use claim_headers::{ClaimHeader, ClaimHeaders, Reserved, ToldHeaders};
pub use credentials::{Place, Sent, first, without_parameters};
pub use fingerprint::{Fingerprint, Fingerprints};
pub use identity::{Identity, SCOPE_CLAIMS, is_scope};
pub use scheme::Scheme;

use crate::reason::Reason;

/// What a route asks of callers, apart from the authenticators themselves.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Rules {
    /// Who brings no credentials may pass as nobody.
    pub anonymous: bool,
    /// Credentials stay in the request that a service gets.
    pub keep_credentials: bool,
    /// What services are told about the caller.
    pub headers: ClaimHeaders,
    /// What the answer calls the area that credentials are for.
    pub realm: String,
}

/// Why credentials do not count. A client is told the reason, the operator the rest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejected {
    /// For the client.
    pub reason: Reason,
    /// For the operator, in short. Never holds credentials or parts of them; what a stranger wrote is cut by [`shortened`].
    pub detail: Cow<'static, str>,
    /// How much they were this authenticator's.
    pub fit: Fit,
    /// Whose they claim to be, where that is known here.
    pub account: Option<Box<str>>,
}

/// How much credentials were those of the authenticator that has refused them, in rising order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fit {
    /// Of another kind, or of another issuer: not judged. The next authenticator of the route is asked.
    Foreign,
    /// Judged, and not known here. The next authenticator is asked: it may know them.
    Unknown,
    /// Meant for this one. Nobody else needs to be asked.
    Own,
}

impl Rejected {
    /// Nobody else needs to be asked.
    pub fn new(reason: Reason, detail: impl Into<Cow<'static, str>>) -> Self {
        Self { reason, detail: detail.into(), fit: Fit::Own, account: None }
    }

    /// They were judged, and the next authenticator may think otherwise.
    pub fn unknown(reason: Reason, detail: impl Into<Cow<'static, str>>) -> Self {
        Self { fit: Fit::Unknown, ..Self::new(reason, detail) }
    }

    /// They are somebody else's to judge.
    pub fn foreign(reason: Reason, detail: impl Into<Cow<'static, str>>) -> Self {
        Self { fit: Fit::Foreign, ..Self::new(reason, detail) }
    }

    /// The one of several refusals that fits best, the first of those that fit alike. Where nobody could judge, it is not
    /// for the caller to hear that others do not know it.
    pub fn fittest<T>(all: impl DoubleEndedIterator<Item = (T, Self)>) -> Option<(T, Self)> {
        all.rev().max_by_key(|(_, rejected)| {
            let unavailable = rejected.reason == Reason::AuthenticationUnavailable;
            (rejected.fit == Fit::Own, unavailable, rejected.fit)
        })
    }
}

/// What a stranger wrote, for a line of the log: not more than 64 characters.
pub fn shortened(text: &str) -> Cow<'_, str> {
    const MOST: usize = 64;
    match text.char_indices().nth(MOST) {
        Some((end, _)) => format!("{}...", &text[..end]).into(),
        None => text.into(),
    }
}

#[cfg(test)]
mod tests;
