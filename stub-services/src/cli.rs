//! The command line.
//!
//! Every flag exists for every service, so that one script can start any of
//! them; flags of services that are not started have no effect.

use std::net::SocketAddr;
use std::time::Duration;

use clap::{Parser, ValueEnum};
use http::Uri;
use jiff::SignedDuration;
use tracing::level_filters::LevelFilter;

use crate::service::chaos::{MAX_LATENCY, Trouble};
use crate::service::trace::Protocol;

/// Users, orders, products and payments: little REST services with
/// deterministic data, for the demo and the tests.
#[derive(Debug, Clone, Parser)]
#[command(name = "stub-services", version)]
pub struct Options {
    /// What to start.
    #[arg(value_enum)]
    pub service: Selection,

    /// Where users listens; port 0 takes a free one.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:7001")]
    pub users_address: SocketAddr,
    /// Where orders listens; port 0 takes a free one.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:7002")]
    pub orders_address: SocketAddr,
    /// Where products listens; port 0 takes a free one.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:7003")]
    pub products_address: SocketAddr,
    /// Where payments listens; port 0 takes a free one.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:7004")]
    pub payments_address: SocketAddr,

    /// Where orders finds users [default: at --users-address].
    #[arg(long, value_name = "URL", value_parser = url)]
    pub users_url: Option<Uri>,
    /// Where orders finds products [default: at --products-address].
    #[arg(long, value_name = "URL", value_parser = url)]
    pub products_url: Option<Uri>,
    /// Where orders finds payments [default: at --payments-address].
    #[arg(long, value_name = "URL", value_parser = url)]
    pub payments_url: Option<Uri>,

    /// Delay every answer, for example 50ms.
    #[arg(long, value_name = "DURATION", default_value = "0ms", value_parser = latency)]
    pub latency: Duration,
    /// Answer this share of the requests with 500, for example 20% or 0.2.
    #[arg(long, value_name = "SHARE", default_value = "0%", value_parser = share)]
    pub error_rate: f64,

    /// Send spans to this OTLP collector.
    #[arg(
        long,
        value_name = "URL",
        env = "OTEL_EXPORTER_OTLP_ENDPOINT",
        value_parser = endpoint
    )]
    pub otlp_endpoint: Option<String>,
    /// How to speak with the collector.
    #[arg(long, value_enum, default_value = "grpc", env = "OTEL_EXPORTER_OTLP_PROTOCOL")]
    pub otlp_protocol: Protocol,

    /// The least severe log lines to write: off, error, warn, info (one line a
    /// request) or debug.
    #[arg(long, value_name = "LEVEL", default_value = "info")]
    pub log_level: LevelFilter,
}

/// Which services one process runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Selection {
    /// The four of them, wired to each other.
    All,
    /// Only users.
    Users,
    /// Only orders.
    Orders,
    /// Only products.
    Products,
    /// Only payments.
    Payments,
}

impl Options {
    /// The trouble that every started service begins with.
    pub fn trouble(&self) -> Trouble {
        Trouble {
            latency_ms: u64::try_from(self.latency.as_millis()).unwrap_or(u64::MAX),
            error_rate: self.error_rate,
            ..Trouble::default()
        }
    }
}

fn latency(text: &str) -> Result<Duration, String> {
    let hint = format!("say how long, up to {}s, for example 50ms", MAX_LATENCY.as_secs());
    let parsed: SignedDuration = text.parse().map_err(|_| hint.clone())?;
    Duration::try_from(parsed).ok().filter(|latency| *latency <= MAX_LATENCY).ok_or(hint)
}

fn share(text: &str) -> Result<f64, String> {
    let parsed = match text.strip_suffix('%') {
        Some(percent) => percent.trim().parse::<f64>().map(|percent| percent / 100.0),
        None => text.parse(),
    };
    parsed
        .ok()
        .filter(|share| (0.0..=1.0).contains(share))
        .ok_or_else(|| "say a share from 0% to 100%, for example 20% or 0.2".to_owned())
}

fn url(text: &str) -> Result<Uri, String> {
    text.parse::<Uri>()
        .ok()
        .filter(|url| url.scheme_str() == Some("http") && url.host().is_some() && url.query().is_none())
        .ok_or_else(|| "say http://HOST:PORT, with a path prefix if there is one".to_owned())
}

/// Empty means none, as the OpenTelemetry specification has it for variables.
fn endpoint(text: &str) -> Result<String, String> {
    match text {
        "" => Ok(String::new()),
        text => url(text).map(|_| text.to_owned()),
    }
}

#[cfg(test)]
mod tests;
