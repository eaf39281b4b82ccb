//! What a token's claims must say (RFC 7519 section 4.1).

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::{Map, Value};

use crate::{
    policy::authentication::{Rejected, audience, shortened},
    reason::Reason,
};

/// What claims are held to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ClaimRules {
    /// `iss` is this.
    pub issuer: Option<Box<str>>,
    /// `aud` has one of these; empty: any will do.
    pub audiences: Vec<Box<str>>,
    /// These are there.
    pub required: Vec<Box<str>>,
    /// How far clocks may differ.
    pub leeway: Duration,
}

/// When a token counts, in seconds since 1970, by what it says itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Period {
    begins: Option<i64>,
    ends: Option<i64>,
}

impl ClaimRules {
    /// Whether the token says that it is of this issuer. One that is not may be another authenticator's.
    pub fn check_issuer(&self, claims: &Map<String, Value>) -> Result<(), Rejected> {
        let (Some(expected), Some(found)) = (&self.issuer, claims.get("iss")) else { return Ok(()) };
        match found.as_str() {
            Some(found) if *found == **expected => Ok(()),
            Some(other) => {
                let detail = format!("`iss` is `{}`, not the issuer's", shortened(other));
                Err(Rejected::foreign(Reason::TokenClaimsRefused, detail))
            }
            None => Err(wrong_type("`iss` is no text")),
        }
    }

    /// Everything else, at the time `now`; gives when it counts.
    pub fn check(&self, claims: &Map<String, Value>, now: SystemTime) -> Result<Period, Rejected> {
        if let Some(missing) =
            self.required.iter().find(|name| claims.get(&***name).is_none_or(Value::is_null))
        {
            return Err(Rejected::new(Reason::TokenClaimsRefused, format!("`{missing}` is missing")));
        }
        let period = Period {
            begins: time(claims.get("nbf"), f64::ceil).ok_or_else(|| wrong_type("`nbf` is no number"))?,
            ends: time(claims.get("exp"), f64::floor).ok_or_else(|| wrong_type("`exp` is no number"))?,
        };
        period.check(self.leeway, now)?;
        claims.get("aud").map_or(Ok(()), |found| audience::check(found, &self.audiences))?;
        Ok(period)
    }
}

impl Period {
    /// Whether a token counts at the time `now`.
    pub fn check(self, leeway: Duration, now: SystemTime) -> Result<(), Rejected> {
        let (now, leeway) = (seconds(now), i64::try_from(leeway.as_secs()).unwrap_or(i64::MAX));
        // At the very second it has ended already.
        if let Some(ends) = self.ends.filter(|ends| now >= ends.saturating_add(leeway)) {
            let ago = now.saturating_sub(ends);
            return Err(Rejected::new(Reason::TokenExpired, format!("`exp` was {ago} seconds ago")));
        }
        if let Some(begins) = self.begins.filter(|begins| now.saturating_add(leeway) < *begins) {
            let ahead = begins.saturating_sub(now);
            return Err(Rejected::new(Reason::TokenNotYetValid, format!("`nbf` is in {ahead} seconds")));
        }
        Ok(())
    }
}

/// `None` for what is no number. Beyond the range of an integer it is the integer's end.
fn time(claim: Option<&Value>, round: fn(f64) -> f64) -> Option<Option<i64>> {
    match claim {
        None => Some(None),
        Some(value) => value.as_i64().or_else(|| value.as_f64().map(|number| round(number) as i64)).map(Some),
    }
}

fn seconds(time: SystemTime) -> i64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}

fn wrong_type(detail: &'static str) -> Rejected {
    Rejected::new(Reason::TokenMalformed, detail)
}
