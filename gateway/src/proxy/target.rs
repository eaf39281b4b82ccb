//! The request's target: brought into one form, and put together again.
//!
//! What was matched is what is forwarded. Where normalisation or a rewrite changed the path, the target is rebuilt
//! from it; where nothing changed, nothing is built.

use std::borrow::Cow;

use http::{Uri, uri::PathAndQuery};
use pingora_http::RequestHeader;

use crate::{
    reason::Reason,
    route::{path::normalise, rewrite::Rewrite},
    value::EncodedSlashes,
};

/// The path in its one spelling.
pub fn path(head: &RequestHeader, slashes: EncodedSlashes) -> Result<Cow<'_, str>, Reason> {
    let raw = head.raw_path();
    // Absolute-form: the authority was compared with `Host` already, what is left is in the URI.
    if raw.first() != Some(&b'/') && head.uri.path().starts_with('/') && raw.windows(3).any(|w| w == b"://") {
        return normalise(head.uri.path().as_bytes(), slashes);
    }
    // Not from the URI, in which bytes that are no UTF-8 are replaced.
    let end = memchr::memchr(b'?', raw).unwrap_or(raw.len());
    normalise(&raw[..end], slashes)
}

/// What to forward in place of what came; `None` where that is the same.
pub fn forwarded(head: &RequestHeader, path: &str, rewrite: Option<&Rewrite>) -> Result<Option<Uri>, Reason> {
    let path = match rewrite {
        Some(rewrite) => Cow::Owned(rewrite.apply(path)),
        None => Cow::Borrowed(path),
    };
    let raw = head.raw_path();
    let is_same = raw.starts_with(path.as_bytes()) && matches!(raw.get(path.len()), None | Some(b'?'));
    if is_same {
        return Ok(None);
    }
    let target = match head.uri.query() {
        Some(query) => PathAndQuery::try_from([&*path, "?", query].concat()),
        None => PathAndQuery::try_from(path.into_owned()),
    };
    let target = target.map_err(|_| Reason::InvalidPath)?;
    // Over HTTP/2 the authority is part of it.
    if head.uri.authority().is_none() {
        return Ok(Some(target.into()));
    }
    let mut parts = head.uri.clone().into_parts();
    parts.path_and_query = Some(target);
    Uri::from_parts(parts).map(Some).map_err(|_| Reason::InvalidPath)
}

#[cfg(test)]
mod tests;
