//! What a token must say of itself: its claims (RFC 7519 section 4.1) and its type (RFC 8725 section 3.11).

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::{Map, Value};

use super::token::Token;
use crate::{
    policy::authentication::{Rejected, audience, shortened},
    reason::Reason,
};

/// What tokens are held to, apart from their signatures.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ClaimRules {
    /// `iss` is this.
    pub issuer: Option<Box<str>>,
    /// `aud` has one of these; empty: any will do.
    pub audiences: Vec<Box<str>>,
    /// These are there.
    pub required: Vec<Box<str>>,
    /// `typ` is one of these, in small letters and without `application/`; empty: see [`ClaimRules::check_ours`].
    pub types: Vec<Box<str>>,
    /// How long ago `iat` may be, if it counts at all.
    pub max_age: Option<Duration>,
    /// How far clocks may differ.
    pub leeway: Duration,
}

/// When a token counts, in seconds since 1970, by what it says itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Period {
    begins: Option<i64>,
    ends: Option<i64>,
    /// When it was issued, and for how long it counts from then on.
    issued: Option<(i64, i64)>,
}

/// A type of media as it is compared: `application/` may be left out, and case does not count (RFC 7515 section 4.1.9).
pub fn media_type(text: &str) -> Box<str> {
    let small = text.to_ascii_lowercase();
    small.strip_prefix("application/").unwrap_or(&small).into()
}

impl ClaimRules {
    /// Whether the token says that it is of this issuer, for this audience, and an access token. One that is not may be
    /// another authenticator's.
    pub fn check_ours(&self, token: &Token<'_>) -> Result<(), Rejected> {
        self.check_issuer(token.claims.get("iss"))?;
        token.claims.get("aud").map_or(Ok(()), |found| audience::check(found, &self.audiences))?;
        self.check_type(token.header.typ.as_deref())
    }

    fn check_issuer(&self, found: Option<&Value>) -> Result<(), Rejected> {
        let (Some(expected), Some(found)) = (&self.issuer, found) else { return Ok(()) };
        match found.as_str() {
            Some(found) if *found == **expected => Ok(()),
            Some(other) => {
                let detail = format!("`iss` is `{}`, not the issuer's", shortened(other));
                Err(Rejected::foreign(Reason::TokenClaimsRefused, detail))
            }
            None => Err(wrong_type("`iss` is no text")),
        }
    }

    /// Where no type is asked for, one that says nothing will do, and so will `at+jwt` (RFC 9068); other types of JWT are
    /// made for something else, as `logout+jwt` or `secevent+jwt`, and must not pass for leave to call.
    fn check_type(&self, found: Option<&str>) -> Result<(), Rejected> {
        match found {
            _ if self.counts(found) => Ok(()),
            None => Err(Rejected::unknown(Reason::TokenClaimsRefused, "the token has no `typ`")),
            Some(other) => {
                let detail = format!("`typ` is `{}`, which does not count", shortened(other));
                Err(Rejected::unknown(Reason::TokenClaimsRefused, detail))
            }
        }
    }

    fn counts(&self, typ: Option<&str>) -> bool {
        match (typ.map(media_type), self.types.as_slice()) {
            (None, types) => types.is_empty(),
            (Some(typ), []) => !typ.ends_with("+jwt") || &*typ == "at+jwt",
            (Some(typ), types) => types.contains(&typ),
        }
    }

    /// Whether every token that other rules take for theirs is taken for ours as well.
    pub fn covers(&self, other: &Self) -> bool {
        let issuer = self.issuer.is_some() && self.issuer == other.issuer;
        let mut theirs = other.audiences.iter();
        let audiences = self.audiences.is_empty()
            || !other.audiences.is_empty() && theirs.all(|audience| self.audiences.contains(audience));
        let types = match other.types.as_slice() {
            [] => self.types.is_empty(),
            types => types.iter().all(|typ| self.counts(Some(typ))),
        };
        issuer && audiences && types
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
            issued: self.issued(claims)?,
        };
        period.check(self.leeway, now)?;
        Ok(period)
    }

    fn issued(&self, claims: &Map<String, Value>) -> Result<Option<(i64, i64)>, Rejected> {
        let Some(most) = self.max_age else { return Ok(None) };
        let issued = time(claims.get("iat"), f64::floor).ok_or_else(|| wrong_type("`iat` is no number"))?;
        let issued = issued.ok_or_else(|| Rejected::new(Reason::TokenClaimsRefused, "`iat` is missing"))?;
        Ok(Some((issued, whole_seconds(most))))
    }
}

impl Period {
    /// Whether a token counts at the time `now`.
    pub fn check(self, leeway: Duration, now: SystemTime) -> Result<(), Rejected> {
        let (now, leeway) = (seconds(now), whole_seconds(leeway));
        // At the very second it has ended already.
        if let Some(ends) = self.ends.filter(|ends| now >= ends.saturating_add(leeway)) {
            let ago = now.saturating_sub(ends);
            return Err(Rejected::new(Reason::TokenExpired, format!("`exp` was {ago} seconds ago")));
        }
        if let Some(begins) = self.begins.filter(|begins| now.saturating_add(leeway) < *begins) {
            let ahead = begins.saturating_sub(now);
            return Err(Rejected::new(Reason::TokenNotYetValid, format!("`nbf` is in {ahead} seconds")));
        }
        self.issued.map_or(Ok(()), |(issued, most)| check_age(now, leeway, issued, most))
    }
}

fn check_age(now: i64, leeway: i64, issued: i64, most: i64) -> Result<(), Rejected> {
    let age = now.saturating_sub(issued);
    if age > most.saturating_add(leeway) {
        let detail = format!("`iat` was {age} seconds ago, and `max_age` is {most}");
        return Err(Rejected::new(Reason::TokenExpired, detail));
    }
    // Else it would be as old as its issuer likes.
    if age < leeway.saturating_neg() {
        let detail = format!("`iat` is in {} seconds", age.saturating_neg());
        return Err(Rejected::new(Reason::TokenNotYetValid, detail));
    }
    Ok(())
}

/// `None` for what is no number. Beyond the range of an integer it is the integer's end.
fn time(claim: Option<&Value>, round: fn(f64) -> f64) -> Option<Option<i64>> {
    match claim {
        None => Some(None),
        Some(value) => value.as_i64().or_else(|| value.as_f64().map(|number| round(number) as i64)).map(Some),
    }
}

fn seconds(time: SystemTime) -> i64 {
    whole_seconds(time.duration_since(UNIX_EPOCH).unwrap_or_default())
}

fn whole_seconds(time: Duration) -> i64 {
    i64::try_from(time.as_secs()).unwrap_or(i64::MAX)
}

fn wrong_type(detail: &'static str) -> Rejected {
    Rejected::new(Reason::TokenMalformed, detail)
}
