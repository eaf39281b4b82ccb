//! The testkit: the real gateway, real services and real clients, held by tests.
//!
//! A test starts what it needs on free ports ([`Gateway`], [`Stubs`],
//! [`Upstream`], [`Redis`], [`Collector`]), acts as a client ([`client`], [`raw`],
//! [`websocket`]), and looks at what came out: answers, logs, [`Metrics`],
//! spans, `/proc`. Everything it started ends with it, and a failing test
//! prints what its processes said.
//!
//! Waiting is done with a deadline, on an event where there is one and by
//! [`eventually`] where there is none; nothing sleeps a fixed time. The kit
//! panics where a test could not go on: its only callers are tests.

mod answer;
mod binary;
pub mod client;
mod gateway;
mod home;
pub mod jwt;
pub mod metrics;
pub mod otlp;
mod process;
pub mod raw;
mod redis;
mod stubs;
pub mod tls;
mod upstream;
mod usage;
mod wait;
pub mod websocket;

pub use answer::{Answer, Problem};
pub use binary::{binaries, command};
pub use gateway::{Gateway, Launch, glassgate};
pub use home::{Home, dedent};
pub use metrics::Metrics;
pub use otlp::Collector;
pub use process::{Exit, Line, Process, Stream};
pub use redis::{LaunchRedis, Redis, RedisCluster};
pub use stubs::Stubs;
pub use upstream::{
    Body, BusyPort, Received, Reply, Seen, TcpUpstream, Upstream, closed_port, closed_ports, echo, empty,
    full, reply, streaming,
};
pub use usage::Usage;
pub use wait::{DEADLINE, eventually, within};
