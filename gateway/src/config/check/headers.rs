//! Names and values of headers that the configuration changes or sends.

use http::{HeaderName, HeaderValue};

use super::Check;
use crate::{
    route::{config::HeaderChanges, edits::HeaderEdits},
    value::{Located, Place, TrustedHeader, alike},
};

/// Which message the headers are of.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Of {
    Request,
    Response,
}

/// Framing and connection management: a change would desynchronise the two sides (RFC 9110 section 7.6.1).
const OURS: [&str; 8] = [
    "connection",
    "content-length",
    "keep-alive",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// `None` if anything was refused.
pub fn edits(check: &mut Check<'_>, changes: &HeaderChanges, of: Of) -> Option<HeaderEdits> {
    let remove: Vec<_> = changes.remove.iter().map(|header| name(check, header, of)).collect();
    let mut pairs = |map: &indexmap::IndexMap<Located<String>, crate::value::Secret>| {
        let pairs =
            map.iter().map(|(key, text)| name(check, key, of).zip(value(check, key.place(), text.expose())));
        // All are looked at before any refusal counts.
        pairs.collect::<Vec<_>>().into_iter().collect::<Option<Vec<_>>>()
    };
    let (set, add) = (pairs(&changes.set), pairs(&changes.add));
    Some(HeaderEdits { remove: remove.into_iter().collect::<Option<_>>()?, set: set?, add: add? })
}

/// A header's name, if it may be changed.
pub fn name(check: &mut Check<'_>, text: &Located<String>, of: Of) -> Option<HeaderName> {
    let Ok(name) = HeaderName::try_from(text.as_str()) else {
        check.error(
            text.place().clone(),
            format!("`{}` is not a header name; write for example `x-tenant`", **text),
        );
        return None;
    };
    let framing = OURS.contains(&name.as_str());
    if framing || (of == Of::Response && name == http::header::HOST) {
        check.error(
            text.place().clone(),
            format!("`{name}` belongs to the connection and not to the configuration; remove it"),
        );
        return None;
    }
    Some(name)
}

/// Headers of requests that mean something else than what an operator might put there, so that taking them out of every
/// request would break it.
const TAKEN: [&str; 14] = [
    "accept",
    "accept-encoding",
    "accept-language",
    "authorization",
    "cache-control",
    "content-encoding",
    "content-type",
    "cookie",
    "host",
    "origin",
    "pragma",
    "range",
    "referer",
    "user-agent",
];

/// The name of a header of requests that has no other meaning, such as `example`.
pub fn of_ones_own(check: &mut Check<'_>, text: &Located<String>, example: &str) -> Option<HeaderName> {
    let header = name(check, text, Of::Request)?;
    let refusal = match header.as_str().parse::<TrustedHeader>() {
        Err(invalid) => invalid.to_string(),
        Ok(_) if TAKEN.iter().any(|taken| alike(taken, header.as_str())) => format!(
            "`{header}` means something else, and would be taken out of requests; choose a name of your own, as in {example}"
        ),
        Ok(_) => return Some(header),
    };
    check.error(text.place().clone(), refusal);
    None
}

/// A header's value. It may be a secret, so it is not shown.
pub fn value(check: &mut Check<'_>, place: &Place, text: &str) -> Option<HeaderValue> {
    let value = HeaderValue::from_str(text).ok();
    if value.is_none() {
        check.error(
            place.clone(),
            "the value has characters that no header can carry; remove line ends and control characters",
        );
    }
    value
}
