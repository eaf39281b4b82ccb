//! What a route asks of a request, and which of two routes asks for more.
//!
//! A [`Matcher`] is a parsed `match:` section. It answers two questions: does
//! a request meet the conditions beyond host and path (the table has walked
//! those already), and how do two matchers with the same host and path stand to
//! each other. Values in, answers out: nothing here knows a session.

mod host;
mod method;
mod pattern;

pub use host::{HostPattern, canonical as canonical_host};
pub use method::MethodSet;
pub use pattern::{PathPattern, Segment};

use http::{HeaderMap, HeaderName};
use percent_encoding::percent_decode_str;
use regex::Regex;

/// Everything a route asks of a request.
#[derive(Debug, Clone)]
pub struct Matcher {
    /// Which hosts; a route listed for several hosts has several matchers.
    pub host: HostPattern,
    /// Which paths.
    pub path: PathPattern,
    /// Which methods.
    pub methods: MethodSet,
    /// All of these must hold.
    pub headers: Vec<HeaderCondition>,
    /// All of these must hold.
    pub query: Vec<QueryCondition>,
}

/// A condition on one header field; it holds if any of the field's lines does.
#[derive(Debug, Clone)]
pub struct HeaderCondition {
    /// Name of the field.
    pub name: HeaderName,
    /// What its value must be.
    pub value: ValueCondition,
}

/// A condition on one query parameter; it holds if any of its occurrences does.
#[derive(Debug, Clone)]
pub struct QueryCondition {
    /// Name of the parameter, decoded.
    pub name: String,
    /// What its decoded value must be.
    pub value: ValueCondition,
}

/// What a header or query value must be.
#[derive(Debug, Clone)]
pub enum ValueCondition {
    /// Anything, as long as it is there.
    Present,
    /// This text, byte for byte.
    Exact(String),
    /// Text that the expression matches as a whole.
    Regex(Regex),
}

impl ValueCondition {
    fn holds(&self, value: &[u8]) -> bool {
        match self {
            ValueCondition::Present => true,
            ValueCondition::Exact(text) => text.as_bytes() == value,
            ValueCondition::Regex(regex) => str::from_utf8(value).is_ok_and(|text| regex.is_match(text)),
        }
    }

    /// Whether no single value can meet both.
    fn excludes(&self, other: &ValueCondition) -> bool {
        match (self, other) {
            (ValueCondition::Exact(a), ValueCondition::Exact(b)) => a != b,
            (ValueCondition::Exact(a), ValueCondition::Regex(r))
            | (ValueCondition::Regex(r), ValueCondition::Exact(a)) => !r.is_match(a),
            _ => false,
        }
    }
}

impl Matcher {
    /// Whether headers and query meet the conditions. Headers that are only announced meet any.
    pub fn conditions_hold(
        &self,
        headers: &HeaderMap,
        announced: &[HeaderName],
        query: Option<&str>,
    ) -> bool {
        let holds =
            |condition: &HeaderCondition| condition.holds(headers) || announced.contains(&condition.name);
        self.headers.iter().all(holds) && self.query.iter().all(|condition| condition.holds(query))
    }

    /// Orders matchers of one host and path: the greater asks for more and is
    /// tried first. A list of methods counts before header conditions, and
    /// these before query conditions.
    pub fn rank(&self) -> (bool, usize, usize) {
        (!self.methods.is_any(), self.headers.len(), self.query.len())
    }

    /// Whether some request could meet both matchers with neither asking for
    /// more. Host and path must be known to be alike.
    pub fn collides_with(&self, other: &Matcher) -> bool {
        self.rank() == other.rank()
            && self.methods.intersects(&other.methods)
            && !excluding(&self.headers, &other.headers, |c| c.name.as_str(), |c| &c.value)
            && !excluding(&self.query, &other.query, |c| c.name.as_str(), |c| &c.value)
    }
}

/// Whether two lists of conditions contradict each other in some name.
fn excluding<'a, C>(
    ours: &'a [C],
    theirs: &'a [C],
    name: impl Fn(&'a C) -> &'a str,
    value: impl Fn(&'a C) -> &'a ValueCondition,
) -> bool {
    ours.iter().any(|a| theirs.iter().any(|b| name(a) == name(b) && value(a).excludes(value(b))))
}

impl HeaderCondition {
    fn holds(&self, headers: &HeaderMap) -> bool {
        headers.get_all(&self.name).iter().any(|value| self.value.holds(value.as_bytes()))
    }
}

impl QueryCondition {
    fn holds(&self, query: Option<&str>) -> bool {
        query.is_some_and(|query| {
            query.split('&').any(|pair| {
                let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
                decode(name) == self.name.as_bytes() && self.value.holds(&decode(value))
            })
        })
    }
}

/// Decodes one side of a query pair, where `+` is a space.
fn decode(text: &str) -> Vec<u8> {
    percent_decode_str(&text.replace('+', " ")).collect()
}

#[cfg(test)]
mod tests;
