//! Where credentials are in a request, and how they are taken out of it.

use http::{HeaderMap, HeaderName, HeaderValue, header};

/// A place in a request.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Place {
    /// A header field.
    Header(HeaderName),
    /// A cookie.
    Cookie(Box<str>),
    /// A parameter of the query. Its name needs no escapes.
    Query(Box<str>),
}

/// The parts of a request in which credentials may be.
#[derive(Debug, Clone, Copy)]
pub struct Sent<'a> {
    /// Its fields; cookies are in one line.
    pub headers: &'a HeaderMap,
    /// Its query, without the question mark.
    pub query: Option<&'a str>,
}

/// What is in a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Found<'a> {
    /// Nothing.
    Nothing,
    /// This.
    One(&'a [u8]),
    /// Several: nobody can say which of them another server would look at.
    Several,
}

impl<'a> Found<'a> {
    fn of(mut all: impl Iterator<Item = &'a [u8]>) -> Self {
        match (all.next(), all.next()) {
            (None, _) => Self::Nothing,
            (Some(one), None) => Self::One(one),
            (Some(_), Some(_)) => Self::Several,
        }
    }
}

impl Place {
    /// What is there.
    pub fn find<'a>(&self, sent: Sent<'a>) -> Found<'a> {
        match self {
            Self::Header(name) => Found::of(sent.headers.get_all(name).iter().map(HeaderValue::as_bytes)),
            Self::Cookie(name) => {
                let lines = sent.headers.get_all(header::COOKIE).iter();
                let pairs = lines.flat_map(|line| cookies(line.as_bytes()));
                Found::of(pairs.filter(|(own, _)| *own == name.as_bytes()).map(|(_, value)| value))
            }
            Self::Query(name) => {
                let parameters =
                    sent.query.unwrap_or_default().split('&').filter_map(|pair| pair.split_once('='));
                Found::of(parameters.filter(|(own, _)| *own == &**name).map(|(_, value)| value.as_bytes()))
            }
        }
    }

    /// Takes it out of the fields, if that is where it is.
    pub fn remove(&self, headers: &mut HeaderMap) {
        match self {
            Self::Header(name) => drop(headers.remove(name)),
            Self::Cookie(name) => remove_cookie(headers, name),
            Self::Query(_) => {}
        }
    }
}

/// The pairs of a `Cookie` line (RFC 6265 section 4.2.1), quotes around a value taken away.
fn cookies(line: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    line.split(|byte| *byte == b';').filter_map(|pair| {
        let equals = pair.iter().position(|byte| *byte == b'=')?;
        let value = pair[equals + 1..].trim_ascii();
        let bare = value.strip_prefix(b"\"").and_then(|value| value.strip_suffix(b"\"")).unwrap_or(value);
        Some((pair[..equals].trim_ascii(), bare))
    })
}

/// Leaves the other cookies as they are.
fn remove_cookie(headers: &mut HeaderMap, name: &str) {
    let is_it = |pair: &[u8]| {
        let own = pair.split(|byte| *byte == b'=').next().unwrap_or_default();
        own.trim_ascii() == name.as_bytes()
    };
    let lines: Vec<HeaderValue> = headers.get_all(header::COOKIE).iter().cloned().collect();
    if !lines.iter().any(|line| line.as_bytes().split(|byte| *byte == b';').any(is_it)) {
        return;
    }
    headers.remove(header::COOKIE);
    for line in lines {
        let rest: Vec<&[u8]> = line
            .as_bytes()
            .split(|byte| *byte == b';')
            .filter(|pair| !is_it(pair))
            .map(<[u8]>::trim_ascii)
            .collect();
        // Parts of a valid value are valid.
        if let Some(rest) =
            HeaderValue::from_bytes(&rest.join(&b"; "[..])).ok().filter(|rest| !rest.is_empty())
        {
            headers.append(header::COOKIE, rest);
        }
    }
}

/// A query without some parameters; `None` where it has none of them.
pub fn without_parameters(query: &str, places: &[Place]) -> Option<String> {
    let goes = |pair: &&str| {
        let own = pair.split('=').next().unwrap_or_default();
        places.iter().any(|place| matches!(place, Place::Query(name) if **name == *own))
    };
    query
        .split('&')
        .any(|pair| goes(&pair))
        .then(|| query.split('&').filter(|pair| !goes(pair)).collect::<Vec<_>>().join("&"))
}

/// The token in an `Authorization` field: `None` if it is of another scheme. Schemes know no case (RFC 9110 section 11.1).
pub fn bearer(value: &[u8]) -> Option<&[u8]> {
    const SCHEME: &[u8] = b"bearer";
    let (scheme, rest) = value.split_at_checked(SCHEME.len())?;
    let is_bearer = scheme.eq_ignore_ascii_case(SCHEME) && matches!(rest.first(), None | Some(b' ' | b'\t'));
    is_bearer.then(|| rest.trim_ascii())
}

#[cfg(test)]
mod tests;
