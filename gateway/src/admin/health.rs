//! Health: for load balancers in a status, for people in JSON.
//!
//! Ready is about the gateway alone: configuration loaded, first health checks done, not stopping. The health of
//! upstreams is shown and never counts: an instance taken out of the load balancer because a service behind all of
//! them is down makes a bad day worse.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use axum::{Json, extract::State, http::StatusCode, response::IntoResponse};
use serde_json::{Value, json};

use super::Admin;
use crate::{
    redis::Client,
    snapshot::{Method, Snapshot},
    value::rfc3339,
};

/// Whether the gateway has begun: set once.
#[derive(Debug, Clone, Default)]
pub struct Readiness(Arc<AtomicBool>);

impl Readiness {
    /// From now on it is ready, until it stops.
    pub fn begin(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    fn has_begun(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

impl Admin {
    /// Whether load balancers may send requests.
    pub(super) fn is_ready(&self) -> bool {
        self.readiness.has_begun() && !self.drain.is_draining()
    }

    fn state(&self) -> &'static str {
        match (self.drain.is_draining(), self.readiness.has_begun()) {
            (true, _) => "stopping",
            (false, true) => "ready",
            (false, false) => "starting",
        }
    }
}

/// The process answers.
pub async fn live() -> impl IntoResponse {
    Json(json!({ "status": "live" }))
}

/// Load balancers may send requests.
pub async fn ready(State(admin): State<Arc<Admin>>) -> impl IntoResponse {
    let status = if admin.is_ready() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(json!({ "status": admin.state() })))
}

/// Everything, with every upstream and its endpoints.
pub async fn show(State(admin): State<Arc<Admin>>) -> impl IntoResponse {
    let listeners: Vec<_> = admin
        .listeners
        .iter()
        .map(|listener| {
            json!({
                "name": listener.name(),
                "address": listener.local_addr(),
                "connections": listener.connections(),
            })
        })
        .collect();
    let snapshot = admin.store.snapshot();
    Json(json!({
        "status": admin.state(),
        "ready": admin.is_ready(),
        "version": env!("CARGO_PKG_VERSION"),
        "config_version": snapshot.version,
        "uptime_seconds": admin.started.elapsed().as_secs(),
        "requests_in_flight": admin.drain.in_flight(),
        "listeners": listeners,
        "upstreams": admin.store.upstreams().status(),
        "redis": snapshot.redis.as_deref().map(redis),
        "issuers": issuers(&admin, &snapshot),
    }))
}

/// Issuers that are asked, for keys or about tokens, by the names of their authenticators.
fn issuers(admin: &Admin, snapshot: &Snapshot) -> Vec<Value> {
    let keys = admin.store.issuers().status();
    let mut all: Vec<_> =
        keys.into_iter().map(|status| (status.authenticator.clone(), json!(status))).collect();
    for authenticator in &snapshot.authenticators {
        if let Method::Introspection(opaque) = &authenticator.method {
            all.push((authenticator.name.clone(), json!(opaque.introspection.status())));
        }
    }
    all.sort_by(|(a, _), (b, _)| a.cmp(b));
    all.into_iter().map(|(_, status)| status).collect()
}

/// The store that gateways share, and since when and why they do without, if so.
fn redis(client: &Client) -> Value {
    let outage = client.outage();
    json!({
        "address": client.settings().origin.address(),
        "degraded": outage.is_some(),
        "since": outage.as_ref().map(|outage| rfc3339(outage.since)),
        "reason": outage.map(|outage| outage.reason),
    })
}
