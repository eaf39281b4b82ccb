//! JSON Web Tokens (RFC 7519), signed by a provider whose keys are known (RFC 8725 is what is held to).
//!
//! A token is taken apart without believing it (`token`), compared with issuer and audience, its signature checked with one of the
//! provider's keys by the algorithm of that key (`key`, `crypto`), and then its claims (`claims`). What was once accepted
//! is remembered (`remembered`, `recent`), so that the signature of a token is checked once and not with every request.
//!
//! Keys come from a JWK Set (`jwks`), from a PEM file (`pem`) or from a secret. How a set is fetched and kept is the
//! business of `issuer/`.

mod algorithm;
mod claims;
pub mod config;
mod crypto;
mod jwks;
mod key;
mod pem;
mod recent;
mod remembered;
mod token;

use std::time::SystemTime;

pub use algorithm::Algorithm;
pub use claims::{ClaimRules, Period, media_type};
pub use jwks::{Jwks, LeftOut, algorithms_of, read_jwks};
pub use key::{Key, KeyFingerprint, KeySet, Material, Unsigned};
pub use pem::read_pem;
pub use remembered::Remembered;
pub use token::Token;

use super::Rejected;

/// Why a token counts.
#[derive(Debug)]
pub struct Verified {
    /// The key that has signed it.
    pub key: KeyFingerprint,
    /// When it counts.
    pub period: Period,
}

/// Checks a token that was taken apart and is meant for us; see [`ClaimRules::check_ours`].
pub fn verify(
    token: &Token<'_>,
    keys: &KeySet,
    rules: &ClaimRules,
    now: SystemTime,
) -> Result<Verified, Unsigned> {
    let key = *keys.signer(token)?.fingerprint();
    let period = rules.check(&token.claims, now).map_err(Unsigned::Rejected)?;
    Ok(Verified { key, period })
}

impl Unsigned {
    /// For a key that nobody knows after all.
    pub fn into_rejected(self) -> Rejected {
        match self {
            Self::Rejected(rejected) | Self::UnknownKey { rejected, .. } => rejected,
            Self::NoKeys => Rejected::new(
                crate::reason::Reason::AuthenticationUnavailable,
                "no keys have come from the issuer yet",
            ),
        }
    }
}

#[cfg(test)]
mod tests;
