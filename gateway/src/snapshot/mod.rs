//! What runs: a configuration turned into objects, and how one takes the place of another.
//!
//! A [`Snapshot`] is immutable and fully resolved: no name is left to look up, and every handle a request needs is
//! bound. A request takes one when it begins and keeps it to its end. *State* that must survive a reload (upstreams
//! with their health and connections, metrics, sockets) is handed over when the next snapshot is built.
//!
//! - `build` makes a snapshot from a checked configuration;
//! - `api` is a composed GraphQL API within it;
//! - `rate_limits` are those of routes, and the counters behind them;
//! - `authenticator` is a way to recognise callers, with its keys and its memory;
//! - `store` holds the one that runs;
//! - `reload` replaces it, wholly or not at all;
//! - `retire` frees the one that was replaced.

mod api;
mod authenticator;
mod build;
mod rate_limits;
mod reload;
mod retire;
mod store;

use std::{collections::HashMap, path::PathBuf, sync::Arc, time::Duration, time::SystemTime};

use http::StatusCode;

pub use api::Api;
pub use authenticator::{ApiKeys, Authentication, Authenticator, Chain, Jwt, Method, Opaque};
pub use build::{build, split};
pub use rate_limits::{Limiters, RateLimit, RateLimits, sweep};
pub use reload::{Cause, Outcome, Reloader, Running, warn_about};
pub use store::{Failure, Status, Store};

use crate::{
    config::Config,
    policy::{
        authentication::Reserved, authorization::Authorization, concurrency::Priority, cors::Cors,
        ip_filter::IpFilter, limits::Limits,
    },
    redis,
    route::{edits::HeaderEdits, respond::Respond, rewrite::Rewrite, table::Table},
    telemetry::{Telemetry, metrics::RouteMetrics},
    upstream::{Gate, Timeouts, Upstream},
};

/// One configuration, ready to serve.
#[derive(Debug)]
pub struct Snapshot {
    /// Digest of the files it was made of.
    pub version: Arc<str>,
    /// When it was taken into use.
    pub loaded_at: SystemTime,
    /// The file it was loaded from.
    pub source: PathBuf,
    /// What was written, with defaults; for operators.
    pub config: Arc<Config>,
    /// Which requests go where.
    pub routes: Table<Route>,
    /// Where several gateways count together.
    pub redis: Option<Arc<redis::Client>>,
    /// The composed APIs, mounted or not, for the next snapshot to take their plans over.
    pub apis: Vec<Arc<Api>>,
    /// The counters of rate limits, for the next snapshot to go on with.
    pub limiters: Limiters,
    /// The authenticators, for the next snapshot to take those over that stay the same.
    pub authenticators: Vec<Arc<Authenticator>>,
    /// Headers that tell services who calls, and that no client may send to any route.
    pub reserved: Reserved,
    /// Concurrency limits by the names of their routes, for the next snapshot to go on with them.
    pub gates: HashMap<Arc<str>, Arc<Gate>>,
    /// What requests report to.
    pub telemetry: Telemetry,
}

impl Snapshot {
    /// What a request still needs when it has become a connection of its own (WebSocket), which may stay for days:
    /// neither routes nor plans nor what was written, which would otherwise live as long.
    pub fn epilogue(&self) -> Snapshot {
        Snapshot {
            version: self.version.clone(),
            loaded_at: self.loaded_at,
            source: PathBuf::new(),
            config: Arc::default(),
            routes: Table::default(),
            redis: None,
            apis: Vec::new(),
            limiters: Limiters::default(),
            authenticators: Vec::new(),
            reserved: Reserved::default(),
            gates: HashMap::new(),
            telemetry: self.telemetry.clone(),
        }
    }
}

/// A route with everything its requests need.
#[derive(Debug)]
pub struct Route {
    /// Its name.
    pub name: Arc<str>,
    /// Its numbers.
    pub metrics: Arc<RouteMetrics>,
    /// What is done with its requests.
    pub action: Action,
    /// Changes of the request before it is forwarded.
    pub request_headers: HeaderEdits,
    /// Changes of the response before it is sent.
    pub response_headers: HeaderEdits,
    /// What its requests must pass.
    pub policies: Policies,
}

/// A route's policies, a field each, in the order in which `admit` asks them. What is off lets everything pass.
#[derive(Debug)]
pub struct Policies {
    /// Which pages of other origins may read answers.
    pub cors: Cors,
    /// Who may call, by the client's address.
    pub ip_filter: IpFilter,
    /// How large a request may be.
    pub limits: Limits,
    /// How often callers may ask.
    pub rate_limits: RateLimits,
    /// Who may call, by credentials.
    pub authentication: Authentication,
    /// What callers must have and be.
    pub authorization: Authorization,
    /// How many may be in flight; `None` is no limit.
    pub concurrency: Option<Arc<Gate>>,
    /// Who goes first where an upstream has too much to do. Nothing is asked of it here.
    pub priority: Priority,
}

/// What is done with a request.
#[derive(Debug)]
pub enum Action {
    /// Forwarded to a service.
    Forward {
        /// The service.
        upstream: Arc<Upstream>,
        /// How long it may take here.
        timeouts: Timeouts,
        /// Change of the path.
        rewrite: Option<Rewrite>,
    },
    /// Answered by a composed API.
    Compose(Arc<Api>),
    /// Sent elsewhere.
    Redirect {
        /// The location; the request's query is added if it has none.
        to: String,
        /// A status of redirection.
        status: StatusCode,
    },
    /// Answered by the gateway.
    Respond(Respond),
}

impl Action {
    /// The service it leads to, where it is one.
    pub fn upstream(&self) -> Option<&Arc<Upstream>> {
        match self {
            Self::Forward { upstream, .. } => Some(upstream),
            _ => None,
        }
    }

    /// How long everything together may take; `None` is no limit.
    pub fn total(&self) -> Option<Duration> {
        match self {
            Self::Forward { timeouts, .. } => timeouts.total,
            _ => None,
        }
    }
}
