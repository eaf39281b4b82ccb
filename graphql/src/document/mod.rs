//! From the text of a document to the one operation to run, or a refusal.
//!
//! The order is the point: bytes and tokens are bounded before anything is
//! parsed, depth and expanded selections before anything is validated, because
//! parser and validator do work that grows with what they are given. Variables
//! play no part here; [`crate::coerce`] looks at them on every request.

mod blank;
mod expand;
mod gaps;
mod measure;
#[cfg(test)]
mod tests;

use apollo_compiler::ast::OperationType;
use apollo_compiler::executable::Operation;
use apollo_compiler::parser::Parser;
use apollo_compiler::validation::Valid;
use apollo_compiler::{ExecutableDocument, Node, Schema};

use crate::code::Code;
use crate::error::RequestError;
use crate::limits::Limits;

/// Brackets open at the same time: parser and validator recurse on them.
const MAX_NESTING: usize = 200;

/// A valid document and the operation of it to run.
#[derive(Debug, Clone)]
pub struct Prepared {
    /// The whole document: the operation needs its fragments.
    pub document: Valid<ExecutableDocument>,
    /// The operation to run.
    pub operation: Node<Operation>,
}

/// Parses and validates `text` and selects the operation to run.
pub fn prepare(
    schema: &Valid<Schema>,
    limits: &Limits,
    text: &str,
    operation_name: Option<&str>,
) -> Result<Prepared, RequestError> {
    expand::within(Code::DocumentTooLarge, text.len(), limits.document_bytes)?;
    let measure = measure::measure(text);
    expand::within(Code::TooManyTokens, measure.tokens, limits.tokens)?;
    expand::within(Code::TooDeep, measure.nesting, MAX_NESTING)?;

    let syntax = Parser::new()
        .parse_ast(blank::blank(text), "request.graphql")
        .map_err(|e| RequestError::diagnostics(Code::SyntaxError, &e.errors, limits.errors))?;
    expand::check(&syntax, limits)?;
    let document = syntax
        .to_executable_validate(schema)
        .map_err(|e| RequestError::diagnostics(Code::ValidationFailed, &e.errors, limits.errors))?;
    gaps::check(schema, &document)?;

    let operation = select(&document, operation_name)?;
    Ok(Prepared { document, operation })
}

/// `GetOperation`, section 6.1 of the specification.
fn select(document: &ExecutableDocument, name: Option<&str>) -> Result<Node<Operation>, RequestError> {
    let operation = match name {
        Some(name) => document.operations.named.get(name).ok_or_else(|| {
            let text = format!("Unknown operation named \"{name}\".");
            RequestError::new(Code::OperationNotFound, text)
        })?,
        None if document.operations.is_empty() => {
            let text = "Must provide an operation.";
            return Err(RequestError::new(Code::OperationNotFound, text));
        }
        None => document.operations.get(None).map_err(|_| {
            let text = "Must provide operation name if query contains multiple operations.";
            RequestError::new(Code::OperationNotFound, text)
        })?,
    };
    if operation.operation_type == OperationType::Subscription {
        return Err(RequestError::of(Code::OperationNotSupported));
    }
    Ok(operation.clone())
}
