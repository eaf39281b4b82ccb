//! `rate_limits` of routes and of `defaults`, and those at the top that routes share.

use std::{
    collections::HashMap,
    mem,
    num::{NonZeroU16, NonZeroU32},
    sync::Arc,
};

use indexmap::IndexMap;

use super::counting::{Said, counting};
use crate::{
    config::{
        check::{
            Authenticator, Check, Named, Route,
            headers::{self, Of},
            route::RateLimit,
            routes::sibling_path,
        },
        file::Config,
    },
    policy::rate_limit::{
        Cost, Limit, MAX_KEYS,
        config::{CostConfig, PartConfig, RateLimitConfig, SharedRateLimitConfig},
        counting::{Counting, Together, lease},
        key::Part,
    },
    route::config::RouteConfig,
    value::{Located, Name, Quota, Rate},
};

/// Limits that routes share, by name; `None` for what was refused.
#[derive(Debug, Clone, Default)]
pub struct Shared(IndexMap<Name, Option<Arc<Limit>>>);

/// What a limit is for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Target {
    /// A composed API.
    Graphql,
    /// Another route.
    Other,
    /// Any route: it is one of `defaults`.
    Unknown,
}

/// What both kinds of limits say.
struct Written<'a> {
    rate: &'a Located<Rate>,
    burst: Option<&'a Located<u32>>,
    /// The key path of the limit.
    path: &'a str,
    by: &'a [PartConfig],
    max_keys: Option<&'a Located<u32>>,
    counting: Said<'a>,
}

/// Those at the top.
pub fn shared(check: &mut Check<'_>, config: &Config) -> Shared {
    let mut all = IndexMap::new();
    for (name, limit) in &config.rate_limits {
        let SharedRateLimitConfig { limit, burst, by, max_keys, mode, lease, on_failure } = limit;
        let (burst, max_keys) = (burst.as_ref(), max_keys.as_ref());
        let counting = Said { mode: mode.as_ref(), lease: lease.as_ref(), on_failure: on_failure.as_ref() };
        let path = format!("rate_limits.{name}");
        let written = Written { rate: limit, burst, path: &path, by, max_keys, counting };
        all.insert((**name).clone(), self::limit(check, &written).map(Arc::new));
    }
    unused(check, config);
    Shared(all)
}

/// A limit that nobody counts with limits nobody.
fn unused(check: &mut Check<'_>, config: &Config) {
    let everybody = config.routes.iter().map(|route| &route.rate_limits);
    let lists = everybody.chain([&config.defaults.rate_limits]).flatten().flatten();
    let used: Vec<&str> = lists.filter_map(|limit| limit.shared.as_ref().map(|name| name.as_str())).collect();
    for name in config.rate_limits.keys().filter(|name| !used.contains(&name.as_str())) {
        if check.broken.is_empty() {
            let text = format!(
                "no route shares the limit `{name}`; name it with `rate_limits: [{{ shared: {name} }}]`"
            );
            check.warning(name.place().clone(), text);
        }
    }
}

/// A quota of a limit that its caller never meets is probably a mistake in the name.
pub fn unused_quotas(check: &mut Check<'_>, authenticators: &Named<Authenticator>, routes: &[Route]) {
    for ((authenticator, name), place) in mem::take(&mut check.quotas) {
        let index = authenticators.get_index_of(authenticator.as_str());
        let asks =
            |route: &&Route| index.is_some_and(|index| route.policies.authentication.by.contains(&index));
        let met = routes.iter().filter(asks).flat_map(|route| &*route.policies.rate_limits);
        let met: Vec<&RateLimit> = met.filter(|limit| limit.name == name).collect();
        if met.is_empty() {
            let text = format!(
                "no route that asks `{authenticator}` has a rate limit called `{name}`; give one this `name`, or \
                 remove this"
            );
            check.warning(place, text);
        } else if !met.iter().any(|limit| limit.limit.needs_identity()) {
            let text = format!(
                "the rate limit `{name}` is asked before it is known who calls; add for example `api_key` to its \
                 `by`, or remove this"
            );
            check.warning(place, text);
        }
    }
}

/// For routes that do not say otherwise.
pub fn of_defaults(check: &mut Check<'_>, config: &Config, shared: &Shared) -> Arc<[RateLimit]> {
    let Some(limits) = &config.defaults.rate_limits else { return Arc::default() };
    let path = "defaults.rate_limits";
    let nobody_asks =
        config.routes.iter().all(|route| route.rate_limits.is_some()) && !config.routes.is_empty();
    if limits.is_empty() && !check.broken.contains(path) {
        let place = check.place(path);
        check.warning(place, "an empty list limits nothing; add a limit, or remove it");
    } else if nobody_asks && !check.broken.contains("routes") {
        let place = check.place(path);
        check.warning(place, "every route has `rate_limits` of its own; remove these");
    }
    list(check, limits, path, shared, Target::Unknown)
}

/// For one route; `is_known` where it asks who calls.
pub fn of_route(
    check: &mut Check<'_>,
    route: &RouteConfig,
    defaults: &Arc<[RateLimit]>,
    shared: &Shared,
    is_known: bool,
) -> Arc<[RateLimit]> {
    let Some(limits) = &route.rate_limits else { return defaults.clone() };
    let path = sibling_path(route, "rate_limits");
    let refused = check.broken.contains("defaults") || check.broken.contains(path.as_str());
    if limits.is_empty() && defaults.is_empty() && !refused {
        let place = check.place(&path);
        check.warning(
            place,
            "an empty list limits nothing, and `defaults` has no limit to switch off; remove it",
        );
    }
    let target = if route.graphql.is_some() { Target::Graphql } else { Target::Other };
    let made = list(check, limits, &path, shared, target);
    // A shared one may well be for callers that other routes know.
    if !is_known && made.iter().any(|limit| !limit.shared && limit.limit.needs_identity()) {
        let place = check.place(&path);
        let text = "they go by who calls, and the route does not ask, so the client's address counts; add `authentication`";
        check.warning(place, text);
    }
    made
}

/// What was refused is left out: the configuration is refused anyway.
fn list(
    check: &mut Check<'_>,
    limits: &[RateLimitConfig],
    path: &str,
    shared: &Shared,
    target: Target,
) -> Arc<[RateLimit]> {
    let made = limits.iter().enumerate().map(|(index, limit)| {
        // A list whose items were refused in part has other places.
        let name = || format!("limit-{}", index + 1).parse().expect("a name");
        one(check, limit, &format!("{path}[{index}]"), name, shared, target)
    });
    let made: Vec<RateLimit> = made.collect::<Vec<_>>().into_iter().flatten().collect();
    let mut names: HashMap<&str, usize> = HashMap::new();
    for (index, limit) in made.iter().enumerate() {
        if let Some(first) = names.insert(limit.name.as_str(), index) {
            let text = format!(
                "two limits are called `{}`; give one of them another `name`, or remove it",
                made[first].name
            );
            let place = check.place(&format!("{path}[{index}]"));
            check.error(place, text);
        }
    }
    made.into()
}

fn one(
    check: &mut Check<'_>,
    written: &RateLimitConfig,
    path: &str,
    name: impl Fn() -> Name,
    shared: &Shared,
    target: Target,
) -> Option<RateLimit> {
    let RateLimitConfig { limit, shared: other, name: own, burst, by, cost, max_keys, .. } = written;
    let (name, is_shared, limit) = match (limit, other) {
        (Some(rate), None) => {
            let (burst, max_keys) = (burst.as_ref(), max_keys.as_ref());
            let counting = said(written);
            let limit = self::limit(check, &Written { rate, burst, path, by, max_keys, counting })?;
            (own.as_ref().map_or_else(name, |own| (**own).clone()), false, Arc::new(limit))
        }
        (None, Some(other)) => {
            only_shared(check, written, other);
            let known = check.knows_rate_limit(other);
            let limit = known.then(|| shared.0.get(other.as_str()))??.clone()?;
            ((**other).clone(), true, limit)
        }
        (Some(_), Some(other)) => {
            let text = "a limit is the route's own or shared; keep one of `limit` and `shared`";
            check.error(other.place().clone(), text);
            return None;
        }
        (None, None) => {
            let place = check.place(path);
            check.error(place, "the limit says nothing; add for example `limit: 100/s`");
            return None;
        }
    };
    let written_cost = cost;
    let cost = self::cost(check, cost, &limit, target)?;
    dear(check, written_cost, &limit);
    Some(RateLimit { name, shared: is_shared, limit, cost })
}

fn said(written: &RateLimitConfig) -> Said<'_> {
    let RateLimitConfig { mode, lease, on_failure, .. } = written;
    Said { mode: mode.as_ref(), lease: lease.as_ref(), on_failure: on_failure.as_ref() }
}

/// What belongs to the limit is said where it is.
fn only_shared(check: &mut Check<'_>, written: &RateLimitConfig, shared: &Located<Name>) {
    let RateLimitConfig { name, burst, by, max_keys, .. } = written;
    let Said { mode, lease, on_failure } = said(written);
    let counted = mode.is_some() || lease.is_some() || on_failure.is_some();
    let more = name.is_some() || burst.is_some() || max_keys.is_some() || !by.is_empty() || counted;
    if more {
        let text = format!(
            "of a shared limit a route only says the `cost`; move the rest to `rate_limits.{shared}`"
        );
        check.error(shared.place().clone(), text);
    }
}

/// `graphql` and `graphql_mutations` only where operations come in.
fn cost(check: &mut Check<'_>, cost: &Located<CostConfig>, limit: &Limit, to: Target) -> Option<Cost> {
    let CostConfig(found) = **cost;
    let place = cost.place().clone();
    match (found, to) {
        (Cost::Fixed(found), _) if found > limit.quota.burst => {
            let text = format!(
                "a request costs {found}, and there are never more than {} at once, so every one is refused; \
                 lower `cost` or raise `burst`",
                limit.quota.burst
            );
            check.error(place, text);
        }
        (Cost::Graphql | Cost::GraphqlMutations, Target::Other) => {
            check.error(
                place,
                "only a route with `graphql` has operations that cost something; write a number",
            );
        }
        (Cost::Graphql | Cost::GraphqlMutations, Target::Unknown) => {
            check.error(
                place,
                "`defaults` may be those of any route; say `cost: graphql` on routes with `graphql`",
            );
        }
        _ => {}
    }
    Some(found)
}

/// A lease that holds less than a request costs saves no round trip.
fn dear(check: &mut Check<'_>, cost: &Located<CostConfig>, limit: &Limit) {
    let Counting::Together(Together { lease: Some(share), .. }) = limit.counting else { return };
    let lease = lease(limit.quota.burst, share);
    if let Cost::Fixed(cost_of) = cost.0
        && cost_of > lease
    {
        let text = format!(
            "a request costs {cost_of} and a lease holds {lease}, so each one asks Redis; raise `lease` or `burst`, or use \
             `mode: exact`"
        );
        check.warning(cost.place().clone(), text);
    }
}

fn limit(check: &mut Check<'_>, written: &Written<'_>) -> Option<Limit> {
    let Written { rate, burst, path, by, max_keys, counting } = written;
    let list = format!("{path}.by");
    if by.is_empty() && check.tree.has_empty_list(&list) {
        let place = check.place(&list);
        check.error(
            place,
            "an empty list tells nobody apart; write `[route]` for one bucket, or remove it for `[client_address]`",
        );
    }
    let max_keys = match max_keys {
        Some(max_keys) => at_least_one(check, max_keys),
        None => NonZeroU32::new(MAX_KEYS),
    };
    let by: Vec<Option<Part>> = by.iter().map(|part| self::part(check, part)).collect();
    let mut by: Vec<Part> = by.into_iter().collect::<Option<_>>()?;
    if by.is_empty() {
        by.push(Part::ClientAddress);
    }
    let counting = self::counting(check, *counting);
    let quota = quota(check, rate, *burst, counting.instances())?;
    Some(Limit { quota, by: by.into(), max_keys: max_keys?, counting })
}

/// What is written of a quota that so many gateways share. It may be written in another file.
pub fn quota(
    check: &mut Check<'_>,
    rate: &Located<Rate>,
    burst: Option<&Located<u32>>,
    instances: NonZeroU16,
) -> Option<Quota> {
    let burst = match burst {
        Some(burst) => at_least_one(check, burst)?,
        None => rate.count(),
    };
    let quota = Quota { rate: **rate, burst };
    if !quota.refills(instances) {
        let shared = if instances > NonZeroU16::MIN {
            format!(" to one of {instances} gateways")
        } else {
            String::new()
        };
        let text = format!(
            "`{rate}` takes more than 3650 days to give {burst} again{shared}; raise it, or lower `burst`"
        );
        check.error(rate.place().clone(), text);
        return None;
    }
    Some(quota)
}

fn part(check: &mut Check<'_>, part: &PartConfig) -> Option<Part> {
    match part {
        PartConfig::ClientAddress => Some(Part::ClientAddress),
        PartConfig::Route => Some(Part::Route),
        PartConfig::Header(name) => headers::name(check, name, Of::Request).map(Part::Header),
        PartConfig::Subject => Some(Part::Subject),
        PartConfig::ApiKey => Some(Part::ApiKey),
        PartConfig::Claim(path) => {
            if path.is_empty() {
                check.error(
                    path.place().clone(),
                    "an empty path leads to no claim; write for example `tenant.id`",
                );
            }
            Some(Part::Claim(path.as_str().into()))
        }
    }
}

fn at_least_one(check: &mut Check<'_>, number: &Located<u32>) -> Option<NonZeroU32> {
    let found = NonZeroU32::new(**number);
    if found.is_none() {
        check.error(number.place().clone(), "`0` is too little; write 1 or more");
    }
    found
}
