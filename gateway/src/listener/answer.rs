//! Answers to heads that no filter ever sees, in the form of all others: a
//! problem document (RFC 9457) with the reason's word.
//!
//! Such a head has no request and no trace, so both ids are new. They stand in
//! the log at `debug`: whoever sends garbage must not fill it.

use std::net::SocketAddr;
use std::time::SystemTime;

use bytes::Bytes;

use super::Ending;
use crate::reason::Reason;
use crate::telemetry::request_id::RequestId;
use crate::telemetry::trace::TraceId;

/// A whole HTTP/1.1 response that closes the connection.
pub(super) fn refusal(ending: Ending, client: SocketAddr) -> Bytes {
    let reason = match ending {
        Ending::HeadTooLarge => Reason::HeadTooLarge,
        Ending::ConnectRefused => Reason::ConnectNotSupported,
        _ => Reason::MalformedRequest,
    };
    let row = reason.row();
    let status = reason.status();
    let (id, trace) = (RequestId::new(SystemTime::now()), TraceId::random().hex());
    tracing::debug!(request_id = &*id, trace_id = &*trace, %client, reason = row.code, "head refused");
    let body = serde_json::json!({
        "type": format!("urn:glassgate:reason:{}", row.code),
        "title": row.title,
        "status": row.status,
        "reason": row.code,
        "request_id": &*id,
        "trace_id": &*trace,
    });
    let body = body.to_string();
    format!(
        "HTTP/1.1 {} {}\r\ncontent-type: application/problem+json\r\ncontent-length: {}\r\n\
         proxy-status: glassgate; error={}; details=\"{}\"\r\ncache-control: no-store\r\nx-request-id: {id}\r\nconnection: close\r\n\r\n{body}",
        status.as_str(),
        status.canonical_reason().unwrap_or(""),
        body.len(),
        row.proxy_error,
        row.code,
    )
    .into()
}
