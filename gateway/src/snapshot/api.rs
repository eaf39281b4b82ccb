//! A composed GraphQL API: its engine, and the services it may call.

use std::{sync::Arc, time::Duration};

use glassgate_graphql::{Engine, http::Csrf};

use crate::{telemetry::metrics::GraphqlMetrics, upstream::FetchClient};

/// Documents whose plans are kept. Plans of more than 32 KiB count as several, so one API's take 32 MiB at most.
pub const PLANS: usize = 1_000;

/// A composed API.
#[derive(Debug)]
pub struct Api {
    /// Its name.
    pub name: Arc<str>,
    /// Executes requests.
    pub engine: Engine,
    /// Calls services.
    pub client: FetchClient,
    /// Its numbers.
    pub metrics: Arc<GraphqlMetrics>,
    /// For one operation, all calls included.
    pub timeout: Duration,
    /// When a GET must show that no page of another site has sent it.
    pub csrf: Csrf,
}
