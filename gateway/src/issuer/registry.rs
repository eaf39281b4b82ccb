//! All issuers of a configuration, and what keeps them up to date.
//!
//! Like upstreams they are *state*: a reload builds the next registry from the running one, and a source whose settings are
//! the same is simply in both, with its keys. One that takes the place of another begins with the other's keys, if they
//! may count for it. Its task runs as long as a registry has it.

use std::{collections::HashMap, sync::Arc, time::Duration};

use serde::Serialize;
use tokio::time::timeout;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::{
    client::Client,
    jwks::{Jwks, JwksSettings, Latest},
};
use crate::{telemetry::metrics::Metrics, value::rfc3339};

/// What all sources share.
pub struct Environment {
    metrics: Arc<Metrics>,
    client: Arc<Client>,
}

impl Environment {
    /// Made once per process.
    pub fn new(metrics: Arc<Metrics>) -> Arc<Self> {
        Arc::new(Self { metrics, client: Arc::default() })
    }
}

/// The sources of keys of one configuration, with their tasks.
pub struct Issuers {
    environment: Arc<Environment>,
    running: HashMap<Arc<str>, Running>,
}

#[derive(Clone)]
struct Running {
    jwks: Arc<Jwks>,
    /// Ends the task with the last registry that has the source.
    _task: Arc<DropGuard>,
}

/// What `/health` shows of a source.
#[derive(Debug, Serialize)]
pub struct IssuerStatus {
    /// The authenticator that its keys are for.
    pub authenticator: Arc<str>,
    /// Where they come from.
    pub url: String,
    /// How many there are; none has ever come where it is 0, and nobody is let in.
    pub keys: usize,
    /// What the latest set has beside them, and why that cannot be used.
    pub left_out: Vec<String>,
    /// When they last came: RFC 3339, UTC.
    pub fetched_at: Option<String>,
    /// From where they came, if it was not from `url`: none have come from there yet.
    pub keys_from: Option<String>,
    /// The latest attempt has failed.
    pub degraded: bool,
    /// Since when attempts fail, if it has: RFC 3339, UTC.
    pub since: Option<String>,
    /// Why it has.
    pub error: Option<String>,
}

impl Issuers {
    /// No issuer yet.
    pub fn new(environment: Arc<Environment>) -> Self {
        Self { environment, running: HashMap::new() }
    }

    /// Those of the next configuration. New ones are asked at once, on the current tokio runtime.
    pub fn next(&self, settings: impl IntoIterator<Item = JwksSettings>) -> Self {
        let running = settings.into_iter().map(|settings| {
            let same = self.running.get(&*settings.name).filter(|same| *same.jwks.settings() == settings);
            (settings.name.to_arc(), same.cloned().unwrap_or_else(|| self.start(settings)))
        });
        Self { running: running.collect(), environment: self.environment.clone() }
    }

    fn start(&self, settings: JwksSettings) -> Running {
        let Environment { metrics, client } = &*self.environment;
        let metrics = metrics.authenticator(settings.name.as_str());
        let before = self.before(&settings);
        let jwks = Arc::new(Jwks::new(settings, &metrics, before));
        let stop = CancellationToken::new();
        let client = match &jwks.settings().authorities {
            Some(authorities) => Arc::new(Client::trusting(authorities.clone())),
            None => client.clone(),
        };
        tokio::spawn(stop.clone().run_until_cancelled_owned(jwks.clone().follow(client)));
        Running { jwks, _task: Arc::new(stop.drop_guard()) }
    }

    /// The source whose keys another may begin with: that of the same authenticator, or one that was renamed.
    fn before(&self, settings: &JwksSettings) -> Option<&Jwks> {
        let by_name = self.running.get(&*settings.name);
        let mut all = by_name.into_iter().chain(self.running.values()).map(|running| &*running.jwks);
        all.find(|jwks| settings.may_begin_with(jwks.settings()) && jwks.now().get().is_some())
    }

    /// Has all keys fetched again, in the background.
    pub fn fetch_now(&self) {
        self.running.values().for_each(|running| running.jwks.fetch_now());
    }

    /// The source for the authenticator of this name.
    pub fn get(&self, name: &str) -> Option<&Arc<Jwks>> {
        self.running.get(name).map(|running| &running.jwks)
    }

    /// Waits until every issuer was asked once, at most for `patience`; gives whether it is so. One that does not answer
    /// must not keep the gateway from starting.
    pub async fn settled(&self, patience: Duration) -> bool {
        let all = futures::future::join_all(self.running.values().map(|running| running.jwks.settled()));
        timeout(patience, all).await.is_ok()
    }

    /// Every source, for `/health`.
    pub fn status(&self) -> Vec<IssuerStatus> {
        let of = |(name, running): (&Arc<str>, &Running)| {
            let Latest { fetched, from, since, error, left_out, .. } = running.jwks.latest();
            IssuerStatus {
                authenticator: name.clone(),
                url: running.jwks.settings().url.to_string(),
                keys: running.jwks.now().get().map_or(0, |keys| keys.len()),
                left_out: left_out.iter().map(ToString::to_string).collect(),
                fetched_at: fetched.map(rfc3339),
                keys_from: from.map(|url| url.to_string()),
                degraded: error.is_some(),
                since: since.map(rfc3339),
                error,
            }
        };
        self.running.iter().map(of).collect()
    }
}

impl std::fmt::Debug for Issuers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.running.keys()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_source_that_is_not_asked_any_more_counts_as_down_no_longer() {
        let unused = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let settings = JwksSettings {
            name: "users".parse().unwrap(),
            issuer: None,
            url: format!("http://{unused}/").parse().unwrap(),
            refresh: Duration::from_secs(600),
            authorities: None,
            algorithms: Vec::new(),
        };
        let metrics = Metrics::new();
        let issuers = Issuers::new(Environment::new(metrics.clone())).next([settings]);
        assert!(issuers.settled(Duration::from_secs(10)).await);
        let down = |count: u32| {
            metrics.render().contains(&format!("gateway_degraded{{component=\"issuer\"}} {count}\n"))
        };
        assert!(down(1));
        let _of_an_old_request = issuers.get("users").unwrap().clone();
        drop(issuers);
        while !down(0) {
            tokio::task::yield_now().await;
        }
    }
}
