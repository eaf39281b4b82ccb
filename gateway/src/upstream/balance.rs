//! Which endpoint takes the next request. Values in, a choice out.
//!
//! A [`Balancer`] is built for one set of endpoints and never changes: when an endpoint comes, goes, or changes its
//! health, a new one takes its place. So choosing takes no lock, and endpoints that are out cost nothing.

pub mod least_request;
pub mod round_robin;

use super::config::Balance;
use least_request::Weights;

/// A prepared way to choose among endpoints, known here by their positions.
#[derive(Debug)]
pub enum Balancer {
    /// See [`round_robin`].
    RoundRobin(Box<[u32]>),
    /// See [`least_request`].
    LeastRequest(Weights),
}

impl Balancer {
    /// For endpoints of these weights.
    pub fn new(balance: Balance, weights: &[u32]) -> Self {
        match balance {
            Balance::RoundRobin => Self::RoundRobin(round_robin::order(weights)),
            Balance::LeastRequest => Self::LeastRequest(Weights::new(weights)),
        }
    }

    /// The position of the endpoint to take, or `None` if all of them are excluded. `turn` grows by one with every
    /// call, `load` tells how many requests an endpoint has in flight.
    pub fn choose(
        &self,
        turn: usize,
        excluded: impl Fn(usize) -> bool,
        load: impl Fn(usize) -> u32,
    ) -> Option<usize> {
        match self {
            Self::RoundRobin(order) => round_robin::choose(order, turn, excluded),
            Self::LeastRequest(weights) => {
                least_request::choose(weights, excluded, load, |below| fastrand::u64(..below))
            }
        }
    }
}

#[cfg(test)]
mod tests;
