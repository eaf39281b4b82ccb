//! What one operation may cost.
//!
//! Every bound has a [`crate::code::Code`]; nothing here is unlimited, because
//! both the client's document and the services' answers come from outside.

use std::time::Duration;

use crate::coerce::VALUE_BYTES;

/// Bounds on one operation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of the HTTP request body.
    pub request_bytes: usize,
    /// Values in the variables, those in lists and objects included.
    pub variable_values: usize,
    /// Bytes of the document.
    pub document_bytes: usize,
    /// Tokens of the document; white space, commas and comments are none.
    pub tokens: usize,
    /// Levels of fields, fragments expanded.
    pub depth: usize,
    /// Selected fields, fragments expanded.
    pub selections: usize,
    /// Aliased fields, fragments expanded.
    pub aliases: usize,
    /// Fields on the operation's root, fragments expanded.
    pub root_fields: usize,
    /// Directives, fragments expanded.
    pub directives: usize,
    /// Calls to services, bisected and split ones included.
    pub calls: usize,
    /// Calls to services in flight at the same time.
    pub concurrent_calls: usize,
    /// Bytes of one service answer.
    pub body_bytes: usize,
    /// Bytes of all service answers together, those on their way included.
    pub held_bytes: usize,
    /// JSON objects read from all service answers.
    pub rows: usize,
    /// Bytes of the response.
    pub response_bytes: usize,
    /// Errors listed; further ones are counted in `extensions.omittedErrors`.
    pub errors: usize,
    /// A call ends this long before the operation's deadline, so that what was
    /// fetched can still be answered.
    pub answer_time: Duration,
}

impl Limits {
    /// The largest sensible [`Limits::held_bytes`]: places within what was read
    /// are numbers of 32 bits.
    pub const MAX_HELD_BYTES: usize = 1 << 30;

    /// Bytes of variables in all arguments together: four times what a request
    /// can bring, so that a few fields may well use the same large variable.
    pub(crate) fn argument_bytes(&self) -> usize {
        let brought = self.variable_values.saturating_mul(VALUE_BYTES).saturating_add(self.request_bytes);
        brought.saturating_mul(4)
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            request_bytes: 1 << 20,
            variable_values: 20_000,
            document_bytes: 64 << 10,
            tokens: 10_000,
            depth: 32,
            selections: 10_000,
            aliases: 100,
            root_fields: 50,
            directives: 200,
            calls: 1_000,
            concurrent_calls: 64,
            body_bytes: 16 << 20,
            held_bytes: 64 << 20,
            rows: 100_000,
            response_bytes: 16 << 20,
            errors: 100,
            answer_time: Duration::from_millis(10),
        }
    }
}
