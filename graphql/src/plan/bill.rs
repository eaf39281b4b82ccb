//! What an operation is to be paid for, told from its plan before anything is fetched.
//!
//! A field costs the calls that it may need: one, or one for every item of the lists around it where its calls name their
//! parent and have no batch. How long a list is, is its argument `first`, `last` or `limit`; where nobody says, a number
//! is assumed.

use super::{Conditions, Node, NodeId, Origin, PlaceId, Plan};
use crate::budget::Bill;
use crate::coerce::Values;
use crate::execute::Refusals;

/// Arguments that say how long a list may be; the first that is a number counts.
const LENGTHS: [&str; 3] = ["first", "last", "limit"];

/// How long a list is of which nothing says so.
const ASSUMED_LENGTH: u32 = 10;

/// What of a request decides what its operation costs.
#[derive(Clone, Copy)]
pub(crate) struct Ordered<'o> {
    pub(crate) conditions: &'o Conditions,
    pub(crate) refusals: &'o Refusals,
    pub(crate) variables: &'o Values,
    /// No operation makes more calls.
    pub(crate) most_calls: u32,
}

impl Plan {
    /// The calls of each field that is fetched under these conditions and behind none of the gates that refuse the
    /// caller. A field that is fetched for several types counts for each.
    pub(crate) fn bill(&self, ordered: Ordered<'_>) -> Bill {
        let Ordered { conditions, refusals, .. } = ordered;
        let is_fetched =
            |node: &&Node| conditions.first(&node.occurrences).is_some() && !refusals.has_any(&node.gates);
        let (mut cost, mut mutations) = (0_u32, 0_u32);
        for node in self.nodes.iter().filter(is_fetched) {
            cost = cost.saturating_add(self.calls(node, ordered));
            mutations = mutations.saturating_add(u32::from(!node.is_read));
        }
        Bill { cost: cost.max(1), mutations }
    }

    /// How many calls a node may need. Without a batch, parents whose calls are the same share one.
    fn calls(&self, node: &Node, ordered: Ordered<'_>) -> u32 {
        match node.rest.batch.is_some() || node.parents.is_empty() {
            true => 1,
            false => self.rows(node.place, ordered.variables).min(ordered.most_calls),
        }
    }

    /// How many objects there may be at a place.
    fn rows(&self, place: PlaceId, variables: &Values) -> u32 {
        let place = &self.places[place];
        let (around, told) = match place.origin {
            Origin::Root => (1, None),
            Origin::Within(outer, _) => (self.rows(outer, variables), None),
            Origin::Fetched(node) => {
                (self.rows(self.nodes[node].place, variables), self.length(node, variables))
            }
        };
        let lengths = told.into_iter().chain(std::iter::repeat(ASSUMED_LENGTH));
        lengths.take(place.lists).fold(around, u32::saturating_mul)
    }

    /// How long the list is that a node fetches, by its arguments.
    fn length(&self, node: NodeId, variables: &Values) -> Option<u32> {
        let arguments = &self.nodes[node].arguments;
        let number = LENGTHS.iter().find_map(|name| arguments.number(name, variables))?;
        Some(u32::try_from(number).unwrap_or(u32::MAX))
    }
}
