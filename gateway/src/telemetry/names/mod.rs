//! The one catalogue of names: metrics, labels, span attributes, log fields.
//!
//! Dashboards, alerts, documentation and tests rely on these words, so they
//! stand here as data: `docs/metrics.md` is written from the table, and a
//! registry can only hold what the table names. HTTP names follow the
//! OpenTelemetry semantic conventions in their Prometheus spelling; what the
//! conventions do not know begins with `gateway_` or `graphql_`.
//!
//! Every label is bounded by construction: its values come from the
//! configuration, from addresses it leads to or from a fixed list in the code,
//! never from a client.

pub mod fields;
#[cfg_attr(not(test), expect(dead_code, reason = "the documentation is made of all of it, by a test"))]
pub mod metrics;
pub mod spans;

/// What kind of series a metric has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Only grows, until the process ends.
    Counter,
    /// Goes up and down.
    Gauge,
    /// Counts observations by size; the bounds are the buckets' upper ends.
    Histogram(Buckets),
}

/// The bucket bounds a histogram uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Buckets {
    /// Seconds, 1 ms to 10 s: the conventions' list, and two finer ones.
    Seconds,
    /// Bytes, 100 B to 1 GB in steps of ten.
    Bytes,
    /// Small numbers, 1 to 1,000.
    Count,
}

impl Buckets {
    /// Upper bounds in ascending order, `+Inf` not included, in the whole
    /// number of [`Buckets::per_unit`] parts: nanoseconds, bytes, ones.
    pub const fn bounds(self) -> &'static [u64] {
        const MS: u64 = 1_000_000;
        const MS_100: u64 = 100 * MS;
        match self {
            Buckets::Seconds => &[
                MS,
                MS * 5 / 2,
                5 * MS,
                10 * MS,
                25 * MS,
                50 * MS,
                75 * MS,
                MS_100,
                MS_100 * 5 / 2,
                5 * MS_100,
                MS_100 * 15 / 2,
                10 * MS_100,
                25 * MS_100,
                50 * MS_100,
                75 * MS_100,
                100 * MS_100,
            ],
            Buckets::Bytes => {
                &[100, 1_000, 10_000, 100_000, 1_000_000, 10_000_000, 100_000_000, 1_000_000_000]
            }
            Buckets::Count => &[1, 2, 5, 10, 25, 50, 100, 250, 500, 1000],
        }
    }

    /// How many parts make one unit of the metric: a second has 1e9 nanoseconds.
    pub const fn per_unit(self) -> f64 {
        match self {
            Buckets::Seconds => 1e9,
            Buckets::Bytes | Buckets::Count => 1.0,
        }
    }
}

/// One row of the table of metrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Metric {
    /// Full name, as `/metrics` shows it.
    pub name: &'static str,
    /// What kind of series it has.
    pub kind: Kind,
    /// Label names, in the order in which values are given.
    pub labels: &'static [&'static str],
    /// What it tells, in one sentence.
    pub help: &'static str,
}

impl Metric {
    /// `seconds`, `bytes` or empty, read off the name as Prometheus wants it.
    #[cfg(test)]
    pub fn unit(&self) -> &'static str {
        let stem = self.name.trim_end_matches("_total");
        ["seconds", "bytes"].into_iter().find(|unit| stem.ends_with(unit)).unwrap_or("")
    }
}

/// Label names.
pub mod label {
    /// Request method, one of the known ones or `_OTHER`.
    pub const METHOD: &str = "http_request_method";
    /// Route name from the configuration, or [`super::UNMATCHED_ROUTE`].
    pub const ROUTE: &str = "http_route";
    /// Status code where it is a standard one, else its class (`4xx`).
    pub const STATUS: &str = "http_response_status_code";
    /// Reason code where an attempt got no complete answer; empty where it did.
    pub const ERROR_TYPE: &str = "error_type";
    /// A reason code, or a listener's word for why a connection ended.
    pub const REASON: &str = "reason";
    /// Name of a rate limit from the configuration.
    pub const RATE_LIMIT: &str = "rate_limit";
    /// Upstream name from the configuration.
    pub const UPSTREAM: &str = "upstream";
    /// Address of an endpoint: what its name in the configuration resolved to.
    pub const ENDPOINT: &str = "endpoint";
    /// Authenticator name from the configuration.
    pub const AUTHENTICATOR: &str = "authenticator";
    /// Listener name from the configuration.
    pub const LISTENER: &str = "listener";
    /// Name of the composed API in the configuration.
    pub const GRAPHQL_API: &str = "graphql_api";
    /// `query`, `mutation` or `unknown`.
    pub const GRAPHQL_OPERATION_TYPE: &str = "graphql_operation_type";
    /// A source of the composed API, which is an upstream's name.
    pub const GRAPHQL_SOURCE: &str = "graphql_source";
    /// A field of the composed API's schema, as `Type.field`.
    pub const GRAPHQL_FIELD: &str = "graphql_field";
    /// Error code of the composition layer.
    pub const CODE: &str = "code";
    /// How something ended.
    pub const RESULT: &str = "result";
    /// What the gateway can do without for a while: `redis`.
    pub const COMPONENT: &str = "component";
    /// Why something was kept or lost.
    pub const CAUSE: &str = "cause";
    /// Version of the program, or hash of the configuration.
    pub const VERSION: &str = "version";
    /// Name of an executor.
    pub const RUNTIME: &str = "runtime";
}

/// `http_route` of requests for which no route was found. No route can be
/// called so: names have no parentheses.
pub const UNMATCHED_ROUTE: &str = "(unmatched)";

/// Methods that are told apart in metrics; all others count as the last.
pub const METHODS: [&str; 11] =
    ["GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH", "QUERY", "_OTHER"];

#[cfg(test)]
mod tests;
