//! `limits` of routes and of `defaults`.

use crate::{
    config::{
        check::{Check, routes::sibling_path},
        file::Config,
    },
    policy::limits::{Limits, config::LimitsConfig},
    route::config::RouteConfig,
};

/// For routes that do not say otherwise.
pub fn of_defaults(check: &mut Check<'_>, config: &Config) -> Limits {
    let Some(limits) = &config.defaults.limits else { return Limits::default() };
    let path = "defaults.limits";
    let nobody_asks = config.routes.iter().all(|route| route.limits.is_some()) && !config.routes.is_empty();
    if limits.is_off() && !check.broken.contains(path) {
        let place = check.place(path);
        check.warning(place, "it limits nothing, as no limits would; add `body` or `uri`, or remove it");
    } else if nobody_asks && !check.broken.contains("routes") {
        let place = check.place(path);
        check.warning(place, "every route has `limits` of its own; remove these");
    }
    checked(check, config, limits, path)
}

/// For one route.
pub fn of_route(check: &mut Check<'_>, config: &Config, route: &RouteConfig, defaults: &Limits) -> Limits {
    let Some(limits) = &route.limits else { return *defaults };
    let path = sibling_path(route, "limits");
    let refused = check.broken.contains("defaults") || check.broken.contains(path.as_str());
    if limits.is_off() && defaults.is_off() && !refused {
        let place = check.place(&path);
        check.warning(place, "it limits nothing, and `defaults` has no limits to switch off; remove it");
    }
    checked(check, config, limits, &path)
}

fn checked(check: &mut Check<'_>, config: &Config, limits: &LimitsConfig, path: &str) -> Limits {
    let heads = config.listeners.iter().map(|listener| listener.limits.head).max();
    let place = check.place(&format!("{path}.uri"));
    match (limits.uri, heads) {
        (Some(uri), _) if uri.bytes() == 0 => {
            check.error(place, "every address has a byte at least; write for example `8KiB`");
        }
        (Some(uri), Some(head)) if uri >= head && !check.broken.contains("listeners") => {
            let text = format!(
                "never reached, because no listener takes a head of more than {head}; lower it, or raise `limits.head` there"
            );
            check.warning(place, text);
        }
        _ => {}
    }
    Limits::new(limits)
}
