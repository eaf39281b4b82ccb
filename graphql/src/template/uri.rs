//! URI templates: `/users/{id}`, `/orders{?user_id*,status}`.
//!
//! The template is cut into path and query once; a value can fill a place in
//! either but never make a new one. Only unreserved characters (RFC 3986
//! section 2.3) of a value are written as they are.

use std::sync::Arc;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::parse::{self, Part, Syntax};
use super::value::Plain;
use super::{ExpandError, Reference, Scope, uri_reader};

/// Everything but RFC 3986's unreserved characters.
const VALUE: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Path and query of a call.
#[derive(Debug, Clone)]
pub struct UriTemplate {
    path: Vec<Part>,
    query: Vec<Parameter>,
}

/// A query parameter.
#[derive(Debug, Clone)]
pub(super) enum Parameter {
    /// `{?name}`, `{&name*}`.
    Named { name: Arc<str>, value: Reference, explode: bool },
    /// `name={value}` or all literal.
    Spelled(Vec<Part>),
}

impl UriTemplate {
    /// Reads a template; errors are left in `syntax`.
    pub(crate) fn parse(text: &str, syntax: &mut Syntax<'_>) -> Option<Self> {
        let errors = syntax.errors.len();
        if names_host(text) {
            syntax.error(
                0,
                "a template has no host",
                "the source's endpoints say where; begin with the path: `/users/{id}`",
            );
            return None;
        }
        if !text.starts_with('/') {
            syntax.error(0, "a template begins with `/`", format!("write `/{text}`"));
            return None;
        }
        let (path, query) = uri_reader::read(text, syntax);
        (syntax.errors.len() == errors).then_some(UriTemplate { path, query })
    }

    /// The names the template uses.
    pub fn references(&self) -> impl Iterator<Item = &Reference> {
        parse::references(&self.path).chain(self.query.iter().flat_map(Parameter::references))
    }

    /// Path and query in origin form.
    pub fn expand(&self, scope: &dyn Scope) -> Result<String, ExpandError> {
        let mut uri = String::with_capacity(64);
        for part in &self.path {
            match part {
                Part::Literal(text) => uri.push_str(text),
                Part::Value(reference) => expand_in_path(reference, scope, &mut uri)?,
            }
        }
        let mut separator = '?';
        for parameter in &self.query {
            parameter.expand(scope, &mut separator, &mut uri)?;
        }
        Ok(uri)
    }
}

/// Whether an address begins with a scheme or a host. Further in, `://` is part of a value or of a claim's name.
fn names_host(text: &str) -> bool {
    let is_scheme =
        |text: &str| text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte));
    text.starts_with("//") || text.split_once("://").is_some_and(|(scheme, _)| is_scheme(scheme))
}

impl Parameter {
    fn references(&self) -> impl Iterator<Item = &Reference> {
        let (named, spelled) = match self {
            Parameter::Named { value, .. } => (Some(value), &[][..]),
            Parameter::Spelled(parts) => (None, &parts[..]),
        };
        named.into_iter().chain(parse::references(spelled))
    }

    fn expand(&self, scope: &dyn Scope, separator: &mut char, uri: &mut String) -> Result<(), ExpandError> {
        match self {
            Parameter::Named { name, value: reference, explode } => {
                let Some(value) = scope.value(reference) else {
                    return Ok(());
                };
                let items = scalars(value.plain(), reference)?;
                if *explode {
                    for item in items {
                        begin(separator, uri);
                        uri.push_str(name);
                        uri.push('=');
                        uri.extend(utf8_percent_encode(&item, VALUE));
                    }
                } else if !items.is_empty() {
                    begin(separator, uri);
                    uri.push_str(name);
                    uri.push('=');
                    push_joined(&items, uri);
                }
                Ok(())
            }
            Parameter::Spelled(parts) => {
                let undo = (*separator, uri.len());
                begin(separator, uri);
                for part in parts {
                    match part {
                        Part::Literal(text) => uri.push_str(text),
                        Part::Value(reference) => {
                            let value = scope.value(reference);
                            let items = match &value {
                                Some(value) => scalars(value.plain(), reference)?,
                                None => Vec::new(),
                            };
                            if items.is_empty() {
                                *separator = undo.0;
                                uri.truncate(undo.1);
                                return Ok(());
                            }
                            push_joined(&items, uri);
                        }
                    }
                }
                Ok(())
            }
        }
    }
}

fn begin(separator: &mut char, uri: &mut String) {
    uri.push(*separator);
    *separator = '&';
}

fn push_joined(items: &[std::borrow::Cow<'_, str>], uri: &mut String) {
    for (at, item) in items.iter().enumerate() {
        if at > 0 {
            uri.push(',');
        }
        uri.extend(utf8_percent_encode(item, VALUE));
    }
}

/// The scalars of a query value: none of null, one of a scalar, all of a list.
fn scalars<'v>(
    value: Plain<'v>,
    reference: &Reference,
) -> Result<Vec<std::borrow::Cow<'v, str>>, ExpandError> {
    let items = match value {
        Plain::List(items) => items,
        other => vec![other],
    };
    let mut scalars = Vec::with_capacity(items.len());
    for item in items {
        match item {
            Plain::Null => {}
            Plain::Scalar(text) => scalars.push(text),
            Plain::List(_) | Plain::Object => {
                return Err(ExpandError::NotScalar(reference.for_client()));
            }
            Plain::Broken => return Err(ExpandError::NotJson(reference.for_client())),
        }
    }
    Ok(scalars)
}

fn expand_in_path(reference: &Reference, scope: &dyn Scope, uri: &mut String) -> Result<(), ExpandError> {
    let missing = || ExpandError::Missing(reference.for_client());
    let value = scope.value(reference).ok_or_else(missing)?;
    let items = scalars(value.plain(), reference)?;
    if items.is_empty() || items.iter().any(|item| item.is_empty()) {
        return Err(missing());
    }
    if items.iter().any(|item| !is_path_value(item)) {
        return Err(ExpandError::PathValue(reference.for_client()));
    }
    push_joined(&items, uri);
    Ok(())
}

/// Refuses `.` and `..`, also between slashes: many services decode `%2F` before
/// they resolve dot segments, and `..%2Fadmin` would then leave its place.
fn is_path_value(value: &str) -> bool {
    !value.contains('\0') && !value.split(['/', '\\']).any(|segment| segment == "." || segment == "..")
}
