//! The `limits:` key of a route, and of `defaults:`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::value::ByteSize;

/// How large a request may be. What is not said is not limited: on a route `{}` switches off what `defaults` says. The
/// head has limits of its own (`listeners[].limits`), and so has a composed API.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct LimitsConfig {
    /// Bytes of the body; a larger one is answered with 413. `0B` is for routes that take none.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(example = "10MiB")]
    pub body: Option<ByteSize>,
    /// Bytes of path and query together; more is answered with 414.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(example = "8KiB")]
    pub uri: Option<ByteSize>,
}

impl LimitsConfig {
    /// Whether nothing is limited.
    pub fn is_off(&self) -> bool {
        *self == Self::default()
    }
}
