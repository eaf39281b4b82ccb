//! Every way the gateway itself refuses or fails a request: one table.
//!
//! The same word stands in the client's problem document (RFC 9457), in the
//! `Proxy-Status` header (RFC 9209), in the access log, on the span, in the
//! metrics and in the documentation, so that one search finds all of them. The
//! texts here are shown to clients: they name nothing internal. What the
//! operator needs to know goes to the log next to the code.

use std::sync::LazyLock;

use bytes::Bytes;
use http::{HeaderName, HeaderValue, StatusCode};
use serde::Serialize;

/// `Content-Type` of [`Reason::problem`].
pub const PROBLEM_JSON: &str = "application/problem+json";

/// Header with [`Reason::proxy_status`].
pub const PROXY_STATUS: HeaderName = HeaderName::from_static("proxy-status");

/// Why the gateway answered in an upstream's place, or gave a request up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum Reason {
    /// The request head breaks HTTP's grammar.
    MalformedRequest,
    /// An HTTP/1.1 request without a usable `Host`.
    MissingHost,
    /// `Content-Length` and `Transfer-Encoding` contradict each other.
    AmbiguousFraming,
    /// The path has an encoded slash, a backslash, a NUL or a broken escape.
    InvalidPath,
    /// The head has more bytes than the listener allows.
    HeadTooLarge,
    /// The head has more fields than the listener allows.
    TooManyHeaders,
    /// `CONNECT`, which a reverse proxy has no use for.
    ConnectNotSupported,
    /// No route matches host and path.
    RouteNotFound,
    /// Routes match host and path, none of them the method.
    MethodNotAllowed,
    /// A route matches host, path and method, but not the headers or the query.
    RouteConditionsNotMet,
    /// The route does not let in a client with this address.
    ClientAddressRefused,
    /// The route is not shared with the origin of a preflight or of a WebSocket.
    OriginNotAllowed,
    /// The route is shared with the origin of a preflight, but not for this method or these headers.
    PreflightRefused,
    /// Path and query have more bytes than the route allows.
    UriTooLong,
    /// The body has more bytes than the route allows.
    BodyTooLarge,
    /// The client has used up what a rate limit gives it.
    RateLimited,
    /// Nobody can say what is left of a rate limit, and the route is configured not to guess.
    RateLimitUnavailable,
    /// The route wants credentials, and the request has none.
    CredentialsMissing,
    /// Credentials stand more than once in the same place.
    CredentialsAmbiguous,
    /// A key, a password or an opaque token that nobody knows, or that is not valid any more.
    CredentialsInvalid,
    /// What should be a token cannot be read.
    TokenMalformed,
    /// No trusted key has signed the token.
    TokenNotTrusted,
    /// The token was valid until a time that has passed.
    TokenExpired,
    /// The token is valid from a time that has not come.
    TokenNotYetValid,
    /// The token is for another audience, from another issuer, or lacks a claim that must be there.
    TokenClaimsRefused,
    /// Credentials cannot be checked: there are no keys, or the issuer does not answer.
    AuthenticationUnavailable,
    /// The caller is known, and lacks a scope.
    InsufficientScope,
    /// The caller is known, and a rule of the route does not let it in.
    AccessDenied,
    /// The route has as many requests in flight as it may, and its queue is full or was too slow.
    RouteOverloaded,
    /// The upstream has as many requests in flight as it may, and its queue is full or was too slow.
    UpstreamOverloaded,
    /// The client was too slow, with its own request or with taking its answer.
    ClientTimeout,
    /// The client left before the answer was complete.
    ClientDisconnected,
    /// Every endpoint of the upstream is unhealthy or none is known.
    NoHealthyUpstream,
    /// The upstream's name has never been resolved.
    UpstreamNameUnresolved,
    /// No connection within the connect timeout.
    UpstreamConnectTimeout,
    /// The upstream refused the connection.
    UpstreamConnectRefused,
    /// The connection could not be made for another cause.
    UpstreamConnectFailed,
    /// The TLS handshake with the upstream failed.
    UpstreamTlsFailed,
    /// The upstream sent nothing for longer than the read timeout.
    UpstreamReadTimeout,
    /// The whole exchange took longer than the total timeout.
    UpstreamTotalTimeout,
    /// The upstream closed or reset the connection before its answer was complete.
    UpstreamReset,
    /// The upstream's answer is not valid HTTP.
    UpstreamInvalidResponse,
    /// The upstream's answer is longer than the composition layer reads.
    UpstreamBodyTooLarge,
    /// The gateway was stopped before the answer was complete.
    GatewayShutdown,
    /// The gateway failed by its own fault.
    InternalError,
}

/// One row of the table.
#[derive(Debug, Clone, Copy)]
pub struct Row {
    /// The reason this row is about.
    pub reason: Reason,
    /// The word for it everywhere, `snake_case`.
    pub code: &'static str,
    /// Status of the answer, where one can still be given.
    pub status: u16,
    /// The problem document's `title`.
    pub title: &'static str,
    /// Proxy error type of RFC 9209 section 2.3.
    pub proxy_error: &'static str,
}

const fn row(
    reason: Reason,
    code: &'static str,
    status: u16,
    proxy_error: &'static str,
    title: &'static str,
) -> Row {
    Row { reason, code, status, title, proxy_error }
}

/// The table, in the order of the enum.
#[rustfmt::skip]
pub const TABLE: [Row; 45] = [
    row(Reason::MalformedRequest, "malformed_request", 400, "http_request_error", "The request is not valid HTTP"),
    row(Reason::MissingHost, "missing_host", 400, "http_request_error", "The request names no host"),
    row(Reason::AmbiguousFraming, "ambiguous_framing", 400, "http_request_error", "The length of the request body is ambiguous"),
    row(Reason::InvalidPath, "invalid_path", 400, "http_request_error", "The request path is not acceptable"),
    row(Reason::HeadTooLarge, "head_too_large", 431, "http_request_denied", "The request head is too large"),
    row(Reason::TooManyHeaders, "too_many_headers", 431, "http_request_denied", "The request has too many header fields"),
    row(Reason::ConnectNotSupported, "connect_not_supported", 405, "http_request_denied", "The CONNECT method is not supported"),
    row(Reason::RouteNotFound, "route_not_found", 404, "destination_not_found", "There is nothing at this address"),
    row(Reason::MethodNotAllowed, "method_not_allowed", 405, "http_request_denied", "This method is not allowed here"),
    row(Reason::RouteConditionsNotMet, "route_conditions_not_met", 404, "destination_not_found", "The request lacks a header or query parameter that this address requires"),
    row(Reason::ClientAddressRefused, "client_address_refused", 403, "http_request_denied", "This client is not allowed here"),
    row(Reason::OriginNotAllowed, "origin_not_allowed", 403, "http_request_denied", "This origin may not make this request"),
    row(Reason::PreflightRefused, "preflight_refused", 403, "http_request_denied", "A page of another origin may not make this request"),
    row(Reason::UriTooLong, "uri_too_long", 414, "http_request_denied", "The address is too long"),
    row(Reason::BodyTooLarge, "body_too_large", 413, "http_request_denied", "The request body is too large"),
    row(Reason::RateLimited, "rate_limited", 429, "http_request_denied", "Too many requests"),
    row(Reason::RateLimitUnavailable, "rate_limit_unavailable", 503, "proxy_internal_error", "Rate limits cannot be checked at present"),
    row(Reason::CredentialsMissing, "credentials_missing", 401, "http_request_denied", "Credentials are required here"),
    row(Reason::CredentialsAmbiguous, "credentials_ambiguous", 400, "http_request_error", "Credentials are sent more than once"),
    row(Reason::CredentialsInvalid, "credentials_invalid", 401, "http_request_denied", "The credentials are not valid"),
    row(Reason::TokenMalformed, "token_malformed", 401, "http_request_denied", "The token is malformed"),
    row(Reason::TokenNotTrusted, "token_not_trusted", 401, "http_request_denied", "The signature of the token is not one that is trusted here"),
    row(Reason::TokenExpired, "token_expired", 401, "http_request_denied", "The token has expired"),
    row(Reason::TokenNotYetValid, "token_not_yet_valid", 401, "http_request_denied", "The token is not valid yet"),
    row(Reason::TokenClaimsRefused, "token_claims_refused", 401, "http_request_denied", "The token's claims are not accepted here"),
    row(Reason::AuthenticationUnavailable, "authentication_unavailable", 503, "proxy_internal_error", "Credentials cannot be checked at present"),
    row(Reason::InsufficientScope, "insufficient_scope", 403, "http_request_denied", "A required scope is missing"),
    row(Reason::AccessDenied, "access_denied", 403, "http_request_denied", "Access is denied"),
    row(Reason::RouteOverloaded, "route_overloaded", 503, "http_request_denied", "Too many requests are being served"),
    row(Reason::UpstreamOverloaded, "upstream_overloaded", 503, "connection_limit_reached", "The service is busy"),
    row(Reason::ClientTimeout, "client_timeout", 408, "http_request_error", "The client was too slow"),
    row(Reason::ClientDisconnected, "client_disconnected", 499, "http_request_error", "The client closed the connection"),
    row(Reason::NoHealthyUpstream, "no_healthy_upstream", 503, "destination_unavailable", "The service is currently unavailable"),
    row(Reason::UpstreamNameUnresolved, "upstream_name_unresolved", 503, "dns_error", "The service is currently unavailable"),
    row(Reason::UpstreamConnectTimeout, "upstream_connect_timeout", 504, "connection_timeout", "The service did not accept a connection in time"),
    row(Reason::UpstreamConnectRefused, "upstream_connect_refused", 502, "connection_refused", "The service refused the connection"),
    row(Reason::UpstreamConnectFailed, "upstream_connect_failed", 502, "destination_ip_unroutable", "The service could not be reached"),
    row(Reason::UpstreamTlsFailed, "upstream_tls_failed", 502, "tls_protocol_error", "No secure connection to the service could be made"),
    row(Reason::UpstreamReadTimeout, "upstream_read_timeout", 504, "connection_read_timeout", "The service did not answer in time"),
    row(Reason::UpstreamTotalTimeout, "upstream_total_timeout", 504, "http_response_timeout", "The service did not finish its answer in time"),
    row(Reason::UpstreamReset, "upstream_reset", 502, "connection_terminated", "The service closed the connection too early"),
    row(Reason::UpstreamInvalidResponse, "upstream_invalid_response", 502, "http_protocol_error", "The service's answer is not valid"),
    row(Reason::UpstreamBodyTooLarge, "upstream_body_too_large", 502, "http_response_body_size", "The service's answer is too large"),
    row(Reason::GatewayShutdown, "gateway_shutdown", 503, "proxy_internal_error", "The gateway is being stopped"),
    row(Reason::InternalError, "internal_error", 500, "proxy_internal_error", "The gateway failed to handle the request"),
];

/// What a client is told (RFC 9457).
#[derive(Serialize)]
struct Problem<'a> {
    r#type: String,
    title: &'a str,
    status: u16,
    reason: &'a str,
    request_id: &'a str,
    trace_id: &'a str,
}

impl Reason {
    /// How many reasons there are; indexes by [`Reason::index`] are below it.
    pub const COUNT: usize = TABLE.len();

    /// This reason's row.
    pub fn row(self) -> &'static Row {
        &TABLE[self.index()]
    }

    /// Position in [`TABLE`], for fixed arrays of metric handles.
    pub fn index(self) -> usize {
        self as usize
    }

    /// The word for it everywhere.
    pub fn code(self) -> &'static str {
        self.row().code
    }

    /// Status of the gateway's answer. `499` (the client has left) is only
    /// logged, never sent.
    pub fn status(self) -> StatusCode {
        StatusCode::from_u16(self.row().status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    /// The problem document for a request with these ids.
    pub fn problem(self, request_id: &str, trace_id: &str) -> Bytes {
        let row = self.row();
        let problem = Problem {
            r#type: format!("urn:glassgate:reason:{}", row.code),
            title: row.title,
            status: row.status,
            reason: row.code,
            request_id,
            trace_id,
        };
        // A struct of texts and numbers always serialises.
        serde_json::to_vec(&problem).unwrap_or_default().into()
    }

    /// The value of `Proxy-Status` (RFC 9209).
    pub fn proxy_status(self) -> &'static HeaderValue {
        // Leaked once, so that clones need no count of references, which threads would share.
        static VALUES: LazyLock<[HeaderValue; Reason::COUNT]> = LazyLock::new(|| {
            TABLE.map(|row| {
                let text = format!("glassgate; error={}; details=\"{}\"", row.proxy_error, row.code);
                HeaderValue::from_static(text.leak())
            })
        });
        &VALUES[self.index()]
    }

    /// Status code for a gRPC caller. Finer than the table by which clients guess from an HTTP status: too slow is
    /// `DEADLINE_EXCEEDED`, a fault of the request `INVALID_ARGUMENT`, no such route `UNIMPLEMENTED`, not allowed
    /// `PERMISSION_DENIED`, unknown `UNAUTHENTICATED`, too much `RESOURCE_EXHAUSTED`.
    pub fn grpc_status(self) -> u8 {
        match self.row().status {
            401 => 16,
            403 => 7,
            404 | 405 => 12,
            408 | 504 => 4,
            413 | 429 => 8,
            499 => 1,
            502 | 503 => 14,
            400..=499 => 3,
            _ => 13,
        }
    }
}

#[cfg(test)]
mod tests;
