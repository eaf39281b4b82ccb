//! A route after every check: patterns parsed, names resolved, defaults merged. Nothing left that can fail.

use std::sync::Arc;

use http::StatusCode;

use super::policies::Authentication;
use crate::{
    policy::{
        authorization::Authorization,
        concurrency::{self, Priority},
        cors::Cors,
        ip_filter::IpFilter,
        limits::Limits,
        rate_limit::{Cost, Limit},
    },
    route::{edits::HeaderEdits, respond::Respond, rewrite::Rewrite},
    upstream::Timeouts,
    value::Name,
};

/// A route that can run.
#[derive(Debug, Clone)]
pub struct Route {
    /// Its name.
    pub name: Name,
    /// What is done with them.
    pub action: Action,
    /// Changes of the request before it is forwarded.
    pub request_headers: HeaderEdits,
    /// Changes of the response before it is sent.
    pub response_headers: HeaderEdits,
    /// What its requests must pass.
    pub policies: Policies,
}

/// A route's policies, what it does not say taken from `defaults`. A field each; what is off lets everything pass.
#[derive(Debug, Clone, Default)]
pub struct Policies {
    /// Which pages of other origins may read answers.
    pub cors: Cors,
    /// Who may call, by the client's address.
    pub ip_filter: IpFilter,
    /// How large a request may be.
    pub limits: Limits,
    /// How often callers may ask.
    pub rate_limits: Arc<[RateLimit]>,
    /// Who may call, by credentials.
    pub authentication: Authentication,
    /// What callers must have and be.
    pub authorization: Authorization,
    /// How many may be in flight; `None` is no limit.
    pub concurrency: Option<concurrency::Settings>,
    /// Who goes first where an upstream has too much to do.
    pub priority: Priority,
}

/// A rate limit of a route.
#[derive(Debug, Clone)]
pub struct RateLimit {
    /// Unique among those of the route.
    pub name: Name,
    /// Counted with all routes that share the limit of this name, and not for the route alone.
    pub shared: bool,
    /// What it says.
    pub limit: Arc<Limit>,
    /// What a request takes of it.
    pub cost: Cost,
}

/// What is done with a route's requests.
#[derive(Debug, Clone)]
pub enum Action {
    /// Forwarded to a service.
    Forward {
        /// Index into [`Checked::upstreams`](super::Checked).
        upstream: usize,
        /// Those of the upstream, with the route's own in their place.
        timeouts: Timeouts,
        /// Change of the path.
        rewrite: Option<Rewrite>,
    },
    /// Answered by a composed API.
    Compose {
        /// Index into [`Checked::graphql`](super::Checked).
        api: usize,
    },
    /// Sent elsewhere.
    Redirect {
        /// The `Location`; the request's query is added if it has none.
        to: String,
        /// A status of redirection.
        status: StatusCode,
    },
    /// Answered by the gateway.
    Respond(Respond),
}
