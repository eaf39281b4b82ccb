//! Who goes first where not everybody can.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How important a route's requests are where those of several routes compete for an upstream.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Priority {
    /// The first to be given up: prefetching, exports, crawlers.
    Low,
    /// What says nothing else.
    #[default]
    Normal,
    /// Before what is normal.
    High,
    /// The last to be given up: login, checkout.
    Critical,
}

impl Priority {
    /// How many there are.
    pub(super) const COUNT: usize = 4;

    /// From 0, the lowest.
    pub(super) fn rank(self) -> usize {
        self as usize
    }
}
