//! Which route a request takes.
//!
//! A path is brought into its one spelling ([`path`]), then the [`table`] finds
//! the route whose [`matcher`] asks for most. What happens on the route is not
//! decided here.

pub mod config;
pub mod matcher;
pub mod path;
pub mod table;
