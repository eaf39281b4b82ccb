//! Answers to heads that no filter ever sees, in the form of all others: a
//! problem document (RFC 9457) with the reason's word.
//!
//! Such a head has no request and no trace, so both ids are new. They stand in
//! the log at `debug`: whoever sends garbage must not fill it.

use std::net::SocketAddr;
use std::time::SystemTime;

use bytes::Bytes;

use super::Ending;
use crate::reason::{PROBLEM_JSON, PROXY_STATUS, Reason};
use crate::telemetry::request_id::{REQUEST_ID, RequestId};
use crate::telemetry::trace::TraceId;

/// A whole HTTP/1.1 response that closes the connection.
pub(super) fn refusal(ending: Ending, client: SocketAddr) -> Bytes {
    let reason = match ending {
        Ending::HeadTooLarge => Reason::HeadTooLarge,
        Ending::ConnectRefused => Reason::ConnectNotSupported,
        _ => Reason::MalformedRequest,
    };
    let status = reason.status();
    let (id, trace) = (RequestId::new(SystemTime::now()), TraceId::random().hex());
    tracing::debug!(request_id = &*id, trace_id = &*trace, %client, reason = reason.code(), "head refused");
    let body = reason.problem(&id, &trace);
    // No method is allowed on an authority, which 405 must say (RFC 9110 section 15.5.6).
    let allow = if reason == Reason::ConnectNotSupported { "allow: \r\n" } else { "" };
    let mut answer = format!(
        "HTTP/1.1 {} {}\r\ncontent-type: {PROBLEM_JSON}\r\ncontent-length: {}\r\n\
         cache-control: no-store\r\n{REQUEST_ID}: {id}\r\nconnection: close\r\n{allow}{PROXY_STATUS}: ",
        status.as_str(),
        status.canonical_reason().unwrap_or(""),
        body.len(),
    )
    .into_bytes();
    for part in [reason.proxy_status().as_bytes(), b"\r\n\r\n", &body] {
        answer.extend_from_slice(part);
    }
    answer.into()
}
