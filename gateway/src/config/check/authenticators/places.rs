//! `from`: where in a request credentials are.

use http::HeaderName;

use crate::{
    config::check::{Check, headers},
    policy::authentication::{Place, config::FromConfig},
    value::Located,
};

/// The places, in the order in which one looks; `None` if any was refused.
pub fn check(check: &mut Check<'_>, config: &FromConfig, usual: HeaderName) -> Option<Vec<Place>> {
    let FromConfig { header, cookie, query } = config;
    if let Some(query) = query {
        check.warning(
            query.place().clone(),
            "addresses end up in histories and in logs of others; use a header where clients can",
        );
    }
    let header = header.as_ref().map_or(Some(usual), |written| self::header(check, written));
    let cookie = cookie.as_ref().map(|cookie| name(check, cookie).map(Place::Cookie));
    let query = query.as_ref().map(|query| name(check, query).map(Place::Query));
    let further: Option<Vec<Place>> = cookie.into_iter().chain(query).collect();
    Some([Place::Header(header?)].into_iter().chain(further?).collect())
}

fn header(check: &mut Check<'_>, written: &Located<String>) -> Option<HeaderName> {
    match written.eq_ignore_ascii_case(http::header::AUTHORIZATION.as_str()) {
        true => Some(http::header::AUTHORIZATION),
        false => headers::of_ones_own(check, written, "`x-api-key`"),
    }
}

/// A name that needs no escape, wherever it stands.
fn name(check: &mut Check<'_>, written: &Located<String>) -> Option<Box<str>> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte);
    if written.is_empty() || !written.bytes().all(plain) {
        let text = format!(
            "`{}` has characters other than letters, digits, `-`, `_`, `.` and `~`; choose another name",
            **written
        );
        check.error(written.place().clone(), text);
        return None;
    }
    Some(written.as_str().into())
}
