//! What an issuer's answer about a token is worth (RFC 7662).
//!
//! Who asks it, and when, is `issuer/introspection.rs`.

pub mod config;
#[cfg(test)]
mod tests;

use std::{
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use serde_json::{Map, Value};

use super::{Identity, Rejected, audience};
use crate::reason::Reason;

/// Bytes of the longest token that an issuer is asked about.
pub const LONGEST_TOKEN: usize = 8 << 10;

/// What an answer must say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rules {
    /// The authenticator's name.
    pub authenticator: Arc<str>,
    /// The only `iss` that counts; `None` for any, or none.
    pub issuer: Option<Box<str>>,
    /// One of them must be in `aud`; empty for any, or none.
    pub audiences: Box<[Box<str>]>,
    /// How long a good answer counts.
    pub valid: Duration,
    /// How long another one counts.
    pub invalid: Duration,
}

/// What an answer says of a token, and until when.
#[derive(Debug, Clone, PartialEq)]
pub struct Finding {
    /// Whose token it is.
    pub verdict: Result<Arc<Identity>, Rejected>,
    /// From then on the issuer must be asked again.
    pub until: SystemTime,
}

/// Why an answer says nothing of the token: the issuer is at fault, not the caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Unusable(&'static str);

/// Whether an issuer can be asked about what was sent: `b64token` of RFC 6750, not too long.
///
/// # Errors
/// It is no token of anybody's.
pub fn token(sent: &[u8]) -> Result<&str, Rejected> {
    let malformed = |detail| Err(Rejected::foreign(Reason::TokenMalformed, detail));
    if sent.len() > LONGEST_TOKEN {
        return malformed("the token is longer than 8 KiB");
    }
    let allowed = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._~+/=".contains(byte);
    match str::from_utf8(sent) {
        Ok(text) if !text.is_empty() && text.bytes().all(|byte| allowed(&byte)) => Ok(text),
        _ => malformed("the token has characters that no token has"),
    }
}

impl Rules {
    /// Judges the body of an answer.
    ///
    /// # Errors
    /// It is no answer of RFC 7662.
    pub fn judge(&self, answer: &[u8], now: SystemTime) -> Result<Finding, Unusable> {
        let Ok(Value::Object(mut claims)) = serde_json::from_slice(answer) else {
            return Err(Unusable("the answer is no JSON object"));
        };
        let Some(Value::Bool(active)) = claims.remove("active") else {
            return Err(Unusable("the answer has no `active` that is true or false"));
        };
        let expires = moment(&claims, "exp")?;
        let verdict = match active {
            false => Err(Rejected::unknown(
                Reason::CredentialsInvalid,
                "the issuer says that the token is not active",
            )),
            true => self.accept(&claims, expires, now),
        };
        let (until, verdict) = match verdict {
            Err(rejected) => (now + self.invalid, Err(rejected)),
            Ok(()) => {
                let until = expires.unwrap_or(now + self.valid).min(now + self.valid);
                (until, Ok(Arc::new(Identity::new(self.authenticator.clone(), claims))))
            }
        };
        Ok(Finding { verdict, until })
    }

    /// The issuer says so, but are we meant, and now?
    fn accept(
        &self,
        claims: &Map<String, Value>,
        expires: Option<SystemTime>,
        now: SystemTime,
    ) -> Result<(), Rejected> {
        let invalid = |detail| Err(Rejected::new(Reason::CredentialsInvalid, detail));
        let not_ours = |detail| Err(Rejected::new(Reason::TokenClaimsRefused, detail));
        if expires.is_some_and(|expires| expires <= now) {
            return invalid("the issuer says that the token is active, and its `exp` has passed");
        }
        if let Some(issuer) = &self.issuer
            && claims.get("iss").and_then(Value::as_str) != Some(issuer)
        {
            return not_ours("`iss` is not the configured `issuer`");
        }
        match claims.get("aud").filter(|aud| !aud.is_null()) {
            Some(aud) => audience::check(aud, &self.audiences),
            None if self.audiences.is_empty() => Ok(()),
            None => not_ours("`aud` is missing"),
        }
    }
}

/// A `NumericDate` (RFC 7519 section 2), if it is there.
fn moment(claims: &Map<String, Value>, name: &str) -> Result<Option<SystemTime>, Unusable> {
    let Some(value) = claims.get(name).filter(|value| !value.is_null()) else { return Ok(None) };
    let seconds = value.as_f64().ok_or(Unusable("`exp` in the answer is no number"))?;
    // What is before the epoch has passed; what is beyond all clocks never will.
    let since = Duration::try_from_secs_f64(seconds.max(0.0)).unwrap_or(Duration::MAX);
    Ok(UNIX_EPOCH.checked_add(since))
}
