//! From what was written to what can run: [`Checked`], with every reference resolved, or every problem at once.
//!
//! One file per section. A check says where by a key path and lets the tree find the line. What a section's owner can
//! judge alone (an upstream's settings, a listener's certificates, a schema) it judges in its own module; here is
//! what needs more than one section, or files.
//!
//! The configuration may already have problems from reading. Then what is missing may only have been refused: errors
//! at or above such a place are not reported again.

mod graphql;
mod headers;
mod listeners;
mod matching;
mod route;
mod routes;
mod telemetry;
mod upstreams;

use std::path::{Path, PathBuf};

use indexmap::IndexMap;

pub use graphql::GraphqlApi;
pub use route::{Action, HeaderEdits, Respond, Rewrite, Route};

use super::{
    error::{Problem, Problems},
    file::Config,
    inputs::{Files, Inputs},
    suggest,
    tree::Tree,
};
use crate::{
    upstream,
    value::{Name, Place},
};

/// A configuration that can run. Only [`load`](super::load()) makes one.
#[derive(Debug)]
pub struct Checked {
    /// What was written, with defaults: listeners, admin, drain and telemetry are used as they are. For `GET /config`
    /// it serialises with its secrets masked.
    pub config: Config,
    /// All upstreams, in the order of the file.
    pub upstreams: Vec<upstream::Settings>,
    /// All composed APIs, in the order of the file.
    pub graphql: Vec<GraphqlApi>,
    /// All routes, in the order of the file.
    pub routes: Vec<Route>,
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
    graphql: Vec<GraphqlApi>,
    routes: Vec<Route>,
}

impl Checked {
    pub(super) fn new(source: &Path, parts: Parts, warnings: Vec<Problem>, inputs: Inputs) -> Self {
        let Parts { config, upstreams, graphql, routes } = parts;
        let version = inputs.version(source.parent().unwrap_or(Path::new("")));
        Self { config, upstreams, graphql, routes, warnings, inputs, version, source: source.to_owned() }
    }
}

/// Checks everything. `None` if a section could not be made; the problems tell why.
pub fn check(config: Config, tree: &Tree, files: &Files, problems: &mut Problems) -> Option<Parts> {
    let broken = problems.paths();
    let mut check = Check { tree, files, problems, broken };
    listeners::check(&mut check, &config);
    telemetry::check(&mut check, &config.telemetry);
    let upstreams = upstreams::check(&mut check, &config);
    let graphql = graphql::check(&mut check, &config);
    let routes = routes::check(&mut check, &config, &upstreams, &graphql);
    unused(&mut check, &config);
    let (upstreams, graphql) = (all(upstreams)?, all(graphql)?);
    Some(Parts { upstreams, graphql, routes: routes?, config })
}

/// By name; `None` for what was refused. The names are there all the same, so that who names them is not blamed too.
type Named<T> = IndexMap<Name, Option<T>>;

fn all<T>(named: Named<T>) -> Option<Vec<T>> {
    named.into_values().collect()
}

/// What the checks share.
struct Check<'a> {
    tree: &'a Tree,
    files: &'a Files,
    problems: &'a mut Problems,
    /// Key paths of the problems found while reading.
    broken: Vec<String>,
}

impl Check<'_> {
    /// The place of a key path: `routes[2].upstream`.
    fn place(&self, path: &str) -> Place {
        self.tree.locate(self.tree.root(), path)
    }

    /// `text`: `what is wrong; what to do`.
    fn error(&mut self, place: Place, text: impl Into<String>) {
        let within = |path: &String| path.strip_prefix(place.path.as_str()).is_some_and(is_below);
        if place.path.is_empty() || !self.broken.iter().any(within) {
            self.problems.push(Problem::error(place, text));
        }
    }

    /// `text`: `what is suspicious; what to do`.
    fn warning(&mut self, place: Place, text: impl Into<String>) {
        self.problems.push(Problem::warning(place, text));
    }

    /// The names a section gives, including those whose values were refused.
    fn names(&self, section: &str) -> Vec<String> {
        let section = self.tree.get(self.tree.root(), section);
        let entries = section.map_or(&[][..], |section| self.tree.entries(section));
        entries.iter().filter_map(|(key, _)| self.tree.text(*key)).map(Into::into).collect()
    }

    /// Whether a section has this name; if not, reports it where it was used.
    fn knows(&mut self, section: &str, what: &str, name: &str, place: &Place) -> bool {
        let names = self.names(section);
        if names.iter().any(|known| known == name) {
            return true;
        }
        let hint = suggest::among(name, names.iter().map(String::as_str));
        self.error(place.clone(), format!("no {what} named `{name}`; {hint}"));
        false
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

fn is_below(rest: &str) -> bool {
    rest.is_empty() || rest.starts_with(['.', '['])
}

/// What nobody uses is probably a mistake somewhere else.
fn unused(check: &mut Check<'_>, config: &Config) {
    for name in config.graphql.keys() {
        let used =
            config.routes.iter().any(|route| route.graphql.as_ref().is_some_and(|used| **used == **name));
        if !used && check.broken.is_empty() {
            check.warning(
                name.place().clone(),
                format!("no route mounts the API `{name}`; add one with `graphql: {name}`"),
            );
        }
    }
}
