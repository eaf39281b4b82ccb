//! Reads template text: literals and expressions in braces.
//!
//! The syntax is a subset of RFC 6570. What the subset leaves out is refused by
//! name, because each omitted operator would let a value change the structure
//! of what is sent.

use std::sync::Arc;

use super::Reference;

/// A piece of template text whose names are resolved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Part {
    Literal(Arc<str>),
    Value(Reference),
}

/// A piece of template text as it stands.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Token<'t> {
    Literal { text: &'t str, offset: usize },
    Expression(Expression<'t>),
}

#[derive(Debug, PartialEq, Eq)]
pub(super) struct Expression<'t> {
    pub operator: Option<char>,
    pub names: Vec<VarSpec<'t>>,
    pub offset: usize,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) struct VarSpec<'t> {
    pub name: &'t str,
    pub explode: bool,
    pub offset: usize,
}

/// What is wrong in a template, at a byte offset into its text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SyntaxError {
    pub offset: usize,
    pub message: String,
    pub hint: Option<String>,
}

impl SyntaxError {
    pub(super) fn new(offset: usize, message: impl Into<String>, hint: impl Into<String>) -> Self {
        SyntaxError { offset, message: message.into(), hint: Some(hint.into()) }
    }
}

/// Tells what a name stands for, or what is wrong with it and what to do.
pub(crate) type Names<'n> = &'n mut dyn FnMut(&str) -> Result<Reference, WrongName>;

/// A message and a hint.
pub(crate) type WrongName = (String, Option<String>);

/// Tells what names stand for, and collects what is wrong.
pub(crate) struct Syntax<'n> {
    names: Names<'n>,
    pub errors: Vec<SyntaxError>,
}

impl<'n> Syntax<'n> {
    pub(crate) fn new(names: Names<'n>) -> Self {
        Syntax { names, errors: Vec::new() }
    }

    pub(super) fn error(&mut self, offset: usize, message: impl Into<String>, hint: impl Into<String>) {
        self.errors.push(SyntaxError::new(offset, message, hint));
    }

    pub(super) fn resolve(&mut self, name: &str, offset: usize) -> Option<Reference> {
        (self.names)(name)
            .map_err(|(message, hint)| self.errors.push(SyntaxError { offset, message, hint }))
            .ok()
    }

    /// Splits a template; what cannot be read is reported and left out.
    pub(super) fn tokens<'t>(&mut self, template: &'t str) -> Vec<Token<'t>> {
        let mut tokens = Vec::new();
        let mut at = 0;
        while at < template.len() {
            let rest = &template[at..];
            match rest.find(['{', '}']) {
                Some(0) if rest.starts_with('{') => {
                    let Some(end) = rest.find('}') else {
                        self.error(at, "`{` is never closed", "close the expression with `}`");
                        break;
                    };
                    if let Some(expression) = self.expression(&rest[1..end], at + 1) {
                        tokens.push(Token::Expression(expression));
                    }
                    at += end + 1;
                }
                Some(0) => {
                    self.error(at, "`}` closes nothing", "remove it; a literal brace is `%7D`");
                    at += 1;
                }
                found => {
                    let end = found.unwrap_or(rest.len());
                    tokens.push(Token::Literal { text: &rest[..end], offset: at });
                    at += end;
                }
            }
        }
        tokens
    }

    fn expression<'t>(&mut self, text: &'t str, offset: usize) -> Option<Expression<'t>> {
        let operator = text.chars().next().filter(|c| "+#./;?&=,!@|".contains(*c));
        if let Some(operator) = operator.filter(|c| !"?&".contains(*c)) {
            self.error(
                offset,
                format!("`{{{operator}...}}` is not supported"),
                match operator {
                    '+' | '#' | '/' => "it would let a value add path segments or parameters; write `{name}`",
                    _ => "write `{name}`, `{?name}` or `{&name}`",
                },
            );
            return None;
        }
        let skip = operator.map_or(0, char::len_utf8);
        let mut names = Vec::new();
        let mut at = offset + skip;
        for spec in text[skip..].split(',') {
            names.extend(self.var_spec(spec, at));
            at += spec.len() + 1;
        }
        (!names.is_empty()).then_some(Expression { operator, names, offset })
    }

    fn var_spec<'t>(&mut self, spec: &'t str, offset: usize) -> Option<VarSpec<'t>> {
        let (name, explode) = match spec.strip_suffix('*') {
            Some(name) => (name, true),
            None => (spec, false),
        };
        let is_claim = name.starts_with("claims.");
        if name.contains(':') && !is_claim {
            self.error(offset, "the prefix modifier `:` is not supported", "send the whole value");
            return None;
        }
        let is_readable = is_name(name) || (is_claim && is_claim_path(name));
        if !is_readable {
            let hint = match is_claim {
                true => "a claim's name here is letters, digits, `_`, `-`, `:` and `/`, joined by `.`",
                false => "names are letters, digits, `_` and `-`, joined by `.`",
            };
            self.error(offset, format!("`{name}` is not a name"), hint);
            return None;
        }
        Some(VarSpec { name, explode, offset })
    }

    /// Literals and plain values, as headers and body texts have them.
    pub(super) fn parts(&mut self, template: &str) -> Vec<Part> {
        let mut parts = Vec::new();
        for token in self.tokens(template) {
            match token {
                Token::Literal { text, .. } => parts.push(Part::Literal(text.into())),
                Token::Expression(expression) => self.plain_expression(&expression, &mut parts),
            }
        }
        parts
    }

    /// An expression that must be `{name}` and nothing more.
    pub(super) fn plain_expression(&mut self, expression: &Expression<'_>, parts: &mut Vec<Part>) {
        match (&expression.operator, &expression.names[..]) {
            (None, [VarSpec { name, explode: false, offset }]) => {
                parts.extend(self.resolve(name, *offset).map(Part::Value));
            }
            _ => self.error(
                expression.offset,
                "only `{name}` is possible here",
                "`{?name}`, `{&name}`, `*` and lists of names belong in a query",
            ),
        }
    }
}

fn is_name(text: &str) -> bool {
    text.split('.').all(|segment| {
        segment.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_')
            && segment.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-')
    })
}

/// Names of claims are often addresses: `https://app.example/roles`, `urn:example:tenant`, `cognito:groups`.
fn is_claim_path(text: &str) -> bool {
    let is_allowed = |c: char| c.is_ascii_alphanumeric() || "_-:/".contains(c);
    text.split('.').all(|segment| !segment.is_empty() && segment.chars().all(is_allowed))
}

/// The references among `parts`.
pub(super) fn references(parts: &[Part]) -> impl Iterator<Item = &Reference> {
    parts.iter().filter_map(|part| match part {
        Part::Value(reference) => Some(reference),
        Part::Literal(_) => None,
    })
}
