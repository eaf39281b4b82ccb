//! Where credentials are in a request, and how they are taken out of it.
//!
//! A service must not find other credentials than were looked at here, so what it may read as the same name is the same
//! name: `_` for `-` in a header's (CGI), escapes in a parameter's, `;` for `&` between parameters.

use std::{borrow::Cow, fmt, iter};

use http::{HeaderMap, HeaderName, HeaderValue, header};
use percent_encoding::percent_decode_str;

use super::{Rejected, Scheme};
use crate::{reason::Reason, value::alike};

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
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found<'a> {
    /// Nothing.
    Nothing,
    /// This, without escapes.
    One(Cow<'a, [u8]>),
    /// Several: nobody can say which of them another server would look at.
    Several,
}

impl<'a> Found<'a> {
    fn of<T: Into<Cow<'a, [u8]>>>(mut all: impl Iterator<Item = T>) -> Self {
        match (all.next(), all.next()) {
            (None, _) => Self::Nothing,
            (Some(one), None) => Self::One(one.into()),
            (Some(_), Some(_)) => Self::Several,
        }
    }
}

impl Place {
    /// What is there.
    pub fn find<'a>(&self, sent: Sent<'a>) -> Found<'a> {
        match self {
            Self::Header(name) => {
                let fields = sent.headers.iter().filter(|(own, _)| alike(own.as_str(), name.as_str()));
                Found::of(fields.map(|(_, value)| value.as_bytes()))
            }
            Self::Cookie(name) => {
                let lines = sent.headers.get_all(header::COOKIE).iter();
                let pairs = lines.flat_map(|line| cookies(line.as_bytes()));
                Found::of(pairs.filter(|(own, _)| *own == name.as_bytes()).map(|(_, value)| value))
            }
            Self::Query(name) => {
                let parameters =
                    sent.query.unwrap_or_default().split(BETWEEN).filter_map(|pair| pair.split_once('='));
                // A `+` stays one: it stands for a space in forms, but no credentials have spaces, and some have it.
                let values = parameters.filter(|(own, _)| is_named(own, name)).map(|(_, value)| value);
                Found::of(values.map(percent_decode_str))
            }
        }
    }

    /// Takes it out of the fields, if that is where it is.
    pub fn remove(&self, headers: &mut HeaderMap) {
        match self {
            Self::Header(name) => {
                headers.remove(name);
                while let Some(same) = headers.keys().find(|own| alike(own.as_str(), name.as_str())).cloned()
                {
                    headers.remove(same);
                }
            }
            Self::Cookie(name) => remove_cookie(headers, name),
            Self::Query(_) => {}
        }
    }
}

/// For operators.
impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Header(name) => write!(f, "the header `{name}`"),
            Self::Cookie(name) => write!(f, "the cookie `{name}`"),
            Self::Query(name) => write!(f, "the parameter `{name}`"),
        }
    }
}

/// What stands in the first of the places that has something; in `Authorization` after the scheme's word, elsewhere the
/// word may be missing.
///
/// # Errors
/// Something stands there more than once.
pub fn first<'a>(
    places: &[Place],
    scheme: Scheme,
    sent: Sent<'a>,
) -> Result<Option<Cow<'a, [u8]>>, Rejected> {
    for place in places {
        let value = match place.find(sent) {
            Found::Nothing => continue,
            Found::One(value) => value,
            Found::Several => {
                return Err(Rejected::new(Reason::CredentialsAmbiguous, format!("{place} is there twice")));
            }
        };
        let needs_scheme = matches!(place, Place::Header(name) if *name == header::AUTHORIZATION);
        match (place, value) {
            (Place::Header(_), Cow::Borrowed(value)) => match scheme.credentials(value) {
                Some(credentials) => return Ok(Some(credentials.into())),
                // They are another authenticator's.
                None if needs_scheme => continue,
                None => return Ok(Some(value.into())),
            },
            (_, value) => return Ok(Some(value)),
        }
    }
    Ok(None)
}

/// What stands between the parameters of a query. Nobody should take `;` for it any more, and some do.
const BETWEEN: [char; 2] = ['&', ';'];

/// Whether a parameter's name, as it is written, means this one.
fn is_named(written: &str, name: &str) -> bool {
    percent_decode_str(written).eq(name.bytes())
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
    let goes = |part: &&str| {
        let pair = part.trim_start_matches(BETWEEN);
        let own = pair.split('=').next().unwrap_or_default();
        places.iter().any(|place| matches!(place, Place::Query(name) if is_named(own, name)))
    };
    if !parts(query).any(|part| goes(&part)) {
        return None;
    }
    let rest: String = parts(query).filter(|part| !goes(part)).collect();
    Some(rest.trim_start_matches(BETWEEN).to_owned())
}

/// The parameters of a query, each with what stands before it.
fn parts(query: &str) -> impl Iterator<Item = &str> {
    let borders = query.match_indices(BETWEEN).map(|(at, _)| at);
    let ends = borders.clone().chain([query.len()]);
    iter::once(0).chain(borders).zip(ends).map(|(start, end)| &query[start..end])
}

#[cfg(test)]
mod tests;
