//! Preflights: what a browser asks before it sends a request for a page, and the answer.

use http::{
    HeaderMap, HeaderName, HeaderValue, Method,
    header::{
        ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_MAX_AGE,
        ACCESS_CONTROL_REQUEST_HEADERS, ACCESS_CONTROL_REQUEST_METHOD, AUTHORIZATION, ORIGIN, VARY,
    },
};

use super::{Cors, only_origin};
use crate::reason::Reason;

/// A request has as many headers as a listener lets through, 100 unless it says otherwise: more names than the most that
/// it can say announce nothing that could be sent.
const MOST_HEADERS: usize = 256;

/// As much of an origin as a log line shows.
const SHOWN: usize = 200;

/// What a browser asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Preflight {
    /// The method of the request that would follow.
    pub method: Method,
    /// Its headers that need permission.
    pub headers: Vec<HeaderName>,
    /// Its headers cannot be read, or are too many.
    unreadable: bool,
}

/// Why a preflight, or a WebSocket, is refused. For the operator; a client is only told
/// [`Reason::OriginNotAllowed`] or [`Reason::PreflightRefused`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// `origins` do not have it.
    #[error("cors.origins does not have `{0}`")]
    Origin(Box<str>),
    /// `methods` do not have it.
    #[error("cors.methods does not have `{0}`")]
    Method(Method),
    /// `headers` do not have it.
    #[error("cors.headers does not have `{0}`")]
    Header(HeaderName),
    /// Names of headers that are none, or hundreds.
    #[error("access-control-request-headers is no list of up to {MOST_HEADERS} header names")]
    Unreadable,
}

impl From<Refused> for Reason {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::Origin(_) => Self::OriginNotAllowed,
            Refused::Method(_) | Refused::Header(_) | Refused::Unreadable => Self::PreflightRefused,
        }
    }
}

impl Refused {
    /// For the origin that a request has.
    pub(super) fn origin(headers: &HeaderMap) -> Self {
        let values: Vec<_> = headers.get_all(ORIGIN).iter().map(HeaderValue::as_bytes).collect();
        let mut text = String::from_utf8_lossy(&values.join(&b", "[..])).into_owned();
        if text.len() > SHOWN {
            text.truncate(text.floor_char_boundary(SHOWN));
            text.push_str("...");
        }
        Self::Origin(text.into())
    }
}

impl Preflight {
    /// What is asked for; `None` if the request is no preflight.
    pub fn of(method: &Method, headers: &HeaderMap) -> Option<Self> {
        if *method != Method::OPTIONS || !headers.contains_key(ORIGIN) {
            return None;
        }
        let method = Method::from_bytes(headers.get(ACCESS_CONTROL_REQUEST_METHOD)?.as_bytes()).ok()?;
        let lines = headers.get_all(ACCESS_CONTROL_REQUEST_HEADERS).iter();
        let names = lines.flat_map(|line| line.as_bytes().split(|byte| *byte == b','));
        let mut names = names.map(<[u8]>::trim_ascii).filter(|name| !name.is_empty());
        let read: Result<Vec<_>, _> = names.by_ref().take(MOST_HEADERS).map(HeaderName::from_bytes).collect();
        let unreadable = read.is_err() || names.next().is_some();
        Some(Self { method, headers: read.unwrap_or_default(), unreadable })
    }
}

impl Cors {
    /// Whether the request that a browser asks about may follow; the origin to tell it so.
    pub fn preflight(&self, asked: &Preflight, headers: &HeaderMap) -> Result<HeaderValue, Refused> {
        let origin = only_origin(headers).zip(self.0.as_ref());
        let allowed = origin.filter(|(origin, rules)| rules.origins.have(origin.as_bytes()));
        let (origin, rules) = allowed.ok_or_else(|| Refused::origin(headers))?;
        if !rules.methods.any && !rules.methods.list.contains(&asked.method) {
            return Err(Refused::Method(asked.method.clone()));
        }
        if asked.unreadable {
            return Err(Refused::Unreadable);
        }
        // Browsers do not count `authorization` as part of `*`.
        let covered = |name: &HeaderName| rules.headers.any && *name != AUTHORIZATION;
        match asked.headers.iter().find(|name| !covered(name) && !rules.headers.list.contains(name)) {
            Some(name) => Err(Refused::Header(name.clone())),
            None => Ok(origin.clone()),
        }
    }

    /// What the answer to a preflight that is granted allows.
    pub fn grant(&self, headers: &mut HeaderMap) {
        let Some(rules) = &self.0 else { return };
        headers.extend(rules.methods.value.clone().map(|value| (ACCESS_CONTROL_ALLOW_METHODS, value)));
        headers.extend(rules.headers.value.clone().map(|value| (ACCESS_CONTROL_ALLOW_HEADERS, value)));
        headers.insert(ACCESS_CONTROL_MAX_AGE, rules.max_age.clone());
        // For caches that keep answers to OPTIONS, though HTTP says that nobody should.
        let asked =
            HeaderValue::from_static("Origin, Access-Control-Request-Method, Access-Control-Request-Headers");
        headers.append(VARY, asked);
    }
}

/// A list of methods or names of headers, and how it stands in a header.
#[derive(Debug, Clone)]
pub(super) struct Names<T> {
    any: bool,
    list: Vec<T>,
    /// `None` where there is nothing to say.
    value: Option<HeaderValue>,
}

impl<T: AsRef<str>> Names<T> {
    /// Of texts, of which `*` is any.
    pub(super) fn parse(texts: &[String], one: impl Fn(&str) -> Option<T>) -> Self {
        let any = texts.iter().any(|text| text == "*");
        Self::new(any, texts.iter().filter(|text| *text != "*").filter_map(|text| one(text)).collect())
    }

    fn new(any: bool, list: Vec<T>) -> Self {
        let texts = any.then_some("*").into_iter().chain(list.iter().map(AsRef::as_ref));
        let text = texts.collect::<Vec<_>>().join(", ");
        let value = HeaderValue::from_str(&text).ok().filter(|value| !value.is_empty());
        Self { any, list, value }
    }

    /// The list as a header's value.
    pub(super) fn into_value(self) -> Option<HeaderValue> {
        self.value
    }
}

impl<T: AsRef<str>> FromIterator<T> for Names<T> {
    fn from_iter<I: IntoIterator<Item = T>>(list: I) -> Self {
        Self::new(false, list.into_iter().collect())
    }
}
