//! JSONPath (RFC 9535): paths that lead to one node are steps, others are evaluated.
//!
//! A singular path compiles into the shape by which a body is read and costs
//! nothing extra; only a general one (wildcards, slices, filters, descendants)
//! needs the value as a tree. serde_json_path checks every path and evaluates
//! the general ones; it does not show its syntax tree, so the few forms of a
//! singular path are read here once more.

#[cfg(test)]
mod tests;
mod text;

use std::sync::Arc;

pub(crate) use text::Document;

/// A compiled path.
#[derive(Debug, Clone)]
pub enum JsonPath {
    /// Leads to one node at most; yields that node's value, absent is null.
    Singular(Vec<Step>),
    /// Leads to any number of nodes; yields the list of their values.
    General(Arc<serde_json_path::JsonPath>),
}

/// One step of a singular path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// A member of an object.
    Name(Arc<str>),
    /// An item of a list; negative counts from the end.
    Index(i64),
}

/// Where a path is wrong: byte offset into its text.
///
/// serde_json_path says no more than "parser error".
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PathError {
    pub offset: usize,
}

impl JsonPath {
    pub(crate) fn parse(text: &str) -> Result<JsonPath, PathError> {
        let general = serde_json_path::JsonPath::parse(text)
            .map_err(|error| PathError { offset: error.position().saturating_sub(1) })?;
        Ok(match singular_steps(text) {
            Some(steps) => JsonPath::Singular(steps),
            None => JsonPath::General(Arc::new(general)),
        })
    }

    /// What the path yields, as JSON with all its digits; `None` where a
    /// singular path leads nowhere.
    pub(crate) fn evaluate(&self, document: &Document<'_>) -> Result<Option<String>, serde_json::Error> {
        match self {
            JsonPath::Singular(steps) => Ok(document.follow(steps).map(str::to_owned)),
            JsonPath::General(path) => document.query(path).map(Some),
        }
    }

    /// The member names a singular path consists of, if it has no index.
    pub(crate) fn member_names(&self) -> Option<Vec<Arc<str>>> {
        let JsonPath::Singular(steps) = self else {
            return None;
        };
        steps
            .iter()
            .map(|step| match step {
                Step::Name(name) => Some(name.clone()),
                Step::Index(_) => None,
            })
            .collect()
    }
}

/// Reads `$`, then `.name`, `['name']` and `[0]`; anything else is not singular.
fn singular_steps(text: &str) -> Option<Vec<Step>> {
    let mut rest = text.strip_prefix('$')?;
    let mut steps = Vec::new();
    loop {
        rest = rest.trim_start();
        if rest.is_empty() {
            return Some(steps);
        }
        let (step, after) = match rest.strip_prefix('.') {
            Some(name) => shorthand(name)?,
            None => bracketed(rest.strip_prefix('[')?)?,
        };
        steps.push(step);
        rest = after;
    }
}

fn shorthand(text: &str) -> Option<(Step, &str)> {
    let end =
        text.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_' || !c.is_ascii())).unwrap_or(text.len());
    (end > 0).then(|| (Step::Name(text[..end].into()), &text[end..]))
}

fn bracketed(text: &str) -> Option<(Step, &str)> {
    let text = text.trim_start();
    let (step, rest) = match text.chars().next()? {
        quote @ ('"' | '\'') => {
            let (name, rest) = quoted(&text[1..], quote)?;
            (Step::Name(name.into()), rest)
        }
        _ => {
            let end = text.find(|c: char| !(c.is_ascii_digit() || c == '-'))?;
            (Step::Index(text[..end].parse().ok()?), &text[end..])
        }
    };
    Some((step, rest.trim_start().strip_prefix(']')?))
}

/// Undoes RFC 9535's escapes, which are JSON's plus `\'`.
fn quoted(text: &str, quote: char) -> Option<(String, &str)> {
    let mut json = String::from('"');
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '\\' => match chars.next()?.1 {
                '\'' => json.push('\''),
                escaped => json.extend(['\\', escaped]),
            },
            c if c == quote => {
                json.push('"');
                return Some((serde_json::from_str(&json).ok()?, &text[at + 1..]));
            }
            '"' => json.push_str("\\\""),
            c => json.push(c),
        }
    }
    None
}
