//! Composition: a GraphQL API described in SDL, answered by calls to services.
//!
//! The crate knows GraphQL and nothing of proxies, files or sockets: it is
//! handed SDL text, and its calls leave through [`fetch::Fetch`].

mod aside;
pub mod code;
pub mod coerce;
pub mod document;
pub mod engine;
pub mod error;
mod execute;
pub mod fetch;
pub mod http;
mod introspection;
pub mod json_path;
pub mod limits;
mod plan;
mod project;
pub mod report;
pub mod request;
pub mod schema;
pub mod template;

#[cfg(test)]
mod testing;

pub use engine::Engine;
pub use limits::Limits;
pub use request::{Context, GraphqlRequest, Response};
