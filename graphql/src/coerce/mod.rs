//! Input coercion: from what the client sent to values that fit the schema.
//!
//! Validation sees no variable values, so this runs on every request, whether
//! or not the plan was cached. Texts are those of graphql-js, which client
//! developers know. Values are plain JSON afterwards; a variable or argument
//! that was not provided is absent, which is not the same as null.

mod arguments;
mod literal;
mod scalar;
mod variables;

#[cfg(test)]
mod tests;

pub(crate) use arguments::{ArgumentError, Arguments, is_true};
pub(crate) use literal::default;
pub(crate) use variables::variables;

/// Coerced values by name.
pub type Values = serde_json::Map<String, serde_json::Value>;
