//! Field names of the access log and of the application log.
//!
//! Both write JSON objects; where they tell the same thing they use the same
//! word, so that one query joins them.

/// When the request began: RFC 3339, UTC.
pub const TIME: &str = "time";
/// The request's id.
pub const REQUEST_ID: &str = "request_id";
/// W3C trace id, 32 hexadecimal digits.
pub const TRACE_ID: &str = "trace_id";
/// Address of the client, after the trust rules of the listener.
pub const CLIENT: &str = "client";
/// Request method as it was sent.
pub const METHOD: &str = "method";
/// Host the client asked for.
pub const HOST: &str = "host";
/// Path as the client sent it, without the query.
pub const PATH: &str = "path";
/// `HTTP/1.1` or `HTTP/2`.
pub const PROTOCOL: &str = "protocol";
/// Listener name.
pub const LISTENER: &str = "listener";
/// Route name.
pub const ROUTE: &str = "route";
/// Status of the answer; 499 where the client had left.
pub const STATUS: &str = "status";
/// Reason code, where the gateway answered itself or gave up.
pub const REASON: &str = "reason";
/// Name of the rate limit that refused the request.
pub const RATE_LIMIT: &str = "rate_limit";
/// Bytes of the request body.
pub const REQUEST_BYTES: &str = "request_bytes";
/// Bytes of the response body.
pub const RESPONSE_BYTES: &str = "response_bytes";
/// Milliseconds with fractions.
pub const DURATION_MS: &str = "duration_ms";
/// Milliseconds in the queues of concurrency limits.
pub const QUEUE_MS: &str = "queue_ms";
/// Upstream name.
pub const UPSTREAM: &str = "upstream";
/// Endpoint of the last attempt.
pub const ENDPOINT: &str = "endpoint";
/// How many attempts were made.
pub const ATTEMPTS: &str = "attempts";
/// Authenticator that recognised the caller.
pub const AUTHENTICATOR: &str = "authenticator";
/// The caller's `sub`.
pub const SUBJECT: &str = "subject";
/// Id of the API key that the request was sent with.
pub const KEY_ID: &str = "key_id";
/// `User-Agent` of the client.
pub const USER_AGENT: &str = "user_agent";
/// `query` or `mutation`.
pub const GRAPHQL_OPERATION_TYPE: &str = "graphql_operation_type";
/// Name of the GraphQL operation.
pub const GRAPHQL_OPERATION_NAME: &str = "graphql_operation_name";
/// What a GraphQL operation costs.
pub const GRAPHQL_COST: &str = "graphql_cost";
/// Calls to services a GraphQL operation made.
pub const GRAPHQL_FETCHES: &str = "graphql_fetches";
/// Errors in a GraphQL answer.
pub const GRAPHQL_ERRORS: &str = "graphql_errors";
/// Code of the first error in a GraphQL answer.
pub const GRAPHQL_FIRST_ERROR: &str = "graphql_first_error";
/// Fields of a GraphQL operation that the caller may not read.
pub const GRAPHQL_REFUSED_FIELDS: &str = "graphql_refused_fields";

/// The cause of a failure in the words of those who know it, for the operator.
pub const ERROR: &str = "error";

/// Fields of the application log alone. Its macros want identifiers, so no event can use a constant: tests/tidy reads the
/// events and finds every field that is not here.
#[expect(dead_code, reason = "tests/tidy reads it as text")]
pub const OF_EVENTS: [&str; 16] = [
    // What the gateway can do without for a while.
    "component",
    // How long something took or lasted.
    "seconds",
    // Hash of a configuration.
    "config_version",
    // A file's path.
    "file",
    // A socket address, or several.
    "address",
    // Count of what the message names.
    "count",
    // Requests that were cut off.
    "requests",
    // Connections that were cut off.
    "connections",
    // Where in the source.
    "place",
    // A thread's name.
    "thread",
    // What a health check found.
    "result",
    // Who asked for a reload.
    "cause",
    // Changes of the configuration, in words.
    "changes",
    // How often something is done.
    "every",
    // A setting before it was changed.
    "before",
    // The same setting afterwards.
    "now",
];
