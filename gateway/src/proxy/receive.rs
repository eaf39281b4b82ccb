//! What comes back from an upstream, before the client gets it.

use std::time::{Duration, Instant};

use bytes::Bytes;
use pingora_error::Result;
use pingora_http::ResponseHeader;

use super::RequestContext;
use crate::reason::Reason;

/// The head of an answer, interim ones included.
pub fn head(head: &ResponseHeader, context: &mut RequestContext) -> Result<()> {
    let exchange = context.admitted.as_ref().and_then(|admitted| admitted.exchange.as_ref());
    if exchange.is_some_and(|exchange| exchange.has_panicked()) {
        return Err(context.give_up(Reason::InternalError));
    }
    let is_final = !head.status.is_informational() || head.status == 101;
    if let Some(attempt) = &mut context.attempts.running
        && is_final
    {
        attempt.answered(head.status.as_u16());
    }
    Ok(())
}

/// A piece of an answer's body. The total time ends here if the pieces go on coming: single waits are bounded by the
/// peer's timeouts, which `forward` has cut to it.
pub fn body(piece: Option<&Bytes>, context: &mut RequestContext) -> Result<Option<Duration>> {
    context.outcome.response_bytes += piece.map_or(0, |piece| piece.len() as u64);
    let deadline = context.admitted.as_ref().and_then(|admitted| admitted.deadline);
    let upgraded = context.outcome.status == Some(101);
    if !upgraded && deadline.is_some_and(|deadline| deadline < Instant::now()) {
        return Err(context.give_up(Reason::UpstreamTotalTimeout));
    }
    Ok(None)
}
