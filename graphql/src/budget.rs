//! What a caller may still spend on operations, and who is asked for it.
//!
//! An operation's cost is known when it is planned and its variables are there, before anything is fetched. Whoever
//! embeds the engine may have it paid then; an operation that is not paid for calls no service.

use std::fmt;

use futures::future::BoxFuture;

/// Pays for operations of one caller.
pub trait Budget: fmt::Debug + Send + Sync {
    /// Takes what an operation costs. Asked once for an operation, and not for one that is refused anyway.
    fn take(&self, bill: Bill) -> BoxFuture<'_, Result<(), Unpaid>>;
}

/// What an operation is to be paid for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bill {
    /// The calls to services that it may need, at least 1.
    pub cost: u32,
    /// Those of them that change something: root fields of a mutation.
    pub mutations: u32,
}

/// Why an operation is not paid for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unpaid {
    /// What was in the way.
    pub cause: Cause,
    /// For the client.
    pub text: String,
}

/// What was in the way of a payment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// There is not so much.
    Spent,
    /// Nobody can say at present how much there is.
    Unavailable,
}

#[cfg(test)]
mod tests;
