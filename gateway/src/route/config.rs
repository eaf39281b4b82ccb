//! The sections `routes:` and `defaults:`: what the operator may say about a route, and about those that say nothing.
//!
//! What was written, with its places. Patterns are parsed, names resolved and actions told apart when the
//! configuration is checked.

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    policy::{
        authentication::config::AuthenticationConfig,
        authorization::config::AuthorizationConfig,
        concurrency::{Priority, config::ConcurrencyConfig},
        cors::config::CorsConfig,
        ip_filter::config::IpFilterConfig,
        limits::config::LimitsConfig,
        rate_limit::config::RateLimitConfig,
    },
    value::{Duration, Located, Name, Secret},
};

/// For routes that do not say otherwise. What a route says takes the place of the whole key: nothing is merged.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct DefaultsConfig {
    /// Which pages of other origins may read answers, and send what needs a preflight.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cors: Option<CorsConfig>,
    /// Who may call, by the client's address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ip_filter: Option<IpFilterConfig>,
    /// How large a request may be.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limits: Option<LimitsConfig>,
    /// How often callers may ask. Every route counts for itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rate_limits: Option<Vec<RateLimitConfig>>,
    /// Who may call, by credentials.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub authentication: Option<AuthenticationConfig>,
    /// What callers must have and be.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub authorization: Option<AuthorizationConfig>,
    /// How many requests of a route may be in flight at once. Each route counts its own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub concurrency: Option<ConcurrencyConfig>,
    /// Which routes go first where an upstream has too much to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub priority: Option<Priority>,
}

impl DefaultsConfig {
    /// Whether nothing was said.
    pub fn is_empty(&self) -> bool {
        let Self {
            cors,
            ip_filter,
            limits,
            rate_limits,
            authentication,
            authorization,
            concurrency,
            priority,
        } = self;
        cors.is_none()
            && ip_filter.is_none()
            && limits.is_none()
            && rate_limits.is_none()
            && authentication.is_none()
            && authorization.is_none()
            && concurrency.is_none()
            && priority.is_none()
    }
}

/// Requests of one kind, and what is done with them: exactly one of `upstream`, `graphql`, `redirect` and `respond`.
///
/// The order of routes means nothing: of those that match, the most specific wins. Two that cannot be told apart are
/// refused.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RouteConfig {
    /// What the route is called in logs, metrics and traces. Unique among the routes.
    pub name: Located<Name>,
    /// Which requests it is for.
    #[serde(rename = "match")]
    pub matching: MatchConfig,
    /// Forward to this service: a name of `upstreams`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub upstream: Option<Located<Name>>,
    /// Answer from this composed API: a name of `graphql`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub graphql: Option<Located<Name>>,
    /// Send the client elsewhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub redirect: Option<RedirectConfig>,
    /// Answer with this, without asking any service.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub respond: Option<RespondConfig>,
    /// Change the path before it is forwarded. Only with `upstream`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rewrite: Option<RewriteConfig>,
    /// Change the headers of the request before it is forwarded. Only with `upstream` and `graphql`.
    #[serde(default, skip_serializing_if = "HeaderChanges::is_empty")]
    pub request_headers: HeaderChanges,
    /// Change the headers of the response before it is sent to the client.
    #[serde(default, skip_serializing_if = "HeaderChanges::is_empty")]
    pub response_headers: HeaderChanges,
    /// How long the service may take for these requests, in place of the upstream's own. Only with `upstream`.
    #[serde(default)]
    pub timeouts: RouteTimeouts,
    /// Which pages of other origins may read answers, in place of `defaults.cors`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cors: Option<CorsConfig>,
    /// Who may call, by the client's address, in place of `defaults.ip_filter`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ip_filter: Option<IpFilterConfig>,
    /// How large a request may be, in place of `defaults.limits`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limits: Option<LimitsConfig>,
    /// How often callers may ask, in place of `defaults.rate_limits`. All of the limits hold.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate_limits: Option<Vec<RateLimitConfig>>,
    /// Who may call, by credentials, in place of `defaults.authentication`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub authentication: Option<AuthenticationConfig>,
    /// What callers must have and be, in place of `defaults.authorization`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub authorization: Option<AuthorizationConfig>,
    /// How many of its requests may be in flight at once, in place of `defaults.concurrency`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub concurrency: Option<ConcurrencyConfig>,
    /// Whether its requests, and the calls of its composed API, go before those of other routes where an upstream with
    /// `concurrency` has too much to do. In place of `defaults.priority`; without both `normal`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub priority: Option<Priority>,
}

/// Which requests a route is for. All conditions must hold.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MatchConfig {
    /// The host: a name, or `*.` and a name for all names below it. Without `host` and `hosts`: any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(example = "api.example.com", example = "*.example.com")]
    pub host: Option<Located<String>>,
    /// Several hosts, in place of `host`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hosts: Vec<Located<String>>,
    /// The path in its one form, without `//`, `/../` and needless escapes. `{name}` stands for one segment, `**` at the
    /// end for the rest (or nothing).
    #[schemars(example = "/health", example = "/api/users/{id}", example = "/static/**")]
    pub path: Located<String>,
    /// The methods; without them any. `GET` includes `HEAD`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(example = ["GET", "POST"])]
    pub methods: Vec<Located<String>>,
    /// Headers that the request must have.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub headers: Vec<ValueMatch>,
    /// Query parameters that the request must have.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub query: Vec<ValueMatch>,
}

/// A condition on a header or query parameter. With neither `value` nor `regex` it only has to be there.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ValueMatch {
    /// The name of the header or parameter.
    pub name: Located<String>,
    /// The exact value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
    /// A regular expression that matches the whole value, in place of `value`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub regex: Option<Located<String>>,
}

/// A change of the path.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum RewriteConfig {
    /// Take these leading segments away: with `/api`, `/api/users` becomes `/users`.
    StripPrefix(Located<String>),
    /// Put other leading segments in their place.
    Prefix(PrefixRewrite),
}

/// Other leading segments of the path.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PrefixRewrite {
    /// The segments that are replaced.
    #[schemars(example = "/api")]
    pub from: Located<String>,
    /// What replaces them.
    #[schemars(example = "/v1")]
    pub to: Located<String>,
}

/// Changes of headers: first `remove`, then `set`, then `add`.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct HeaderChanges {
    /// Headers to take away.
    pub remove: Vec<Located<String>>,
    /// Headers to replace, or to add where they are missing.
    pub set: IndexMap<Located<String>, Secret>,
    /// Headers to add next to those of the same name.
    pub add: IndexMap<Located<String>, Secret>,
}

impl HeaderChanges {
    /// Whether nothing is changed.
    pub fn is_empty(&self) -> bool {
        self.remove.is_empty() && self.set.is_empty() && self.add.is_empty()
    }
}

/// Sends the client elsewhere.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RedirectConfig {
    /// The new location: a path or a whole URL. The request's query is kept unless this has one.
    #[schemars(example = "/new", example = "https://example.com/")]
    pub to: Located<String>,
    /// 301, 302, 303, 307 or 308. 307 and 308 keep the method; 301 and 308 are remembered by browsers.
    #[serde(default = "permanent")]
    #[schemars(extend("enum" = [301, 302, 303, 307, 308]))]
    pub status: Located<u16>,
}

/// An answer made by the gateway.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RespondConfig {
    /// The status, 200 to 599.
    #[serde(default = "ok")]
    #[schemars(range(min = 200, max = 599))]
    pub status: Located<u16>,
    /// The body, as text.
    #[serde(default)]
    pub body: String,
    /// Headers of the answer, such as `content-type`.
    #[serde(default)]
    pub headers: IndexMap<Located<String>, Located<String>>,
}

/// How long a route's requests may take, in place of the upstream's. `0s` means no limit.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RouteTimeouts {
    /// Until the first piece of the answer and between any two; also for a service that takes nothing of a request.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub read: Option<Duration>,
    /// From the request's last byte to the answer's, retries included.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub total: Option<Duration>,
}

fn permanent() -> Located<u16> {
    308.into()
}

fn ok() -> Located<u16> {
    200.into()
}
