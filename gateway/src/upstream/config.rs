//! The `upstreams:` section: what the operator may say about a service behind the gateway.
//!
//! These types hold what was written, with every default filled in. What follows from several keys together (schemes
//! that disagree, files to read) is checked when [`Settings`](super::Settings) are made of them.

mod status;
mod url;

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    policy::concurrency::config::ConcurrencyConfig,
    value::{Duration, Percent},
};

pub use status::StatusRange;
pub use url::{EndpointUrl, HostName};

mod endpoint;
pub use endpoint::EndpointConfig;

/// A service: where it runs, how its instances share the load, and when they count as healthy.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct UpstreamConfig {
    /// Where the service runs: one URL or more, all `http://` or all `https://`. A name that has several addresses
    /// stands for as many endpoints; it is looked up again as its addresses change.
    #[schemars(length(min = 1))]
    pub endpoints: Vec<EndpointConfig>,
    /// How requests are shared out among healthy endpoints.
    #[serde(default)]
    pub balance: Balance,
    /// Speak HTTP/2: by prior knowledge to `http://` (gRPC), by ALPN to `https://`, where HTTP/1.1 stays possible.
    #[serde(default)]
    pub http2: bool,
    /// How long the service may take.
    #[serde(default)]
    pub timeouts: TimeoutsConfig,
    /// How many other endpoints to try when no connection can be made: 0 or 1. Nothing was sent then, so this is
    /// safe for every method.
    #[serde(default = "one")]
    #[schemars(range(max = 1))]
    pub connect_retries: u8,
    /// How many attempts may run at once, those of all routes and of composed APIs together.
    #[serde(default, skip_serializing_if = "ConcurrencyConfig::is_off")]
    pub concurrency: ConcurrencyConfig,
    /// Connections that wait for the next request.
    #[serde(default)]
    pub keepalive: KeepaliveConfig,
    /// Active health checks. Without them every endpoint counts as healthy.
    #[serde(default)]
    pub health: Option<HealthConfig>,
    /// How the service proves who it is. For `https://` only.
    #[serde(default)]
    pub tls: Option<TlsConfig>,
}

/// How requests are shared out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Balance {
    /// In turn, evenly interleaved by weight.
    #[default]
    RoundRobin,
    /// Of two picked at random by weight, the one with fewer requests in flight for its weight.
    LeastRequest,
}

/// How long an upstream may take. `0s` means no limit, except for `connect`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TimeoutsConfig {
    /// Until a connection stands, TLS handshake included.
    #[serde(default = "connect_timeout")]
    pub connect: Duration,
    /// Until the first piece of the answer and between any two, WebSocket and server-sent events included; also for a
    /// service that takes nothing of a request.
    #[serde(default = "read_timeout")]
    pub read: Duration,
    /// From the request's last byte to the answer's, retries included. Upgraded connections
    /// (WebSocket) may last longer.
    #[serde(default = "total_timeout")]
    pub total: Duration,
}

/// Idle connections to an upstream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct KeepaliveConfig {
    /// How long an idle connection is kept for the next request. Best a little shorter than the service's own.
    #[serde(default = "keepalive_idle")]
    pub idle: Duration,
}

/// Active health checks of every endpoint.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HealthConfig {
    /// Path and query to `GET`. Without it a connection that stands is enough.
    #[serde(default)]
    pub path: Option<String>,
    /// From one check to the next, give or take a tenth so that checks of many endpoints spread out.
    #[serde(default = "health_interval")]
    pub interval: Duration,
    /// For one check.
    #[serde(default = "health_timeout")]
    pub timeout: Duration,
    /// Successful checks in a row that make an unhealthy endpoint healthy.
    #[serde(default = "one")]
    #[schemars(range(min = 1))]
    pub healthy_after: u8,
    /// Failed checks in a row that make a healthy endpoint unhealthy. The first check of all decides alone.
    #[serde(default = "three")]
    #[schemars(range(min = 1))]
    pub unhealthy_after: u8,
    /// Statuses that mean healthy, where there is a `path`.
    #[serde(default = "ok_statuses")]
    #[schemars(length(min = 1))]
    pub expect: Vec<StatusRange>,
    /// The check's `Host`, where there is a `path`; without it that of the endpoint's URL.
    #[serde(default)]
    pub host: Option<String>,
    /// When fewer endpoints than this share are healthy, health is ignored and all are used. `0%`: never, requests
    /// are refused once none is healthy.
    #[serde(default)]
    pub panic_below: Percent,
}

/// How a service proves who it is.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TlsConfig {
    /// PEM file of the authorities to trust instead of the system's.
    #[serde(default)]
    pub ca: Option<PathBuf>,
    /// The name in the certificate, also sent as SNI; without it that of the endpoint's URL.
    #[serde(default)]
    pub server_name: Option<String>,
    /// Trust any certificate. For experiments: whoever is in between can read and change everything.
    #[serde(default)]
    pub insecure_skip_verify: bool,
}

impl Default for TimeoutsConfig {
    fn default() -> Self {
        Self { connect: connect_timeout(), read: read_timeout(), total: total_timeout() }
    }
}

impl Default for KeepaliveConfig {
    fn default() -> Self {
        Self { idle: keepalive_idle() }
    }
}

fn one() -> u8 {
    1
}

fn three() -> u8 {
    3
}

fn connect_timeout() -> Duration {
    Duration::from_secs(2)
}

fn read_timeout() -> Duration {
    Duration::from_secs(30)
}

fn total_timeout() -> Duration {
    Duration::from_secs(60)
}

fn keepalive_idle() -> Duration {
    Duration::from_secs(60)
}

fn health_interval() -> Duration {
    Duration::from_secs(5)
}

fn health_timeout() -> Duration {
    Duration::from_secs(1)
}

fn ok_statuses() -> Vec<StatusRange> {
    vec![StatusRange::OK]
}

#[cfg(test)]
mod tests;
