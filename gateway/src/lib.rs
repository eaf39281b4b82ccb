//! Glassgate: an observability-first API gateway with a GraphQL composition layer.
//!
//! The modules are rooms of a house; `ARCHITECTURE.md` is its plan. A module may import those before it in this order,
//! never back: value, reason, telemetry, policy, upstream, listener, route, config, snapshot, proxy, admin, app, cli.

pub mod admin;
pub mod app;
pub mod cli;
pub mod config;
pub mod listener;
pub mod policy;
pub mod proxy;
pub mod reason;
pub mod route;
pub mod snapshot;
pub mod telemetry;
pub mod upstream;
pub mod value;
