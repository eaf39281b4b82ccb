//! Reads the arguments of our directives.
//!
//! One reader for directive arguments and for objects within them, so that an
//! unknown name, a name given twice and a value of the wrong kind are told in
//! the same words everywhere.

use apollo_compiler::Node;
use apollo_compiler::ast::{Directive, Value};
use apollo_compiler::parser::SourceSpan;

use super::super::problem::{Hint, Problems, did_you_mean, listed};

/// Every argument of every directive, with the members of `batch` as `batch.key`.
/// `docs/graphql.md` describes each of them.
#[cfg(test)]
pub(crate) const ARGUMENTS: &[(&str, &[&str])] = &[
    ("rest", REST),
    ("rest.batch", BATCH),
    ("json", JSON),
    ("authenticated", AUTHENTICATED),
    ("requiresScopes", REQUIRES_SCOPES),
];

pub(super) const REST: &[&str] = &[
    "source", "GET", "POST", "PUT", "PATCH", "DELETE", "body", "case", "select", "headers", "batch", "expose",
];
pub(super) const BATCH: &[&str] = &["key", "param", "match", "each", "take", "max", "rows"];
pub(super) const JSON: &[&str] = &["path"];
pub(super) const AUTHENTICATED: &[&str] = &[];
pub(super) const REQUIRES_SCOPES: &[&str] = &["scopes"];

/// Named values: the arguments of a directive, or the members of an object.
pub(super) struct Arguments<'a> {
    values: Vec<(&'a str, &'a Node<Value>)>,
    span: Option<SourceSpan>,
    /// What the arguments belong to, for messages: "User.orders: @rest".
    what: String,
}

impl<'a> Arguments<'a> {
    pub fn of_directive(
        directive: &'a Node<Directive>,
        coordinate: &str,
        known: &[&str],
        problems: &mut Problems,
    ) -> Self {
        let what = format!("{coordinate}: @{}", directive.name);
        let values = directive
            .arguments
            .iter()
            .map(|argument| (argument.name.as_str(), argument.name.location(), &argument.value))
            .collect();
        Self::new(values, directive.location(), what, known, problems)
    }

    pub fn of_object(
        value: &'a Node<Value>,
        what: String,
        known: &[&str],
        problems: &mut Problems,
    ) -> Option<Self> {
        let Value::Object(members) = &**value else {
            problems.error(
                value.location(),
                format!("{what} is not an object"),
                format!("write {{{}: ...}}", known[0]),
            );
            return None;
        };
        let values = members.iter().map(|(name, value)| (name.as_str(), name.location(), value)).collect();
        Some(Self::new(values, value.location(), what, known, problems))
    }

    fn new(
        given: Vec<(&'a str, Option<SourceSpan>, &'a Node<Value>)>,
        span: Option<SourceSpan>,
        what: String,
        known: &[&str],
        problems: &mut Problems,
    ) -> Self {
        let mut values: Vec<(&'a str, &'a Node<Value>)> = Vec::new();
        for (name, span, value) in given {
            if !known.contains(&name) {
                let hint = did_you_mean(name, known.iter().copied())
                    .unwrap_or_else(|| format!("it has {}", listed(known.iter().copied())));
                problems.error(span, format!("{what} has no argument `{name}`"), hint);
            } else if values.iter().any(|(given, _)| *given == name) {
                problems.error(span, format!("{what} has `{name}` twice"), "keep one of them");
            } else {
                values.push((name, value));
            }
        }
        Arguments { values, span, what }
    }

    pub fn what(&self) -> &str {
        &self.what
    }

    pub fn span(&self) -> Option<SourceSpan> {
        self.span
    }

    pub fn get(&self, name: &str) -> Option<&'a Node<Value>> {
        self.values.iter().find(|(given, _)| *given == name).map(|(_, value)| *value)
    }

    /// Where the value of an argument is, or else the whole.
    pub fn span_of(&self, name: &str) -> Option<SourceSpan> {
        self.get(name).and_then(Node::location).or(self.span)
    }

    pub fn wrong(&self, name: &str, message: &str, hint: impl Into<Hint>, problems: &mut Problems) {
        problems.error(self.span_of(name), format!("{} `{name}`: {message}", self.what), hint);
    }

    pub fn string(&self, name: &str, problems: &mut Problems) -> Option<&'a str> {
        let value = self.get(name)?;
        let text = value.as_str();
        if text.is_none() {
            self.wrong(name, "not a text", "write it in quotes", problems);
        }
        text
    }

    pub fn required_string(&self, name: &str, problems: &mut Problems) -> Option<&'a str> {
        if self.get(name).is_none() {
            problems.error(
                self.span,
                format!("{} needs `{name}`", self.what),
                format!("add {name}: \"...\""),
            );
        }
        self.string(name, problems)
    }

    /// A list of texts; one text is a list of one.
    pub fn strings(&self, name: &str, problems: &mut Problems) -> Vec<(&'a str, &'a Node<Value>)> {
        let Some(value) = self.get(name) else {
            return Vec::new();
        };
        let items = match &**value {
            Value::List(items) => items.iter().collect(),
            _ => vec![value],
        };
        let mut texts = Vec::new();
        for item in items {
            match item.as_str() {
                Some(text) => texts.push((text, item)),
                None => self.wrong(name, "not a list of texts", "write [\"...\"]", problems),
            }
        }
        texts
    }

    /// A whole number of at least 1.
    pub fn count(&self, name: &str, problems: &mut Problems) -> Option<usize> {
        let value = self.get(name)?;
        let count = match &**value {
            Value::Int(number) => number.as_str().parse().ok().filter(|count| *count > 0),
            _ => None,
        };
        if count.is_none() {
            self.wrong(name, "not a whole number above 0", None, problems);
        }
        count
    }
}
