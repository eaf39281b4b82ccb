//! On the way to an upstream: an endpoint for each attempt, and what it is told.

use std::time::Instant;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Version, header, request::Parts};
use pingora_core::upstreams::peer::{ALPN, HttpPeer, Peer as _};
use pingora_error::{Error, ErrorType, Result};
use pingora_http::RequestHeader;
use pingora_proxy::Session;

use super::{
    Gateway, RequestContext, admit, authenticate,
    context::{Admitted, Opened},
    open::nothing,
    pass::Refusal,
    probe, queue,
};
use crate::{
    policy::forwarding,
    reason::Reason,
    snapshot::Action,
    telemetry::request_id::REQUEST_ID,
    upstream::{Attempt, Connection, Finished, Place, Timeouts},
};

/// A peer for the next attempt.
pub async fn peer(
    gateway: &Gateway,
    session: &mut Session,
    context: &mut RequestContext,
) -> Result<Box<HttpPeer>> {
    gateway.probe.at(probe::Stage::Forward, session);
    let place = place(session, context).await?;
    let now = attempt_begins(context)?;
    let remaining = context.remaining(now);
    if remaining.is_some_and(|left| left.is_zero()) {
        return Err(context.give_up(Reason::UpstreamTotalTimeout));
    }
    let admitted = context.admitted()?;
    if let Some(exchange) = &admitted.exchange {
        return Ok(exchange.clone().peer());
    }
    let Action::Forward { upstream, timeouts, .. } = &admitted.route.action else {
        return Err(context.give_up(Reason::InternalError));
    };
    let opened = context.opened()?;
    let mut timeouts = match opened.websocket {
        // Such a connection outlives the total time by nature; up to its beginning the listener watches over it.
        true => {
            if let Some(deadline) = admitted.deadline {
                opened.guard.answer_by(deadline);
            }
            Timeouts { read: timeouts.read, ..timeouts.within(remaining) }
        }
        // While the client sends, the total time has not begun, but it will not be longer either.
        false => timeouts.within(remaining.or(admitted.total)),
    };
    if opened.http2 && !context.outcome.request_complete {
        // The listener ends a stalled HTTP/1 connection by itself; of a stream it only hears when something comes.
        let body = opened.guard.connection().listener().settings().deadlines.body.get();
        timeouts.read = timeouts.read.or(Some(body));
    }
    let number = u32::try_from(context.attempts.finished.len()).unwrap_or(u32::MAX).saturating_add(1);
    match Attempt::begin(upstream, place, &opened.method, &context.attempts.tried, number, now) {
        Ok(attempt) => {
            if context.attempts.finished.last().is_some_and(Finished::is_unconnected) {
                attempt.count_connect_retry();
            }
            let peer = attempt.peer(timeouts);
            context.attempts.running = Some(attempt);
            // What went wrong before is not why this one may fail.
            context.outcome.error = None;
            Ok(peer)
        }
        Err(reason) => Err(nothing_to_try(context, reason)),
    }
}

/// A place within the upstream's concurrency limit. The first attempt has one already.
async fn place(session: &mut Session, context: &mut RequestContext) -> Result<Option<Place>> {
    if let Some(place) = context.attempts.place.take() {
        return Ok(Some(place));
    }
    let place = queue::place(session, context).await;
    place.map_err(|Refusal { reason, error, .. }| match reason {
        Reason::ClientDisconnected => {
            context.outcome.error = error;
            admit::client_left()
        }
        reason => nothing_to_try(context, reason),
    })
}

/// Where there is nothing else to try, the first failure says more than that.
fn nothing_to_try(context: &mut RequestContext, reason: Reason) -> Box<Error> {
    let first = context.attempts.finished.first().and_then(|finished| finished.error);
    context.give_up(first.unwrap_or(reason))
}

/// Up to the first attempt no time worth another look at the clock has passed, unless the request stood in a queue.
fn attempt_begins(context: &RequestContext) -> Result<Instant> {
    let (opened, passed) = (context.opened()?, &context.admitted()?.passed);
    match context.attempts.finished.is_empty() && passed.waited.is_zero() {
        true => Ok(passed.now(opened)),
        false => Ok(Instant::now()),
    }
}

/// A connection stands.
pub fn connected(reused: bool, peer: &HttpPeer, context: &mut RequestContext) {
    if let Some(attempt) = &mut context.attempts.running {
        let http2 = matches!(peer.get_alpn(), Some(ALPN::H2 | ALPN::H2H1));
        attempt.connected(Connection { reused, http2 });
    }
}

/// Fields that every request gets: three about its origin, its trace and its id.
const ADDED: usize = 5;

/// The head that the upstream gets: each attempt has a fresh copy of the client's. Worked on as plain parts, because
/// Pingora's own type gives out its map only piece by piece.
pub fn head(session: &Session, head: &mut RequestHeader, context: &RequestContext) -> Result<()> {
    let opened = context.opened()?;
    let admitted = context.admitted()?;
    let mut parts = Parts::from(std::mem::replace(head, nothing()));
    if let Some(target) = &admitted.target {
        parts.uri = target.clone();
    }
    if let Some(target) = authenticate::without_credentials(&parts.uri, &admitted.route) {
        parts.uri = target;
    }
    let headers = &mut parts.headers;
    // Else the map grows twice.
    headers.reserve(ADDED + admitted.passed.told.list().len() + admitted.route.request_headers.most_added());
    tell_origin(headers, opened);
    let attempt = context.attempts.running.as_ref();
    opened.trace.write(attempt.map_or_else(|| opened.trace.span_id(), Attempt::span_id), headers);
    headers.insert(REQUEST_ID, opened.id_value.clone());
    // Pingora takes it away with the other fields of one connection; gRPC servers insist on it.
    if parts.version == Version::HTTP_2
        && session.req_header().headers.get(header::TE).is_some_and(|te| te == "trailers")
    {
        headers.insert(header::TE, HeaderValue::from_static("trailers"));
    }
    name_host(headers, opened, attempt);
    authenticate::tell(headers, admitted);
    admitted.route.request_headers.apply(headers);
    *head = parts.into();
    Ok(())
}

/// HTTP/1.0 may leave it out, HTTP/1.1 may not.
fn name_host(headers: &mut HeaderMap, opened: &Opened, attempt: Option<&Attempt>) {
    if headers.contains_key(header::HOST) || opened.http2 {
        return;
    }
    let own = || HeaderValue::from_str(attempt?.endpoint().authority()).ok();
    if let Some(host) = opened.host.clone().or_else(own) {
        headers.insert(header::HOST, host);
    }
}

fn tell_origin(headers: &mut HeaderMap, opened: &Opened) {
    let peer_text = opened.guard.connection().peer_text();
    forwarding::tell(headers, opened.peer, peer_text, &opened.origin, opened.chain, opened.host.as_ref());
}

/// A piece of the request's body passed.
pub fn body(session: &Session, piece: Option<&Bytes>, end: bool, context: &mut RequestContext) -> Result<()> {
    context.outcome.request_bytes += piece.map_or(0, |piece| piece.len() as u64);
    limit(session, context)?;
    if end {
        context.request_ended();
        return Ok(());
    }
    if context.opened.as_ref().is_some_and(|opened| opened.http2 && opened.guard.body_overdue()) {
        context.outcome.reason = Some(Reason::ClientTimeout);
        return Err(Error::new_down(ErrorType::ReadTimedout));
    }
    Ok(())
}

/// What is sent over a connection that became a WebSocket is no body. The bytes are those that came from the client: an
/// attempt that is repeated passes them once more.
fn limit(session: &Session, context: &mut RequestContext) -> Result<()> {
    let Some(Admitted { route, .. }) = &context.admitted else { return Ok(()) };
    let limits = &route.policies.limits;
    if limits.is_off() || context.outcome.is_upgraded() {
        return Ok(());
    }
    limits.check_body(session.body_bytes_read() as u64).map_err(|refused| {
        context.outcome.reason = Some(Reason::from(&refused));
        context.outcome.error = Some(refused.to_string().into());
        // Downstream: neither the upstream's fault nor cured by another one.
        Error::new_down(ErrorType::Custom("refused"))
    })
}
