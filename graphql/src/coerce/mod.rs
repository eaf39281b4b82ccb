//! Input coercion: from what the client sent to values that fit the schema.
//!
//! Validation sees no variable values, so this runs on every request, whether
//! or not the plan was cached. Texts are those of graphql-js, which client
//! developers know. Values are plain JSON afterwards; a variable or argument
//! that was not provided is absent, which is not the same as null.

mod allowance;
mod arguments;
mod literal;
mod scalar;
mod variables;

#[cfg(test)]
mod tests;

use allowance::Allowance;
pub(crate) use arguments::{ArgumentError, Arguments, Coerced, is_true};
pub(crate) use literal::default;
pub(crate) use variables::variables;

/// What a value within a list or an object counts, beside its text.
pub(crate) const VALUE_BYTES: usize = 32;

/// Coerced values by name.
pub type Values = serde_json::Map<String, serde_json::Value>;
