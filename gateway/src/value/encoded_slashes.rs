//! What an encoded slash in a path is worth.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What to do with encoded slashes and backslashes in a path.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum EncodedSlashes {
    /// Answer 400.
    #[default]
    Refuse,
    /// Leave them as they are: they belong to the segment and separate nothing.
    Keep,
}
