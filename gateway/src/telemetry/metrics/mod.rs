//! The registry behind `/metrics`.
//!
//! Callers get a handle per route, upstream, listener or composed API, once,
//! when a configuration is built; the handle survives reloads, so numbers
//! never start again from zero. Recording through a handle looks up no label
//! and waits for no lock; 10,000 routes cost nothing until they are used.
//!
//! Registry and text format are the `prometheus` crate's; the instruments are
//! our own, see [`instrument`] and [`family`] for why.

mod authenticator;
mod concurrency;
mod degraded;
mod ending;
pub mod family;
mod gateway;
mod graphql;
pub mod instrument;
mod introspection;
mod listener;
mod process;
mod rate_limit;
mod redis;
mod route;
pub mod slot;
pub mod stripe;
mod upstream;

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use prometheus::{Registry, TextEncoder};
use tokio::runtime::Handle;

pub use authenticator::{AuthenticatorMetrics, KeyMetrics, TokenCount};
pub use concurrency::{ConcurrencyMetrics, Latencies, Shed};
pub use degraded::Degraded;
pub use ending::Ending;
pub use gateway::{GatewayMetrics, Kept, LineLoss, Reload, SpanLoss, TelemetryMetrics};
pub use graphql::{FetchRecord, GraphqlMetrics, OperationRecord, OperationResult};
pub use introspection::{Introspected, IntrospectionMetrics};
pub use listener::{ListenerMetrics, Rejected};
pub use rate_limit::{RateLimitKeys, RateLimitMetrics, RateLimitResult};
pub use redis::{RedisCall, RedisMetrics};
pub use route::{PreflightResult, RequestRecord, RouteMetrics};
pub use stripe::Stripe;
pub use upstream::{AttemptRecord, EndpointMetrics, Outcome, UpstreamMetrics};

use crate::telemetry::names::{UNMATCHED_ROUTE, metrics as names};

/// `Content-Type` of what [`Metrics::render`] gives.
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

type ByName<T> = Mutex<HashMap<Box<str>, Arc<T>>>;

/// Every number the gateway shows.
pub struct Metrics {
    registry: Registry,
    families: Families,
    routes: ByName<RouteMetrics>,
    upstreams: ByName<UpstreamMetrics>,
    listeners: ByName<ListenerMetrics>,
    graphql: ByName<GraphqlMetrics>,
    authenticators: ByName<AuthenticatorMetrics>,
    introspections: ByName<IntrospectionMetrics>,
    redis: OnceLock<Arc<RedisMetrics>>,
    unmatched: Arc<RouteMetrics>,
    gateway: GatewayMetrics,
    telemetry: Arc<TelemetryMetrics>,
    runtimes: process::Runtimes,
}

struct Families {
    route: route::RouteFamilies,
    upstream: upstream::UpstreamFamilies,
    listener: listener::ListenerFamilies,
    graphql: graphql::GraphqlFamilies,
    rate_limit: rate_limit::RateLimitFamilies,
    authenticator: authenticator::AuthenticatorFamilies,
    introspection: introspection::IntrospectionFamilies,
    redis: redis::RedisFamilies,
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Metrics").finish_non_exhaustive()
    }
}

impl Metrics {
    /// A registry of its own: a process has one, each test may have another.
    pub fn new() -> Arc<Metrics> {
        let registry = Registry::new();
        let concurrency = concurrency::ConcurrencyFamilies::register(&registry);
        let degraded = family::Family::register(&registry, names::DEGRADED);
        let families = Families {
            route: route::RouteFamilies::register(&registry, concurrency.clone()),
            upstream: upstream::UpstreamFamilies::register(&registry, concurrency),
            listener: listener::ListenerFamilies::register(&registry),
            graphql: graphql::GraphqlFamilies::register(&registry),
            rate_limit: rate_limit::RateLimitFamilies::register(&registry),
            authenticator: authenticator::AuthenticatorFamilies::register(&registry, degraded.clone()),
            introspection: introspection::IntrospectionFamilies::register(&registry, degraded.clone()),
            redis: redis::RedisFamilies::register(&registry, degraded),
        };
        process::register(&registry);
        Arc::new(Metrics {
            routes: Mutex::default(),
            upstreams: Mutex::default(),
            listeners: Mutex::default(),
            graphql: Mutex::default(),
            authenticators: Mutex::default(),
            introspections: Mutex::default(),
            redis: OnceLock::new(),
            unmatched: Arc::new(RouteMetrics::new(UNMATCHED_ROUTE, families.route.clone())),
            gateway: GatewayMetrics::register(&registry),
            telemetry: Arc::new(TelemetryMetrics::register(&registry)),
            runtimes: process::Runtimes::register(&registry),
            families,
            registry,
        })
    }

    /// The numbers of the route of this name.
    pub fn route(&self, name: &str) -> Arc<RouteMetrics> {
        get_or_make(&self.routes, name, || RouteMetrics::new(name, self.families.route.clone()))
    }

    /// The numbers of requests for which no route was found.
    pub fn unmatched(&self) -> &Arc<RouteMetrics> {
        &self.unmatched
    }

    /// The numbers of the upstream of this name.
    pub fn upstream(&self, name: &str) -> Arc<UpstreamMetrics> {
        get_or_make(&self.upstreams, name, || UpstreamMetrics::new(name, self.families.upstream.clone()))
    }

    /// The numbers of the listener of this name.
    pub fn listener(&self, name: &str) -> Arc<ListenerMetrics> {
        get_or_make(&self.listeners, name, || ListenerMetrics::new(name, self.families.listener.clone()))
    }

    /// The numbers of the composed API of this name.
    pub fn graphql(&self, name: &str) -> Arc<GraphqlMetrics> {
        get_or_make(&self.graphql, name, || GraphqlMetrics::new(name, self.families.graphql.clone()))
    }

    /// The numbers of a limit on a route. What was counted before under the same names goes on.
    pub fn rate_limit(&self, route: &str, limit: &str) -> RateLimitMetrics {
        RateLimitMetrics::new(route, limit, self.families.rate_limit.clone())
    }

    /// The numbers of what is remembered for a limit; `route` is empty where routes share it.
    pub fn rate_limit_keys(&self, route: &str, limit: &str) -> RateLimitKeys {
        RateLimitKeys::new(route, limit, self.families.rate_limit.clone())
    }

    /// The numbers of the authenticator of this name.
    pub fn authenticator(&self, name: &str) -> Arc<AuthenticatorMetrics> {
        let make = || AuthenticatorMetrics::new(name, self.families.authenticator.clone());
        get_or_make(&self.authenticators, name, make)
    }

    /// The numbers of the authenticator of this name, which asks an issuer about tokens.
    pub fn introspection(&self, name: &str) -> Arc<IntrospectionMetrics> {
        get_or_make(&self.introspections, name, || {
            IntrospectionMetrics::new(name, &self.families.introspection)
        })
    }

    /// The numbers of the store that gateways share. They are shown from the first time this is called.
    pub fn redis(&self) -> &Arc<RedisMetrics> {
        self.redis.get_or_init(|| Arc::new(RedisMetrics::new(&self.families.redis)))
    }

    /// The numbers of the gateway as a whole.
    pub fn gateway(&self) -> &GatewayMetrics {
        &self.gateway
    }

    /// What telemetry itself kept and lost.
    pub fn telemetry(&self) -> &Arc<TelemetryMetrics> {
        &self.telemetry
    }

    /// Shows the numbers of an executor under this name.
    pub fn watch_runtime(&self, name: &str, runtime: Handle) {
        self.runtimes.watch(name, runtime);
    }

    /// All of it in Prometheus' text format, of [`CONTENT_TYPE`].
    pub fn render(&self) -> String {
        self.runtimes.refresh();
        let mut text = String::with_capacity(64 * 1024);
        if let Err(error) = TextEncoder::new().encode_utf8(&self.registry.gather(), &mut text) {
            tracing::error!(%error, "metrics cannot be written");
        }
        text
    }
}

fn get_or_make<T>(known: &ByName<T>, name: &str, make: impl FnOnce() -> T) -> Arc<T> {
    let mut known = known.lock().unwrap_or_else(PoisonError::into_inner);
    known.entry(name.into()).or_insert_with(|| Arc::new(make())).clone()
}

#[cfg(test)]
mod tests;
