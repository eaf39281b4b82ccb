//! The `graphql:` section: composed APIs, each made of schema files.
//!
//! What a schema may say is the affair of the `glassgate-graphql` package; here are the files and the bounds.

use glassgate_graphql::{Limits, http::Csrf};
use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::value::{ByteSize, Duration, Located, Name};

/// One GraphQL API, composed from services by schema files.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GraphqlConfig {
    /// The schema's files, relative to this file. `*` stands for any part of a file name. They are read in
    /// alphabetical order and make one schema.
    #[schemars(length(min = 1), example = ["schema/*.graphql"])]
    pub schema: Vec<Located<String>>,
    /// Whether clients may ask for the schema (`__schema`, `__type`).
    #[serde(default = "yes")]
    pub introspection: bool,
    /// Turns the schema's warnings into errors, above all calls that multiply with a list's length (N+1).
    #[serde(default)]
    pub strict: bool,
    /// For one operation, all its calls to services included. They end 10 ms before it does, so that what was fetched
    /// is still answered; so it must be longer.
    #[serde(default = "timeout")]
    pub timeout: Located<Duration>,
    /// When a GET must show that no page of another site has sent it: by a header that a page can only set after a
    /// preflight, or by the browser's own word. A POST always does, by its content type.
    #[serde(default)]
    pub csrf: CsrfConfig,
    /// What one operation may cost at most.
    #[serde(default)]
    pub limits: GraphqlLimits,
    /// Settings for calls to a source; the name is that of an upstream the schema uses.
    #[serde(default)]
    pub sources: IndexMap<Located<Name>, SourceConfig>,
}

/// When a GET must show that no page of another site has sent it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CsrfConfig {
    /// Where it has credentials that browsers add by themselves (cookies, `Authorization: Basic`), or the browser says
    /// that another site made it send it.
    #[default]
    Auto,
    /// In any case.
    Always,
    /// In no case.
    Never,
}

impl From<CsrfConfig> for Csrf {
    fn from(config: CsrfConfig) -> Self {
        match config {
            CsrfConfig::Auto => Self::Auto,
            CsrfConfig::Always => Self::Always,
            CsrfConfig::Never => Self::Never,
        }
    }
}

/// Calls to one source of a composed API.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct SourceConfig {
    /// Headers of these calls.
    pub headers: SourceHeaders,
}

/// Headers of calls to a source. What the client sent is not passed on by itself; trace context and the request's id
/// are.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct SourceHeaders {
    /// Headers of the client's request to pass on. Those about the client's connection or body (`host`, `accept`,
    /// `content-type` ...) cannot be: calls have their own.
    #[schemars(example = ["authorization", "x-tenant"])]
    pub forward: Vec<Located<String>>,
}

/// What one operation may cost at most. More is refused with the reason that names the bound. Nothing is unlimited.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct GraphqlLimits {
    /// Bytes of the request's body.
    pub request: ByteSize,
    /// Values in the variables, those in lists and objects included.
    pub variables: u32,
    /// Bytes of the query document.
    pub document: ByteSize,
    /// Tokens of the document; white space, commas and comments are none.
    pub tokens: u32,
    /// How deep fields may be nested, fragments expanded.
    pub depth: u32,
    /// Selected fields, fragments expanded.
    pub selections: u32,
    /// Fields under another name (`a: name`), fragments expanded.
    pub aliases: u32,
    /// Fields on the operation's root, fragments expanded.
    pub root_fields: u32,
    /// Directives (`@include`, `@skip`), fragments expanded.
    pub directives: u32,
    /// Calls to services.
    pub calls: u32,
    /// Calls to services in flight at the same time.
    pub concurrent_calls: u32,
    /// Bytes of one service's answer.
    pub answer: ByteSize,
    /// Bytes of all services' answers together, those on their way included. At most 1 GiB.
    pub answers: ByteSize,
    /// JSON objects in all services' answers together.
    pub rows: u32,
    /// Bytes of the response.
    pub response: ByteSize,
}

/// Those of the engine.
impl Default for GraphqlLimits {
    fn default() -> Self {
        let limits = Limits::default();
        let size = |bytes: usize| ByteSize::from_bytes(bytes as u64);
        let count = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
        Self {
            request: size(limits.request_bytes),
            variables: count(limits.variable_values),
            document: size(limits.document_bytes),
            tokens: count(limits.tokens),
            depth: count(limits.depth),
            selections: count(limits.selections),
            aliases: count(limits.aliases),
            root_fields: count(limits.root_fields),
            directives: count(limits.directives),
            calls: count(limits.calls),
            concurrent_calls: count(limits.concurrent_calls),
            answer: size(limits.body_bytes),
            answers: size(limits.held_bytes),
            rows: count(limits.rows),
            response: size(limits.response_bytes),
        }
    }
}

fn yes() -> bool {
    true
}

fn timeout() -> Located<Duration> {
    Duration::from_secs(30).into()
}
