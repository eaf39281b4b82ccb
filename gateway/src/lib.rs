//! Glassgate: an observability-first API gateway with a GraphQL composition layer.
//!
//! The modules are rooms of a house; `ARCHITECTURE.md` is its plan. A module may import those before it in this order,
//! never back: value, reason, telemetry, policy, upstream, issuer, redis, listener, route, config, snapshot, proxy, admin,
//! app, cli.
//!
//! Public is what the binary and the tests of the configuration need, so that the compiler tells what nobody uses.

mod admin;
mod app;
pub mod cli;
pub mod config;
mod issuer;
mod listener;
mod policy;
mod proxy;
mod reason;
mod redis;
mod route;
mod snapshot;
mod telemetry;
mod upstream;
mod value;
