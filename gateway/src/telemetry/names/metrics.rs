//! The table of metrics: every name, its labels and what it tells.
//!
//! A metric that is not in [`SECTIONS`] cannot be documented, and a test
//! refuses a constant that is missing there.

use super::Buckets::{Bytes, Count, Seconds};
use super::label::*;
use super::{Buckets, Kind, Metric};

type Labels = &'static [&'static str];

const fn counter(name: &'static str, labels: Labels, help: &'static str) -> Metric {
    Metric { name, kind: Kind::Counter, labels, help }
}

const fn gauge(name: &'static str, labels: Labels, help: &'static str) -> Metric {
    Metric { name, kind: Kind::Gauge, labels, help }
}

const fn histogram(name: &'static str, buckets: Buckets, labels: Labels, help: &'static str) -> Metric {
    Metric { name, kind: Kind::Histogram(buckets), labels, help }
}

#[rustfmt::skip]
mod table {
    use super::*;

    // Requests.
    pub const SERVER_DURATION: Metric = histogram("http_server_request_duration_seconds", Seconds, &[METHOD, ROUTE, STATUS],
        "Time from the end of a request's head to the last byte of its answer; a head that arrives slowly does not count.");
    pub const SERVER_REQUEST_BODY: Metric = histogram("http_server_request_body_size_bytes", Bytes, &[METHOD, ROUTE],
        "Bytes of request bodies, as they arrived.");
    pub const SERVER_RESPONSE_BODY: Metric = histogram("http_server_response_body_size_bytes", Bytes, &[METHOD, ROUTE],
        "Bytes of response bodies, as they were sent.");
    pub const SERVER_ACTIVE: Metric = gauge("http_server_active_requests", &[METHOD, ROUTE],
        "Requests that are being handled now.");
    pub const REFUSED: Metric = counter("gateway_requests_refused_total", &[ROUTE, REASON],
        "Requests the gateway answered or gave up itself, by reason code (docs/reasons.md).");
    pub const PREFLIGHTS: Metric = counter("gateway_cors_preflights_total", &[ROUTE, RESULT],
        "Preflights that the gateway answered, by result (allowed; origin, method or headers: what was not).");
    pub const PANICS: Metric = counter("gateway_panics_total", &[],
        "Panics caught while a request was handled; each lost one request.");

    // Rate limits.
    pub const RATE_LIMIT_DECISIONS: Metric = counter("gateway_rate_limit_decisions_total", &[ROUTE, RATE_LIMIT, RESULT],
        "What rate limits said of requests (allowed, refused; while Redis is gone: uncounted, unavailable). A request is counted at each of its limits.");
    pub const RATE_LIMIT_KEYS: Metric = gauge("gateway_rate_limit_keys", &[ROUTE, RATE_LIMIT],
        "Keys that are remembered in memory for a limit. Limits that routes share have no route.");
    pub const RATE_LIMIT_EVICTIONS: Metric = counter("gateway_rate_limit_evictions_total", &[ROUTE, RATE_LIMIT],
        "Keys that were forgotten before their buckets were full again, because max_keys was reached. Limits that routes share have no route.");

    // Upstreams.
    pub const CLIENT_DURATION: Metric = histogram("http_client_request_duration_seconds", Seconds, &[METHOD, UPSTREAM, STATUS, ERROR_TYPE],
        "Time an attempt took, from choosing an endpoint to the end of its answer. The status code is set where the head of an answer came, the error type where no complete answer did; both where a body broke off.");
    pub const CLIENT_ACTIVE: Metric = gauge("http_client_active_requests", &[UPSTREAM],
        "Attempts that are waiting for an upstream or reading its answer now.");
    pub const UPSTREAM_CONNECTIONS_OPENED: Metric = counter("gateway_upstream_connections_opened_total", &[UPSTREAM],
        "Connections made to the upstream's endpoints.");
    pub const UPSTREAM_CONNECTIONS_REUSED: Metric = counter("gateway_upstream_connections_reused_total", &[UPSTREAM],
        "Attempts that took a connection from the pool.");
    pub const UPSTREAM_CONNECT_DURATION: Metric = histogram("gateway_upstream_connect_duration_seconds", Seconds, &[UPSTREAM],
        "Time to connect, TLS handshake included, where a connection was made.");
    pub const UPSTREAM_CONNECT_FAILURES: Metric = counter("gateway_upstream_connect_failures_total", &[UPSTREAM, REASON],
        "Connections that could not be made, by reason code.");
    pub const UPSTREAM_CONNECT_RETRIES: Metric = counter("gateway_upstream_connect_retries_total", &[UPSTREAM],
        "Attempts made because the one before got no connection.");
    pub const UPSTREAM_ENDPOINT_HEALTHY: Metric = gauge("gateway_upstream_endpoint_healthy", &[UPSTREAM, ENDPOINT],
        "1 where the endpoint may be chosen, 0 where health checks say it is down.");
    pub const UPSTREAM_HEALTH_CHECKS: Metric = counter("gateway_upstream_health_checks_total", &[UPSTREAM, RESULT],
        "Health checks that ran, by result (success, failure).");
    pub const UPSTREAM_RESOLUTIONS: Metric = counter("gateway_upstream_name_resolutions_total", &[UPSTREAM, RESULT],
        "Look-ups of the upstream's host names, by result (success, failure).");

    // Concurrency limits.
    pub const CONCURRENCY_IN_FLIGHT: Metric = gauge("gateway_concurrency_in_flight", &[ROUTE, UPSTREAM],
        "Requests that have a place within the limit now. All metrics of concurrency limits have one of the two labels: the route or the upstream whose limit it is.");
    pub const CONCURRENCY_LIMIT: Metric = gauge("gateway_concurrency_limit", &[ROUTE, UPSTREAM],
        "How many may have one; of an adaptive limit the number that was learned so far.");
    pub const CONCURRENCY_REST: Metric = gauge("gateway_concurrency_rest_seconds", &[ROUTE, UPSTREAM],
        "How long answers take while nobody waits, as an adaptive limit has measured it last.");
    pub const CONCURRENCY_LATENCY: Metric = gauge("gateway_concurrency_latency_seconds", &[ROUTE, UPSTREAM],
        "How long answers have taken of late (the median); an adaptive limit falls where that is more than at rest.");
    pub const CONCURRENCY_MEASURING: Metric = gauge("gateway_concurrency_measuring", &[ROUTE, UPSTREAM],
        "1 while an adaptive limit measures the latency at rest, with a lowered limit after the first time; else 0.");
    pub const CONCURRENCY_QUEUE: Metric = gauge("gateway_concurrency_queue_length", &[ROUTE, UPSTREAM],
        "Requests that wait for a place now.");
    pub const CONCURRENCY_QUEUE_WAIT: Metric = histogram("gateway_concurrency_queue_wait_seconds", Seconds, &[ROUTE, UPSTREAM],
        "Time that requests waited for a place, in vain or not; those that did not have to are not in it.");
    pub const CONCURRENCY_SHED: Metric = counter("gateway_concurrency_shed_total", &[ROUTE, UPSTREAM, CAUSE],
        "Requests, and calls of composed APIs, that got no place, by cause (queue_full, queue_timeout, displaced: by a request of higher priority, client_left: whoever asked had gone).");

    // Listeners.
    pub const LISTENER_CONNECTIONS: Metric = gauge("gateway_listener_connections", &[LISTENER],
        "Client connections that are open now.");
    pub const LISTENER_ACCEPTED: Metric = counter("gateway_listener_connections_accepted_total", &[LISTENER],
        "Client connections accepted and served.");
    pub const LISTENER_REJECTED: Metric = counter("gateway_listener_connections_rejected_total", &[LISTENER, REASON],
        "Client connections closed at once, by reason.");
    pub const LISTENER_CLOSED: Metric = counter("gateway_listener_connections_closed_total", &[LISTENER, REASON],
        "Client connections that ended, by reason.");
    pub const LISTENER_HANDSHAKE_FAILURES: Metric = counter("gateway_listener_handshake_failures_total", &[LISTENER, REASON],
        "TLS handshakes that failed, by reason.");
    pub const LISTENER_ACCEPT_ERRORS: Metric = counter("gateway_listener_accept_errors_total", &[LISTENER],
        "Times the operating system refused to hand over a connection, out of file descriptors for instance.");

    // GraphQL.
    pub const GRAPHQL_DURATION: Metric = histogram("graphql_operation_duration_seconds", Seconds, &[GRAPHQL_API, GRAPHQL_OPERATION_TYPE, RESULT],
        "Time an operation took, planning included, by result (ok, partial: data with errors, failed: no data).");
    pub const GRAPHQL_PLANNING: Metric = histogram("graphql_planning_duration_seconds", Seconds, &[GRAPHQL_API],
        "Time spent parsing, validating and planning where the plan was not cached.");
    pub const GRAPHQL_OPERATION_FETCHES: Metric = histogram("graphql_operation_fetches", Count, &[GRAPHQL_API],
        "Calls to services per operation.");
    pub const GRAPHQL_OPERATION_COST: Metric = histogram("graphql_operation_cost", Count, &[GRAPHQL_API],
        "What operations cost, as rate limits with `cost: graphql` count it; those that were not paid for included.");
    pub const GRAPHQL_FETCH_DURATION: Metric = histogram("graphql_fetch_duration_seconds", Seconds, &[GRAPHQL_API, GRAPHQL_SOURCE, RESULT],
        "Time a call to a service took, by result (ok, error).");
    pub const GRAPHQL_FETCH_KEYS: Metric = histogram("graphql_fetch_batch_keys", Count, &[GRAPHQL_API, GRAPHQL_SOURCE],
        "Keys that one call carried; 1 where it was not batched.");
    pub const GRAPHQL_PLAN_HITS: Metric = counter("graphql_plan_cache_hits_total", &[GRAPHQL_API],
        "Operations whose plan came from the cache.");
    pub const GRAPHQL_PLAN_MISSES: Metric = counter("graphql_plan_cache_misses_total", &[GRAPHQL_API],
        "Operations that had to be planned.");
    pub const GRAPHQL_ERRORS: Metric = counter("graphql_errors_total", &[GRAPHQL_API, CODE],
        "Operations that were answered with errors, by the first error's code.");
    pub const GRAPHQL_FIELDS_REFUSED: Metric = counter("graphql_fields_refused_total", &[GRAPHQL_API, GRAPHQL_FIELD],
        "Operations that selected a field which the caller may not read, by field.");
    pub const GRAPHQL_ROWS_UNMATCHED: Metric = counter("graphql_batch_rows_unmatched_total", &[GRAPHQL_API],
        "Rows of batch answers that belonged to no key that was asked for.");
    pub const GRAPHQL_ROWS_SURPLUS: Metric = counter("graphql_batch_rows_surplus_total", &[GRAPHQL_API],
        "Further rows of batch answers for keys that take one.");

    // Authentication.
    pub const AUTHENTICATIONS: Metric = counter("gateway_authentications_total", &[AUTHENTICATOR, RESULT],
        "Credentials that an authenticator decided about, by result (accepted, or a reason code). Requests without any are counted as refused, if they are.");
    pub const TOKEN_CACHE_HITS: Metric = counter("gateway_token_cache_hits_total", &[AUTHENTICATOR],
        "Tokens that were remembered, so that no signature was checked.");
    pub const TOKEN_CACHE_MISSES: Metric = counter("gateway_token_cache_misses_total", &[AUTHENTICATOR],
        "Tokens that were not remembered.");
    pub const TOKEN_CACHE_ENTRIES: Metric = gauge("gateway_token_cache_entries", &[AUTHENTICATOR],
        "Tokens that are remembered.");
    pub const INTROSPECTIONS: Metric = counter("gateway_token_introspections_total", &[AUTHENTICATOR, RESULT],
        "Tokens for which an introspection authenticator was asked, by result (accepted, refused, remembered: by an earlier answer, failed: no usable answer, skipped: not asked, since the issuer is down).");
    pub const INTROSPECTION_DURATION: Metric = histogram("gateway_token_introspection_duration_seconds", Seconds, &[AUTHENTICATOR],
        "Time until the issuer had answered a question about a token, or was given up.");
    pub const JWKS_REFRESHES: Metric = counter("gateway_jwks_refreshes_total", &[AUTHENTICATOR, RESULT],
        "Attempts to fetch an issuer's keys, by result (success, failure).");
    pub const JWKS_KEYS: Metric = gauge("gateway_jwks_keys", &[AUTHENTICATOR],
        "Keys of an issuer that tokens are checked with. 0 until the first have come: nobody is let in.");
    pub const JWKS_AGE: Metric = gauge("gateway_jwks_age_seconds", &[AUTHENTICATOR],
        "Seconds since an issuer's keys were last fetched. There is none until the first have come.");
    pub const JWKS_FAILURES: Metric = gauge("gateway_jwks_consecutive_failures", &[AUTHENTICATOR],
        "Attempts to fetch an issuer's keys that have failed since the last one that succeeded.");

    // The gateway itself.
    pub const BUILD_INFO: Metric = gauge("gateway_build_info", &[VERSION],
        "Always 1; the label says which version runs.");
    pub const READY: Metric = gauge("gateway_ready", &[],
        "1 while /health/ready says yes.");
    pub const CONFIG_INFO: Metric = gauge("gateway_config_info", &[VERSION],
        "Always 1; the label is the hash of the configuration that runs.");
    pub const CONFIG_RELOADS: Metric = counter("gateway_config_reloads_total", &[RESULT],
        "Reloads of the configuration, by result (applied, unchanged, refused).");
    pub const CONFIG_RELOAD_SUCCESSFUL: Metric = gauge("gateway_config_last_reload_successful", &[],
        "1 where the last reload was accepted, 0 where the running configuration is older than the file.");
    pub const CONFIG_RELOAD_TIMESTAMP: Metric = gauge("gateway_config_last_reload_timestamp_seconds", &[],
        "When a configuration was last taken into use, as Unix time.");
    pub const RUNTIME_WORKERS: Metric = gauge("gateway_runtime_workers", &[RUNTIME],
        "Threads of the executor.");
    pub const RUNTIME_TASKS: Metric = gauge("gateway_runtime_alive_tasks", &[RUNTIME],
        "Tasks that are alive in the executor.");
    pub const RUNTIME_QUEUE: Metric = gauge("gateway_runtime_global_queue_depth", &[RUNTIME],
        "Tasks waiting in the executor's shared queue.");

    // What requests depend on beside their upstream.
    pub const DEGRADED: Metric = gauge("gateway_degraded", &[COMPONENT],
        "What the gateway does without of that which it is configured to use: redis, 0 or 1; issuer, how many cannot be asked for keys or about tokens. /health says since when and why.");
    pub const REDIS_CALLS: Metric = counter("gateway_redis_calls_total", &[RESULT],
        "Calls to Redis, by result (success, error, timeout; skipped: not made, because Redis has failed lately).");
    pub const REDIS_CALL_DURATION: Metric = histogram("gateway_redis_call_duration_seconds", Seconds, &[],
        "Time of a call to Redis, whatever its result, up to the deadline.");
    pub const REDIS_BREAKER_OPENED: Metric = counter("gateway_redis_breaker_opened_total", &[],
        "How often so many calls failed that Redis was not asked any more.");
    pub const REDIS_LEASES: Metric = gauge("gateway_redis_leases", &[],
        "Buckets of which tokens are held in advance (`mode: leased`).");

    // The process, by the names and words of the `prometheus` crate's collector.
    pub const PROCESS_CPU: Metric = counter("process_cpu_seconds_total", &[],
        "Total user and system CPU time spent in seconds.");
    pub const PROCESS_RESIDENT: Metric = gauge("process_resident_memory_bytes", &[],
        "Resident memory size in bytes.");
    pub const PROCESS_VIRTUAL: Metric = gauge("process_virtual_memory_bytes", &[],
        "Virtual memory size in bytes.");
    pub const PROCESS_OPEN_FDS: Metric = gauge("process_open_fds", &[],
        "Number of open file descriptors.");
    pub const PROCESS_MAX_FDS: Metric = gauge("process_max_fds", &[],
        "Maximum number of open file descriptors.");
    pub const PROCESS_THREADS: Metric = gauge("process_threads", &[],
        "Number of OS threads in the process.");
    pub const PROCESS_START: Metric = gauge("process_start_time_seconds", &[],
        "Start time of the process since unix epoch in seconds.");

    // Telemetry about telemetry.
    pub const TRACES_KEPT: Metric = counter("gateway_traces_kept_total", &[CAUSE],
        "Requests whose spans were kept, by cause (head: sampled at the start, error: status 5xx, slow).");
    pub const TRACES_OVER_RATE: Metric = counter("gateway_traces_over_rate_total", &[],
        "Failed or slow requests whose spans were not kept because telemetry.traces.keep.per_second was used up.");
    pub const SPANS_EXPORTED: Metric = counter("gateway_trace_spans_exported_total", &[],
        "Spans the collector accepted.");
    pub const SPANS_DROPPED: Metric = counter("gateway_trace_spans_dropped_total", &[CAUSE],
        "Spans that were lost, by cause (queue_full, export_failed, shutdown, span_limit).");
    pub const ACCESS_LINES: Metric = counter("gateway_access_log_lines_total", &[],
        "Lines of the access log that were written.");
    pub const ACCESS_LINES_DROPPED: Metric = counter("gateway_access_log_lines_dropped_total", &[CAUSE],
        "Lines of the access log that were lost, by cause (queue_full, write_failed).");
    pub const LOG_LINES_DROPPED: Metric = counter("gateway_log_lines_dropped_total", &[],
        "Lines of the application log that were lost, because standard error did not take them.");
}
pub use table::*;

/// Metrics that belong together in the documentation.
#[derive(Debug)]
pub struct Section {
    /// Heading.
    pub title: &'static str,
    /// The metrics under it.
    pub metrics: &'static [Metric],
}

/// The table, in the order of the documentation.
pub const SECTIONS: &[Section] = &[
    Section {
        title: "Requests",
        metrics: &[
            SERVER_DURATION,
            SERVER_REQUEST_BODY,
            SERVER_RESPONSE_BODY,
            SERVER_ACTIVE,
            REFUSED,
            PREFLIGHTS,
            PANICS,
        ],
    },
    Section { title: "Rate limits", metrics: &[RATE_LIMIT_DECISIONS, RATE_LIMIT_KEYS, RATE_LIMIT_EVICTIONS] },
    Section {
        title: "Upstreams",
        metrics: &[
            CLIENT_DURATION,
            CLIENT_ACTIVE,
            UPSTREAM_CONNECTIONS_OPENED,
            UPSTREAM_CONNECTIONS_REUSED,
            UPSTREAM_CONNECT_DURATION,
            UPSTREAM_CONNECT_FAILURES,
            UPSTREAM_CONNECT_RETRIES,
            UPSTREAM_ENDPOINT_HEALTHY,
            UPSTREAM_HEALTH_CHECKS,
            UPSTREAM_RESOLUTIONS,
        ],
    },
    Section {
        title: "Concurrency limits",
        metrics: &[
            CONCURRENCY_IN_FLIGHT,
            CONCURRENCY_LIMIT,
            CONCURRENCY_REST,
            CONCURRENCY_LATENCY,
            CONCURRENCY_MEASURING,
            CONCURRENCY_QUEUE,
            CONCURRENCY_QUEUE_WAIT,
            CONCURRENCY_SHED,
        ],
    },
    Section {
        title: "Listeners",
        metrics: &[
            LISTENER_CONNECTIONS,
            LISTENER_ACCEPTED,
            LISTENER_REJECTED,
            LISTENER_CLOSED,
            LISTENER_HANDSHAKE_FAILURES,
            LISTENER_ACCEPT_ERRORS,
        ],
    },
    Section {
        title: "GraphQL",
        metrics: &[
            GRAPHQL_DURATION,
            GRAPHQL_PLANNING,
            GRAPHQL_OPERATION_FETCHES,
            GRAPHQL_OPERATION_COST,
            GRAPHQL_FETCH_DURATION,
            GRAPHQL_FETCH_KEYS,
            GRAPHQL_PLAN_HITS,
            GRAPHQL_PLAN_MISSES,
            GRAPHQL_ERRORS,
            GRAPHQL_FIELDS_REFUSED,
            GRAPHQL_ROWS_UNMATCHED,
            GRAPHQL_ROWS_SURPLUS,
        ],
    },
    Section {
        title: "Authentication",
        metrics: &[
            AUTHENTICATIONS,
            TOKEN_CACHE_HITS,
            TOKEN_CACHE_MISSES,
            TOKEN_CACHE_ENTRIES,
            INTROSPECTIONS,
            INTROSPECTION_DURATION,
            JWKS_REFRESHES,
            JWKS_KEYS,
            JWKS_AGE,
            JWKS_FAILURES,
        ],
    },
    Section {
        title: "The gateway itself",
        metrics: &[
            BUILD_INFO,
            READY,
            CONFIG_INFO,
            CONFIG_RELOADS,
            CONFIG_RELOAD_SUCCESSFUL,
            CONFIG_RELOAD_TIMESTAMP,
            RUNTIME_WORKERS,
            RUNTIME_TASKS,
            RUNTIME_QUEUE,
        ],
    },
    Section {
        title: "What the gateway depends on",
        metrics: &[DEGRADED, REDIS_CALLS, REDIS_CALL_DURATION, REDIS_BREAKER_OPENED, REDIS_LEASES],
    },
    Section {
        title: "The process",
        metrics: &[
            PROCESS_CPU,
            PROCESS_RESIDENT,
            PROCESS_VIRTUAL,
            PROCESS_OPEN_FDS,
            PROCESS_MAX_FDS,
            PROCESS_THREADS,
            PROCESS_START,
        ],
    },
    Section {
        title: "Telemetry about telemetry",
        metrics: &[
            TRACES_KEPT,
            TRACES_OVER_RATE,
            SPANS_EXPORTED,
            SPANS_DROPPED,
            ACCESS_LINES,
            ACCESS_LINES_DROPPED,
            LOG_LINES_DROPPED,
        ],
    },
];

/// Every metric of the table.
pub fn all() -> impl Iterator<Item = &'static Metric> {
    SECTIONS.iter().flat_map(|section| section.metrics)
}
