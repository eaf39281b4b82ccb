//! One instance of a service: an address, how to connect to it, what runs there now and how it feels.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU32, AtomicU64, Ordering},
    },
};

use pingora_core::upstreams::peer::HttpPeer;

use super::{
    config::EndpointConfig,
    health::{Health, LastCheck, Verdict},
    peer,
    settings::{ConnectionSettings, HealthSettings},
};
use crate::telemetry::metrics::{EndpointMetrics, UpstreamMetrics};

/// Tells endpoints apart, also over changes of their addresses: no two of a process are equal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct EndpointId(u64);

impl EndpointId {
    fn next() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        Self(NEXT.fetch_add(1, Ordering::Relaxed))
    }
}

/// One address of an upstream. Shared by everything that runs there; lives on after it has left the upstream, until
/// the last request to it ends.
#[derive(Debug)]
pub struct Endpoint {
    id: EndpointId,
    target: usize,
    address: SocketAddr,
    label: Arc<str>,
    authority: Arc<str>,
    weight: u32,
    in_flight: AtomicU32,
    health: Health,
    metrics: EndpointMetrics,
    peer: HttpPeer,
}

impl Endpoint {
    /// The endpoint at `address`, to which the entry number `target` of the configuration led.
    pub(super) fn new(
        target: usize,
        config: &EndpointConfig,
        address: SocketAddr,
        connection: &ConnectionSettings,
        before: Verdict,
        metrics: &UpstreamMetrics,
    ) -> Self {
        let label: Arc<str> = address.to_string().into();
        let health = Health::new(before);
        let metrics = metrics.endpoint(&label);
        metrics.set_healthy(health.is_usable());
        Self {
            id: EndpointId::next(),
            target,
            address,
            label,
            authority: config.url.authority().into(),
            weight: config.weight,
            in_flight: AtomicU32::new(0),
            health,
            metrics,
            peer: peer::template(address, &config.url, connection),
        }
    }

    /// Identity.
    pub fn id(&self) -> EndpointId {
        self.id
    }

    /// Which entry of `endpoints:` led here.
    pub(super) fn target(&self) -> usize {
        self.target
    }

    /// Where it is.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The address as text, for logs, metrics and spans.
    pub fn label(&self) -> &Arc<str> {
        &self.label
    }

    /// `host` or `host:port` of its URL, for `Host` where the client's is not passed on.
    pub fn authority(&self) -> &Arc<str> {
        &self.authority
    }

    /// Share next to the other endpoints.
    pub fn weight(&self) -> u32 {
        self.weight
    }

    /// How many attempts are running there.
    pub fn in_flight(&self) -> u32 {
        self.in_flight.load(Ordering::Relaxed)
    }

    /// What its checks found.
    pub fn health(&self) -> &Health {
        &self.health
    }

    /// Takes a check into account; gives the new verdict if it changed.
    pub(super) fn record(&self, check: LastCheck, settings: &HealthSettings) -> Option<Verdict> {
        let turned = self.health.record(check, settings)?;
        self.metrics.set_healthy(self.health.is_usable());
        Some(turned)
    }

    /// How to connect; timeouts are yet to be set.
    pub(super) fn peer(&self) -> &HttpPeer {
        &self.peer
    }
}

/// An endpoint that was chosen for an attempt. Counts as in flight until dropped.
#[derive(Debug)]
pub struct Chosen {
    /// Taken when it is released.
    endpoint: Option<Arc<Endpoint>>,
}

impl Chosen {
    pub(super) fn new(endpoint: Arc<Endpoint>) -> Self {
        endpoint.in_flight.fetch_add(1, Ordering::Relaxed);
        Self { endpoint: Some(endpoint) }
    }

    /// The endpoint, which no longer counts as being used.
    pub(super) fn release(mut self) -> Arc<Endpoint> {
        let endpoint = self.endpoint.take().expect("only this takes it");
        endpoint.in_flight.fetch_sub(1, Ordering::Relaxed);
        endpoint
    }
}

impl std::ops::Deref for Chosen {
    type Target = Endpoint;

    fn deref(&self) -> &Endpoint {
        self.endpoint.as_ref().expect("there until it is released")
    }
}

impl Drop for Chosen {
    fn drop(&mut self) {
        if let Some(endpoint) = &self.endpoint {
            endpoint.in_flight.fetch_sub(1, Ordering::Relaxed);
        }
    }
}
