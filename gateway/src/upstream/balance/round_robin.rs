//! Weighted round robin as a table: who is next at every turn of a cycle.
//!
//! An endpoint of weight `w` in a cycle of `n` turns stands at the middles of `w` equal parts of the cycle. That
//! spreads every endpoint as evenly as possible, like the smooth weighted round robin of nginx, but needs no state
//! that has to be updated under a lock: a turn is a number, and taking the next one an atomic increment.

/// Longest table. Weights that would need a longer one are scaled down, each to at least 1.
const MAX_TURNS: u64 = 1 << 15;

/// The endpoints of one cycle, by position in `weights`.
pub fn order(weights: &[u32]) -> Box<[u32]> {
    let weights = reduced(weights);
    let mut turns = weights
        .iter()
        .zip(0_u32..)
        .flat_map(|(weight, endpoint)| (0..*weight).map(move |k| (2 * k + 1, *weight, endpoint)))
        .collect::<Vec<_>>();
    // Compares (2k + 1) / 2w without division; equal places go to the heavier endpoint, then to the first.
    turns.sort_by(|(k1, w1, e1), (k2, w2, e2)| (k1 * w2).cmp(&(k2 * w1)).then(w2.cmp(w1)).then(e1.cmp(e2)));
    turns.into_iter().map(|(_, _, endpoint)| endpoint).collect()
}

/// The endpoint of this turn, or the next in the cycle that is not excluded.
pub fn choose(order: &[u32], turn: usize, excluded: impl Fn(usize) -> bool) -> Option<usize> {
    let start = turn.checked_rem(order.len())?;
    let (past, ahead) = order.split_at(start);
    ahead.iter().chain(past).map(|endpoint| *endpoint as usize).find(|endpoint| !excluded(*endpoint))
}

/// The same proportions in the smallest numbers.
fn reduced(weights: &[u32]) -> Vec<u64> {
    let divisor = weights.iter().fold(0, |a, b| greatest_common_divisor(a, u64::from(*b))).max(1);
    let weights = weights.iter().map(|weight| u64::from(*weight) / divisor).collect::<Vec<_>>();
    let total = weights.iter().sum::<u64>();
    if total <= MAX_TURNS {
        return weights;
    }
    weights.into_iter().map(|weight| (weight * MAX_TURNS / total).max(1)).collect()
}

fn greatest_common_divisor(a: u64, b: u64) -> u64 {
    if b == 0 { a } else { greatest_common_divisor(b, a % b) }
}
