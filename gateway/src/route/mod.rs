//! Which route a request takes.
//!
//! A path is brought into its one spelling ([`path`]), then the [`table`] finds
//! the route whose [`matcher`] asks for most. What a route then does with a
//! message is here as far as it is a mere value ([`edits`], [`rewrite`],
//! [`respond`]); what happens with requests is not decided here.

pub mod config;
pub mod edits;
pub mod matcher;
pub mod path;
pub mod respond;
pub mod rewrite;
pub mod table;
