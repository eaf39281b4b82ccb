//! What the tests of this module share: upstreams from JSON, a resolver that says what it is told, small servers.

mod server;

use std::{
    collections::HashMap,
    net::IpAddr,
    path::Path,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use futures::future::BoxFuture;
use serde_json::{Value, from_value};

use super::{
    Environment, Settings, Upstream, Upstreams,
    resolve::{Addresses, Resolve},
};
use crate::telemetry::metrics::Metrics;

pub use server::{Server, ok, refused_port};

/// Checked settings of an upstream named `name`.
pub fn settings(name: &str, config: Value) -> Settings {
    let config = from_value(config).unwrap();
    Settings::check(&name.parse().unwrap(), &config, Path::new("/")).unwrap()
}

/// A registry with one upstream named `service`.
pub fn single(config: Value) -> (Upstreams, Arc<Upstream>) {
    let upstreams = Upstreams::new(environment(Arc::default())).next([settings("service", config)]);
    let upstream = upstreams.get("service").unwrap().clone();
    (upstreams, upstream)
}

/// Everything upstreams share, with this resolver.
pub fn environment(resolver: Arc<Names>) -> Arc<Environment> {
    Environment::new(Metrics::new(), resolver)
}

/// Waits until `condition` holds; panics after ten seconds.
#[track_caller]
pub fn eventually(condition: impl Fn() -> bool) -> impl Future<Output = ()> {
    let place = std::panic::Location::caller();
    async move {
        let start = Instant::now();
        while !condition() {
            assert!(start.elapsed() < Duration::from_secs(10), "never came true: {place}");
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }
}

/// A resolver that says what it is told.
#[derive(Default)]
pub struct Names {
    known: Mutex<HashMap<String, Result<Vec<IpAddr>, String>>>,
    asked: AtomicUsize,
}

impl Names {
    /// From now on, the name stands for these addresses.
    pub fn set(&self, name: &str, addresses: &[&str]) {
        let addresses = addresses.iter().map(|address| address.parse().unwrap()).collect();
        self.known.lock().unwrap().insert(name.into(), Ok(addresses));
    }

    /// From now on, looking the name up fails.
    pub fn fail(&self, name: &str) {
        self.known.lock().unwrap().insert(name.into(), Err("server failure".into()));
    }

    /// How often anything was looked up.
    pub fn asked(&self) -> usize {
        self.asked.load(Ordering::Relaxed)
    }
}

impl Resolve for Names {
    fn resolve<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Addresses, String>> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        let known = self.known.lock().unwrap().get(name).cloned();
        let result = known.unwrap_or_else(|| Err("no such name".into()));
        Box::pin(async { Ok(Addresses { addresses: result?, valid_for: Duration::from_secs(5) }) })
    }
}
