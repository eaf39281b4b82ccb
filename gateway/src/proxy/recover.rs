//! An attempt has failed: another one, or give up.
//!
//! Two cases are tried again. No connection could be made: nothing was sent, so any request may go to another
//! endpoint, `connect_retries` times. A pooled connection turned out to be closed: the request may go once more to
//! the same upstream, if it is idempotent (RFC 9110 section 9.2.2) or the upstream has said that it did not look at
//! it (GOAWAY, REFUSED_STREAM), and if its body is still at hand.

use std::time::Instant;

use pingora_error::{Error, ErrorSource, ErrorType, RetryType};
use pingora_proxy::Session;

use super::{RequestContext, verdict};
use crate::{
    reason::Reason,
    upstream::{classify, describe},
};

/// How often a request is sent again after its connection broke.
pub const MOST_RESENDS: usize = 1;

/// No connection could be made.
pub fn unconnected(context: &mut RequestContext, mut error: Box<Error>) -> Box<Error> {
    let reason = classify(&error, verdict::situation(context));
    context.end_attempt(Some(reason), Instant::now());
    let may_retry = may_connect_elsewhere(context);
    if let Some(finished) = context.attempts.finished.last() {
        context.attempts.tried.push(finished.endpoint.id());
    }
    error.set_retry(may_retry);
    context.outcome.error = Some(describe(&error));
    if !may_retry {
        context.outcome.reason = Some(reason);
    }
    error
}

fn may_connect_elsewhere(context: &RequestContext) -> bool {
    let upstream = context.admitted.as_ref().and_then(|admitted| admitted.route.action.upstream());
    let retries = upstream.map_or(0, |upstream| usize::from(upstream.settings().connect_retries));
    context.attempts.tried.len() < retries && !context.is_out_of_time()
}

/// The exchange failed on a connection that stood.
pub fn broken(
    session: &Session,
    context: &mut RequestContext,
    mut error: Box<Error>,
    reused: bool,
) -> Box<Error> {
    // Whoever failed on purpose has said why.
    if context.opened.as_ref().is_some_and(|opened| opened.guard.is_overdue()) {
        context.outcome.reason.get_or_insert(Reason::UpstreamTotalTimeout);
    }
    let reason = context.outcome.reason.unwrap_or_else(|| classify(&error, verdict::situation(context)));
    context.end_attempt(Some(reason), Instant::now());
    let may_retry = context.outcome.reason.is_none() && may_resend(session, context, &error, reused);
    error.set_retry(may_retry);
    // What was given up on purpose has its reason, and no other cause than whoever did so has named.
    if context.outcome.reason.is_none() {
        context.outcome.error = Some(describe(&error));
    }
    if !may_retry {
        context.outcome.reason = Some(reason);
    }
    error
}

fn may_resend(session: &Session, context: &RequestContext, error: &Error, reused: bool) -> bool {
    let resends = context.attempts.finished.len() - context.attempts.tried.len();
    if verdict::is_answered(session)
        || session.retry_buffer_truncated()
        || resends > MOST_RESENDS
        || context.is_out_of_time()
    {
        return false;
    }
    is_harmless(error, reused, session.req_header().method.is_idempotent())
}

/// Whether the upstream has not acted on the request that failed so, or may act on it once more.
fn is_harmless(error: &Error, reused: bool, idempotent: bool) -> bool {
    // What failed on the client's side says nothing about the upstream, which may have acted.
    if *error.esource() != ErrorSource::Upstream {
        return false;
    }
    match error.retry {
        // The upstream vouches for not having acted. After an invalid answer Pingora would repeat, too; but that is an
        // answer.
        RetryType::Decided(true) => matches!(error.etype(), ErrorType::H2Error | ErrorType::H2Downgrade),
        RetryType::ReusedOnly => reused && idempotent,
        // The same race, seen by the write: the pooled connection was closed under it.
        RetryType::Decided(false) => reused && idempotent && *error.etype() == ErrorType::WriteError,
    }
}

#[cfg(test)]
mod tests;
