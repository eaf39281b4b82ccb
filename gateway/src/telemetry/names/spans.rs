//! Names of spans and of their attributes, by the OpenTelemetry semantic
//! conventions for HTTP and GraphQL; the gateway's own begin with `gateway.`.
//!
//! A SERVER span is called `{method} {route}`, a CLIENT span `{method}
//! {upstream}`, both bounded by the configuration.

/// Instrumentation scope of all spans.
pub const SCOPE: &str = "glassgate";

/// Name of the span of a composed operation that could not be read.
pub const GRAPHQL_OPERATION: &str = "graphql";

/// Attribute keys.
pub mod attr {
    pub const SERVICE_NAME: &str = "service.name";
    pub const SERVICE_VERSION: &str = "service.version";
    pub const SERVICE_INSTANCE_ID: &str = "service.instance.id";

    pub const HTTP_REQUEST_METHOD: &str = "http.request.method";
    pub const HTTP_REQUEST_METHOD_ORIGINAL: &str = "http.request.method_original";
    pub const HTTP_REQUEST_BODY_SIZE: &str = "http.request.body.size";
    /// Ordinal of the attempt, counted from 1 for the first resend.
    pub const HTTP_REQUEST_RESEND_COUNT: &str = "http.request.resend_count";
    pub const HTTP_RESPONSE_STATUS_CODE: &str = "http.response.status_code";
    pub const HTTP_RESPONSE_BODY_SIZE: &str = "http.response.body.size";
    pub const HTTP_ROUTE: &str = "http.route";
    pub const URL_PATH: &str = "url.path";
    pub const URL_SCHEME: &str = "url.scheme";
    pub const URL_FULL: &str = "url.full";
    pub const SERVER_ADDRESS: &str = "server.address";
    pub const SERVER_PORT: &str = "server.port";
    pub const CLIENT_ADDRESS: &str = "client.address";
    pub const NETWORK_PEER_ADDRESS: &str = "network.peer.address";
    pub const NETWORK_PEER_PORT: &str = "network.peer.port";
    pub const NETWORK_PROTOCOL_VERSION: &str = "network.protocol.version";
    pub const USER_AGENT_ORIGINAL: &str = "user_agent.original";
    /// A reason code, or the status code of a 5xx answer.
    pub const ERROR_TYPE: &str = "error.type";

    pub const GRAPHQL_OPERATION_TYPE: &str = "graphql.operation.type";
    pub const GRAPHQL_OPERATION_NAME: &str = "graphql.operation.name";
    /// Name of the composed API.
    pub const GRAPHQL_API: &str = "graphql.api";
    /// Source a fetch goes to.
    pub const GRAPHQL_SOURCE: &str = "graphql.source";
    /// `Type.field` a fetch is for.
    pub const GRAPHQL_FIELD: &str = "graphql.field";
    /// Keys a fetch carries.
    pub const GRAPHQL_BATCH_SIZE: &str = "graphql.batch.size";
    /// Whether the plan came from the cache.
    pub const GRAPHQL_PLAN_CACHED: &str = "graphql.plan.cached";
    /// What an operation costs.
    pub const GRAPHQL_COST: &str = "graphql.cost";
    /// Fetches of an operation.
    pub const GRAPHQL_FETCHES: &str = "graphql.fetches";
    /// Errors in the answer.
    pub const GRAPHQL_ERRORS: &str = "graphql.errors";
    /// `Type.field` of those that the caller may not read, with commas; the first ten.
    pub const GRAPHQL_REFUSED: &str = "graphql.fields.refused";

    /// The request's id, as `X-Request-ID` and the access log show it.
    pub const REQUEST_ID: &str = "gateway.request.id";
    /// Listener the request came in by.
    pub const LISTENER: &str = "gateway.listener";
    /// Why the request was refused or failed, in the words of the access log's `error`.
    pub const ERROR: &str = "gateway.error";
    /// True where a rate limit was counted by this gateway alone, since Redis did not answer.
    pub const RATE_LIMIT_FALLBACK: &str = "gateway.rate_limit.fallback";
    /// Name of the rate limit that refused the request.
    pub const RATE_LIMIT: &str = "gateway.rate_limit";
    /// Authenticator that recognised the caller. Who that is stands in the access log alone: traces go to more people.
    pub const AUTHENTICATOR: &str = "gateway.authenticator";
    /// Upstream an attempt goes to.
    pub const UPSTREAM: &str = "gateway.upstream";
    /// Hash of the configuration the request ran with.
    pub const CONFIG_VERSION: &str = "gateway.config.version";
    /// Whether the connection came from the pool.
    pub const CONNECTION_REUSED: &str = "gateway.connection.reused";
    /// Seconds in the queues of concurrency limits, where it had to wait.
    pub const QUEUE_WAIT: &str = "gateway.queue.wait";
    /// Why an unsampled trace was kept: `error` or `slow`.
    pub const KEPT: &str = "gateway.trace.kept";
}
