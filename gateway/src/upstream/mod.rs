//! The services behind the gateway: where they run, which instance takes the next request, and how to reach it.
//!
//! - `config` what the operator wrote, `settings` the same after every check;
//! - `state` one running upstream, `registry` all of them and what survives a reload;
//! - `endpoint`, `balance`, `health`, `resolve`: instances, the choice among them, their checks, their addresses;
//! - `peer` how Pingora is told to connect;
//! - `gate` how many attempts may run at once;
//! - `attempt` one try to get an answer, `classify` what its failure means;
//! - `client` the composition layer's calls, `in_process` the composition layer itself as an upstream.
//!
//! An upstream knows no route and no request. Names are resolved and health is checked in the background: choosing an
//! endpoint reads memory and takes no lock.

pub mod attempt;
mod authority;
pub mod balance;
pub mod classify;
pub mod client;
pub mod config;
mod endpoint;
mod gate;
pub mod health;
pub mod in_process;
mod peer;
mod registry;
pub mod resolve;
mod settings;
mod state;
mod status;
#[cfg(test)]
mod testkit;

pub use attempt::{Attempt, Connection, Finished};
pub use classify::{Situation, classify, describe};
pub use client::{CallContext, CallLog, FetchClient, Pool};
pub use config::UpstreamConfig;
pub use endpoint::EndpointId;
pub use gate::{Gate, Place, Refused};
pub use peer::use_timers_of_runtime;
pub use registry::{Environment, Upstreams};
pub use settings::{Settings, Timeouts};
pub use state::Upstream;
