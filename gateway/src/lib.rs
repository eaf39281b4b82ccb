//! Glassgate: an observability-first API gateway with a GraphQL composition layer.
//!
//! The modules are rooms of a house; `ARCHITECTURE.md` is its plan. A module
//! may import those above it in this list's order of layers, never back:
//! value, reason, telemetry; policy; upstream; route; config; snapshot; proxy
//! and admin; listener; app; cli.

pub mod cli;
pub mod config;
pub mod listener;
pub mod reason;
pub mod route;
pub mod telemetry;
pub mod upstream;
pub mod value;
