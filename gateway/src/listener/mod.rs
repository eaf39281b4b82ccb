//! Sockets are ours, HTTP is Pingora's.
//!
//! This module binds, accepts, terminates TLS, holds deadlines and limits,
//! knows what is in flight and drains. Each stream is handed to any Pingora
//! `HttpServerApp`; nothing here knows of routes or policies. Pingora's own
//! `Server` is not used: a taken port there means half a minute of retries and
//! a panic, certificates are fixed, heads may drip for ever, and stopping
//! always takes the whole grace period.
//!
//! A connection's life: `accept` takes it and gives it to one of the `threads`,
//! `serve` leads it through: `tls` does the handshake, `preface`
//! decides the protocol, `guard` is the stream Pingora gets, `ahead` what came
//! before its turn, `connection` the state both sides share, `watch` the deadlines on it.
//!
//! What is deliberately not here: requests and their metrics (the proxy's),
//! signals (the app's), and what a forwarding header is worth.

mod accept;
mod ahead;
mod answer;
mod clients;
pub mod config;
mod connection;
mod digest;
mod drain;
mod guard;
pub mod head;
#[expect(clippy::module_inception, reason = "the thing itself; the module is the whole of it")]
mod listener;
mod overdue;
mod phase;
mod preface;
mod request;
mod serve;
mod threads;
mod tls;
mod watch;

pub use accept::{Worker, serve};
pub use connection::Connection;
pub use drain::{Drain, Drained};
pub use listener::{BindError, Bound, Change, Listener, bind, open};
pub use request::RequestGuard;
pub use serve::h2_options;
pub use threads::Threads;
pub use tls::check as check_tls;

pub use crate::telemetry::metrics::Ending;

#[cfg(test)]
mod tests;
