//! Requests that a page of another site makes a browser send (CSRF).
//!
//! Such a page can send a POST only with content types that are refused anyway. It can send any GET, without asking
//! first and with whatever credentials the browser adds by itself, and though it cannot read the answer, it can see
//! how long it took and whether it came: enough to find out what the user may see. So a GET must show that no such page
//! has sent it, by a header that a page can only set after a preflight, or by the browser's own word.

use http::HeaderMap;
use http::header::{AUTHORIZATION, COOKIE, HeaderName, HeaderValue};

use super::is_json;

/// When a GET must show that no page of another site has sent it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Csrf {
    /// Where it has credentials that browsers add by themselves, or comes from another site by the browser's own word.
    #[default]
    Auto,
    /// In any case.
    Always,
    /// In no case.
    Never,
}

/// Headers that no page can set for another origin without a preflight: ours, and those that clients of Apollo's send.
const PROOFS: [HeaderName; 3] = [
    HeaderName::from_static("graphql-require-preflight"),
    HeaderName::from_static("apollo-require-preflight"),
    HeaderName::from_static("x-apollo-operation-name"),
];

/// Who made the browser send it (Fetch Metadata). Pages can neither set nor remove it.
const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Schemes of `Authorization` whose credentials a browser keeps and adds by itself.
const KEPT: [&str; 6] = ["basic", "digest", "negotiate", "ntlm", "hoba", "mutual"];

impl Csrf {
    /// Whether a GET with these headers may be answered.
    pub(super) fn admits(self, headers: &HeaderMap) -> bool {
        let site = Site::of(headers);
        let doubtful = match self {
            Csrf::Never => false,
            Csrf::Always => site != Site::Own,
            Csrf::Auto => site == Site::Other || (site == Site::Unknown && has_kept_credentials(headers)),
        };
        !doubtful || is_proven(headers)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Site {
    /// A page of the same origin, or the user: an address typed, a bookmark.
    Own,
    /// Another site, or another origin of this one.
    Other,
    /// The browser does not say, or it is none.
    Unknown,
}

impl Site {
    fn of(headers: &HeaderMap) -> Site {
        let mut lines = headers.get_all(SEC_FETCH_SITE).iter().map(HeaderValue::as_bytes);
        match (lines.next(), lines.next()) {
            (None, _) => Site::Unknown,
            (Some(b"same-origin" | b"none"), None) => Site::Own,
            _ => Site::Other,
        }
    }
}

fn is_proven(headers: &HeaderMap) -> bool {
    let set = |name| headers.get(name).is_some_and(|value: &HeaderValue| !value.is_empty());
    PROOFS.iter().any(set) || is_json(headers) || authorization(headers).is_some_and(|kept| !kept)
}

fn has_kept_credentials(headers: &HeaderMap) -> bool {
    headers.contains_key(COOKIE) || authorization(headers).unwrap_or(false)
}

/// Whether the browser may have added `Authorization` by itself; `None` where there is none. Any other scheme a page
/// must have set, for which it needs a preflight.
fn authorization(headers: &HeaderMap) -> Option<bool> {
    let value = headers.get(AUTHORIZATION)?.as_bytes();
    let scheme = value.split(|byte| *byte == b' ').next().unwrap_or_default();
    Some(scheme.is_empty() || KEPT.iter().any(|kept| scheme.eq_ignore_ascii_case(kept.as_bytes())))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The verdicts of `auto`, `always` and `never`.
    fn verdicts(fields: &[(&str, &str)]) -> [bool; 3] {
        let mut headers = HeaderMap::new();
        for (name, value) in fields {
            headers.append(name.parse::<HeaderName>().unwrap(), value.parse().unwrap());
        }
        [Csrf::Auto, Csrf::Always, Csrf::Never].map(|csrf| csrf.admits(&headers))
    }

    #[test]
    fn a_get_with_kept_credentials_or_from_another_site_needs_a_proof() {
        let cookie = ("cookie", "session=1");
        let basic = ("authorization", "basic YTpi");
        let bearer = ("authorization", "Bearer abc");
        let (other, same_site) = (("sec-fetch-site", "cross-site"), ("sec-fetch-site", "same-site"));
        let (own, typed) = (("sec-fetch-site", "same-origin"), ("sec-fetch-site", "none"));
        let preflight = ("graphql-require-preflight", "1");
        for (fields, expected) in [
            (&[][..], [true, false, true]),
            (&[cookie], [false, false, true]),
            (&[basic], [false, false, true]),
            (&[("authorization", "")], [false, false, true]),
            (&[bearer], [true, true, true]),
            (&[bearer, cookie], [true, true, true]),
            (&[cookie, preflight], [true, true, true]),
            (&[cookie, ("apollo-require-preflight", "true")], [true, true, true]),
            (&[cookie, ("x-apollo-operation-name", "Q")], [true, true, true]),
            (&[cookie, ("graphql-require-preflight", "")], [false, false, true]),
            (&[cookie, ("content-type", "application/json")], [true, true, true]),
            (&[cookie, ("content-type", "text/plain")], [false, false, true]),
            (&[cookie, ("content-type", "text/plain; application/json")], [false, false, true]),
            (&[cookie, ("x-requested-with", "XMLHttpRequest")], [false, false, true]),
            (&[cookie, own], [true, true, true]),
            (&[cookie, typed], [true, true, true]),
            (&[other], [false, false, true]),
            (&[same_site], [false, false, true]),
            (&[other, preflight], [true, true, true]),
            (&[own, other], [false, false, true]),
            (&[("sec-fetch-site", "Same-Origin")], [false, false, true]),
        ] {
            assert_eq!(verdicts(fields), expected, "{fields:?}");
        }
    }
}
