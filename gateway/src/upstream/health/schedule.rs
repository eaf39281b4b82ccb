//! When endpoints are checked: one task per endpoint, as long as the upstream has that endpoint.

use std::{
    collections::HashMap,
    sync::Arc,
    time::{Duration, SystemTime},
};

use tokio::time::sleep;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::{LastCheck, Verdict, check::check};
use crate::{
    telemetry::metrics::Outcome,
    upstream::{Upstream, endpoint::Endpoint, registry::Environment, settings::HealthSettings},
};

/// Checks all endpoints of the upstream until `stop`; follows their coming and going.
pub async fn run(upstream: Arc<Upstream>, environment: Arc<Environment>, stop: CancellationToken) {
    let mut changes = upstream.changes();
    let mut running: HashMap<_, DropGuard> = HashMap::new();
    loop {
        changes.mark_unchanged();
        let endpoints = upstream.endpoints();
        running.retain(|id, _| endpoints.iter().any(|endpoint| endpoint.id() == *id));
        for endpoint in endpoints {
            running.entry(endpoint.id()).or_insert_with(|| {
                let stop = stop.child_token();
                let checks = repeat(upstream.clone(), endpoint, environment.clone());
                tokio::spawn(stop.clone().run_until_cancelled_owned(checks));
                stop.drop_guard()
            });
        }
        tokio::select! {
            () = stop.cancelled() => return,
            changed = changes.changed() => if changed.is_err() { return },
        }
    }
}

async fn repeat(upstream: Arc<Upstream>, endpoint: Arc<Endpoint>, environment: Arc<Environment>) {
    let Some(settings) = &upstream.settings().health else { return };
    loop {
        let result = check(environment.connector(), &endpoint, settings).await;
        note(&upstream, &endpoint, settings, result);
        sleep(jittered(settings.interval, fastrand::f64())).await;
    }
}

fn note(upstream: &Upstream, endpoint: &Endpoint, settings: &HealthSettings, result: Result<String, String>) {
    let outcome = if result.is_ok() { Outcome::Success } else { Outcome::Failure };
    upstream.metrics().health_checked(outcome);
    let found = result.as_ref().unwrap_or_else(|why| why).clone();
    let turned = endpoint.record(LastCheck { at: SystemTime::now(), result }, settings);
    let (name, address) = (upstream.name(), endpoint.label());
    match turned {
        Some(Verdict::Unhealthy) => {
            tracing::warn!(upstream = %name, endpoint = %address, error = %found, "endpoint is unhealthy");
        }
        Some(_) => {
            tracing::info!(upstream = %name, endpoint = %address, result = %found, "endpoint is healthy")
        }
        None => {}
    }
    upstream.health_noted(turned.is_some());
}

/// The interval give or take a tenth, so that checks of many endpoints and gateways do not march in step;
/// `random` is from 0 to 1.
fn jittered(interval: Duration, random: f64) -> Duration {
    interval.mul_f64(0.9 + 0.2 * random)
}
