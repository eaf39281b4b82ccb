//! The section after every check: what a [`Client`](super::Client) is made of.

use std::{path::Path, time::Duration};

use rustls::ClientConfig;

use super::{
    config::{BreakerConfig, RedisConfig, TIMEOUT},
    connection::Connector,
    url::RedisUrl,
};
use crate::value::Authorities;

/// A store that can be asked. Where it is and how it is asked; not yet whether it is there.
#[derive(Debug, Clone)]
pub struct Settings {
    /// What it was made of. Two that are equal are the same store.
    pub origin: Origin,
    pub(super) connector: Connector,
}

/// What was written, and what was in the file it names.
#[derive(Debug, Clone, PartialEq)]
pub struct Origin {
    /// The servers: one, or some nodes of a cluster.
    pub servers: Vec<RedisUrl>,
    /// Whether they are nodes of a cluster.
    pub is_cluster: bool,
    /// How long a request waits.
    pub timeout: Duration,
    /// What every key begins with.
    pub prefix: String,
    /// When it is not asked any more.
    pub breaker: BreakerConfig,
    ca: Option<Authorities>,
}

/// What is wrong, and with which key of the section; empty is the section itself.
#[derive(Debug, PartialEq, Eq)]
pub struct Fault {
    /// `timeout`, `cluster[1]` ...
    pub key: String,
    /// `what is wrong; what to do`.
    pub text: String,
}

impl Fault {
    fn new(key: impl Into<String>, text: impl Into<String>) -> Self {
        Self { key: key.into(), text: text.into() }
    }
}

impl Settings {
    /// What was configured; relative paths start from `base`. Reads the file of authorities.
    pub fn check(config: &RedisConfig, base: &Path) -> Result<Self, Vec<Fault>> {
        let mut faults = Vec::new();
        servers(config, &mut faults);
        login(config, &mut faults);
        values(config, &mut faults);
        let ca = authorities(config, base).unwrap_or_else(|fault| {
            faults.push(fault);
            None
        });
        if !faults.is_empty() {
            return Err(faults);
        }
        let origin = Origin {
            servers: config.url.iter().chain(&config.cluster).map(|url| with_login(config, url)).collect(),
            is_cluster: config.url.is_none(),
            timeout: config.timeout.get(),
            prefix: config.prefix.clone(),
            breaker: config.breaker.clone(),
            ca,
        };
        let connector = Connector::new(&origin).map_err(|text| vec![Fault::new("", text)])?;
        Ok(Self { origin, connector })
    }
}

impl Origin {
    /// The server, or the nodes it was told of, without what is secret.
    pub fn address(&self) -> String {
        self.servers.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
    }

    pub(super) fn ca(&self) -> Option<&Authorities> {
        self.ca.as_ref()
    }
}

/// With what stands beside the address.
fn with_login(config: &RedisConfig, url: &RedisUrl) -> RedisUrl {
    let (user, password) = (config.user.clone(), config.password.clone());
    RedisUrl {
        user: user.or_else(|| url.user.clone()),
        password: password.or_else(|| url.password.clone()),
        ..url.clone()
    }
}

/// Each is said once.
fn login(config: &RedisConfig, faults: &mut Vec<Fault>) {
    let said = |has: fn(&RedisUrl) -> bool| config.url.iter().chain(&config.cluster).any(has);
    let (user, password) = (said(|url| url.user.is_some()), said(|url| url.password.is_some()));
    for (key, beside, within) in
        [("user", config.user.is_some(), user), ("password", config.password.is_some(), password)]
    {
        if beside && within {
            faults.push(Fault::new(
                key,
                format!("the address has a {key} too; remove it there, or remove this"),
            ));
        }
    }
    if config.user.is_some() && config.password.is_none() && !password {
        faults
            .push(Fault::new("user", "a user is nobody without a password; add `password`, or remove this"));
    }
}

fn servers(config: &RedisConfig, faults: &mut Vec<Fault>) {
    match (&config.url, config.cluster.as_slice()) {
        (None, []) => {
            faults.push(Fault::new(
                "",
                "it names no server; add `url`, or the nodes of a Redis Cluster as `cluster`",
            ));
        }
        (Some(_), [_, ..]) => {
            let text = "it names one server in `url` and a Redis Cluster too; remove one of the two";
            faults.push(Fault::new("cluster", text));
        }
        _ => {}
    }
    let Some((first, others)) = config.cluster.split_first() else { return };
    if first.database != 0 {
        faults.push(Fault::new(
            "cluster[0]",
            "a Redis Cluster has no database but 0; remove what follows the port",
        ));
    }
    for (index, node) in others.iter().enumerate() {
        let same = |url: &RedisUrl| (url.tls, url.user.clone(), url.password.clone(), url.database);
        if same(node) != same(first) {
            let text = "it differs from the first node in more than host and port; nodes of a cluster share scheme, \
                        user and password";
            faults.push(Fault::new(format!("cluster[{}]", index + 1), text));
        }
    }
}

fn values(config: &RedisConfig, faults: &mut Vec<Fault>) {
    if !TIMEOUT.contains(&config.timeout.get()) {
        let text = format!(
            "`{}` is not from 1ms to 10s; a request waits so long for Redis, 25ms is usual",
            config.timeout
        );
        faults.push(Fault::new("timeout", text));
    }
    let prefix = &config.prefix;
    if prefix.is_empty() || prefix.len() > 64 || !prefix.bytes().all(|byte| byte.is_ascii_graphic()) {
        let text = "it is not 1 to 64 visible characters of ASCII; write a word, as in `glassgate`";
        faults.push(Fault::new("prefix", text));
    } else if prefix.contains(['{', '}']) {
        let text = "in a key of Redis braces say which part chooses the slot; write a prefix without them";
        faults.push(Fault::new("prefix", text));
    }
    if config.breaker.retry.is_zero() {
        let text =
            "without a pause Redis would be asked all the time while it is gone; write a time, as in `1s`";
        faults.push(Fault::new("breaker.retry", text));
    }
}

fn authorities(config: &RedisConfig, base: &Path) -> Result<Option<Authorities>, Fault> {
    let Some(path) = &config.ca else { return Ok(None) };
    if !config.url.iter().chain(&config.cluster).any(|url| url.tls) {
        let text =
            "without TLS no certificate is checked; write the address with `rediss://`, or remove this";
        return Err(Fault::new("ca", text));
    }
    let pem = std::fs::read(base.join(path))
        .map_err(|error| Fault::new("ca", format!("{error}; check the path")))?;
    Authorities::read(pem).map(Some).map_err(|invalid| Fault::new("ca", invalid.to_string()))
}

/// TLS to a server: with these authorities, or the system's.
pub(super) fn tls(ca: Option<&Authorities>) -> Result<ClientConfig, String> {
    use hyper_rustls::ConfigBuilderExt;
    let provider = std::sync::Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| format!("TLS cannot be used ({error}); please report it"))?;
    let builder = match ca {
        Some(ca) => builder.with_root_certificates(ca.roots()),
        None => builder.with_native_roots().map_err(|error| {
            format!("the system has no authorities to check the server's certificate against ({error}); name them in `ca`")
        })?,
    };
    Ok(builder.with_no_client_auth())
}
