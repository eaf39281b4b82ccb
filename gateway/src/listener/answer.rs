//! Answers to heads that no filter ever sees, in the form of all others: a
//! problem document (RFC 9457) with the reason's word.

use bytes::Bytes;

use super::ending::Ending;
use crate::reason::Reason;

/// A whole HTTP/1.1 response that closes the connection.
pub(super) fn refusal(ending: Ending) -> Bytes {
    let reason = match ending {
        Ending::HeadTooLarge => Reason::HeadTooLarge,
        Ending::ConnectRefused => Reason::ConnectNotSupported,
        _ => Reason::MalformedRequest,
    };
    let row = reason.row();
    let status = reason.status();
    let body = serde_json::json!({
        "type": format!("urn:glassgate:reason:{}", row.code),
        "title": row.title,
        "status": row.status,
        "reason": row.code,
    });
    let body = body.to_string();
    format!(
        "HTTP/1.1 {} {}\r\ncontent-type: application/problem+json\r\ncontent-length: {}\r\n\
         proxy-status: glassgate; error={}; details=\"{}\"\r\ncache-control: no-store\r\nconnection: close\r\n\r\n{body}",
        status.as_str(),
        status.canonical_reason().unwrap_or(""),
        body.len(),
        row.proxy_error,
        row.code,
    )
    .into()
}
