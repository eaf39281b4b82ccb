//! What policies need done that takes time: questions to issuers of credentials, and hashes that are costly on purpose.
//!
//! A policy decides from values. What it must wait for is asked for here, and what comes back is judged by the policy
//! again:
//!
//! - `http` asks an issuer, within bounds of time and size;
//! - `introspection` asks one about a token (RFC 7662) and remembers what it said;
//! - `hashing` computes hashes beside the threads that serve;
//! - `flights` lets those who ask the same at the same time share one answer;
//! - `outage` says whether one can be asked at all;
//! - `jwks` keeps the keys of an issuer, `refresh` says when they are fetched again, `client` fetches them;
//! - `registry` has all sources of keys, and keeps those that stay the same over a reload.
//!
//! Nothing here is bound to a request: who asks may leave, and what was begun ends by itself.

mod client;
mod flights;
pub mod hashing;
mod http;
pub mod introspection;
mod jwks;
mod outage;
mod refresh;
mod registry;

pub use jwks::{Jwks, JwksSettings, KeysNow};
pub use registry::{Environment, Issuers};
