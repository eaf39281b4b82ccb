//! All upstreams of a configuration, and what keeps them alive.
//!
//! This is *State*: a reload builds the next registry from the running one, and upstreams whose settings are the same
//! are simply in both. The tasks of an upstream (names, health checks) run as long as a registry has it; so replacing
//! the running registry ends those that are gone, and giving up a new one before it runs ends what it had started.
//! Requests hold an `Arc<Upstream>` only, which keeps no task alive.

use std::{collections::HashMap, sync::Arc, time::Duration};

use pingora_core::connectors::{ConnectorOptions, http::Connector};
use tokio::time::timeout;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::{
    health,
    resolve::{self, Resolve},
    settings::Settings,
    state::Upstream,
    status::UpstreamStatus,
};
use crate::telemetry::metrics::Metrics;

/// A check's connection is closed when it is over; the pool is only there because a connector has one.
const KEPT_FOR_CHECKS: usize = 1;

/// What all upstreams share.
pub struct Environment {
    metrics: Arc<Metrics>,
    resolver: Arc<dyn Resolve>,
    connector: Connector,
}

impl Environment {
    /// Made once per process.
    pub fn new(metrics: Arc<Metrics>, resolver: Arc<dyn Resolve>) -> Arc<Self> {
        let connector = Connector::new(Some(ConnectorOptions::new(KEPT_FOR_CHECKS)));
        Arc::new(Self { metrics, resolver, connector })
    }

    /// Connects for health checks.
    pub(super) fn connector(&self) -> &Connector {
        &self.connector
    }

    /// Where their numbers are.
    #[cfg(test)]
    pub fn metrics(&self) -> &Arc<Metrics> {
        &self.metrics
    }

    pub(super) fn resolver(&self) -> &dyn Resolve {
        &*self.resolver
    }
}

/// The upstreams of one configuration, with their tasks.
pub struct Upstreams {
    environment: Arc<Environment>,
    running: HashMap<Arc<str>, Running>,
}

#[derive(Clone)]
struct Running {
    upstream: Arc<Upstream>,
    /// Ends the tasks with the last registry that has the upstream.
    _tasks: Arc<DropGuard>,
}

impl Upstreams {
    /// No upstream yet.
    pub fn new(environment: Arc<Environment>) -> Self {
        Self { environment, running: HashMap::new() }
    }

    /// The upstreams of the next configuration. Those that did not change are the same objects; new ones begin to
    /// resolve names and check health at once, on the current tokio runtime.
    pub fn next(&self, settings: impl IntoIterator<Item = Settings>) -> Self {
        let running = settings.into_iter().map(|settings| {
            let before = self.running.get(&*settings.name);
            let running = match before {
                Some(same) if same.upstream.settings().fingerprint == settings.fingerprint => same.clone(),
                _ => self.start(settings, before.map(|before| &*before.upstream)),
            };
            (running.upstream.name().clone(), running)
        });
        Self { running: running.collect(), environment: self.environment.clone() }
    }

    fn start(&self, settings: Settings, before: Option<&Upstream>) -> Running {
        let metrics = self.environment.metrics.upstream(settings.name.as_str());
        let upstream = Arc::new(Upstream::new(settings, metrics, before));
        let stop = CancellationToken::new();
        for target in 0..upstream.settings().endpoints.len() {
            let environment = self.environment.clone();
            tokio::spawn(resolve::follow(upstream.clone(), target, environment, stop.clone()));
        }
        if upstream.settings().health.is_some() {
            let environment = self.environment.clone();
            tokio::spawn(health::schedule::run(upstream.clone(), environment, stop.clone()));
        }
        Running { upstream, _tasks: Arc::new(stop.drop_guard()) }
    }

    /// The upstream of this name.
    pub fn get(&self, name: &str) -> Option<&Arc<Upstream>> {
        self.running.get(name).map(|running| &running.upstream)
    }

    /// All upstreams, in no particular order.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Upstream>> {
        self.running.values().map(|running| &running.upstream)
    }

    /// What they share.
    #[cfg(test)]
    pub fn environment(&self) -> &Arc<Environment> {
        &self.environment
    }

    /// Waits until every name was looked up and every endpoint checked at least once, at most for `patience`; gives
    /// whether it is so. A service that never answers must not keep the gateway from starting, hence no error.
    pub async fn settled(&self, patience: Duration) -> bool {
        let all = async {
            for upstream in self.iter() {
                let mut changes = upstream.changes();
                while !upstream.is_settled() && changes.changed().await.is_ok() {}
            }
        };
        timeout(patience, all).await.is_ok()
    }

    /// Every upstream and its endpoints, by name, for `/health`.
    pub fn status(&self) -> Vec<UpstreamStatus> {
        let mut status = self.iter().map(|upstream| UpstreamStatus::of(upstream)).collect::<Vec<_>>();
        status.sort_by(|a, b| a.name.cmp(&b.name));
        status
    }
}

impl std::fmt::Debug for Upstreams {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.running.keys()).finish()
    }
}

#[cfg(test)]
mod tests;
