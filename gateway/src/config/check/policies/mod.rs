//! Policies of routes: what a route says, else what `defaults` says. Nothing of the two is merged.
//!
//! A file each. Each checks what `defaults` says once, and what each route says.

mod ip_filter;

use super::{Check, Policies};
use crate::{config::file::Config, route::config::RouteConfig};

/// The policies of routes that do not say otherwise.
pub fn defaults(check: &mut Check<'_>, config: &Config) -> Policies {
    Policies { ip_filter: ip_filter::of_defaults(check, config) }
}

/// The policies of a route.
pub fn of_route(check: &mut Check<'_>, route: &RouteConfig, defaults: &Policies) -> Policies {
    Policies { ip_filter: ip_filter::of_route(check, route, &defaults.ip_filter) }
}
