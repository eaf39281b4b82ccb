//! `allow`: an expression in CEL that must be true.
//!
//! Parsed and judged once, when the configuration is loaded: unknown names and functions, and expressions that could
//! take long, are mistakes then. What a request can add is bounded as well: the values an expression reads have at most
//! [`MAX_VALUES`] parts and [`MAX_TEXT`] bytes together, and how many steps it may take on that many was counted in
//! advance (`survey.rs`). CEL itself knows no loops but those over its input.
//!
//! For each request only what the expression reads is made a value of CEL, without copying texts. Regular expressions
//! are compiled once, not for each request as CEL's own `matches` does. Matching takes time that grows with the text and
//! with the pattern, whatever both are; so both are bounded, and their product counts as steps.

mod answer;
mod pattern;
mod reads;
mod survey;
mod syntax;
mod values;

use std::fmt;

use cel::{Context, ExecutionError, IdedExpr, Value, common::types::CelBool};

use super::{Caller, Request};
use pattern::{ENVIRONMENT, MATCHES, MAX_MATCHED, Pattern};
use reads::Reads;
use values::{Bound, TooMuch};

/// The longest expression, in bytes.
pub const MAX_LENGTH: usize = 1024;

/// Values that an expression may read of one request, those in lists and maps included.
pub const MAX_VALUES: usize = 256;

/// Bytes of text that an expression may read of one request.
pub const MAX_TEXT: usize = 16 << 10;

/// An expression that is sound.
pub struct Expression {
    text: Box<str>,
    tree: IdedExpr,
    reads: Reads,
    patterns: Vec<Pattern>,
}

/// A parameter of the route's path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parameter {
    /// Its name in the pattern.
    pub name: Box<str>,
    /// Which segment of the path it is, from 0.
    pub segment: usize,
}

/// What is wrong with an expression.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistake {
    /// Where in the text, in characters from 1; `None` where it is about all of it.
    pub position: Option<usize>,
    /// What is wrong, and what to do.
    pub text: String,
}

/// Why there is no answer. For the operator.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Undecided {
    /// What it reads is too large.
    #[error("what it reads has more than {MAX_VALUES} values or {MAX_TEXT} bytes")]
    TooMuch,
    /// Text of the request that is not what it should be.
    #[error("{0}")]
    Unreadable(String),
    /// CEL's own words, without values of the request.
    #[error("{0}")]
    Failed(String),
    /// It is neither true nor false.
    #[error("it is a `{0}`, not true or false")]
    NotBool(String),
}

impl Expression {
    /// Reads an expression for a route with these parameters, or for routes that nobody knows yet.
    ///
    /// # Errors
    /// All that is wrong with it.
    pub fn compile(text: &str, parameters: Option<&[Parameter]>) -> Result<Self, Vec<Mistake>> {
        if text.len() > MAX_LENGTH {
            let text = format!("has more than {MAX_LENGTH} bytes; let a claim say what it works out");
            return Err(vec![Mistake { position: None, text }]);
        }
        if text.trim().is_empty() {
            let text = "is empty; write what must be true, or remove it".to_owned();
            return Err(vec![Mistake { position: None, text }]);
        }
        let parsed = ENVIRONMENT
            .parser()
            .parse_with_source_info(text)
            .map_err(|errors| vec![syntax::mistake(text, &errors)])?;
        let (mut tree, source) = parsed;
        let mut survey = survey::survey(&tree, parameters);
        if let Some((id, what)) = answer::never(&tree).filter(|_| survey.mistakes.is_empty()) {
            let text =
                format!("{what} is neither true nor false; compare it, as in `claims.tenant == \"acme\"`");
            survey.mistakes.push((id, text));
        }
        let mut mistakes: Vec<Mistake> = survey
            .mistakes
            .into_iter()
            .map(|(id, said)| {
                let position =
                    source.offset_for(id).map(|(start, _)| position(text, word_at(text, start as usize)));
                Mistake { position, text: said }
            })
            .collect();
        mistakes.sort_by_key(|mistake| mistake.position);
        if !mistakes.is_empty() {
            return Err(mistakes);
        }
        let patterns = pattern::take(&mut tree, survey.patterns);
        Ok(Self { text: text.into(), tree, reads: survey.reads, patterns })
    }

    /// Whether the answer depends on who the caller is.
    pub fn reads_identity(&self) -> bool {
        self.reads.claims.is_some() || self.reads.scopes
    }

    /// Whether it is a claim as it is, which may be something else than true or false.
    pub fn is_bare_claim(&self) -> bool {
        answer::is_bare_claim(&self.tree)
    }

    /// The answer for a request.
    pub fn evaluate(&self, caller: Option<&Caller<'_>>, request: &Request<'_>) -> Result<bool, Undecided> {
        let bound = Bound::new(&self.reads, &self.patterns, caller, request)?;
        let mut context = Context::with_env(ENVIRONMENT.clone());
        context.set_variable_resolver(&bound);
        let value =
            Value::resolve_val(&self.tree, &context).map_err(|error| Undecided::Failed(told(&error)))?;
        match value.downcast_ref::<CelBool>() {
            Some(answer) => Ok(*answer.inner()),
            None => Err(Undecided::NotBool(value.get_type().name().to_owned())),
        }
    }
}

/// As it was written.
impl fmt::Debug for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Expression").field(&self.text).finish()
    }
}

impl From<TooMuch> for Undecided {
    fn from(_: TooMuch) -> Self {
        Self::TooMuch
    }
}

/// CEL's own words where they hold no values: those would be the caller's claims, in a log.
fn told(error: &ExecutionError) -> String {
    match error {
        ExecutionError::NoSuchKey(name) => {
            format!("there is no `{}`", name.chars().take(64).collect::<String>())
        }
        ExecutionError::NoSuchOverload(error) => error.to_string(),
        ExecutionError::UndeclaredReference(name) => format!("there is no `{name}`"),
        ExecutionError::UnexpectedType { got, want } => format!("a `{got}` where a `{want}` is needed"),
        ExecutionError::DivisionByZero(_) | ExecutionError::RemainderByZero(_) => {
            "division by zero".to_owned()
        }
        ExecutionError::Overflow(..) => "a number is too large".to_owned(),
        ExecutionError::IndexOutOfBounds(_) => "a list has fewer items".to_owned(),
        ExecutionError::UnsupportedBinaryOperator(operator, ..) => {
            format!("values of these types cannot be combined (`{operator}`)")
        }
        ExecutionError::FunctionError { function, .. } if function == MATCHES => {
            format!("`{MATCHES}` takes texts of up to {MAX_MATCHED} bytes")
        }
        ExecutionError::FunctionError { function, .. } => format!("`{function}` cannot take this value"),
        _ => "its values do not fit together".to_owned(),
    }
}

/// Where the word is that a part is about: CEL tells of `a.b` the dot, of `f(x)` the parenthesis.
fn word_at(text: &str, byte: usize) -> usize {
    let is_word = |letter: char| letter.is_alphanumeric() || letter == '_';
    match text.get(byte..).and_then(|rest| rest.chars().next()) {
        Some('.') => byte + 1,
        Some('(') => text[..byte].trim_end_matches(is_word).len(),
        _ => byte,
    }
}

/// Characters up to a byte, from 1.
fn position(text: &str, byte: usize) -> usize {
    1 + text.char_indices().take_while(|(at, _)| *at < byte).count()
}
