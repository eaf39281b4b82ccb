//! All issuers of a configuration, and what keeps them up to date.
//!
//! Like upstreams they are *state*: a reload builds the next registry from the running one, and a source whose settings are
//! the same is simply in both, with its keys. Its task runs as long as a registry has it.

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
    /// When they last came: RFC 3339, UTC.
    pub fetched_at: Option<String>,
    /// Why the latest attempt has failed, if it has.
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
        let jwks = Arc::new(Jwks::new(settings.clone(), &metrics.authenticator(settings.name.as_str())));
        let stop = CancellationToken::new();
        tokio::spawn(stop.clone().run_until_cancelled_owned(jwks.clone().follow(client.clone())));
        Running { jwks, _task: Arc::new(stop.drop_guard()) }
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

    /// Every source, by name, for `/health`.
    pub fn status(&self) -> Vec<IssuerStatus> {
        let of = |(name, running): (&Arc<str>, &Running)| {
            let Latest { fetched, error, .. } = running.jwks.latest();
            IssuerStatus {
                authenticator: name.clone(),
                url: running.jwks.settings().url.to_string(),
                keys: running.jwks.now().get().map_or(0, |keys| keys.len()),
                fetched_at: fetched.map(rfc3339),
                error,
            }
        };
        let mut status: Vec<_> = self.running.iter().map(of).collect();
        status.sort_by(|a, b| a.authenticator.cmp(&b.authenticator));
        status
    }
}

impl std::fmt::Debug for Issuers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.running.keys()).finish()
    }
}
