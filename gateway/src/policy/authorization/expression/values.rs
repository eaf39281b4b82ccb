//! What an expression reads, as values of CEL.
//!
//! Texts are borrowed from the caller's claims and the request; only lists and maps are made, of what the expression
//! names. What is not named is not looked at.

use std::{borrow::Cow, collections::HashMap};

use cel::{
    common::{
        types::{CelBool, CelDouble, CelInt, CelList, CelMap, CelMapKey, CelNull, CelString, CelUInt},
        value::{CowVal, Val},
    },
    context::VariableResolver,
};
use http::HeaderName;
use percent_encoding::percent_decode_str;
use serde_json::Value;

use super::{
    MAX_TEXT, MAX_VALUES, Undecided,
    pattern::{self, Pattern},
    reads::{Keys, Reads},
};
use crate::policy::authorization::{Caller, Request};

type Boxed<'v> = Box<dyn Val + 'v>;

/// More values, or more text, than an expression may read.
#[derive(Debug)]
pub struct TooMuch;

/// The variables of one evaluation.
#[derive(Debug)]
pub struct Bound<'v> {
    variables: Vec<(&'static str, Boxed<'v>)>,
    patterns: &'v [Pattern],
}

impl VariableResolver for Bound<'_> {
    fn resolve<'b>(&'b self, name: &str) -> Option<CowVal<'b, 'b>> {
        if let Some(number) = pattern::number(name) {
            return self.patterns.get(number).map(|pattern| CowVal::Borrowed(pattern as &dyn Val));
        }
        let (_, value) = self.variables.iter().find(|(known, _)| *known == name)?;
        Some(CowVal::Borrowed(&**value))
    }
}

impl<'v> Bound<'v> {
    /// What `reads` names of this caller and this request.
    pub fn new(
        reads: &'v Reads,
        patterns: &'v [Pattern],
        caller: Option<&Caller<'v>>,
        request: &Request<'v>,
    ) -> Result<Self, Undecided> {
        let mut left = Left { values: MAX_VALUES, text: MAX_TEXT };
        let mut variables: Vec<(&'static str, Boxed<'v>)> = Vec::with_capacity(reads.count());
        if let Some(keys) = &reads.claims {
            variables.push(("claims", claims(keys, caller, &mut left)?));
        }
        if reads.scopes {
            let scopes = caller.map_or(&[][..], |caller| &caller.scopes);
            let scopes: Result<Vec<_>, _> =
                scopes.iter().map(|scope| left.text(Cow::Borrowed(*scope))).collect();
            variables.push(("scopes", Box::new(CelList::from(scopes?))));
        }
        if reads.method {
            variables.push(("request.method", left.text(request.method.as_str().into())?));
        }
        if reads.host {
            variables.push(("request.host", left.text(request.host.into())?));
        }
        if reads.url_path {
            variables.push(("request.url_path", left.text(request.path.into())?));
        }
        if reads.client {
            variables.push(("request.client", left.text(request.client.to_string().into())?));
        }
        if let Some(parameters) = &reads.parameters {
            let segments = |segment: usize| request.path.split('/').nth(1 + segment).unwrap_or_default();
            let mut map = Map::default();
            for parameter in parameters {
                let value = decoded(segments(parameter.segment), "the path")?;
                map.insert(CelMapKey::from(&*parameter.name), left.text(value)?);
            }
            variables.push(("request.path", map.done()));
        }
        if let Some(keys) = &reads.headers {
            variables.push(("request.headers", headers(keys, request, &mut left)?));
        }
        if let Some(keys) = &reads.query {
            variables.push(("request.query", query(keys, request, &mut left)?));
        }
        Ok(Self { variables, patterns })
    }
}

/// What may still be read.
struct Left {
    values: usize,
    text: usize,
}

impl Left {
    fn value(&mut self) -> Result<(), TooMuch> {
        self.values = self.values.checked_sub(1).ok_or(TooMuch)?;
        Ok(())
    }

    fn text<'v>(&mut self, text: Cow<'v, str>) -> Result<Boxed<'v>, TooMuch> {
        self.value()?;
        self.text = self.text.checked_sub(text.len()).ok_or(TooMuch)?;
        Ok(Box::new(CelString::from(text)))
    }

    fn json<'v>(&mut self, value: &'v Value) -> Result<Boxed<'v>, TooMuch> {
        if let Value::String(text) = value {
            return self.text(Cow::Borrowed(text));
        }
        self.value()?;
        Ok(match value {
            Value::Bool(value) => Box::new(CelBool::from(*value)),
            Value::Number(number) => match (number.as_i64(), number.as_u64(), number.as_f64()) {
                (Some(number), ..) => Box::new(CelInt::from(number)),
                (None, Some(number), _) => Box::new(CelUInt::from(number)),
                (None, None, number) => Box::new(CelDouble::from(number.unwrap_or(f64::NAN))),
            },
            Value::Array(items) => {
                let items: Result<Vec<_>, _> = items.iter().map(|item| self.json(item)).collect();
                Box::new(CelList::from(items?))
            }
            Value::Object(members) => {
                let mut map = Map::default();
                for (name, value) in members {
                    self.text = self.text.checked_sub(name.len()).ok_or(TooMuch)?;
                    map.insert(CelMapKey::from(name.as_str()), self.json(value)?);
                }
                map.done()
            }
            Value::Null | Value::String(_) => Box::new(CelNull),
        })
    }
}

#[derive(Default)]
struct Map<'v>(HashMap<CelMapKey<'v>, Boxed<'v>>);

impl<'v> Map<'v> {
    fn insert(&mut self, key: CelMapKey<'v>, value: Boxed<'v>) -> bool {
        self.0.insert(key, value).is_none()
    }

    fn done(self) -> Boxed<'v> {
        Box::new(CelMap::from(self.0))
    }
}

fn claims<'v>(keys: &'v Keys, caller: Option<&Caller<'v>>, left: &mut Left) -> Result<Boxed<'v>, TooMuch> {
    let claims = caller.and_then(|caller| caller.claims.as_object());
    let mut map = Map::default();
    match keys {
        Keys::All => {
            for (name, value) in claims.into_iter().flatten() {
                map.insert(CelMapKey::from(name.as_str()), left.json(value)?);
            }
        }
        Keys::These(names) => {
            for (name, value) in names.iter().filter_map(|name| claims?.get_key_value(&**name)) {
                map.insert(CelMapKey::from(name.as_str()), left.json(value)?);
            }
        }
    }
    Ok(map.done())
}

/// By their names in lower case; of several lines with one name the values stand in one text, as RFC 9110 section 5.3
/// puts them together.
fn headers<'v>(keys: &'v Keys, request: &Request<'v>, left: &mut Left) -> Result<Boxed<'v>, TooMuch> {
    let mut map = Map::default();
    let mut add = |name: &'v str| {
        let mut lines =
            request.headers.get_all(name).iter().map(|value| String::from_utf8_lossy(value.as_bytes()));
        let Some(first) = lines.next() else { return Ok(()) };
        let value = lines.fold(first, |text, line| Cow::Owned(format!("{text}, {line}")));
        map.insert(CelMapKey::from(name), left.text(value)?);
        Ok(())
    };
    match keys {
        Keys::All => request.headers.keys().map(HeaderName::as_str).try_for_each(&mut add)?,
        Keys::These(names) => names.iter().map(|name| &**name).try_for_each(&mut add)?,
    }
    Ok(map.done())
}

/// By their names. Of a parameter that is there twice, nobody knows which one the service takes.
fn query<'v>(keys: &'v Keys, request: &Request<'v>, left: &mut Left) -> Result<Boxed<'v>, Undecided> {
    let mut map = Map::default();
    for pair in request.query.into_iter().flat_map(|query| query.split('&')).filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let name = form_decoded(name)?;
        if let Keys::These(names) = keys
            && !names.iter().any(|known| **known == *name)
        {
            continue;
        }
        let key = CelMapKey::from(name.clone().into_owned());
        if !map.insert(key, left.text(form_decoded(value)?)?) {
            return Err(Undecided::Unreadable("the query has a parameter twice that it reads".to_owned()));
        }
    }
    Ok(map.done())
}

/// In a query `+` is a space.
fn form_decoded(text: &str) -> Result<Cow<'_, str>, Undecided> {
    match text.contains('+') {
        true => Ok(Cow::Owned(decoded(&text.replace('+', " "), "the query")?.into_owned())),
        false => decoded(text, "the query"),
    }
}

fn decoded<'t>(text: &'t str, what: &str) -> Result<Cow<'t, str>, Undecided> {
    let decoded = percent_decode_str(text).decode_utf8();
    decoded.map_err(|_| Undecided::Unreadable(format!("{what} is not UTF-8 where it reads it")))
}
