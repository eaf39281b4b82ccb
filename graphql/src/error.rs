//! An error before anything was executed, in the shape GraphQL answers it.
//!
//! Field errors are not built here: they carry a response path and are written
//! while the response is projected.

use std::borrow::Cow;

use apollo_compiler::diagnostic::ToCliReport;
use apollo_compiler::parser::{LineColumn, SourceMap, SourceSpan};
use apollo_compiler::validation::DiagnosticList;

use crate::code::Code;

/// Refusal of a whole request: one code, one or more messages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestError {
    /// Why.
    pub code: Code,
    /// What is wrong, each with its places in the document.
    pub messages: Vec<Message>,
}

/// One entry of the response's `errors`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// For the client's developer.
    pub text: String,
    /// Line and column in the document, from 1.
    pub locations: Vec<(u32, u32)>,
}

impl RequestError {
    /// A refusal that says what the code's table row says.
    pub fn of(code: Code) -> Self {
        Self::new(code, code.text())
    }

    /// A refusal with a text of its own.
    pub fn new(code: Code, text: impl Into<String>) -> Self {
        let message = Message { text: text.into(), locations: Vec::new() };
        Self { code, messages: vec![message] }
    }

    /// A refusal that points into the document.
    pub fn at(code: Code, text: impl Into<String>, span: Option<SourceSpan>, sources: &SourceMap) -> Self {
        let mut error = Self::new(code, text);
        error.messages[0].locations =
            span.and_then(|span| span.line_column(sources)).map(place).into_iter().collect();
        error
    }

    /// Variables with more values than `most`.
    pub(crate) fn too_many_values(most: usize) -> Self {
        Self::new(Code::RequestTooLarge, format!("The variables hold more than {most} values"))
    }

    /// What the parser or the validator says; at most `limit` messages of it.
    pub(crate) fn diagnostics(code: Code, list: &DiagnosticList, limit: usize) -> Self {
        let messages = list
            .iter()
            .take(limit)
            .map(|diagnostic| Message {
                text: diagnostic.error.to_string(),
                locations: diagnostic
                    .error
                    .location()
                    .and_then(|span| span.line_column(diagnostic.sources))
                    .map(place)
                    .into_iter()
                    .collect(),
            })
            .collect();
        Self { code, messages }
    }

    /// The response body: `{"errors":[...]}`, without `data`.
    pub fn body(&self) -> Vec<u8> {
        let errors: Vec<serde_json::Value> = self
            .messages
            .iter()
            .map(|message| {
                let mut error = serde_json::json!({
                    "message": shortened(&message.text),
                    "extensions": { "code": self.code.word() },
                });
                if !message.locations.is_empty() {
                    error["locations"] = message
                        .locations
                        .iter()
                        .map(|(line, column)| serde_json::json!({ "line": line, "column": column }))
                        .collect();
                }
                error
            })
            .collect();
        serde_json::json!({ "errors": errors }).to_string().into_bytes()
    }
}

/// Names in a document may be as long as the document.
fn shortened(text: &str) -> Cow<'_, str> {
    const MAX_CHARS: usize = 1000;
    match text.char_indices().nth(MAX_CHARS) {
        None => Cow::Borrowed(text),
        Some((at, _)) => Cow::Owned(format!("{}...", &text[..at])),
    }
}

fn place(place: LineColumn) -> (u32, u32) {
    let small = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    (small(place.line), small(place.column))
}
