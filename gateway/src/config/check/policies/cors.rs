//! `cors` of routes and of `defaults`.

use std::collections::HashSet;

use http::{HeaderName, Method};

use crate::{
    config::{
        check::{Check, routes::sibling_path},
        file::Config,
    },
    policy::cors::{Cors, OURS, config::CorsConfig, pattern::OriginPattern},
    route::config::RouteConfig,
    value::{Duration, Located, Place},
};

/// What any browser keeps an answer for at most.
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);

/// For routes that do not say otherwise.
pub fn of_defaults(check: &mut Check<'_>, config: &Config) -> Cors {
    let Some(cors) = &config.defaults.cors else { return Cors::default() };
    let path = "defaults.cors";
    let nobody_asks = config.routes.iter().all(|route| route.cors.is_some()) && !config.routes.is_empty();
    if cors.is_off() && says_nothing(cors) && !check.broken.contains(path) {
        let place = check.place(path);
        check.warning(place, "it names no origin, as no `cors` would; add `origins`, or remove it");
    } else if nobody_asks && !check.broken.contains("routes") {
        let place = check.place(path);
        check.warning(place, "every route has a `cors` of its own; remove this one");
    }
    let is_open = |route: &RouteConfig| route.cors.is_none() && leaves_methods_open(route);
    if only_simple_methods(cors) && config.routes.iter().any(is_open) {
        let place = check.place(path);
        check.warning(place, ONLY_SIMPLE);
    }
    checked(check, cors, path)
}

/// For one route.
pub fn of_route(check: &mut Check<'_>, route: &RouteConfig, defaults: &Cors) -> Cors {
    let methods: Vec<Method> =
        route.matching.methods.iter().filter_map(|text| Method::from_bytes(text.as_bytes()).ok()).collect();
    let cors = match &route.cors {
        None => defaults.of_route(&methods),
        Some(cors) => own(check, route, cors, defaults).of_route(&methods),
    };
    if !cors.is_off() {
        answers(check, route);
    }
    if route.cors.as_ref().is_some_and(only_simple_methods) && leaves_methods_open(route) {
        let place = check.place(&sibling_path(route, "cors"));
        check.warning(place, ONLY_SIMPLE);
    }
    cors
}

/// Read by those who wonder why a page cannot `PUT`.
const ONLY_SIMPLE: &str = "neither it nor the route's `match` names methods, so pages may only `GET`, `HEAD` and `POST`; \
                           write `methods`";

/// Whether it shares a route without saying for which methods.
fn only_simple_methods(cors: &CorsConfig) -> bool {
    !cors.is_off() && cors.methods.is_empty()
}

/// Whether the service behind a route says which methods there are.
fn leaves_methods_open(route: &RouteConfig) -> bool {
    route.upstream.is_some() && route.matching.methods.is_empty()
}

fn own(check: &mut Check<'_>, route: &RouteConfig, cors: &CorsConfig, defaults: &Cors) -> Cors {
    let path = sibling_path(route, "cors");
    let refused = check.broken.contains("defaults") || check.broken.contains(path.as_str());
    if cors.is_off() && says_nothing(cors) && defaults.is_off() && !refused {
        let place = check.place(&path);
        check.warning(place, "it names no origin, and `defaults` has no `cors` to switch off; remove it");
    }
    checked(check, cors, &path)
}

/// Whether it is meant to switch off.
fn says_nothing(cors: &CorsConfig) -> bool {
    let CorsConfig { origins, methods, headers, expose_headers, credentials, max_age } = cors;
    let lists = [methods, headers, expose_headers].iter().all(|list| list.is_empty());
    origins.is_empty() && lists && !credentials && *max_age == CorsConfig::default().max_age
}

fn checked(check: &mut Check<'_>, cors: &CorsConfig, path: &str) -> Cors {
    // What was refused is missing here; the rest can be judged all the same.
    let refused = check.broken.contains(path);
    if cors.is_off() && !says_nothing(cors) && !refused {
        let place = check.place(path);
        check.error(place, "it names no origin, so the rest has no effect; add `origins`");
    }
    origins(check, cors);
    let CorsConfig { methods, headers, expose_headers, credentials, max_age, .. } = cors;
    methods.iter().for_each(|text| method(check, text));
    headers.iter().chain(expose_headers).for_each(|text| header(check, text));
    if *credentials {
        for text in
            [methods, headers, expose_headers].into_iter().flatten().filter(|text| text.as_str() == "*")
        {
            let text_of = "with `credentials` browsers read `*` as a name; list what is allowed";
            check.error(text.place().clone(), text_of);
        }
    }
    let age = check.place(&format!("{path}.max_age"));
    if !max_age.is_zero() && *max_age < Duration::from_secs(1) {
        check.error(
            age,
            format!(
                "`{max_age}` is less than browsers can count; write for example `10m`, or `0s` for never"
            ),
        );
    } else if *max_age > LONGEST {
        check.warning(
            age,
            format!("no browser remembers it for longer than a day; write `{LONGEST}` or less"),
        );
    }
    if refused { Cors::default() } else { Cors::new(cors) }
}

fn origins(check: &mut Check<'_>, cors: &CorsConfig) {
    let mut seen = HashSet::new();
    let several = cors.origins.len() > 1;
    for origin in &cors.origins {
        let place = origin.place().clone();
        if !seen.insert((matches!(**origin, OriginPattern::Regex(_)), origin.to_string())) {
            check.warning(place.clone(), format!("`{}` is listed twice; remove one", **origin));
        }
        match &**origin {
            OriginPattern::Any if cors.credentials => check.error(
                place,
                "with `credentials` every site could act as the user and read the answers; list the origins, or remove `credentials`",
            ),
            OriginPattern::Any if several => {
                check.warning(place, "`*` allows every origin, so the others have no effect; remove them");
            }
            OriginPattern::Null if cors.credentials => check.error(
                place,
                "any site can show a page of the origin `null`, so with `credentials` it could act as the user; remove it",
            ),
            OriginPattern::Null => {
                check.warning(place, "any site can show a page of the origin `null`; if everybody may read the answers write `*`");
            }
            OriginPattern::Below(below) if below.is_for_everybody() => strangers(check, cors, place, None),
            OriginPattern::Regex(regex) => {
                if let Some(stranger) = regex.stranger() {
                    strangers(check, cors, place, Some(&stranger));
                } else if regex.has_bare_dot() {
                    let text = "`.` is any character, so other names match as well; write `\\.` for a dot";
                    check.warning(place, text);
                }
            }
            _ => {}
        }
    }
}

/// An entry lets in origins that anybody may own, as this one.
fn strangers(check: &mut Check<'_>, cors: &CorsConfig, place: Place, example: Option<&str>) {
    let (whom, way_out) = match example {
        Some(example) => (format!("it matches origins of strangers, as `{example}`"), "name the hosts in it"),
        None => (
            "anybody may own a name below it".to_owned(),
            "write the name that is yours, as in `https://*.example.com`",
        ),
    };
    match cors.credentials {
        true => check
            .error(place, format!("{whom}, and with `credentials` each could act as the user; {way_out}")),
        false => check.warning(place, format!("{whom}; {way_out}, or write `*`")),
    }
}

fn method(check: &mut Check<'_>, text: &Located<String>) {
    let lower_case = text.bytes().any(|byte| byte.is_ascii_lowercase());
    if Method::from_bytes(text.as_bytes()).is_err() || lower_case {
        let message = format!("`{}` is not a method; methods are upper case, as in `GET`", **text);
        check.error(text.place().clone(), message);
    } else if ["CONNECT", "TRACE", "TRACK"].contains(&text.as_str()) {
        check.error(text.place().clone(), format!("browsers let no page send `{}`; remove it", **text));
    }
}

fn header(check: &mut Check<'_>, text: &Located<String>) {
    if HeaderName::try_from(text.as_str()).is_err() {
        let message = format!("`{}` is not a header name; write for example `content-type`", **text);
        check.error(text.place().clone(), message);
    }
}

/// What the route says of itself to browsers would stand beside what `cors` says, or in its place.
fn answers(check: &mut Check<'_>, route: &RouteConfig) {
    let changes = &route.response_headers;
    let responded = route.respond.iter().flat_map(|respond| respond.headers.keys());
    let names = changes.remove.iter().chain(changes.set.keys()).chain(changes.add.keys()).chain(responded);
    for name in names.filter(|name| OURS.iter().any(|ours| name.eq_ignore_ascii_case(ours.as_str()))) {
        let text = format!("`{}` is written by `cors`, which this route has; remove one of the two", **name);
        check.error(name.place().clone(), text);
    }
}
