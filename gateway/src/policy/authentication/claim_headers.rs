//! Claims as headers for services, and the headers that are therefore no client's to send.
//!
//! A service believes these headers, so none of them may come from a client, by whatever spelling: they are taken out of
//! every request as it comes in, also where no route would set them. And no claim may say more than itself. What cannot
//! stand in a header, or would be read there as something else (a comma within an entry of a list, space around a value,
//! a number that lost digits) refuses the request; leaving it out could mean something else, too.

use std::{borrow::Cow, sync::Arc};

use http::{HeaderMap, HeaderName, HeaderValue};
use serde_json::Value;

use super::{Identity, Rejected};
use crate::{
    reason::Reason,
    value::{alike, has_all_digits},
};

/// A header that a service gets.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ClaimHeader {
    /// What the header is called.
    pub name: HeaderName,
    /// Where its value is in the claims; see [`Identity::claim`].
    pub claim: Box<str>,
}

/// The headers of a route. Clones share them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct ClaimHeaders(Arc<[ClaimHeader]>);

impl FromIterator<ClaimHeader> for ClaimHeaders {
    fn from_iter<T: IntoIterator<Item = ClaimHeader>>(list: T) -> Self {
        Self(list.into_iter().collect())
    }
}

impl ClaimHeaders {
    /// What the headers are called.
    pub fn names(&self) -> impl Iterator<Item = &HeaderName> {
        self.0.iter().map(|header| &header.name)
    }

    /// The headers for a caller. A claim that is missing, empty, an object or `null` has none. [`Identity::told`] is the
    /// same, and remembers it.
    ///
    /// # Errors
    /// The claim that no header can carry.
    pub(super) fn of(&self, identity: &Identity) -> Result<ToldHeaders, Rejected> {
        let mut headers = Vec::with_capacity(self.0.len());
        for ClaimHeader { name, claim } in &*self.0 {
            let Some(text) =
                identity.claim(claim).map(text).transpose().map_err(|why| refused(claim, why))?
            else {
                continue;
            };
            if text.is_empty() {
                continue;
            }
            let value = HeaderValue::from_bytes(text.as_bytes());
            let value = value.map_err(|_| refused(claim, "has control characters"))?;
            headers.push((name.clone(), value));
        }
        Ok(ToldHeaders((!headers.is_empty()).then(|| headers.into())))
    }
}

/// What a service is told of a caller. Clones share it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ToldHeaders(Option<Arc<[(HeaderName, HeaderValue)]>>);

impl ToldHeaders {
    /// Names and values.
    pub fn list(&self) -> &[(HeaderName, HeaderValue)] {
        self.0.as_deref().unwrap_or_default()
    }
}

fn refused(claim: &str, why: &str) -> Rejected {
    Rejected::new(Reason::TokenClaimsRefused, format!("the claim `{claim}` {why}, so no header can carry it"))
}

/// A text as it is, numbers and truth values as JSON writes them, lists with commas between their entries.
fn text(claim: &Value) -> Result<Cow<'_, str>, &'static str> {
    match claim {
        Value::Array(list) => {
            let entries: Vec<Cow<'_, str>> = list.iter().map(entry).collect::<Result<_, _>>()?;
            Ok(entries.join(",").into())
        }
        other => scalar(other),
    }
}

fn entry(value: &Value) -> Result<Cow<'_, str>, &'static str> {
    if value.is_array() || value.is_object() || value.is_null() {
        return Err("has an entry that is no text");
    }
    let text = scalar(value)?;
    if text.contains(',') { Err("has an entry with a comma") } else { Ok(text) }
}

fn scalar(value: &Value) -> Result<Cow<'_, str>, &'static str> {
    match value {
        Value::String(text) if text.trim() != text => Err("has space around it"),
        Value::String(text) => Ok(text.into()),
        Value::Number(_) if !has_all_digits(value) => Err("has a number that is no integer of 64 bits"),
        Value::Number(number) => Ok(number.to_string().into()),
        Value::Bool(truth) => Ok(truth.to_string().into()),
        Value::Null | Value::Array(_) | Value::Object(_) => Ok(Cow::Borrowed("")),
    }
}

/// Headers that only the gateway may set: those of all routes together.
#[derive(Debug, Clone, Default)]
pub struct Reserved(Box<[HeaderName]>);

impl<'a> FromIterator<&'a HeaderName> for Reserved {
    fn from_iter<T: IntoIterator<Item = &'a HeaderName>>(names: T) -> Self {
        let mut names: Vec<HeaderName> = names.into_iter().cloned().collect();
        names.sort_by(|a, b| a.as_str().cmp(b.as_str()));
        names.dedup();
        Self(names.into())
    }
}

impl Reserved {
    /// Those of them that a request brings, in its own spelling. CGI reads `_` as `-`, so both count as the same.
    pub fn claimed(&self, headers: &HeaderMap) -> Vec<HeaderName> {
        if self.0.is_empty() {
            return Vec::new();
        }
        let is_reserved = |name: &&HeaderName| self.0.iter().any(|own| alike(own.as_str(), name.as_str()));
        headers.keys().filter(is_reserved).cloned().collect()
    }
}

#[cfg(test)]
mod tests;
