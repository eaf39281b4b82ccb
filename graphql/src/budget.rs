//! What a caller may still spend on operations, and who is asked for it.
//!
//! An operation's cost is known when it is planned and its variables are there, before anything is fetched. Whoever
//! embeds the engine may have it paid then; an operation that is not paid for calls no service.

use std::fmt;

use futures::future::BoxFuture;

/// Pays for operations of one caller.
pub trait Budget: fmt::Debug + Send + Sync {
    /// Takes what an operation costs, at least 1. Asked once for an operation, and not for one that is refused anyway.
    fn take(&self, cost: u32) -> BoxFuture<'_, Result<(), Exceeded>>;
}

/// There is not so much.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exceeded {
    /// For the client.
    pub text: String,
}

#[cfg(test)]
mod tests;
