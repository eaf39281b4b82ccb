//! Reads a URI template into its path and its query parameters.
//!
//! The cut is made here, once: at the first `?` of a literal or at `{?...}`.

use percent_encoding::{AsciiSet, utf8_percent_encode};

use super::parse::{Expression, Part, Syntax, Token};
use super::uri::Parameter;

/// What a literal must not contain raw; reserved characters stay.
const LITERAL: &AsciiSet = &percent_encoding::CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'<')
    .add(b'>')
    .add(b'\\')
    .add(b'^')
    .add(b'`')
    .add(b'|');

/// Path and query of a template; errors are left in `syntax`.
pub(super) fn read(text: &str, syntax: &mut Syntax<'_>) -> (Vec<Part>, Vec<Parameter>) {
    let tokens = syntax.tokens(text);
    let mut reader = Reader { syntax, path: Vec::new(), query: Vec::new(), spelled: None, in_query: false };
    for token in tokens {
        match token {
            Token::Literal { text, offset } => reader.literal(text, offset),
            Token::Expression(expression) => reader.expression(&expression),
        }
    }
    reader.end_parameter();
    let Reader { syntax, path, query, .. } = reader;
    check_segments(&path, syntax);
    (path, query)
}

struct Reader<'s, 'n> {
    syntax: &'s mut Syntax<'n>,
    path: Vec<Part>,
    query: Vec<Parameter>,
    /// The parameter being read, and where it began.
    spelled: Option<(Vec<Part>, usize)>,
    in_query: bool,
}

impl Reader<'_, '_> {
    fn literal(&mut self, text: &str, offset: usize) {
        if let Some(at) = text.find('#') {
            self.syntax.error(offset + at, "a fragment is never sent", "write `%23` for a literal `#`");
        }
        for (at, _) in text.match_indices('%') {
            let hex = text.as_bytes().get(at + 1..at + 3);
            if !hex.is_some_and(|hex| hex.iter().all(u8::is_ascii_hexdigit)) {
                self.syntax.error(offset + at, "`%` without two hex digits", "write `%25`");
            }
        }
        let encoded = |text: &str| Part::Literal(utf8_percent_encode(text, LITERAL).to_string().into());
        let query = if self.in_query {
            text
        } else {
            let (path, query) = match text.split_once('?') {
                Some((path, query)) => (path, Some(query)),
                None => (text, None),
            };
            if !path.is_empty() {
                self.path.push(encoded(path));
            }
            let Some(query) = query else { return };
            self.in_query = true;
            query
        };
        let start = offset + text.len() - query.len();
        let mut at = start;
        for (index, parameter) in query.split('&').enumerate() {
            if index > 0 {
                self.end_parameter();
            }
            if !parameter.is_empty() {
                let (parts, _) = self.spelled.get_or_insert_with(|| (Vec::new(), at));
                parts.push(encoded(parameter));
            }
            at += parameter.len() + 1;
        }
    }

    fn expression(&mut self, expression: &Expression<'_>) {
        match (expression.operator, self.in_query) {
            (None, false) => {
                let mut path = std::mem::take(&mut self.path);
                self.values(expression, &mut path);
                self.path = path;
            }
            (None, true) => {
                let (mut parts, at) = self.spelled.take().unwrap_or((Vec::new(), expression.offset));
                self.values(expression, &mut parts);
                self.spelled = Some((parts, at));
            }
            (Some('?'), true) => {
                self.syntax.error(expression.offset, "`{?...}` after a query has begun", "write `{&...}`")
            }
            (Some('&'), false) => {
                self.syntax.error(expression.offset, "`{&...}` before a query has begun", "write `{?...}`")
            }
            (Some(_), _) => {
                self.in_query = true;
                self.end_parameter();
                self.parameters(expression);
            }
        }
    }

    /// `{a}` and `{a,b}`.
    fn values(&mut self, expression: &Expression<'_>, parts: &mut Vec<Part>) {
        for (index, spec) in expression.names.iter().enumerate() {
            if spec.explode {
                self.syntax.error(
                    spec.offset,
                    "`*` repeats a parameter, and this is none",
                    format!("write `{{?{}*}}`", spec.name),
                );
            }
            if index > 0 {
                parts.push(Part::Literal(",".into()));
            }
            parts.extend(self.syntax.resolve(spec.name, spec.offset).map(Part::Value));
        }
    }

    /// `{?a,b*}` and `{&a}`.
    fn parameters(&mut self, expression: &Expression<'_>) {
        for spec in &expression.names {
            let Some(value) = self.syntax.resolve(spec.name, spec.offset) else {
                continue;
            };
            if let Some((_, last)) = spec.name.rsplit_once(['.', '/', ':']) {
                self.syntax.error(
                    spec.offset,
                    format!("the parameter would be called `{}`", spec.name),
                    format!("write `?{last}={{{}}}`", spec.name),
                );
            }
            self.query.push(Parameter::Named { name: spec.name.into(), value, explode: spec.explode });
        }
    }

    fn end_parameter(&mut self) {
        let Some((parts, offset)) = self.spelled.take() else {
            return;
        };
        let named = match parts.first() {
            Some(Part::Literal(text)) => parts.len() == 1 || text.contains('='),
            _ => false,
        };
        if !named {
            self.syntax.error(
                offset,
                "a value cannot be a parameter's name",
                "write `{?name}` or `?name={value}`",
            );
        }
        self.query.push(Parameter::Spelled(parts));
    }
}

/// Literal `.` and `..` segments, and `//`, mean another path than they spell.
fn check_segments(path: &[Part], syntax: &mut Syntax<'_>) {
    let spelled: String = path
        .iter()
        .map(|part| match part {
            Part::Literal(text) => text,
            Part::Value(_) => "x",
        })
        .collect();
    if spelled.contains("//") {
        syntax.error(0, "the path has an empty segment", "write one `/`");
    }
    if spelled.split('/').any(|segment| segment == "." || segment == "..") {
        syntax.error(0, "the path has a `.` or `..` segment", "write the path it stands for");
    }
}
