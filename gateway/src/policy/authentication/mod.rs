//! Who calls: authenticators recognise callers by their credentials, a route says which of them count.
//!
//! - `credentials` finds what a request brings: in a header, a cookie, the query;
//! - an authenticator (a folder each, `jwt/`, `api_keys/`, `basic/`, `introspection/`) decides what it is worth: [`Rejected`] or an [`Identity`];
//! - `accounts` are names with secrets, of API keys as of users; `fingerprint` stands for secrets in memory;
//! - `rules` are the route's: whether nobody may call, what services are told, what they do not get to see;
//! - `claim_headers` makes headers of claims, and knows which headers no client may send.
//!
//! What talks to issuers, waits or keeps state is elsewhere (`issuer/`, `snapshot/authenticator.rs`), and the order in
//! which authenticators are asked is that of `proxy/authenticate.rs`.

mod accounts;
pub mod api_keys;
pub mod basic;
mod challenge;
mod claim_headers;
pub mod config;
mod credentials;
mod fingerprint;
mod identity;
pub mod introspection;
pub mod jwt;

use std::borrow::Cow;

pub use accounts::{Account, Accounts, Costly, SecretHash, Verdict};
pub use challenge::{Scheme, challenge, insufficient_scope};
pub use claim_headers::{ClaimHeader, ClaimHeaders, Reserved};
pub use credentials::{Found, Place, Sent, bearer, without_parameters};
pub use fingerprint::{Fingerprint, Fingerprints};
pub use identity::Identity;

use crate::reason::Reason;

/// What a route asks of callers, apart from the authenticators themselves.
#[derive(Debug, Clone, Default, PartialEq)]
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
    /// They may be meant for another authenticator of the route, which is asked next: a token of another issuer.
    pub foreign: bool,
}

impl Rejected {
    /// Nobody else needs to be asked.
    pub fn new(reason: Reason, detail: impl Into<Cow<'static, str>>) -> Self {
        Self { reason, detail: detail.into(), foreign: false }
    }

    /// The next authenticator may think otherwise.
    pub fn foreign(reason: Reason, detail: impl Into<Cow<'static, str>>) -> Self {
        Self { foreign: true, ..Self::new(reason, detail) }
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
