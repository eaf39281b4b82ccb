//! Composition: a GraphQL API described in SDL, answered by calls to services.
//!
//! The crate knows GraphQL and nothing of proxies, files or sockets: it is
//! handed SDL text, and its calls leave through [`fetch::Fetch`].

mod aside;
pub mod budget;
mod code;
mod coerce;
mod document;
mod engine;
mod error;
mod execute;
pub mod fetch;
pub mod http;
mod introspection;
mod json_path;
pub mod limits;
mod plan;
mod project;
pub mod report;
mod request;
pub mod schema;
mod template;

#[cfg(test)]
mod testing;

pub use engine::Engine;
pub use limits::Limits;
pub use request::{Context, GraphqlRequest, Identity, Response};
pub use template::is_reserved_header;
