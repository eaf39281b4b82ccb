//! Path patterns: literal segments, `{name}` for one segment, `**` for the rest.

use std::fmt;
use std::sync::Arc;

use crate::{
    route::path::{comparable, normalise},
    value::EncodedSlashes,
};

/// Which paths a route is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PathPattern {
    /// The segments; `/` alone has one empty literal.
    pub segments: Vec<Segment>,
    text: Arc<str>,
}

/// One part of a path pattern, between slashes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Segment {
    /// Exactly this text, in the normalised spelling.
    Literal(String),
    /// Any one segment that is not empty, under this name.
    Parameter(String),
    /// All that follows, nothing included; always last.
    Tail,
}

/// What is wrong with a path pattern.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PatternError {
    /// It does not begin with a slash.
    #[error("a path begins with `/`")]
    NotAbsolute,
    /// `**` stands before the end.
    #[error("`**` can only be the last segment")]
    TailNotLast,
    /// A `*` or brace where none is understood.
    #[error("`{0}` is not understood; a segment is literal text, `{{name}}`, or `**` at the end")]
    Segment(String),
    /// The same name twice.
    #[error("the parameter `{0}` is there twice")]
    Twice(String),
    /// Not in the one spelling that requests are brought into.
    #[error("no request can match this: paths are normalised first, and this one becomes `{0}`")]
    NotNormal(String),
    /// A path that is always refused.
    #[error("no request can match this: such a path is refused")]
    Refused,
}

impl PathPattern {
    /// Reads `/exact`, `/api/users/{id}`, `/static/**`.
    ///
    /// # Errors
    /// [`PatternError`].
    pub fn parse(text: &str) -> Result<PathPattern, PatternError> {
        let rest = text.strip_prefix('/').ok_or(PatternError::NotAbsolute)?;
        let mut segments: Vec<Segment> = Vec::new();
        for part in rest.split('/') {
            if segments.last() == Some(&Segment::Tail) {
                return Err(PatternError::TailNotLast);
            }
            let segment = parse_segment(part)?;
            if let Segment::Parameter(name) = &segment
                && segments.contains(&segment)
            {
                return Err(PatternError::Twice(name.clone()));
            }
            segments.push(segment);
        }
        let pattern = PathPattern { segments, text: text.into() };
        pattern.check_spelling()?;
        Ok(pattern)
    }

    /// The literal text before the first parameter or tail, without the slash
    /// that ends it.
    pub fn literal_prefix(&self) -> String {
        let mut out = String::new();
        for segment in &self.segments {
            let Segment::Literal(text) = segment else { break };
            out.push('/');
            out.push_str(text);
        }
        out
    }

    /// A literal that normalisation would change could never be matched.
    fn check_spelling(&self) -> Result<(), PatternError> {
        let sample: String = self
            .segments
            .iter()
            .map(|segment| match segment {
                Segment::Literal(text) => format!("/{text}"),
                Segment::Parameter(_) => "/x".to_owned(),
                Segment::Tail => "/x".to_owned(),
            })
            .collect();
        match normalise(sample.as_bytes(), EncodedSlashes::Keep) {
            Err(_) => Err(PatternError::Refused),
            Ok(normal) => match comparable(&normal) {
                same if same == sample => Ok(()),
                other => Err(PatternError::NotNormal(other.into_owned())),
            },
        }
    }
}

fn parse_segment(part: &str) -> Result<Segment, PatternError> {
    if part == "**" {
        return Ok(Segment::Tail);
    }
    if let Some(name) = part.strip_prefix('{').and_then(|rest| rest.strip_suffix('}'))
        && !name.is_empty()
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-')
    {
        return Ok(Segment::Parameter(name.to_owned()));
    }
    if part.contains(['*', '{', '}']) {
        return Err(PatternError::Segment(part.to_owned()));
    }
    Ok(Segment::Literal(part.to_owned()))
}

impl fmt::Display for PathPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}
