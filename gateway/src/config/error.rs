//! What is wrong with a configuration: every problem with its place, a snippet and a way out.
//!
//! One type for all that the operator sees: `glassgate check`, the log of a refused reload, `GET /config`.
//! Problems are sorted by place and rendered the same way every time.

use std::{collections::HashMap, fmt, sync::Arc};

use serde::Serialize;

use super::{
    inputs::Inputs,
    snippet::{Snippet, Source},
};
use crate::value::Place;

/// Whether a problem stops the configuration from being used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    Error,
    Warning,
}

impl Severity {
    fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
        }
    }
}

/// One thing that is wrong, or at least suspicious.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    pub severity: Severity,
    pub place: Place,
    /// Lower case, no full stop.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
    pub snippet: Option<Snippet>,
}

impl Problem {
    /// An error; `text` by the convention `message; hint`.
    pub fn error(place: Place, text: impl Into<String>) -> Self {
        let (message, hint) = super::de::split(text.into());
        Self { severity: Severity::Error, place, message, hint, snippet: None }
    }

    /// A warning; `text` by the convention `message; hint`.
    pub fn warning(place: Place, text: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, ..Self::error(place, text) }
    }

    /// Writes it for people, with ANSI colours if asked to.
    pub fn render(&self, colours: bool) -> String {
        let paint =
            |code: &str, text: &str| if colours { format!("\x1b[{code}m{text}\x1b[0m") } else { text.into() };
        let severity = match self.severity {
            Severity::Error => paint("1;31", self.severity.as_str()),
            Severity::Warning => paint("1;33", self.severity.as_str()),
        };
        let mut text = String::new();
        if self.place.is_known() {
            text.push_str(&format!("{}: ", paint("1", &self.place.to_string())));
        } else if !self.place.file.is_empty() {
            text.push_str(&format!("{}: ", paint("1", &self.place.file)));
        }
        text.push_str(&severity);
        text.push_str(": ");
        if !self.place.path.is_empty() {
            text.push_str(&format!("{}: ", self.place.path));
        }
        text.push_str(&self.message);
        text.push('\n');
        let margin = self.snippet.as_ref().map_or(0, Snippet::margin);
        if let Some(snippet) = &self.snippet {
            text.push_str(&snippet.render(|caret| paint("1;31", caret)));
        }
        if let Some(hint) = &self.hint {
            text.push_str(&format!("{:margin$} = {}\n", "", paint("1", hint)));
        }
        text
    }
}

/// `GET /config` and `glassgate check --format json`.
impl Serialize for Problem {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeStruct;
        let known = self.place.is_known();
        let mut fields = serializer.serialize_struct("Problem", 8)?;
        fields.serialize_field("severity", &self.severity)?;
        fields.serialize_field("file", &self.place.file)?;
        fields.serialize_field("line", &known.then_some(self.place.line))?;
        fields.serialize_field("column", &known.then_some(self.place.column))?;
        fields.serialize_field("key", &self.place.path)?;
        fields.serialize_field("message", &self.message)?;
        fields.serialize_field("hint", &self.hint)?;
        fields.serialize_field("snippet", &self.snippet.as_ref().map(|snippet| &snippet.text))?;
        fields.end()
    }
}

/// Why a configuration is refused: at least one error, and the warnings found on the way. Sorted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct ConfigErrors {
    problems: Vec<Problem>,
    #[serde(skip)]
    inputs: Inputs,
}

impl ConfigErrors {
    /// `inputs`: the files read before it failed.
    pub fn new(problems: Vec<Problem>, inputs: Inputs) -> Self {
        Self { problems, inputs }
    }

    /// The files that were read, or could not be: a change of one may be the cure.
    pub fn inputs(&self) -> &Inputs {
        &self.inputs
    }

    /// All problems, by place.
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }

    /// How many of them are errors.
    pub fn errors(&self) -> usize {
        self.problems.iter().filter(|problem| problem.severity == Severity::Error).count()
    }

    /// Writes all of them for people.
    pub fn render(&self, colours: bool) -> String {
        render_all(&self.problems, colours)
    }
}

/// Nobody reads more; the count that follows tells of the rest.
const MOST_RENDERED: usize = 100;

/// One after the other, with an empty line between.
pub fn render_all(problems: &[Problem], colours: bool) -> String {
    let mut parts: Vec<String> =
        problems.iter().take(MOST_RENDERED).map(|problem| problem.render(colours)).collect();
    if let Some(more) = problems.len().checked_sub(MOST_RENDERED).filter(|more| *more > 0) {
        parts.push(format!("... and {more} more\n"));
    }
    parts.join("\n")
}

impl fmt::Display for ConfigErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.render(false))
    }
}

impl std::error::Error for ConfigErrors {}

/// Collects problems while the configuration is read and checked.
#[derive(Debug, Default)]
pub struct Problems {
    list: Vec<Problem>,
    sources: HashMap<Arc<str>, Source>,
    /// The file that was loaded: its problems stand before those of the files it names.
    first: Option<Arc<str>>,
}

impl Problems {
    /// Adds one.
    pub fn push(&mut self, problem: Problem) {
        self.list.push(problem);
    }

    /// The text of a file, for snippets; that of the configuration first.
    pub fn source(&mut self, file: Arc<str>, source: Source) {
        self.first.get_or_insert_with(|| file.clone());
        self.sources.insert(file, source);
    }

    /// True if the configuration cannot be used.
    pub fn has_errors(&self) -> bool {
        self.list.iter().any(|problem| problem.severity == Severity::Error)
    }

    /// The key paths of all so far.
    pub fn paths(&self) -> Vec<String> {
        self.list.iter().map(|problem| problem.place.path.clone()).collect()
    }

    /// `Ok` with the warnings, or all problems if any is an error.
    pub fn finish(mut self) -> Result<Vec<Problem>, Vec<Problem>> {
        let failed = self.has_errors();
        for problem in &mut self.list {
            problem.snippet =
                self.sources.get(&problem.place.file).and_then(|source| source.snippet(&problem.place));
        }
        let named = |problem: &Problem| self.first.as_ref() != Some(&problem.place.file);
        let order = |a: &Problem, b: &Problem| {
            let by_place = named(a).cmp(&named(b)).then_with(|| a.place.cmp(&b.place));
            by_place.then_with(|| a.message.cmp(&b.message)).then(a.severity.cmp(&b.severity))
        };
        self.list.sort_by(order);
        self.list.dedup();
        if failed { Err(self.list) } else { Ok(self.list) }
    }
}
