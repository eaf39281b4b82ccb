//! From a checked configuration to a snapshot. Nothing here can fail: the checks have seen to that.

use std::{sync::Arc, time::SystemTime};

use glassgate_graphql::Engine;

use super::{
    Action, Route, Snapshot,
    api::{Api, PLANS},
};
use crate::{
    config::{
        Checked,
        check::{self, GraphqlApi},
    },
    route::table::Table,
    telemetry::Telemetry,
    upstream::{FetchClient, Settings, Upstream, Upstreams},
};

/// What a checked configuration leaves for a snapshot when its upstreams were taken out.
#[derive(Debug)]
pub struct Parts {
    checked: Checked,
    names: Vec<Arc<str>>,
}

/// Takes the upstreams' settings out, of which a registry is made first.
pub fn split(mut checked: Checked) -> (Parts, Vec<Settings>) {
    let settings = std::mem::take(&mut checked.upstreams);
    let names = settings.iter().map(|settings| settings.name.to_arc()).collect();
    (Parts { checked, names }, settings)
}

/// Builds the snapshot. `upstreams` are those of the same configuration.
pub fn build(parts: Parts, upstreams: &Upstreams, telemetry: &Telemetry, loaded_at: SystemTime) -> Snapshot {
    let Parts { checked, names } = parts;
    let services: Vec<Arc<Upstream>> = names
        .iter()
        .map(|name| upstreams.get(name).expect("the registry was made from the same settings").clone())
        .collect();
    let sources = services.iter().map(|service| (service.name().clone(), service.clone()));
    let client = FetchClient::new(sources);
    let api = |api: GraphqlApi| {
        Arc::new(Api {
            name: api.name.to_arc(),
            engine: Engine::new(api.schema, api.limits, PLANS),
            client: client.clone(),
            metrics: telemetry.metrics.graphql(api.name.as_str()),
            timeout: api.timeout,
        })
    };
    let apis: Vec<Arc<Api>> = checked.graphql.into_iter().map(api).collect();
    let routes = checked.routes.into_iter().flat_map(|route| {
        let matchers = route.matchers.clone();
        let route = Arc::new(self::route(route, &services, &apis, telemetry));
        matchers.into_iter().map(move |matcher| (matcher, route.clone()))
    });
    Snapshot {
        routes: Table::build(routes).expect("routes that cannot be told apart are refused by the checks"),
        version: checked.version.into(),
        loaded_at,
        source: checked.source,
        config: Arc::new(checked.config),
        telemetry: telemetry.clone(),
    }
}

fn route(route: check::Route, services: &[Arc<Upstream>], apis: &[Arc<Api>], telemetry: &Telemetry) -> Route {
    let action = match route.action {
        check::Action::Upstream { upstream, timeouts, rewrite } => {
            Action::Forward { upstream: services[upstream].clone(), timeouts, rewrite }
        }
        check::Action::Graphql { api } => Action::Compose(apis[api].clone()),
        check::Action::Redirect { to, status } => Action::Redirect { to, status },
        check::Action::Respond(respond) => Action::Respond(respond),
    };
    Route {
        name: route.name.to_arc(),
        metrics: telemetry.metrics.route(route.name.as_str()),
        action,
        request_headers: route.request_headers,
        response_headers: route.response_headers,
    }
}
