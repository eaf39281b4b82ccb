//! What is wrong with a schema, where, and what to do about it.
//!
//! Loading never stops at the first problem: everything goes through one
//! [`Problems`], which turns source spans into lines and columns.

use std::fmt;
use std::sync::Arc;

use apollo_compiler::diagnostic::ToCliReport;
use apollo_compiler::parser::{SourceMap, SourceSpan};
use apollo_compiler::validation::DiagnosticList;

/// A problem in an SDL file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Problem {
    /// The file's name, as it was given.
    pub file: String,
    /// From 1; 0 where the problem is with the schema as a whole.
    pub line: u32,
    /// From 1, in characters.
    pub column: u32,
    /// What is wrong.
    pub message: String,
    /// What to do.
    pub hint: Option<String>,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.line > 0 {
            write!(f, "{}:{}:{}: ", self.file, self.line, self.column)?;
        }
        f.write_str(&self.message)?;
        match &self.hint {
            Some(hint) => write!(f, "; {hint}"),
            None => Ok(()),
        }
    }
}

/// Collects problems and warnings.
pub(super) struct Problems {
    pub sources: SourceMap,
    found: Vec<Problem>,
    warnings: Vec<Problem>,
}

impl Problems {
    pub fn new() -> Self {
        Problems { sources: SourceMap::default(), found: Vec::new(), warnings: Vec::new() }
    }

    pub fn add_sources(&mut self, sources: &SourceMap) {
        Arc::make_mut(&mut self.sources).extend(sources.iter().map(|(id, file)| (*id, file.clone())));
    }

    pub fn error(&mut self, span: Option<SourceSpan>, message: impl Into<String>, hint: impl Into<Hint>) {
        self.error_at(span, 0, message, hint);
    }

    /// An error `offset` bytes after the span's beginning.
    pub fn error_at(
        &mut self,
        span: Option<SourceSpan>,
        offset: usize,
        message: impl Into<String>,
        hint: impl Into<Hint>,
    ) {
        let problem = self.problem(span, offset, message.into(), hint.into().0);
        self.found.push(problem);
    }

    pub fn warning(&mut self, span: Option<SourceSpan>, message: impl Into<String>, hint: impl Into<Hint>) {
        let problem = self.problem(span, 0, message.into(), hint.into().0);
        self.warnings.push(problem);
    }

    /// What apollo-compiler found.
    pub fn diagnostics(&mut self, list: &DiagnosticList, hint: impl Fn(&str) -> Option<String>) {
        for diagnostic in list.iter() {
            let message = diagnostic.error.to_string();
            let hint = hint(&message);
            let problem = self.problem(diagnostic.error.location(), 0, message, hint);
            self.found.push(problem);
        }
    }

    /// How many errors there are so far.
    pub fn len(&self) -> usize {
        self.found.len()
    }

    pub fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    /// The warnings, or everything that is wrong, in the files' order.
    pub fn finish(mut self, strict: bool) -> Result<Vec<Problem>, Vec<Problem>> {
        if strict {
            self.found.append(&mut self.warnings);
        }
        let files: Vec<String> =
            self.sources.values().map(|file| file.path().display().to_string()).collect();
        let place = |problem: &Problem| {
            let file = files.iter().position(|name| *name == problem.file);
            (file, problem.line, problem.column)
        };
        self.found.sort_by_key(place);
        self.warnings.sort_by_key(place);
        self.found.dedup();
        if self.found.is_empty() { Ok(self.warnings) } else { Err(self.found) }
    }

    fn problem(
        &self,
        span: Option<SourceSpan>,
        offset: usize,
        message: String,
        hint: Option<String>,
    ) -> Problem {
        let file = span.and_then(|span| Some((span, self.sources.get(&span.file_id())?)));
        let place = file.and_then(|(span, file)| file.get_line_column(span.offset() + offset));
        let number = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        Problem {
            file: file.map(|(_, file)| file.path().display().to_string()).unwrap_or_default(),
            line: place.map_or(0, |place| number(place.line)),
            column: place.map_or(0, |place| number(place.column)),
            message,
            hint,
        }
    }
}

/// A hint, or none.
pub(super) struct Hint(Option<String>);

impl From<&str> for Hint {
    fn from(text: &str) -> Self {
        Hint(Some(text.to_owned()))
    }
}

impl From<String> for Hint {
    fn from(text: String) -> Self {
        Hint(Some(text))
    }
}

impl From<Option<String>> for Hint {
    fn from(text: Option<String>) -> Self {
        Hint(text)
    }
}

/// "did you mean ...?" with the candidate nearest to `name`, if one is near.
pub(super) fn did_you_mean<'c>(name: &str, candidates: impl IntoIterator<Item = &'c str>) -> Option<String> {
    nearest(name, candidates).map(|near| format!("did you mean `{near}`?"))
}

fn nearest<'c>(name: &str, candidates: impl IntoIterator<Item = &'c str>) -> Option<&'c str> {
    let lower = name.to_lowercase();
    candidates
        .into_iter()
        .map(|candidate| (strsim::damerau_levenshtein(&lower, &candidate.to_lowercase()), candidate))
        .filter(|(distance, candidate)| *distance <= 1 + candidate.len().min(name.len()) / 4)
        .min()
        .map(|(_, candidate)| candidate)
}

/// `a`, `b` and `c`.
pub(super) fn listed<'n>(names: impl IntoIterator<Item = &'n str>) -> String {
    let names: Vec<String> = names.into_iter().map(|name| format!("`{name}`")).collect();
    match &names[..] {
        [] => "none".to_owned(),
        [one] => one.clone(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}
