//! From what was written to what can run: [`Checked`], with every reference resolved, or every problem at once.
//!
//! One file per section. A check says where by a key path and lets the tree find the line. What a section's owner can
//! judge alone (an upstream's settings, a listener's certificates, a schema) it judges in its own module; here is
//! what needs more than one section, or files.
//!
//! The configuration may already have problems from reading. Then what is missing may only have been refused: errors
//! at or above such a place are not reported again.

mod authenticators;
mod graphql;
mod headers;
mod listeners;
mod matching;
mod names;
mod policies;
mod redis;
mod route;
mod routes;
mod telemetry;
mod upstreams;
mod yaml;

use std::{
    collections::HashSet,
    path::{Path, PathBuf},
    sync::Arc,
};

use indexmap::IndexMap;

pub use authenticators::{Authenticator, Jwt, Keys, Method, ids_of_keys};
pub use graphql::GraphqlApi;
use names::Names;
pub use policies::Authentication;
pub use route::{Action, Policies, RateLimit, Route};

use super::{
    error::{Problem, Problems},
    file::Config,
    inputs::{Files, Inputs},
    tree::{Environment, Tree},
};
use crate::{
    policy::rate_limit::counting::CountingConfig,
    redis::Settings,
    route::table::Table,
    upstream,
    value::{Located, Name, Place},
};

/// A configuration that can run. Only [`load`](super::load()) makes one.
#[derive(Debug)]
pub struct Checked {
    /// What was written, with defaults: listeners, admin, drain and telemetry are used as they are. For `GET /config`
    /// it serialises with its secrets masked.
    pub config: Arc<Config>,
    /// All upstreams, in the order of the file.
    pub upstreams: Vec<upstream::Settings>,
    /// All authenticators, in the order of the file.
    pub authenticators: Vec<Authenticator>,
    /// Where several gateways count together.
    pub redis: Option<Settings>,
    /// All composed APIs, in the order of the file.
    pub graphql: Vec<GraphqlApi>,
    /// All routes, in the order of the file.
    pub routes: Vec<Route>,
    /// Which requests go where, by indexes into `routes`.
    pub table: Table<usize>,
    /// What is allowed but suspicious.
    pub warnings: Vec<Problem>,
    /// Every file it was made of.
    pub inputs: Inputs,
    /// A digest of those files.
    pub version: String,
    /// The file that was loaded.
    pub source: PathBuf,
}

/// What the checks of the sections made.
pub struct Parts {
    config: Config,
    upstreams: Vec<upstream::Settings>,
    authenticators: Vec<Authenticator>,
    redis: Option<Settings>,
    graphql: Vec<GraphqlApi>,
    routes: Vec<Route>,
    table: Table<usize>,
}

impl Checked {
    pub(super) fn new(source: &Path, parts: Parts, warnings: Vec<Problem>, inputs: Inputs) -> Self {
        let Parts { config, upstreams, authenticators, redis, graphql, routes, table } = parts;
        let version = inputs.version(source.parent().unwrap_or(Path::new("")));
        let (config, source) = (Arc::new(config), source.to_owned());
        Self {
            config,
            upstreams,
            authenticators,
            redis,
            graphql,
            routes,
            table,
            warnings,
            inputs,
            version,
            source,
        }
    }
}

/// Checks everything. `None` if a section could not be made; the problems tell why.
pub fn check(
    config: Config,
    tree: &Tree,
    files: &Files,
    environment: Environment<'_>,
    problems: &mut Problems,
) -> Option<Parts> {
    let paths = problems.paths();
    let broken = paths.iter().flat_map(|path| at_and_above(path)).collect();
    let upstreams = Names::of(tree, "upstreams", "upstream");
    let authenticators = Names::of(tree, "authenticators", "authenticator");
    let apis = Names::of(tree, "graphql", "composed API");
    let rate_limits = Names::of(tree, "rate_limits", "shared rate limit");
    let counting = config.redis.as_ref().map(|redis| redis.rate_limits.clone());
    let mut check = Check {
        tree,
        files,
        environment,
        problems,
        broken,
        upstreams,
        authenticators,
        apis,
        rate_limits,
        counting,
        quotas: IndexMap::new(),
    };
    listeners::check(&mut check, &config);
    telemetry::check(&mut check, &config.telemetry);
    let upstreams = upstreams::check(&mut check, &config);
    let authenticators = authenticators::check(&mut check, &config);
    let redis = redis::check(&mut check, &config);
    let graphql = graphql::check(&mut check, &config);
    let known = Known { upstreams: &upstreams, authenticators: &authenticators, graphql: &graphql };
    let routes = routes::check(&mut check, &config, &known);
    unused(&mut check, &config);
    if let Some((routes, _)) = routes.as_ref().filter(|_| check.broken.is_empty()) {
        policies::unused_quotas(&mut check, &authenticators, routes);
        if redis.is_some() {
            redis::odd(&mut check, routes);
        }
    }
    let (upstreams, authenticators, graphql) = (all(upstreams)?, all(authenticators)?, all(graphql)?);
    let (routes, table) = routes?;
    Some(Parts { upstreams, authenticators, redis: redis?, graphql, routes, table, config })
}

/// By name; `None` for what was refused. The names are there all the same, so that who names them is not blamed too.
type Named<T> = IndexMap<Name, Option<T>>;

/// What routes may name.
struct Known<'a> {
    upstreams: &'a Named<upstream::Settings>,
    authenticators: &'a Named<Authenticator>,
    graphql: &'a Named<GraphqlApi>,
}

fn all<T>(named: Named<T>) -> Option<Vec<T>> {
    named.into_values().collect()
}

/// What the checks share.
struct Check<'a> {
    tree: &'a Tree,
    files: &'a Files,
    /// For the variables in further files.
    environment: Environment<'a>,
    problems: &'a mut Problems,
    /// Key paths at or below which reading found a problem.
    broken: HashSet<&'a str>,
    upstreams: Names<'a>,
    authenticators: Names<'a>,
    apis: Names<'a>,
    rate_limits: Names<'a>,
    /// How limits are counted in Redis, if there is one.
    counting: Option<CountingConfig>,
    /// Rate limits of which callers have quotas of their own, each with its authenticator and where it is first named.
    quotas: IndexMap<(String, Name), Place>,
}

impl Check<'_> {
    /// The place of a key path: `routes[2].upstream`.
    fn place(&self, path: &str) -> Place {
        self.tree.locate(self.tree.root(), path)
    }

    /// `text`: `what is wrong; what to do`.
    fn error(&mut self, place: Place, text: impl Into<String>) {
        if place.path.is_empty() || !self.broken.contains(place.path.as_str()) {
            self.problems.push(Problem::error(place, text));
        }
    }

    /// `text`: `what is suspicious; what to do`.
    fn warning(&mut self, place: Place, text: impl Into<String>) {
        self.problems.push(Problem::warning(place, text));
    }

    /// Whether there is an upstream of this name; if not, reports it.
    fn knows_upstream(&mut self, name: &Located<Name>) -> bool {
        let unknown = self.upstreams.unknown(name.as_str());
        self.is_known(unknown, name)
    }

    /// Whether there is an authenticator of this name; if not, reports it.
    fn knows_authenticator(&mut self, name: &Located<Name>) -> bool {
        let unknown = self.authenticators.unknown(name.as_str());
        self.is_known(unknown, name)
    }

    /// Whether there is a composed API of this name; if not, reports it.
    fn knows_api(&mut self, name: &Located<Name>) -> bool {
        let unknown = self.apis.unknown(name.as_str());
        self.is_known(unknown, name)
    }

    /// Whether there is a shared rate limit of this name; if not, reports it.
    fn knows_rate_limit(&mut self, name: &Located<Name>) -> bool {
        let unknown = self.rate_limits.unknown(name.as_str());
        self.is_known(unknown, name)
    }

    fn is_known(&mut self, unknown: Option<String>, name: &Located<Name>) -> bool {
        let known = unknown.is_none();
        if let Some(text) = unknown {
            self.error(name.place().clone(), text);
        }
        known
    }

    /// Whether a key was written, and not only filled in.
    fn is_written(&self, path: &str) -> bool {
        let place = self.place(path);
        let parent = path.rsplit_once('.').map_or("", |(parent, _)| parent);
        (place.line, place.column) != {
            let p = self.place(parent);
            (p.line, p.column)
        }
    }
}

/// A key path and those of all that it is in: `a.b[0]`, `a.b`, `a`.
fn at_and_above(path: &str) -> impl Iterator<Item = &str> {
    let above = path.match_indices(['.', '[']).map(|(at, _)| &path[..at]);
    above.chain([path])
}

/// What nobody uses is probably a mistake somewhere else.
fn unused(check: &mut Check<'_>, config: &Config) {
    let used: HashSet<&str> =
        config.routes.iter().flat_map(|route| &route.graphql).map(|api| api.as_str()).collect();
    for name in config.graphql.keys() {
        if !used.contains(name.as_str()) && check.broken.is_empty() {
            check.warning(
                name.place().clone(),
                format!("no route mounts the API `{name}`; add one with `graphql: {name}`"),
            );
        }
    }
}

#[cfg(test)]
mod tests;
