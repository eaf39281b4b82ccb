//! The latencies of one window, for their median.
//!
//! Counted in slots that grow with the latency: sixteen to each doubling, so that a slot is at most 6 % wide and no
//! sample has to be kept.

use std::time::Duration;

/// Slots to a doubling.
const PARTS: usize = 16;

/// Of [`PARTS`].
const BITS: u32 = PARTS.ilog2();

/// Longer ones count as this, in microseconds: more than an hour.
const LONGEST: u64 = u32::MAX as u64;

const SLOTS: usize = slot(LONGEST) + 1;

#[derive(Debug)]
pub(super) struct Latencies {
    counts: [u32; SLOTS],
    total: u32,
}

impl Default for Latencies {
    fn default() -> Self {
        Self { counts: [0; SLOTS], total: 0 }
    }
}

impl Latencies {
    /// Adds one.
    pub fn add(&mut self, latency: Duration) {
        let micros = u64::try_from(latency.as_micros()).unwrap_or(LONGEST).min(LONGEST);
        self.counts[slot(micros)] += 1;
        self.total += 1;
    }

    /// How many there are.
    pub fn count(&self) -> u32 {
        self.total
    }

    /// In seconds; `None` of none.
    pub fn median(&self) -> Option<f64> {
        let mut left = self.total.div_ceil(2);
        let found = self.counts.iter().position(|count| {
            let here = left > 0 && *count >= left;
            left = left.saturating_sub(*count);
            here
        });
        found.map(|slot| middle(slot) / 1e6)
    }
}

/// Below [`PARTS`] one slot to a microsecond, from there [`PARTS`] to a power of two.
const fn slot(micros: u64) -> usize {
    if micros < PARTS as u64 {
        return micros as usize;
    }
    let power = micros.ilog2();
    let part = (micros >> (power - BITS)) as usize % PARTS;
    (power - BITS + 1) as usize * PARTS + part
}

/// The middle of a slot, in microseconds.
fn middle(slot: usize) -> f64 {
    if slot < PARTS {
        return slot as f64 + 0.5;
    }
    let width = (1u64 << (slot / PARTS - 1)) as f64;
    ((PARTS + slot % PARTS) as f64 + 0.5) * width
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_within_a_slot_of_the_exact_one() {
        for micros in [1u64, 15, 16, 17, 999, 1_000, 123_456, 60_000_000, LONGEST] {
            let mut latencies = Latencies::default();
            for micros in [micros / 2, micros, micros.saturating_mul(3)] {
                latencies.add(Duration::from_micros(micros));
            }
            let median = latencies.median().unwrap() * 1e6;
            assert!((median - micros as f64).abs() <= 0.5 + micros as f64 * 0.032, "{median} of {micros}");
        }
        assert_eq!(Latencies::default().median(), None);
    }
}
