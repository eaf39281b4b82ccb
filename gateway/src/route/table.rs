//! The routing table: from a request's head to the route that asks for most.
//!
//! A route matches when host, path, method, headers and query all do. Of those
//! that match, the most specific wins, compared in this order, wherever they
//! stand in the file:
//!
//! 1. host: exact name, then the longest wildcard, then any;
//! 2. path, segment by segment from the left: literal, then `{name}`, then `**`;
//! 3. a list of methods before none;
//! 4. more header conditions, then more query conditions.
//!
//! A less specific route gets the request when the more specific ones do not
//! match it. Two routes that could both match one request with none of these
//! rules deciding are refused when the table is built.
//!
//! Hosts are hash maps and paths a tree of segments, so the time of a lookup
//! follows the length of the path and not the number of routes.

use std::collections::HashMap;
use std::sync::Arc;

use foldhash::fast::RandomState;

use http::{HeaderMap, HeaderName, Method};

use super::matcher::{HostPattern, Matcher, MethodSet, Segment, canonical_host};

/// The keys are the configuration's, so nobody outside can choose colliding ones, and hashing may be fast.
type ByText<V> = HashMap<String, V, RandomState>;

/// Routes of any kind `R`, ready to be looked up.
#[derive(Debug)]
pub struct Table<R> {
    exact: ByText<Node<R>>,
    /// Suffix with its leading dot, longest first within a lookup.
    wildcard: ByText<Node<R>>,
    any: Node<R>,
}

/// The part of a request that routes ask about.
#[derive(Debug, Clone, Copy)]
pub struct Head<'a> {
    /// The authority as the client gave it.
    pub host: &'a str,
    /// The normalised path.
    pub path: &'a str,
    /// The method.
    pub method: &'a Method,
    /// The headers.
    pub headers: &'a HeaderMap,
    /// Headers that a request to come is announced to have: a condition on one holds, whatever its value will be.
    pub announced: &'a [HeaderName],
    /// The raw query.
    pub query: Option<&'a str>,
}

/// What a lookup found.
#[derive(Debug)]
pub enum Lookup<'t, R> {
    /// This route.
    Found(&'t Arc<R>),
    /// Routes are for this host and path, but for these methods.
    OtherMethods(MethodSet),
    /// A route is for this host, path and method, but asks for other headers or
    /// query parameters.
    ConditionsNotMet,
    /// No route is for this host and path.
    NotFound,
}

/// A route that cannot be told from an earlier one, and the first such: their
/// positions in the list that the table was built from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Collision {
    /// The earlier one.
    pub first: usize,
    /// The later one.
    pub second: usize,
}

#[derive(Debug)]
struct Node<R> {
    literals: ByText<Node<R>>,
    parameter: Option<Box<Node<R>>>,
    /// Routes whose pattern ends here with `**`, the most demanding first.
    tail: Vec<Entry<R>>,
    /// Routes whose pattern ends here, the most demanding first.
    here: Vec<Entry<R>>,
}

#[derive(Debug)]
struct Entry<R> {
    matcher: Matcher,
    route: Arc<R>,
    position: usize,
}

/// No route.
impl<R> Default for Table<R> {
    fn default() -> Self {
        Table { exact: HashMap::default(), wildcard: HashMap::default(), any: Node::empty() }
    }
}

impl<R> Table<R> {
    /// Builds the table.
    ///
    /// # Errors
    /// Every route that cannot be told from an earlier one.
    pub fn build(routes: impl IntoIterator<Item = (Matcher, Arc<R>)>) -> Result<Table<R>, Vec<Collision>> {
        let mut table = Table::default();
        let mut collisions = Vec::new();
        for (position, (matcher, route)) in routes.into_iter().enumerate() {
            let root = match &matcher.host {
                HostPattern::Exact(name) => table.exact.entry(name.clone()).or_insert_with(Node::empty),
                HostPattern::Wildcard(suffix) => {
                    table.wildcard.entry(suffix.clone()).or_insert_with(Node::empty)
                }
                HostPattern::Any => &mut table.any,
            };
            root.insert(Entry { matcher, route, position }, &mut collisions);
        }
        if collisions.is_empty() { Ok(table) } else { Err(collisions) }
    }

    /// The same table with what `route` makes of each route.
    pub fn map<S>(self, route: impl Fn(&R) -> Arc<S>) -> Table<S> {
        Table {
            exact: map_all(self.exact, &route),
            wildcard: map_all(self.wildcard, &route),
            any: self.any.map(&route),
        }
    }

    /// The most specific route that matches, or why there is none.
    pub fn lookup(&self, head: &Head<'_>) -> Lookup<'_, R> {
        let mut walk = Walk { head, methods: None, conditions_failed: false };
        let host = canonical_host(head.host);
        for root in self.roots(&host) {
            if let Some(route) = root.find(segments(head.path), &mut walk) {
                return Lookup::Found(route);
            }
        }
        match walk {
            Walk { conditions_failed: true, .. } => Lookup::ConditionsNotMet,
            Walk { methods: Some(methods), .. } => Lookup::OtherMethods(methods),
            _ => Lookup::NotFound,
        }
    }

    /// The trees for this host, the most specific first.
    fn roots<'t>(&'t self, host: &str) -> impl Iterator<Item = &'t Node<R>> {
        let wildcards = if self.wildcard.is_empty() { "" } else { host };
        let suffixes = wildcards.match_indices('.').map(|(dot, _)| &wildcards[dot..]);
        let wildcard = suffixes.filter_map(|suffix| self.wildcard.get(suffix));
        let wildcard: Vec<_> = wildcard.collect();
        self.exact.get(host).into_iter().chain(wildcard).chain(std::iter::once(&self.any))
    }
}

fn map_all<R, S>(nodes: ByText<Node<R>>, route: &dyn Fn(&R) -> Arc<S>) -> ByText<Node<S>> {
    nodes.into_iter().map(|(text, node)| (text, node.map(route))).collect()
}

/// Splits a normalised path; what is left after the leading slash.
fn segments(path: &str) -> &str {
    path.strip_prefix('/').unwrap_or(path)
}

/// What a lookup remembers on its way.
struct Walk<'a> {
    head: &'a Head<'a>,
    methods: Option<MethodSet>,
    conditions_failed: bool,
}

impl Walk<'_> {
    /// The first entry that matches, in order of rank.
    fn choose<'t, R>(&mut self, entries: &'t [Entry<R>]) -> Option<&'t Arc<R>> {
        entries.iter().find(|entry| self.accepts(&entry.matcher)).map(|entry| &entry.route)
    }

    fn accepts(&mut self, matcher: &Matcher) -> bool {
        let conditions = matcher.conditions_hold(self.head.headers, self.head.announced, self.head.query);
        let method = matcher.methods.contains(self.head.method);
        if conditions && !method {
            match &mut self.methods {
                Some(methods) => methods.extend(&matcher.methods),
                None => self.methods = Some(matcher.methods.clone()),
            }
        }
        self.conditions_failed |= method && !conditions;
        conditions && method
    }
}

impl<R> Node<R> {
    fn empty() -> Node<R> {
        Node { literals: HashMap::default(), parameter: None, tail: Vec::new(), here: Vec::new() }
    }

    fn insert(&mut self, entry: Entry<R>, collisions: &mut Vec<Collision>) {
        let mut node = self;
        let mut is_tail = false;
        for segment in &entry.matcher.path.segments {
            match segment {
                Segment::Literal(text) => {
                    node = node.literals.entry(text.clone()).or_insert_with(Node::empty);
                }
                Segment::Parameter(_) => {
                    node = node.parameter.get_or_insert_with(|| Box::new(Node::empty()));
                }
                Segment::Tail => is_tail = true,
            }
        }
        let entries = if is_tail { &mut node.tail } else { &mut node.here };
        // One is enough to say so: all pairs of thousands of equal routes fill the memory.
        if let Some(other) = entries.iter().find(|other| other.matcher.collides_with(&entry.matcher)) {
            collisions.push(Collision { first: other.position, second: entry.position });
        }
        let rank = entry.matcher.rank();
        let place = entries.partition_point(|other| other.matcher.rank() >= rank);
        entries.insert(place, entry);
    }

    fn map<S>(self, route: &dyn Fn(&R) -> Arc<S>) -> Node<S> {
        let entries = |entries: Vec<Entry<R>>| {
            let entries = entries.into_iter().map(|Entry { matcher, route: old, position }| Entry {
                matcher,
                route: route(&old),
                position,
            });
            entries.collect()
        };
        Node {
            literals: map_all(self.literals, route),
            parameter: self.parameter.map(|node| Box::new(node.map(route))),
            tail: entries(self.tail),
            here: entries(self.here),
        }
    }

    /// The most specific match below this node for what is left of the path.
    fn find<'t>(&'t self, rest: &str, walk: &mut Walk<'_>) -> Option<&'t Arc<R>> {
        let (segment, after) = match rest.split_once('/') {
            Some((segment, after)) => (segment, Some(after)),
            None => (rest, None),
        };
        let literal = self.literals.get(segment).and_then(|child| child.descend(after, walk));
        literal
            .or_else(|| {
                let child = self.parameter.as_deref().filter(|_| !segment.is_empty())?;
                child.descend(after, walk)
            })
            .or_else(|| walk.choose(&self.tail))
    }

    fn descend<'t>(&'t self, after: Option<&str>, walk: &mut Walk<'_>) -> Option<&'t Arc<R>> {
        match after {
            Some(rest) => self.find(rest, walk),
            // `/static/**` also stands for `/static`.
            None => walk.choose(&self.here).or_else(|| walk.choose(&self.tail)),
        }
    }
}

#[cfg(test)]
mod tests;
