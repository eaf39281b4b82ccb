//! An upstream's configuration after every check: files read, schemes agreed upon, nothing left that can fail.
//!
//! Two digests matter for reloads. The *fingerprint* covers all of it: while it stays the same, the running upstream
//! is carried over as it is. The *connection group* covers only what a pooled connection depends on: a new weight or
//! health check makes a new upstream, but one that finds the old one's connections in the pool.

use std::{
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use pingora_core::protocols::tls::CaType;
use sha2::{Digest, Sha256};

use super::authority;
use super::config::{
    Balance, EndpointConfig, EndpointUrl, HealthConfig, StatusRange, TimeoutsConfig, TlsConfig,
    UpstreamConfig,
};
use crate::{policy::concurrency, value::Name};

/// Why a configuration cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Path of the key within the upstream: `tls.ca`.
    pub key: String,
    /// `what is wrong; what to do`.
    pub text: String,
}

/// Everything one upstream is built from.
#[derive(Debug)]
pub struct Settings {
    /// The upstream's name.
    pub name: Name,
    /// Where the service runs, with weights.
    pub endpoints: Vec<EndpointConfig>,
    /// How requests are shared out.
    pub balance: Balance,
    /// How long the service may take.
    pub timeouts: Timeouts,
    /// Further endpoints to try when no connection can be made.
    pub connect_retries: u8,
    /// How many attempts may run at once; `None` is no limit.
    pub concurrency: Option<concurrency::Settings>,
    /// Active health checks, if any.
    pub health: Option<HealthSettings>,
    /// How to connect.
    pub connection: ConnectionSettings,
    /// Equal where nothing changed.
    pub fingerprint: Fingerprint,
}

/// Digest of everything in an upstream's settings, the content of its files included.
pub type Fingerprint = [u8; 32];

/// How to connect to every endpoint of an upstream.
#[derive(Debug, Clone)]
pub struct ConnectionSettings {
    /// TLS or not.
    pub https: bool,
    /// HTTP/2 wanted.
    pub http2: bool,
    /// How long an idle connection is kept.
    pub idle: Duration,
    /// Authorities to trust instead of the system's.
    pub authorities: Option<Arc<CaType>>,
    /// Name in the certificate; that of the endpoint where `None`.
    pub server_name: Option<String>,
    /// False: trust any certificate.
    pub verify: bool,
    /// Connections of different groups are never shared.
    pub group: u64,
}

/// Health checks, checked.
#[derive(Debug, Clone, PartialEq)]
pub struct HealthSettings {
    /// Path to `GET`; a mere connection where `None`.
    pub path: Option<String>,
    /// From one check to the next.
    pub interval: Duration,
    /// For one check.
    pub timeout: Duration,
    /// Successes in a row that make an endpoint healthy.
    pub healthy_after: u8,
    /// Failures in a row that make an endpoint unhealthy.
    pub unhealthy_after: u8,
    /// Statuses that mean healthy.
    pub expect: Vec<StatusRange>,
    /// `Host` of the checks, where not the endpoint's own.
    pub host: Option<String>,
    /// Share of healthy endpoints below which health is ignored, 0 to 1.
    pub panic_below: f64,
}

/// How long an exchange may take; `None` is no limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeouts {
    /// Until a connection stands.
    pub connect: Duration,
    /// Between two reads.
    pub read: Option<Duration>,
    /// For everything, retries included.
    pub total: Option<Duration>,
}

impl Timeouts {
    /// A route's own values in place of the upstream's. Zero means no limit.
    pub fn overridden(self, read: Option<Duration>, total: Option<Duration>) -> Self {
        Self {
            read: read.map_or(self.read, limited),
            total: total.map_or(self.total, limited),
            connect: self.connect,
        }
    }

    /// When an exchange that began at `start` must be over.
    pub fn deadline(self, start: Instant) -> Option<Instant> {
        self.total.map(|total| start + total)
    }

    /// No single wait may be longer than what is left of the total time; `None` is no limit.
    pub fn within(self, left: Option<Duration>) -> Self {
        let Some(left) = left else { return self };
        Self {
            connect: self.connect.min(left),
            read: Some(self.read.map_or(left, |read| read.min(left))),
            total: self.total,
        }
    }
}

impl From<TimeoutsConfig> for Timeouts {
    fn from(config: TimeoutsConfig) -> Self {
        Self {
            connect: config.connect.get(),
            read: limited(config.read.get()),
            total: limited(config.total.get()),
        }
    }
}

fn limited(duration: Duration) -> Option<Duration> {
    Some(duration).filter(|duration| !duration.is_zero())
}

impl Settings {
    /// Checks a configuration and reads the files it names; `base` is the folder relative paths start from.
    pub fn check(name: &Name, config: &UpstreamConfig, base: &Path) -> Result<Self, Vec<Problem>> {
        let mut problems = Problems::default();
        let https = config.endpoints.first().is_some_and(|endpoint| endpoint.url.https);
        check_endpoints(&config.endpoints, https, &mut problems);
        if config.connect_retries > 1 {
            problems.add("connect_retries", "more than one retry is not supported; write 0 or 1");
        }
        if config.timeouts.connect.is_zero() {
            problems.add("timeouts.connect", "a connection needs a time limit; write for example `2s`");
        }
        let concurrency = concurrency::Settings::check(&config.concurrency).unwrap_or_else(|found| {
            found.into_iter().for_each(|problem| problems.add(problem.key_of("concurrency"), problem.text));
            None
        });
        let health = config.health.as_ref().map(|health| check_health(health, &mut problems));
        let tls = config.tls.clone().unwrap_or_default();
        if config.tls.is_some() && !https && !config.endpoints.is_empty() {
            problems.add("tls", "TLS settings for `http://` endpoints; write `https://` or remove `tls`");
        }
        let pem = check_tls(&tls, base, &mut problems);
        let authorities = pem.as_ref().map(|(_, authorities)| authorities.clone());
        let pem = pem.map_or(Vec::new(), |(pem, _)| pem);
        problems.none()?;
        Ok(Self {
            name: name.clone(),
            endpoints: config.endpoints.clone(),
            balance: config.balance,
            timeouts: config.timeouts.into(),
            connect_retries: config.connect_retries,
            concurrency,
            health,
            connection: ConnectionSettings {
                https,
                http2: config.http2,
                idle: config.keepalive.idle.get(),
                authorities,
                server_name: tls.server_name.clone(),
                verify: !tls.insecure_skip_verify,
                group: group(&[&(name, config.http2, &tls)], &pem),
            },
            fingerprint: digest(&[&(name, config)], &pem),
        })
    }
}

fn check_endpoints(endpoints: &[EndpointConfig], https: bool, problems: &mut Problems) {
    if endpoints.is_empty() {
        problems.add("endpoints", "the upstream has no endpoint; write at least one `http://host:port`");
    }
    for (index, endpoint) in endpoints.iter().enumerate() {
        let key = format!("endpoints[{index}]");
        if endpoint.url.https != https {
            problems.add(key, "`http://` and `https://` are mixed in one upstream; make two upstreams");
        } else if let Some(first) = same_url(&endpoints[..index], &endpoint.url) {
            problems
                .add(key, format!("the same endpoint as `endpoints[{first}]`; give one a `weight` instead"));
        }
    }
}

fn same_url(endpoints: &[EndpointConfig], url: &EndpointUrl) -> Option<usize> {
    endpoints.iter().position(|endpoint| endpoint.url == *url)
}

fn check_health(config: &HealthConfig, problems: &mut Problems) -> HealthSettings {
    let HealthConfig { path, interval, timeout, healthy_after, unhealthy_after, expect, host, panic_below } =
        config;
    if let Some(path) = path
        && !(path.starts_with('/') && path.parse::<http::uri::PathAndQuery>().is_ok())
    {
        problems.add("health.path", format!("`{path}` is not a path; write for example `/health`"));
    }
    if interval.get() < Duration::from_millis(10) {
        problems
            .add("health.interval", "checks less than 10ms apart are a load test; write for example `5s`");
    }
    if timeout.is_zero() {
        problems.add("health.timeout", "a check needs a time limit; write for example `1s`");
    }
    for (key, value) in [("health.healthy_after", healthy_after), ("health.unhealthy_after", unhealthy_after)]
    {
        if *value == 0 {
            problems.add(key, "no check can decide nothing; write 1 or more");
        }
    }
    if expect.is_empty() {
        problems.add("health.expect", "no status means healthy; write for example `[200-299]`");
    }
    if let Some(host) = host
        && http::uri::Authority::try_from(host.as_str()).is_err()
    {
        problems.add("health.host", format!("`{host}` is not a host; write `name` or `name:port`"));
    }
    HealthSettings {
        path: path.clone(),
        interval: interval.get(),
        timeout: timeout.get(),
        healthy_after: *healthy_after,
        unhealthy_after: *unhealthy_after,
        expect: expect.clone(),
        host: host.clone(),
        panic_below: panic_below.fraction(),
    }
}

/// The authorities' file, as it was read and as it is used.
fn check_tls(config: &TlsConfig, base: &Path, problems: &mut Problems) -> Option<(Vec<u8>, Arc<CaType>)> {
    if let Some(name) = &config.server_name
        && rustls_pki_types::ServerName::try_from(name.as_str()).is_err()
    {
        problems.add("tls.server_name", format!("`{name}` is neither a host name nor an IP address"));
    }
    let path = base.join(config.ca.as_ref()?);
    match authority::read(&path) {
        Ok(authorities) => Some(authorities),
        Err(why) => {
            problems.add("tls.ca", format!("cannot use `{}`: {why}", path.display()));
            None
        }
    }
}

/// Digest of a configuration as it would be printed, and of a file's content.
fn digest<T: serde::Serialize>(config: &T, file: &[u8]) -> Fingerprint {
    let mut hasher = Sha256::new();
    serde_json::to_writer(&mut hasher, config).expect("configuration types serialise to memory without fail");
    hasher.update(file);
    hasher.finalize().into()
}

fn group<T: serde::Serialize>(config: &T, file: &[u8]) -> u64 {
    let [a, b, c, d, e, f, g, h, ..] = digest(config, file);
    // The proxy's in-process services count their groups up from zero: the top bit keeps the two apart.
    u64::from_be_bytes([a, b, c, d, e, f, g, h]) | 1 << 63
}

#[derive(Default)]
struct Problems(Vec<Problem>);

impl Problems {
    fn add(&mut self, key: impl Into<String>, text: impl Into<String>) {
        self.0.push(Problem { key: key.into(), text: text.into() });
    }

    fn none(self) -> Result<(), Vec<Problem>> {
        if self.0.is_empty() { Ok(()) } else { Err(self.0) }
    }
}

#[cfg(test)]
mod tests;
