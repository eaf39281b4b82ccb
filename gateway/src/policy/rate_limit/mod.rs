//! How often a caller may ask: a generic cell rate algorithm (GCRA) for each limit and each key.
//!
//! A limit is a bucket that holds `burst` units and gets them back at an even pace, `limit` of them in its period. Each
//! key has a bucket of its own: an address, a header, the subject of a token, or several together. A request takes its
//! cost out of the buckets of all of its limits; what does not fit is refused and takes nothing from that bucket, but
//! what it took from others stays taken. The algorithm keeps one number for a key: the time at which its bucket is full
//! again (the *theoretical arrival time* of ITU-T I.371).
//!
//! - [`Limit`] is what was configured;
//! - [`key`] makes a key of 128 bits from what a request says;
//! - [`counting`] says where it is counted, and what holds where that place cannot be asked;
//! - [`local`] counts in this process, with the `governor` crate, on the bounded [`store`] and a clock that is told;
//! - [`fields`] writes what clients are told.
//!
//! Whether counters are this process's or several instances share them is not decided here: a [`Decision`] looks the
//! same, wherever it was made.

mod clock;
pub mod config;
pub mod counting;
pub mod fields;
pub mod key;
pub mod local;
pub mod store;

use std::{num::NonZeroU32, time::Duration};

use crate::value::Quota;
use counting::Counting;
use key::Part;

/// Keys that a limit remembers unless it says otherwise.
pub const MAX_KEYS: u32 = 100_000;

/// A limit as it was configured, with its defaults.
#[derive(Debug, Clone, PartialEq)]
pub struct Limit {
    /// How much there is in a bucket, and how fast it comes back; for callers that have no quota of their own.
    pub quota: Quota,
    /// Whose bucket it is. Never empty.
    pub by: Box<[Part]>,
    /// How many keys are remembered in memory.
    pub max_keys: NonZeroU32,
    /// Where it is counted.
    pub counting: Counting,
}

/// What a request takes of a limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cost {
    /// Always so much.
    Fixed(NonZeroU32),
    /// What the GraphQL operation costs that it carries.
    Graphql,
    /// As much as the GraphQL operation has mutations; nothing for a query.
    GraphqlMutations,
}

impl Limit {
    /// Whether what was counted of another one holds for this one.
    pub fn counts_like(&self, other: &Self) -> bool {
        (self.quota, &self.by, self.max_keys) == (other.quota, &other.by, other.max_keys)
    }

    /// Whether it can only be asked when it is known who calls.
    pub fn needs_identity(&self) -> bool {
        self.by.iter().any(Part::needs_identity)
    }
}

/// What a limit says of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Decision {
    /// Whether the cost was taken.
    pub outcome: Outcome,
    /// Whole units that are left.
    pub remaining: u32,
    /// Until there is another unit; at most one unit's time too long, and zero if the bucket is full. Where the request was
    /// refused, until it would be let through; zero if never.
    pub reset: Duration,
}

/// Whether a limit lets a request through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Its cost was taken.
    Allowed,
    /// There is not enough at present: nothing was taken.
    Refused,
    /// It costs more than there ever is at once.
    TooCostly,
    /// Nobody can tell at present, and it is configured to refuse then.
    Unavailable,
}

impl Decision {
    /// Whether the request may go on.
    pub fn is_allowed(&self) -> bool {
        self.outcome == Outcome::Allowed
    }

    /// In how many whole seconds, at least 1, the same request would be let through; `None` if never or already.
    pub fn retry_after(&self) -> Option<u64> {
        matches!(self.outcome, Outcome::Refused | Outcome::Unavailable).then(|| seconds(self.reset).max(1))
    }
}

/// Rounded up, so that nobody who waits so long comes too early.
fn seconds(time: Duration) -> u64 {
    time.as_secs() + u64::from(time.subsec_nanos() > 0)
}

#[cfg(test)]
mod tests;
