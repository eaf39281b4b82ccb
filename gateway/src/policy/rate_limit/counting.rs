//! Where a limit is counted: here, or where several gateways count together; and what holds while they cannot.

use std::num::{NonZeroU16, NonZeroU32};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::value::{Percent, Quota};

/// How rate limits use Redis.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct CountingConfig {
    /// How exactly limits are counted over all gateways.
    pub mode: Mode,
    /// With `mode: leased`: how much of a limit's burst a gateway takes in advance; at least 1 and at most half of it.
    pub lease: Percent,
    /// What happens to requests while Redis is slow or gone.
    pub on_failure: OnFailure,
    /// How many gateways count in this Redis. With `on_failure: local` each of them allows this part of every limit
    /// while Redis is gone.
    pub instances: NonZeroU16,
}

impl Default for CountingConfig {
    fn default() -> Self {
        Self {
            mode: Mode::default(),
            lease: Percent::from_percent(10),
            on_failure: OnFailure::default(),
            instances: NonZeroU16::MIN,
        }
    }
}

/// How exactly a limit is counted over all gateways.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// Redis decides every request, in one round trip for all limits of a request.
    #[default]
    Exact,
    /// Each gateway takes a part of a bucket in advance, and most requests need no round trip. Together they never let
    /// through more than the limit and one such part for each gateway.
    Leased,
    /// In the memory of each gateway, for itself.
    Local,
}

/// What happens to requests while Redis is slow or gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OnFailure {
    /// Each gateway counts for itself, with its part of the limit (`instances`).
    #[default]
    Local,
    /// They pass uncounted.
    Allow,
    /// They are answered 503 `rate_limit_unavailable`.
    Deny,
}

/// Where a limit is counted.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub enum Counting {
    /// In this process.
    #[default]
    Local,
    /// With other gateways.
    Together(Together),
}

/// How a limit is counted with other gateways.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Together {
    /// How much of a bucket is taken in advance; `None`: nothing is.
    pub lease: Option<Percent>,
    /// What holds while they cannot count together.
    pub on_failure: OnFailure,
    /// How many gateways there are.
    pub instances: NonZeroU16,
}

impl Counting {
    /// What this process counts of a quota: its part where others have the rest.
    pub fn here(self, quota: Quota) -> Quota {
        match self {
            Self::Local => quota,
            Self::Together(together) => quota.part(together.instances),
        }
    }

    /// How many gateways count.
    pub fn instances(self) -> NonZeroU16 {
        match self {
            Self::Local => NonZeroU16::MIN,
            Self::Together(together) => together.instances,
        }
    }
}

/// What is taken in advance of a bucket: this share of it, at least 1 and at most half.
pub fn lease(burst: NonZeroU32, share: Percent) -> NonZeroU32 {
    // No share is more than the whole, so the product fits; its fraction goes.
    let tokens = (f64::from(burst.get()) * share.fraction()) as u32;
    NonZeroU32::new(tokens.min(burst.get() / 2)).unwrap_or(NonZeroU32::MIN)
}
