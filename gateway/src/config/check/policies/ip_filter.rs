//! `ip_filter` of routes and of `defaults`.

use crate::{
    config::{
        check::{Check, routes::sibling_path},
        file::Config,
    },
    policy::ip_filter::{IpFilter, Review, config::IpFilterConfig},
    route::config::RouteConfig,
};

/// For routes that do not say otherwise.
pub fn of_defaults(check: &mut Check<'_>, config: &Config) -> IpFilter {
    let Some(filter) = &config.defaults.ip_filter else { return IpFilter::default() };
    let path = "defaults.ip_filter";
    let nobody_asks =
        config.routes.iter().all(|route| route.ip_filter.is_some()) && !config.routes.is_empty();
    if filter.is_off() && !check.broken.contains(path) {
        let place = check.place(path);
        check.warning(place, "it lets everybody in, as no filter would; add `allow` or `deny`, or remove it");
    } else if nobody_asks && !check.broken.contains("routes") {
        let place = check.place(path);
        check.warning(place, "every route has an `ip_filter` of its own; remove this one");
    }
    ip_filter(check, filter, path)
}

/// For one route.
pub fn of_route(check: &mut Check<'_>, route: &RouteConfig, defaults: &IpFilter) -> IpFilter {
    let Some(filter) = &route.ip_filter else { return defaults.clone() };
    let path = sibling_path(route, "ip_filter");
    let refused = check.broken.contains("defaults") || check.broken.contains(path.as_str());
    if filter.is_off() && defaults.is_off() && !refused {
        let place = check.place(&path);
        check.warning(place, "it lets everybody in, and `defaults` has no filter to switch off; remove it");
    }
    ip_filter(check, filter, &path)
}

fn ip_filter(check: &mut Check<'_>, filter: &IpFilterConfig, path: &str) -> IpFilter {
    // Entries that were refused are not in the lists, so what is left says little.
    if check.broken.contains(path) {
        return IpFilter::default();
    }
    let Review { error, warnings } = Review::of(filter);
    warnings.into_iter().for_each(|remark| check.warning(remark.place, remark.text));
    error.into_iter().for_each(|remark| check.error(remark.place, remark.text));
    let allow = format!("{path}.allow");
    if filter.allow.is_empty() && check.is_written(&allow) {
        let place = check.place(&allow);
        check.warning(
            place,
            "an empty `allow` lets in everybody who is not denied; list who may come in, or remove it",
        );
    }
    IpFilter::new(filter)
}
