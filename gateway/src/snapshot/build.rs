//! From a checked configuration to a snapshot. Nothing here can fail: the checks have seen to that.

use std::{
    collections::HashMap,
    sync::Arc,
    time::{Instant, SystemTime},
};

use glassgate_graphql::Engine;

use super::{
    Action, Policies, Route, Snapshot,
    api::{Api, PLANS},
    authenticator::{Authentication, Authenticator},
    rate_limits::Builder,
};
use crate::{
    config::{
        Checked,
        check::{self, GraphqlApi},
    },
    issuer::{Issuers, JwksSettings},
    redis,
    telemetry::{Telemetry, metrics::RouteMetrics},
    upstream::{FetchClient, Gate, Settings, Upstream, Upstreams},
};

/// What a checked configuration leaves for a snapshot when its upstreams were taken out.
#[derive(Debug)]
pub struct Parts {
    checked: Checked,
    names: Vec<Arc<str>>,
}

/// Takes out the settings of upstreams, and of issuers, of which registries are made first.
pub fn split(mut checked: Checked) -> (Parts, Vec<Settings>, Vec<JwksSettings>) {
    let settings = std::mem::take(&mut checked.upstreams);
    let names = settings.iter().map(|settings| settings.name.to_arc()).collect();
    let issuers =
        checked.authenticators.iter().filter_map(|authenticator| authenticator.issuer().cloned()).collect();
    (Parts { checked, names }, settings, issuers)
}

impl Parts {
    /// The store that gateways share: the one that runs if it stays the same, else another, which begins to connect.
    pub fn redis(
        &mut self,
        before: Option<&Arc<redis::Client>>,
        threads: &redis::Threads,
        telemetry: &Telemetry,
    ) -> Option<Arc<redis::Client>> {
        let settings = self.checked.redis.take()?;
        match before {
            Some(same) if same.settings().origin == settings.origin => Some(same.clone()),
            _ => Some(redis::Client::start(settings, threads, telemetry.metrics.redis().clone())),
        }
    }
}

/// Builds the snapshot. `upstreams`, `issuers` and `redis` are those of the same configuration; `before` is what runs so far, whose plans go on
/// for the APIs that stay the same.
pub fn build(
    parts: Parts,
    upstreams: &Upstreams,
    issuers: &Issuers,
    redis: Option<Arc<redis::Client>>,
    telemetry: &Telemetry,
    loaded_at: SystemTime,
    before: Option<&Snapshot>,
) -> Snapshot {
    let Parts { checked, names } = parts;
    let services: Vec<Arc<Upstream>> = names
        .iter()
        .map(|name| upstreams.get(name).expect("the registry was made from the same settings").clone())
        .collect();
    services.iter().for_each(|service| service.activate());
    let sources = services.iter().map(|service| (service.name().clone(), service.clone()));
    let client = FetchClient::new(sources);
    let api = |api: GraphqlApi| {
        let same_name = before.and_then(|before| before.apis.iter().find(|other| *other.name == *api.name));
        Arc::new(Api {
            name: api.name.to_arc(),
            metrics: telemetry.metrics.graphql(api.name.as_str()),
            timeout: api.timeout,
            csrf: api.csrf,
            client: client.clone(),
            engine: engine(api, same_name),
        })
    };
    let apis: Vec<Arc<Api>> = checked.graphql.into_iter().map(api).collect();
    let authenticator = |settings| self::authenticator(settings, issuers, telemetry, before);
    let authenticators: Vec<Arc<Authenticator>> =
        checked.authenticators.into_iter().map(authenticator).collect();
    let reserved =
        checked.routes.iter().flat_map(|route| route.policies.authentication.rules.headers.names());
    let reserved = reserved.collect();
    let gates = before.map(|before| &before.gates);
    let chains = chains(&checked.routes, &authenticators);
    let parts = Resolved { services: &services, apis: &apis, chains: &chains, gates };
    let mut limits = Builder::new(before.map(|before| &before.limiters), telemetry, Instant::now());
    let route = |route| Arc::new(self::route(route, &parts, telemetry, &mut limits));
    let routes: Vec<Arc<Route>> = checked.routes.into_iter().map(route).collect();
    let gate = |route: &Arc<Route>| Some((route.name.clone(), route.policies.concurrency.clone()?));
    let gates = routes.iter().filter_map(gate).collect();
    Snapshot {
        routes: checked.table.map(|index| routes[*index].clone()),
        redis,
        apis,
        limiters: limits.finish(),
        authenticators,
        reserved,
        gates,
        version: checked.version.into(),
        loaded_at,
        source: checked.source,
        config: checked.config,
        telemetry: telemetry.clone(),
    }
}

/// An engine holds nothing of the configuration but its schema and its bounds: while these stay, it may stay as well, and
/// its plans with it.
fn engine(api: GraphqlApi, before: Option<&Arc<Api>>) -> Engine {
    match before {
        Some(same) if same.engine.serves(&api.schema, &api.limits) => same.engine.clone(),
        _ => Engine::new(api.schema, api.limits, PLANS),
    }
}

/// One whose configuration stays the same stays itself, with all that it remembers. One that changes keeps what it has
/// found out about secrets.
fn authenticator(
    settings: check::Authenticator,
    issuers: &Issuers,
    telemetry: &Telemetry,
    before: Option<&Snapshot>,
) -> Arc<Authenticator> {
    let same_name = |other: &&Arc<Authenticator>| *other.name == *settings.name;
    let before = before.and_then(|before| before.authenticators.iter().find(same_name));
    match before {
        Some(same) if same.serves(&settings) => same.clone(),
        before => {
            let before = before.map(|before| &**before);
            Arc::new(Authenticator::new(settings, &telemetry.metrics, issuers, before))
        }
    }
}

/// What routes ask of callers. Those that ask the same share it: most ask what `defaults` says.
type Chains = HashMap<check::Authentication, Authentication>;

fn chains(routes: &[check::Route], authenticators: &[Arc<Authenticator>]) -> Chains {
    let mut chains = Chains::new();
    for authentication in routes.iter().map(|route| &route.policies.authentication) {
        if !chains.contains_key(authentication) {
            chains.insert(authentication.clone(), Authentication::new(authentication, authenticators));
        }
    }
    chains
}

/// What routes lead to and ask, by the indexes of the checked configuration.
struct Resolved<'a> {
    services: &'a [Arc<Upstream>],
    apis: &'a [Arc<Api>],
    chains: &'a Chains,
    /// Concurrency limits so far, by the names of their routes.
    gates: Option<&'a HashMap<Arc<str>, Arc<Gate>>>,
}

fn route(
    route: check::Route,
    parts: &Resolved<'_>,
    telemetry: &Telemetry,
    limits: &mut Builder<'_>,
) -> Route {
    let action = match route.action {
        check::Action::Forward { upstream, timeouts, rewrite } => {
            Action::Forward { upstream: parts.services[upstream].clone(), timeouts, rewrite }
        }
        check::Action::Compose { api } => Action::Compose(parts.apis[api].clone()),
        check::Action::Redirect { to, status } => Action::Redirect { to, status },
        check::Action::Respond(respond) => Action::Respond(respond),
    };
    let name = route.name.to_arc();
    let metrics = telemetry.metrics.route(&name);
    Route {
        policies: policies(route.policies, &name, &metrics, parts, limits),
        name,
        metrics,
        action,
        request_headers: route.request_headers,
        response_headers: route.response_headers,
    }
}

fn policies(
    policies: check::Policies,
    route: &Arc<str>,
    metrics: &RouteMetrics,
    parts: &Resolved<'_>,
    counters: &mut Builder<'_>,
) -> Policies {
    let check::Policies {
        cors,
        ip_filter,
        limits,
        rate_limits,
        authentication,
        authorization,
        concurrency,
        priority,
    } = policies;
    let before = parts.gates.and_then(|gates| gates.get(route));
    let gate = Gate::next(before, concurrency, || metrics.concurrency());
    if let (Some(gate), Some(settings)) = (&gate, concurrency) {
        gate.configure(settings);
    }
    Policies {
        cors,
        ip_filter,
        limits,
        rate_limits: counters.route(route, &rate_limits),
        authentication: parts.chains.get(&authentication).expect("made of all routes").clone(),
        authorization,
        concurrency: gate,
        priority,
    }
}
