//! On the way to an upstream: an endpoint for each attempt, and what it is told.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, header};
use pingora_core::upstreams::peer::{ALPN, HttpPeer, Peer as _};
use pingora_error::{ErrorType, Result};
use pingora_http::RequestHeader;
use pingora_proxy::Session;

use super::{Gateway, RequestContext, context::Opened, open, probe};
use crate::{
    config::check::HeaderEdits,
    policy::forwarding::{self, CLAIMS, X_FORWARDED_FOR, X_FORWARDED_HOST, X_FORWARDED_PROTO},
    reason::Reason,
    snapshot::Action,
    telemetry::{request_id::REQUEST_ID, trace::w3c},
    upstream::{Attempt, Connection, Timeouts},
};

/// A peer for the next attempt.
pub fn peer(gateway: &Gateway, session: &Session, context: &mut RequestContext) -> Result<Box<HttpPeer>> {
    gateway.probe.at(probe::Stage::Forward, session);
    let remaining = context.remaining();
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
    let timeouts = within(*timeouts, remaining);
    let number = u32::try_from(context.attempts.finished.len()).unwrap_or(u32::MAX).saturating_add(1);
    let upstream = upstream.clone();
    match Attempt::begin(&upstream, &context.opened()?.method, &context.attempts.tried, number) {
        Ok(attempt) => {
            let peer = attempt.peer(timeouts);
            context.attempts.running = Some(attempt);
            Ok(peer)
        }
        // Where there is nothing else to try, the first failure says more than that.
        Err(reason) => {
            let first = context.attempts.finished.first().and_then(|finished| finished.error);
            Err(context.give_up(first.unwrap_or(reason)))
        }
    }
}

/// No single wait may be longer than what is left of the total time.
fn within(timeouts: Timeouts, remaining: Option<Duration>) -> Timeouts {
    let Some(remaining) = remaining else { return timeouts };
    Timeouts {
        connect: timeouts.connect.min(remaining),
        read: Some(timeouts.read.map_or(remaining, |read| read.min(remaining))),
        total: timeouts.total,
    }
}

/// A connection stands.
pub fn connected(reused: bool, peer: &HttpPeer, context: &mut RequestContext) {
    if let Some(attempt) = &mut context.attempts.running {
        let http2 = matches!(peer.get_alpn(), Some(ALPN::H2 | ALPN::H2H1));
        attempt.connected(Connection { reused, http2 });
    }
}

/// The head that the upstream gets. May run more than once for a request, so it only replaces.
pub fn head(session: &Session, head: &mut RequestHeader, context: &RequestContext) -> Result<()> {
    let opened = context.opened()?;
    let admitted = context.admitted()?;
    if let Some(target) = &admitted.target {
        head.set_uri(target.clone());
    }
    tell_origin(head, opened)?;
    tell_trace(head, context, opened)?;
    // Pingora takes it away with the other fields of one connection; gRPC servers insist on it.
    if opened.http2 && session.req_header().headers.get(header::TE).is_some_and(|te| te == "trailers") {
        head.insert_header(header::TE, HeaderValue::from_static("trailers"))?;
    }
    edit_request(head, &admitted.route.request_headers)
}

fn tell_origin(head: &mut RequestHeader, opened: &Opened) -> Result<()> {
    let settings = opened.guard.connection().listener().settings();
    let trust = open::trust(&settings);
    let told = forwarding::tell(&head.headers, opened.peer, &opened.origin, &trust, opened.host.as_ref());
    for claim in &CLAIMS {
        // Hashing each name costs more than looking for the few that requests have.
        if head.headers.contains_key(claim) {
            head.remove_header(claim);
        }
    }
    head.insert_header(X_FORWARDED_FOR, told.addresses)?;
    head.insert_header(X_FORWARDED_PROTO, told.proto)?;
    if let Some(host) = told.host {
        head.insert_header(X_FORWARDED_HOST, host)?;
    }
    if let Some(forwarded) = told.forwarded {
        head.insert_header(header::FORWARDED, forwarded)?;
    }
    Ok(())
}

fn tell_trace(head: &mut RequestHeader, context: &RequestContext, opened: &Opened) -> Result<()> {
    let attempt = context.attempts.running.as_ref();
    let span = attempt.map_or_else(|| opened.trace.span_id(), Attempt::span_id);
    head.insert_header(w3c::TRACEPARENT, opened.trace.traceparent(span))?;
    let passed = [(w3c::TRACESTATE, opened.trace.tracestate()), (w3c::BAGGAGE, opened.trace.baggage())];
    for (name, value) in passed {
        match value {
            Some(value) => head.insert_header(name, value.clone())?,
            None => drop(head.remove_header(&name)),
        }
    }
    head.insert_header(REQUEST_ID, opened.id_value.clone())
}

fn edit_request(head: &mut RequestHeader, edits: &HeaderEdits) -> Result<()> {
    for name in &edits.remove {
        head.remove_header(name);
    }
    for (name, value) in &edits.set {
        head.insert_header(name.clone(), value.clone())?;
    }
    for (name, value) in &edits.add {
        head.append_header(name.clone(), value.clone())?;
    }
    Ok(())
}

/// A piece of the request's body passed.
pub fn body(piece: Option<&Bytes>, end: bool, context: &mut RequestContext) -> Result<()> {
    context.outcome.request_bytes += piece.map_or(0, |piece| piece.len() as u64);
    let Some(opened) = &mut context.opened else { return Ok(()) };
    if end {
        context.outcome.request_complete = true;
        opened.guard.body_done();
    } else if opened.http2 && opened.guard.body_overdue() {
        context.outcome.reason = Some(Reason::ClientTimeout);
        return Err(pingora_error::Error::new_down(ErrorType::ReadTimedout));
    }
    Ok(())
}
