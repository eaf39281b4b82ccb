//! Who waits: in the order of arrival, and before all of lower priority.

use std::{array, collections::VecDeque};

use super::Priority;

/// One queue for each priority. Bounded by whoever pushes.
#[derive(Debug)]
pub(super) struct Queue<T> {
    ranks: [VecDeque<(Number, T)>; Priority::COUNT],
    length: usize,
    next: Number,
}

/// In the order of arrival, never used twice.
type Number = u64;

/// Where somebody stands.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ticket {
    priority: Priority,
    number: Number,
}

impl<T> Default for Queue<T> {
    fn default() -> Self {
        Self { ranks: array::from_fn(|_| VecDeque::new()), length: 0, next: 0 }
    }
}

impl<T> Queue<T> {
    /// How many wait.
    pub fn len(&self) -> usize {
        self.length
    }

    /// Behind all of the same priority.
    pub fn push(&mut self, priority: Priority, waiter: T) -> Ticket {
        let number = self.next;
        self.next += 1;
        self.length += 1;
        self.ranks[priority.rank()].push_back((number, waiter));
        Ticket { priority, number }
    }

    /// Whose turn it is.
    pub fn pop(&mut self) -> Option<T> {
        let (_, waiter) = self.ranks.iter_mut().rev().find_map(VecDeque::pop_front)?;
        self.length -= 1;
        Some(waiter)
    }

    /// Who makes room for a request of this priority: of the lowest priority below it the one that came last, since it
    /// has lost least.
    pub fn displace(&mut self, by: Priority) -> Option<T> {
        let (_, waiter) = self.ranks[..by.rank()].iter_mut().find_map(VecDeque::pop_back)?;
        self.length -= 1;
        Some(waiter)
    }

    /// Leaves; `false` if it does not wait any more.
    pub fn leave(&mut self, ticket: Ticket) -> bool {
        let rank = &mut self.ranks[ticket.priority.rank()];
        let Ok(place) = rank.binary_search_by_key(&ticket.number, |(number, _)| *number) else {
            return false;
        };
        self.length -= 1;
        rank.remove(place).is_some()
    }
}
