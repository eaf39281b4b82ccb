//! The power of two choices: two endpoints picked at random, and the less busy of them taken.
//!
//! Always taking the least busy of all would send every gateway of a fleet to the same endpoint at once; comparing two
//! avoids the busy ones nearly as well without that herd (Mitzenmacher, "The Power of Two Choices in Randomized Load
//! Balancing", 2001). Candidates are drawn by weight and compared by requests in flight per weight. Where that is
//! equal, as on an idle upstream, the first drawn is taken, so that shares follow the weights there too.

/// Weights, summed up for drawing.
#[derive(Debug)]
pub struct Weights {
    weights: Box<[u32]>,
    /// `sums[i]` = weights of all endpoints up to and including `i`.
    sums: Box<[u64]>,
}

impl Weights {
    /// Prepares drawing by these weights.
    pub fn new(weights: &[u32]) -> Self {
        let sums = weights.iter().scan(0, |sum, weight| {
            *sum += u64::from(*weight);
            Some(*sum)
        });
        Self { sums: sums.collect(), weights: weights.into() }
    }

    fn of(&self, endpoint: usize) -> u64 {
        u64::from(self.weights[endpoint])
    }

    fn total(&self) -> u64 {
        self.sums.last().copied().unwrap_or(0)
    }

    /// Draws from all but `left_out`.
    fn draw(&self, left_out: Option<usize>, random: &mut impl FnMut(u64) -> u64) -> Option<usize> {
        let Some(left_out) = left_out else {
            return Some(self.at(random(Some(self.total()).filter(|total| *total > 0)?)));
        };
        let rest = self.total() - self.of(left_out);
        let ticket = random(Some(rest).filter(|rest| *rest > 0)?);
        // The one left out has its tickets cut out of the row.
        let before = self.sums[left_out] - self.of(left_out);
        Some(self.at(if ticket < before { ticket } else { ticket + self.of(left_out) }))
    }

    fn at(&self, ticket: u64) -> usize {
        self.sums.partition_point(|sum| *sum <= ticket)
    }
}

/// The position of the endpoint to take; `random(n)` gives a number below `n`.
pub fn choose(
    weights: &Weights,
    excluded: impl Fn(usize) -> bool,
    load: impl Fn(usize) -> u32,
    mut random: impl FnMut(u64) -> u64,
) -> Option<usize> {
    let first = weights.draw(None, &mut random)?;
    let Some(second) = weights.draw(Some(first), &mut random) else {
        return Some(first).filter(|first| !excluded(*first));
    };
    match (excluded(first), excluded(second)) {
        (false, false) => Some(less_busy(weights, &load, first, second)),
        (false, true) => Some(first),
        (true, false) => Some(second),
        // Only a retry excludes anything, so this is rare enough for a look at all of them.
        (true, true) => (0..weights.weights.len())
            .filter(|endpoint| !excluded(*endpoint))
            .reduce(|a, b| less_busy(weights, &load, a, b)),
    }
}

/// Requests in flight per weight decide; equal ones go to `a`.
fn less_busy(weights: &Weights, load: impl Fn(usize) -> u32, a: usize, b: usize) -> usize {
    let busier = u64::from(load(a)) * weights.of(b) > u64::from(load(b)) * weights.of(a);
    if busier { b } else { a }
}
