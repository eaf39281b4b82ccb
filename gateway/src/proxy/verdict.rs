//! What a failure means for the request as a whole, and whether the client has an answer already.

use http::StatusCode;
use pingora_error::{Error, ErrorType};
use pingora_proxy::Session;

use super::RequestContext;
use crate::{
    reason::Reason,
    upstream::{Situation, classify},
};

/// Whether the client has the head of its answer: a final one, or that of another protocol.
pub fn is_answered(session: &Session) -> bool {
    session.response_written().is_some_and(|head| is_final(head.status))
}

fn is_final(status: StatusCode) -> bool {
    !status.is_informational() || status == StatusCode::SWITCHING_PROTOCOLS
}

/// Why the request as a whole has failed; `None` if it has not: the client had its whole answer before it left, or
/// before it stopped sending what nobody wanted any more.
pub fn reason(context: &RequestContext, error: &Error) -> Option<Reason> {
    let reason = context.outcome.reason.unwrap_or_else(|| classify(error, situation(context)));
    if !matches!(reason, Reason::ClientDisconnected | Reason::ClientTimeout) {
        return Some(reason);
    }
    // It may have left while the last of it was being written.
    if context.outcome.response_complete && *error.etype() != ErrorType::WriteError {
        return None;
    }
    if reason == Reason::ClientTimeout {
        return Some(reason);
    }
    // The connection may have been ended by the gateway itself.
    Some(context.opened.as_ref().map_or(reason, |opened| opened.guard.abandoned()))
}

/// What is known about the exchange that failed.
pub fn situation(context: &RequestContext) -> Situation {
    Situation { request_complete: context.outcome.request_complete, out_of_time: context.is_out_of_time() }
}

#[cfg(test)]
mod tests;
