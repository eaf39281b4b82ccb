//! How much somebody may take: a rate, and how much of it at once.

use std::{
    num::{NonZeroU16, NonZeroU32},
    time::Duration,
};

use super::Rate;

/// A bucket of units: how fast they come back, and how many there are at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Quota {
    /// How fast units come back.
    pub rate: Rate,
    /// How many there are at most, and at the beginning.
    pub burst: NonZeroU32,
}

/// The longest that an empty bucket may take to be full again: sums of such times fit in 64 bits of nanoseconds.
const LONGEST_REFILL: Duration = Duration::from_secs(3650 * 86_400);

impl Quota {
    /// Whether an empty bucket is full again within 3650 days, also at the pace of one of so many that share it; what is
    /// configured must be.
    pub fn refills(self, shared_by: NonZeroU16) -> bool {
        let interval = self.rate.in_periods(shared_by).interval();
        u128::from(interval) * u128::from(self.burst.get()) <= LONGEST_REFILL.as_nanos()
    }

    /// The part of each of so many that share it, rounded up to whole units at once.
    pub fn part(self, of: NonZeroU16) -> Self {
        let burst = self.burst.get().div_ceil(of.get().into());
        Self { rate: self.rate.in_periods(of), burst: NonZeroU32::new(burst).unwrap_or(NonZeroU32::MIN) }
    }
}
