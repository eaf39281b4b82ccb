//! `concurrency` and `priority` of routes and of `defaults`.

use std::time::Duration;

use crate::{
    config::{
        check::{Check, routes::sibling_path},
        file::Config,
    },
    policy::concurrency::{Priority, Settings, config::ConcurrencyConfig},
    route::config::RouteConfig,
    value::Name,
};

/// For routes that do not say otherwise.
pub fn of_defaults(check: &mut Check<'_>, config: &Config) -> Option<Settings> {
    let concurrency = config.defaults.concurrency.as_ref()?;
    let path = "defaults.concurrency";
    let nobody_asks =
        config.routes.iter().all(|route| route.concurrency.is_some()) && !config.routes.is_empty();
    if *concurrency == ConcurrencyConfig::default() && !check.broken.contains(path) {
        let place = check.place(path);
        check.warning(place, "it sets no limit; add `max` or `adaptive`, or remove it");
    } else if nobody_asks && !check.broken.contains("routes") {
        let place = check.place(path);
        check.warning(place, "every route has a `concurrency` of its own; remove this one");
    }
    settings(check, concurrency, path)
}

/// For one route.
pub fn of_route(check: &mut Check<'_>, route: &RouteConfig, defaults: Option<Settings>) -> Option<Settings> {
    let Some(concurrency) = &route.concurrency else { return defaults };
    let path = sibling_path(route, "concurrency");
    let is_off = *concurrency == ConcurrencyConfig::default() && defaults.is_none();
    if is_off && !check.broken.contains("defaults") && !check.broken.contains(path.as_str()) {
        let place = check.place(&path);
        check.warning(place, "it sets no limit, and `defaults` has none to switch off; remove it");
    }
    settings(check, concurrency, &path)
}

fn settings(check: &mut Check<'_>, config: &ConcurrencyConfig, path: &str) -> Option<Settings> {
    // What was refused is missing there, so what is left says little.
    if check.broken.contains(path) {
        return None;
    }
    odd(check, config, path);
    Settings::check(config).unwrap_or_else(|problems| {
        for problem in problems {
            let place = check.place(&problem.key_of(path));
            check.error(place, problem.text);
        }
        None
    })
}

/// Whether a wait in the queue could take all the time that there is for an answer. `path` is that of `concurrency`.
pub fn check_wait(check: &mut Check<'_>, settings: &Settings, total: Option<Duration>, path: &str) {
    let Some(total) = total.filter(|total| settings.queue > 0 && settings.patience >= *total) else { return };
    let place = check.place(&format!("{path}.queue.timeout"));
    let text = format!(
        "a request may wait here for {:?}, and `timeouts.total` leaves it {total:?} for everything; lower it",
        settings.patience
    );
    check.warning(place, text);
}

/// What a limit says in vain, of a route or an upstream.
pub fn odd(check: &mut Check<'_>, config: &ConcurrencyConfig, path: &str) {
    let ConcurrencyConfig { adaptive, retry_after, .. } = config;
    if adaptive.as_ref().is_some_and(|adaptive| adaptive.tolerance.is_nothing()) {
        let place = check.place(&format!("{path}.adaptive.tolerance"));
        check.warning(
            place,
            "no answer may be slower than at rest, so the limit falls with every jitter; write for example `25%`",
        );
    }
    if retry_after.get().subsec_nanos() > 0 {
        let place = check.place(&format!("{path}.retry_after"));
        check.warning(place, "`Retry-After` has whole seconds, so it is rounded up; write `1s` or more");
    }
}

/// For routes that do not say otherwise.
pub fn default_priority(check: &mut Check<'_>, config: &Config) -> Priority {
    let Some(priority) = config.defaults.priority else { return Priority::default() };
    if !config.upstreams.values().any(|upstream| !upstream.concurrency.is_off()) && check.broken.is_empty() {
        let place = check.place("defaults.priority");
        check.warning(place, "no upstream has a `concurrency` limit to compete for; add one, or remove this");
    }
    priority
}

/// For one route.
pub fn priority(check: &mut Check<'_>, config: &Config, route: &RouteConfig, defaults: Priority) -> Priority {
    let Some(priority) = route.priority else { return defaults };
    if !reaches_a_limit(config, route) && check.broken.is_empty() {
        let place = check.place(&sibling_path(route, "priority"));
        check.warning(
            place,
            "the route leads to no upstream with a `concurrency` limit, where alone a priority counts; add one there, \
             or remove this",
        );
    }
    priority
}

/// Whether its requests may compete with those of other routes.
fn reaches_a_limit(config: &Config, route: &RouteConfig) -> bool {
    let is_limited = |name: &Name| config.upstreams.get(name).is_some_and(|up| !up.concurrency.is_off());
    match &route.upstream {
        Some(upstream) => is_limited(upstream),
        // The services of an API stand in its schema; any of them may be one.
        None => route.graphql.is_some() && config.upstreams.keys().any(is_limited),
    }
}
