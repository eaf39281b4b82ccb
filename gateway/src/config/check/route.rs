//! A route after every check: patterns parsed, names resolved, defaults merged. Nothing left that can fail.

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};

use crate::{upstream::Timeouts, value::Name};

/// A route that can run.
#[derive(Debug, Clone)]
pub struct Route {
    /// Its name.
    pub name: Name,
    /// What is done with them.
    pub action: Action,
    /// Changes of the request before it is forwarded.
    pub request_headers: HeaderEdits,
    /// Changes of the response before it is sent.
    pub response_headers: HeaderEdits,
}

/// What is done with a route's requests.
#[derive(Debug, Clone)]
pub enum Action {
    /// Forwarded to a service.
    Upstream {
        /// Index into [`Checked::upstreams`](super::Checked).
        upstream: usize,
        /// Those of the upstream, with the route's own in their place.
        timeouts: Timeouts,
        /// Change of the path.
        rewrite: Option<Rewrite>,
    },
    /// Answered by a composed API.
    Graphql {
        /// Index into [`Checked::graphql`](super::Checked).
        api: usize,
    },
    /// Sent elsewhere.
    Redirect {
        /// The `Location`; the request's query is added if it has none.
        to: String,
        /// A status of redirection.
        status: StatusCode,
    },
    /// Answered by the gateway.
    Respond(Respond),
}

/// An answer made by the gateway.
#[derive(Debug, Clone)]
pub struct Respond {
    /// 200 to 599.
    pub status: StatusCode,
    /// Without `Content-Length`.
    pub headers: HeaderMap,
    /// May be empty.
    pub body: Bytes,
}

/// A change of the path; both begin with `/`, and neither ends with one unless it is `/`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rewrite {
    /// Leading segments, which every path of the route has.
    pub from: String,
    /// What replaces them; `/` where they are only taken away.
    pub to: String,
}

impl Rewrite {
    /// The path that is forwarded. `path` must be one of the route's, which all begin with `from`.
    pub fn apply(&self, path: &str) -> String {
        // By their number, since the path may spell them with escapes.
        let segments = self.from.trim_end_matches('/').matches('/').count();
        let rest = path.match_indices('/').nth(segments).map_or("", |(at, _)| &path[at..]);
        let rewritten = [self.to.trim_end_matches('/'), rest].concat();
        if rewritten.is_empty() { "/".into() } else { rewritten }
    }
}

/// Changes of headers, in this order.
#[derive(Debug, Clone, Default)]
pub struct HeaderEdits {
    /// Taken away.
    pub remove: Vec<HeaderName>,
    /// Replaced.
    pub set: Vec<(HeaderName, HeaderValue)>,
    /// Put next to those of the same name.
    pub add: Vec<(HeaderName, HeaderValue)>,
}

impl HeaderEdits {
    /// How many fields a message may get by it.
    pub fn most_added(&self) -> usize {
        self.set.len() + self.add.len()
    }

    /// Whether nothing is changed.
    pub fn is_empty(&self) -> bool {
        self.remove.is_empty() && self.set.is_empty() && self.add.is_empty()
    }
}

#[cfg(test)]
mod tests;
