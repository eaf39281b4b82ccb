//! How much of the variables may be copied into arguments.
//!
//! A variable stands in a document as often as two tokens do, and each time for
//! its whole value. So copies are counted before they are made.

use std::cell::Cell;

use serde_json::Value;

use super::{VALUE_BYTES, Values};

/// Bytes that may still be copied; `None` once there were not enough of them.
#[derive(Debug)]
pub(crate) struct Allowance(Cell<Option<usize>>);

impl Allowance {
    pub(super) fn of(bytes: usize) -> Self {
        Self(Cell::new(Some(bytes)))
    }

    /// Whether a copy of `value` may be made. Once one was refused, all are:
    /// what is too much stays so, and need not be measured again.
    pub(super) fn admits(&self, value: &Value) -> bool {
        self.0.set(self.0.get().and_then(|left| without(left, value)));
        !self.is_exceeded()
    }

    /// Whether a copy was refused.
    pub(super) fn is_exceeded(&self) -> bool {
        self.0.get().is_none()
    }
}

/// What is left after a copy of `value`.
fn without(left: usize, value: &Value) -> Option<usize> {
    match value {
        // No larger than the variable's name in the document.
        Value::Null | Value::Bool(_) | Value::Number(_) => Some(left),
        Value::String(text) => left.checked_sub(text.len()),
        Value::Array(items) => {
            items.iter().try_fold(left, |left, item| without(left.checked_sub(VALUE_BYTES)?, item))
        }
        Value::Object(members) => without_members(left, members),
    }
}

fn without_members(left: usize, members: &Values) -> Option<usize> {
    members
        .iter()
        .try_fold(left, |left, (name, member)| without(left.checked_sub(VALUE_BYTES + name.len())?, member))
}
