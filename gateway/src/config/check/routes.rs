//! Routes: patterns, the one action of each, and whether they can be told apart.

use std::{collections::HashMap, sync::Arc};

use bytes::Bytes;
use http::{HeaderMap, StatusCode, Uri};

use super::{Action, Check, Known, Route, headers, policies};
use crate::{
    config::{file::Config, suggest},
    policy::concurrency::Settings,
    route::{
        config::{RedirectConfig, RespondConfig, RewriteConfig, RouteConfig},
        matcher::{Matcher, PathPattern},
        path::normalise,
        respond::Respond,
        rewrite::Rewrite,
        table::Table,
    },
    value::{EncodedSlashes, Located, Name},
};

/// `None` if any route was refused.
pub fn check(
    check: &mut Check<'_>,
    config: &Config,
    known: &Known<'_>,
) -> Option<(Vec<Route>, Table<usize>)> {
    let mut routes = Vec::with_capacity(config.routes.len());
    let mut matchers: Vec<(Matcher, usize)> = Vec::new();
    let shared = policies::shared(check, config);
    let defaults = policies::defaults(check, config, known, &shared);
    for (index, route) in config.routes.iter().enumerate() {
        let own = super::matching::matchers(check, route);
        let matching = own.is_some();
        matchers.extend(own.into_iter().flatten().map(|matcher| (matcher, index)));
        let action = action(check, route, known);
        let request_headers = headers::edits(check, &route.request_headers, headers::Of::Request);
        let response_headers = headers::edits(check, &route.response_headers, headers::Of::Response);
        let policies = policies::of_route(check, config, route, &defaults, known, &shared);
        waits(check, route, action.as_ref(), policies.concurrency.as_ref());
        let parts = (matching, action, request_headers, response_headers);
        routes.push(match parts {
            (true, Some(action), Some(request_headers), Some(response_headers)) => {
                let name = (*route.name).clone();
                Some(Route { name, action, request_headers, response_headers, policies })
            }
            _ => None,
        });
    }
    names(check, &config.routes);
    let table = table(check, &config.routes, matchers);
    Some((routes.into_iter().collect::<Option<_>>()?, table?))
}

/// The route's own queue; that of `defaults` may suit others.
fn waits(check: &mut Check<'_>, route: &RouteConfig, action: Option<&Action>, limit: Option<&Settings>) {
    if let (Some(Action::Forward { timeouts, .. }), Some(limit), Some(_)) =
        (action, limit, &route.concurrency)
    {
        policies::check_wait(check, limit, timeouts.total, &sibling_path(route, "concurrency"));
    }
}

fn names(check: &mut Check<'_>, routes: &[RouteConfig]) {
    let mut lines: HashMap<&str, u32> = HashMap::with_capacity(routes.len());
    for route in routes {
        let place = route.name.place();
        if let Some(line) = lines.insert(route.name.as_str(), place.line) {
            let text =
                format!("the route in line {line} is named `{}` too; give it another name", route.name);
            check.error(place.clone(), text);
        }
    }
}

/// The table of all routes; reports those that cannot be told apart.
fn table(
    check: &mut Check<'_>,
    routes: &[RouteConfig],
    matchers: Vec<(Matcher, usize)>,
) -> Option<Table<usize>> {
    let owners: Vec<usize> = matchers.iter().map(|(_, owner)| *owner).collect();
    let table = Table::build(matchers.into_iter().map(|(matcher, owner)| (matcher, Arc::new(owner))));
    let (table, collisions) = match table {
        Ok(table) => (Some(table), Vec::new()),
        Err(collisions) => (None, collisions),
    };
    for collision in collisions {
        let (first, second) = (&routes[owners[collision.first]], &routes[owners[collision.second]]);
        let text = format!(
            "the route `{}` cannot be told from `{}` (line {}): both match the same requests, and neither asks for more; \
             change the host, path or methods of one, or add a condition on a header or query parameter",
            second.name,
            first.name,
            first.name.place().line,
        );
        check.error(second.matching.path.place().clone(), text);
    }
    table
}

fn action(check: &mut Check<'_>, route: &RouteConfig, known: &Known<'_>) -> Option<Action> {
    one_action(check, route)?;
    if let Some(upstream) = &route.upstream {
        return to_upstream(check, route, upstream, known);
    }
    let rewrite = route.rewrite.is_none();
    if !rewrite {
        let place = sibling(check, route, "rewrite");
        check.error(place, "only a route with `upstream` forwards a path; remove `rewrite`");
    }
    if route.timeouts.read.is_some() || route.timeouts.total.is_some() {
        let place = sibling(check, route, "timeouts");
        check.error(place, "only a route with `upstream` waits for one; remove `timeouts`");
    }
    if route.graphql.is_none() && !route.request_headers.is_empty() {
        let place = sibling(check, route, "request_headers");
        check.error(
            place,
            "the gateway answers itself, so nobody sees the request's headers; remove `request_headers`",
        );
    }
    let action = if let Some(api) = &route.graphql {
        let is_known = check.knows_api(api);
        is_known.then(|| known.graphql.get_index_of(api.as_str()))?.map(|api| Action::Compose { api })
    } else if let Some(redirect) = &route.redirect {
        to_redirect(check, redirect)
    } else {
        route.respond.as_ref().and_then(|respond| to_respond(check, respond))
    };
    action.filter(|_| rewrite)
}

/// Exactly one; says which there are.
fn one_action(check: &mut Check<'_>, route: &RouteConfig) -> Option<()> {
    let given = [
        ("upstream", route.upstream.is_some()),
        ("graphql", route.graphql.is_some()),
        ("redirect", route.redirect.is_some()),
        ("respond", route.respond.is_some()),
    ];
    let given: Vec<&str> = given.iter().filter(|(_, given)| *given).map(|(name, _)| *name).collect();
    match given.as_slice() {
        [_] => Some(()),
        [] => {
            let place = sibling(check, route, "");
            let text = format!(
                "the route `{}` does nothing; add one of `upstream`, `graphql`, `redirect` and `respond`",
                route.name
            );
            check.error(place, text);
            None
        }
        [_, second, ..] => {
            let place = sibling(check, route, second);
            let list = suggest::list(given.iter().copied());
            check.error(place, format!("the route `{}` has {list}; keep one of them", route.name));
            None
        }
    }
}

fn to_upstream(
    check: &mut Check<'_>,
    route: &RouteConfig,
    name: &Located<Name>,
    known: &Known<'_>,
) -> Option<Action> {
    let rewrite = match &route.rewrite {
        Some(rewrite) => to_rewrite(check, route, rewrite).map(Some),
        None => Some(None),
    };
    if !check.knows_upstream(name) {
        return None;
    }
    let (upstream, _, settings) = known.upstreams.get_full(name.as_str())?;
    let (read, total) = (route.timeouts.read, route.timeouts.total);
    let timeouts =
        settings.as_ref()?.timeouts.overridden(read.map(|read| read.get()), total.map(|total| total.get()));
    if let (Some(read), Some(total)) = (read, total)
        && !total.is_zero()
        && read > total
    {
        let place = sibling(check, route, "timeouts.read");
        check.warning(
            place,
            format!("`read` ({read}) is longer than `total` ({total}) and never reached; lower it"),
        );
    }
    Some(Action::Forward { upstream, timeouts, rewrite: rewrite? })
}

fn to_rewrite(check: &mut Check<'_>, route: &RouteConfig, rewrite: &RewriteConfig) -> Option<Rewrite> {
    let (from, to) = match rewrite {
        RewriteConfig::StripPrefix(from) => (from, "/".to_owned()),
        RewriteConfig::Prefix(prefix) => (&prefix.from, path(check, &prefix.to)?),
    };
    let place = from.place().clone();
    let from = path(check, from)?;
    let pattern = PathPattern::parse(&route.matching.path).ok()?;
    let begins = format!("{}/", pattern.literal_prefix());
    if !begins.starts_with(&format!("{}/", from.trim_end_matches('/'))) {
        let text = format!(
            "no path of `{pattern}` begins with `{from}`; the prefix must be a literal part of the route's path"
        );
        check.error(place, text);
        return None;
    }
    Some(Rewrite { from, to })
}

/// A literal path in its one spelling, without a slash at its end.
fn path(check: &mut Check<'_>, text: &Located<String>) -> Option<String> {
    let normal = normalise(text.as_bytes(), EncodedSlashes::Keep).ok();
    if normal.as_deref() != Some(text.as_str()) || text.contains(['{', '}', '*', '?']) {
        check.error(
            text.place().clone(),
            format!("`{}` is not a plain path; write for example `/api`", **text),
        );
        return None;
    }
    let trimmed = text.trim_end_matches('/');
    Some(if trimmed.is_empty() { "/".into() } else { trimmed.into() })
}

fn to_redirect(check: &mut Check<'_>, redirect: &RedirectConfig) -> Option<Action> {
    let RedirectConfig { to, status } = redirect;
    let usable = match to.parse::<Uri>() {
        Ok(uri) => {
            to.starts_with('/') && !to.starts_with("//") || matches!(uri.scheme_str(), Some("http" | "https"))
        }
        Err(_) => false,
    };
    if !usable {
        let text = format!(
            "`{}` is not a location; write a path as in `/new`, or a URL as in `https://example.com/`",
            **to
        );
        check.error(to.place().clone(), text);
    }
    if ![301, 302, 303, 307, 308].contains(&**status) {
        let text = format!("`{status}` is no status of redirection; write 301, 302, 303, 307 or 308");
        check.error(status.place().clone(), text);
        return None;
    }
    let status = StatusCode::from_u16(**status).ok()?;
    usable.then(|| Action::Redirect { to: (**to).clone(), status })
}

fn to_respond(check: &mut Check<'_>, respond: &RespondConfig) -> Option<Action> {
    let RespondConfig { status, body, headers: fields } = respond;
    let mut map = HeaderMap::new();
    let mut complete = true;
    for (name, value) in fields {
        let header = headers::name(check, name, headers::Of::Response).zip(headers::value(
            check,
            value.place(),
            value,
        ));
        match header {
            Some((name, value)) => drop(map.append(name, value)),
            None => complete = false,
        }
    }
    if !(200..=599).contains(&**status) {
        check.error(
            status.place().clone(),
            format!("`{status}` is no status for an answer; write 200 to 599"),
        );
        return None;
    }
    if [204, 205, 304].contains(&**status) && !body.is_empty() {
        check.error(
            status.place().clone(),
            format!("an answer with status {status} has no body; remove `body` or write 200"),
        );
        return None;
    }
    let status = StatusCode::from_u16(**status).ok()?;
    complete.then(|| Action::Respond(Respond { status, headers: map, body: Bytes::from(body.clone()) }))
}

/// The place of another key of the same route.
fn sibling(check: &Check<'_>, route: &RouteConfig, key: &str) -> crate::value::Place {
    check.place(&sibling_path(route, key))
}

/// The same as a key path; without a key that of the route.
pub fn sibling_path(route: &RouteConfig, key: &str) -> String {
    let name = &route.name.place().path;
    let route = name.strip_suffix(".name").unwrap_or(name);
    if key.is_empty() { route.to_owned() } else { format!("{route}.{key}") }
}
