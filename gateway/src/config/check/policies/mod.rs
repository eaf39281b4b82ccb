//! Policies of routes: what a route says, else what `defaults` says. Nothing of the two is merged.
//!
//! A file each. Each checks what `defaults` says once, and what each route says.

mod authentication;
mod authorization;
mod concurrency;
mod cors;
mod counting;
mod ip_filter;
mod limits;
mod rate_limit;

pub use authentication::Authentication;
pub use concurrency::{check_wait, odd as odd_concurrency};
pub use counting::NO_LEASE;
pub use rate_limit::{Shared, quota, shared, unused_quotas};

use super::{Check, Known, Policies};
use crate::{config::file::Config, policy::authorization::Authorization, route::config::RouteConfig};

/// The policies of routes that do not say otherwise.
pub fn defaults(check: &mut Check<'_>, config: &Config, known: &Known<'_>, shared: &Shared) -> Policies {
    authorization::of_defaults(check, config);
    Policies {
        cors: cors::of_defaults(check, config),
        ip_filter: ip_filter::of_defaults(check, config),
        limits: limits::of_defaults(check, config),
        rate_limits: rate_limit::of_defaults(check, config, shared),
        authentication: authentication::of_defaults(check, config, known.authenticators),
        // What it says is for each route to read.
        authorization: Authorization::default(),
        concurrency: concurrency::of_defaults(check, config),
        priority: concurrency::default_priority(check, config),
    }
}

/// The policies of a route.
pub fn of_route(
    check: &mut Check<'_>,
    config: &Config,
    route: &RouteConfig,
    defaults: &Policies,
    known: &Known<'_>,
    shared: &Shared,
) -> Policies {
    let authenticators = known.authenticators;
    let authentication = authentication::of_route(check, route, &defaults.authentication, authenticators);
    let is_known = !authentication.by.is_empty();
    Policies {
        cors: cors::of_route(check, route, &defaults.cors),
        ip_filter: ip_filter::of_route(check, route, &defaults.ip_filter),
        limits: limits::of_route(check, config, route, &defaults.limits),
        rate_limits: rate_limit::of_route(check, route, &defaults.rate_limits, shared, is_known),
        authentication,
        authorization: authorization::of_route(check, config, route, known),
        concurrency: concurrency::of_route(check, route, defaults.concurrency),
        priority: concurrency::priority(check, config, route, defaults.priority),
    }
}
