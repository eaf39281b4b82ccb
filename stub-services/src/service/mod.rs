//! What the four services have in common, so that each of them is only its
//! data and its routes.
//!
//! A [`Service`] collects routes through [`Service::route`], which wraps each
//! of them in [`observe`]: counting, trouble on demand, a span, a log line. The
//! routes that tell about the service itself (`/health`, `/metrics`, `/stats`,
//! `/chaos`) are added here and are not wrapped: looking must not change what
//! is seen, and trouble must not lock out the one who ends it.

pub mod chaos;
pub mod client;
pub mod input;
pub mod log;
pub mod metrics;
pub mod observe;
pub mod operations;
pub mod problem;
pub mod query;
pub mod row;
pub mod server;
pub mod stats;
pub mod trace;

use std::sync::Arc;

use axum::Router;
use axum::handler::Handler;
use axum::middleware::from_fn_with_state;
use axum::routing::MethodRouter;

use chaos::{Chaos, Trouble};
use metrics::Metrics;
use problem::Problem;
use stats::Stats;
use trace::Tracing;

/// What a service needs besides its data.
#[derive(Debug)]
pub struct Core {
    /// `users`, `orders`, `products` or `payments`.
    pub name: &'static str,
    /// The trouble it is told to make.
    pub chaos: Chaos,
    /// How often each route was asked.
    pub stats: Stats,
    /// What `/metrics` tells.
    pub metrics: Metrics,
    /// Trace context and spans.
    pub tracing: Tracing,
}

impl Core {
    /// The common part of the service `name`.
    pub fn new(name: &'static str, trouble: Trouble, tracing: Tracing) -> Arc<Core> {
        Arc::new(Core {
            name,
            chaos: Chaos::new(trouble),
            stats: Stats::default(),
            metrics: Metrics::new(),
            tracing,
        })
    }
}

/// A service in the making: its routes so far.
#[derive(Debug)]
pub struct Service {
    core: Arc<Core>,
    routes: Router,
}

impl Service {
    /// A service with no routes of its own yet.
    pub fn new(core: Arc<Core>) -> Service {
        Service { core, routes: Router::new() }
    }

    /// Adds a route; `template` is its name in counts, metrics, spans and logs.
    pub fn route(mut self, template: &'static str, methods: MethodRouter) -> Service {
        let observed = observe::Route::new(self.core.clone(), template);
        let methods =
            methods.fallback(method_not_allowed).layer(from_fn_with_state(observed, observe::observe));
        self.routes = self.routes.route(template, methods);
        self
    }

    /// The whole service, ready to be served.
    pub fn finish(self) -> Router {
        let unmatched = observe::Route::new(self.core.clone(), stats::UNMATCHED);
        self.routes
            .merge(operations::routes(self.core))
            .fallback(not_found.layer(from_fn_with_state(unmatched, observe::observe)))
    }
}

async fn not_found() -> Problem {
    Problem::not_found("there is no such path here")
}

async fn method_not_allowed() -> Problem {
    Problem::method_not_allowed()
}
