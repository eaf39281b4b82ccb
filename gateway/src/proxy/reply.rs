//! What the client gets: the upstream's answer, or one of the gateway's own.
//!
//! The one place where a reason becomes a response: a problem document (RFC 9457, made by `reason`), or for gRPC
//! callers a status without messages. Both carry `Proxy-Status` (RFC 9209), and neither says anything about the inside.

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Version, header, response::Parts};
use pingora_core::protocols::http::HttpTask;
use pingora_error::{Error, Result};
use pingora_http::ResponseHeader;
use pingora_proxy::{FailToProxy, Session};

use super::{
    Gateway, RequestContext,
    authenticate::without_credentials,
    context::{Admitted, Opened},
    open::{self, DRAIN},
    probe, rate_limit, verdict,
};
use crate::{
    policy::cors::Cors,
    reason::{PROBLEM_JSON, PROXY_STATUS, Reason},
    route::respond::Respond,
    snapshot::Policies,
    telemetry::request_id::REQUEST_ID,
};

/// The head of an upstream's answer.
pub fn head(
    gateway: &Gateway,
    session: &mut Session,
    head: &mut ResponseHeader,
    context: &mut RequestContext,
) -> Result<()> {
    gateway.probe.at(probe::Stage::Reply, session);
    let Some(opened) = &mut context.opened else { return Ok(()) };
    let upgraded = head.status == StatusCode::SWITCHING_PROTOCOLS;
    if head.status.is_informational() && !upgraded {
        return Ok(());
    }
    if upgraded {
        opened.guard.upgraded();
        opened.snapshot = Arc::new(opened.snapshot.epilogue());
    }
    if let Some(admitted) = &context.admitted {
        rate_limit::settle(admitted, head, &mut context.outcome)?;
    }
    if let Some(place) = context.admitted.as_mut().and_then(|admitted| admitted.passed.place.as_mut()) {
        place.answered(head.status.as_u16());
    }
    context.outcome.status = Some(head.status.as_u16());
    context.outcome.response_complete = opened.method == Method::HEAD || has_no_body(head);
    // An answer before the end of the request leaves a body behind that nobody reads.
    let early = !context.outcome.request_complete && !upgraded;
    if early && context.outcome.response_complete {
        open::wait_no_longer(session);
    }
    if early || opened.guard.connection().should_close() {
        session.set_keepalive(None);
    }
    if session.req_header().version == Version::HTTP_10
        && head.headers.contains_key(header::TRANSFER_ENCODING)
    {
        // HTTP/1.0 knows no chunks: the end of the connection is that of the answer (RFC 9112 section 6.1).
        head.remove_header(&header::TRANSFER_ENCODING);
        session.set_keepalive(None);
    }
    finish_head(head, opened, context.admitted.as_ref());
    if context.outcome.response_complete {
        context.leave();
    }
    Ok(())
}

/// What every answer gets, the upstream's and the gateway's own. Worked on as plain parts: Pingora's own type keeps the
/// spelling of every name in a second map, which makes each insertion cost several times as much.
fn finish_head(head: &mut ResponseHeader, opened: &Opened, admitted: Option<&Admitted>) {
    let phrase = head.get_reason_phrase().filter(|phrase| head.status.canonical_reason() != Some(*phrase));
    let phrase = phrase.map(ToOwned::to_owned);
    let nothing = http::Response::new(()).into_parts().0.into();
    let mut parts = Parts::from(std::mem::replace(head, nothing));
    let added = admitted.map_or(0, |Admitted { route, .. }| {
        let Policies { cors, rate_limits, .. } = &route.policies;
        route.response_headers.most_added() + cors.most_added() + rate_limits.most_added()
    });
    parts.headers.reserve(1 + added);
    parts.headers.insert(REQUEST_ID, opened.id_value.clone());
    if let Some(admitted) = admitted {
        rate_limit::tell(admitted, &mut parts.headers);
        admitted.route.response_headers.apply(&mut parts.headers);
        admitted.route.policies.cors.share(admitted.passed.origin.as_ref(), &mut parts.headers);
    }
    *head = parts.into();
    if let Some(phrase) = phrase {
        // It came from a head, so it fits into one.
        let _ = head.set_reason_phrase(Some(&phrase));
    }
}

/// An answer that ends with its head.
fn has_no_body(head: &ResponseHeader) -> bool {
    matches!(head.status.as_u16(), 204 | 304)
        || head.headers.get(header::CONTENT_LENGTH).is_some_and(|length| length == "0")
}

/// Refuses a request that no upstream has seen. The connection is kept where HTTP allows it.
pub async fn refuse(
    session: &mut Session,
    context: &mut RequestContext,
    reason: Reason,
    headers: Vec<(HeaderName, HeaderValue)>,
) -> Result<()> {
    context.outcome.reason = Some(reason);
    // Where the length of the body is in doubt, so is where the next request begins.
    if matches!(reason, Reason::AmbiguousFraming | Reason::MalformedRequest | Reason::MissingHost) {
        session.set_keepalive(None);
    }
    let (mut head, body) = problem(reason, context.opened()?)?;
    for (name, value) in headers {
        head.append_header(name, value)?;
    }
    send(session, context, head, body).await
}

/// Answers in the place of an upstream that failed, if an answer can still be given.
pub async fn fail(session: &mut Session, error: &Error, context: &mut RequestContext) -> FailToProxy {
    let reason = verdict::reason(context, error);
    context.outcome.reason = reason;
    // Pingora closes the connection after any failure, so the answer says so.
    session.set_keepalive(None);
    if let Some(reason) = reason
        && !verdict::is_answered(session)
        && reason != Reason::ClientDisconnected
    {
        // Fails if the client has gone meanwhile; the reason stays that of the upstream.
        let _ = answer(session, context, reason).await;
        if reason == Reason::BodyTooLarge && !session.is_http2() {
            // It is still sending: what nobody reads would reset the connection, and the answer be lost. What does not
            // come within the time is given up; over HTTP/2 the answer has waited already.
            let _ = session.drain_request_body().await;
        }
    }
    FailToProxy { error_code: context.outcome.status.unwrap_or(0), can_reuse_downstream: false }
}

async fn answer(session: &mut Session, context: &mut RequestContext, reason: Reason) -> Result<()> {
    let (head, body) = problem(reason, context.opened()?)?;
    send(session, context, head, body).await
}

/// Sends the client elsewhere.
pub async fn redirect(
    session: &mut Session,
    context: &mut RequestContext,
    to: &str,
    status: StatusCode,
) -> Result<()> {
    let mut head = ResponseHeader::build(status, Some(4))?;
    let asked = &context.opened()?.uri;
    let bare = context.admitted.as_ref().and_then(|admitted| without_credentials(asked, &admitted.route));
    let query = bare.as_ref().unwrap_or(asked).query().filter(|_| !to.contains('?'));
    let location = query.map_or_else(|| to.to_owned(), |query| with_query(to, query));
    head.insert_header(header::LOCATION, location)?;
    send(session, context, head, Bytes::new()).await
}

/// The query stands before the fragment.
fn with_query(to: &str, query: &str) -> String {
    match to.split_once('#') {
        Some((to, fragment)) => format!("{to}?{query}#{fragment}"),
        None => format!("{to}?{query}"),
    }
}

/// Answers what the route says.
pub async fn respond(session: &mut Session, context: &mut RequestContext, respond: &Respond) -> Result<()> {
    let mut head = ResponseHeader::build(respond.status, Some(respond.headers.len() + 3))?;
    for (name, value) in &respond.headers {
        head.append_header(name.clone(), value.clone())?;
    }
    send(session, context, head, respond.body.clone()).await
}

/// Lets a browser send what it asked for.
pub async fn grant(session: &mut Session, context: &mut RequestContext, cors: &Cors) -> Result<()> {
    let mut fields = HeaderMap::with_capacity(8);
    cors.grant(&mut fields);
    let mut head = ResponseHeader::build(StatusCode::NO_CONTENT, Some(8))?;
    for (name, value) in &fields {
        head.append_header(name, value)?;
    }
    send(session, context, head, Bytes::new()).await
}

/// Sends an answer of the gateway's own.
async fn send(
    session: &mut Session,
    context: &mut RequestContext,
    mut head: ResponseHeader,
    body: Bytes,
) -> Result<()> {
    context.leave();
    let opened = context.opened()?;
    let has_body = !matches!(head.status.as_u16(), 204 | 304);
    if has_body {
        head.insert_header(header::CONTENT_LENGTH, body.len())?;
    }
    finish_head(&mut head, opened, context.admitted.as_ref());
    let unread = !context.outcome.request_complete;
    let waits = unread && open::expects_continue(&session.req_header().headers);
    // A client that waits to be asked for its body will not send it now.
    if waits || opened.guard.connection().should_close() {
        session.set_keepalive(None);
    }
    if unread {
        session.set_close_on_response_before_downstream_finish(false);
        session.set_total_drain_timeout(Some(DRAIN));
    }
    let body = if opened.method == Method::HEAD { Bytes::new() } else { body };
    // Over HTTP/2 the end of an answer resets a request that is still coming, and some clients then lose the answer.
    // Not for gRPC, whose status must come in a single head that ends the stream.
    let http2 = opened.http2;
    let drains = unread && !waits && http2 && !opened.grpc;
    context.outcome.status = Some(head.status.as_u16());
    context.outcome.response_bytes = body.len() as u64;
    if http2 && body.is_empty() && !drains {
        // Head and end in one frame, which is what gRPC calls trailers-only.
        let whole = vec![HttpTask::Header(Box::new(head), true)];
        return session.as_downstream_mut().response_duplex_vec(whole).await.map(drop);
    }
    session.write_response_header(Box::new(head), body.is_empty() && !drains).await?;
    if !body.is_empty() {
        session.write_response_body(Some(body), !drains).await?;
        if !drains {
            return Ok(());
        }
    }
    if drains {
        // What does not come within the time is given up.
        let _ = session.drain_request_body().await;
    }
    session.finish_body().await
}

/// A reason as a response.
fn problem(reason: Reason, opened: &Opened) -> Result<(ResponseHeader, Bytes)> {
    let status = if opened.grpc { StatusCode::OK } else { reason.status() };
    let mut head = ResponseHeader::build(status, Some(8))?;
    head.insert_header(PROXY_STATUS, reason.proxy_status().clone())?;
    head.insert_header(header::CACHE_CONTROL, HeaderValue::from_static("no-store"))?;
    if opened.grpc {
        head.insert_header(header::CONTENT_TYPE, HeaderValue::from_static("application/grpc"))?;
        head.insert_header("grpc-status", HeaderValue::from(u16::from(reason.grpc_status())))?;
        head.insert_header("grpc-message", HeaderValue::from_static(reason.row().title))?;
        return Ok((head, Bytes::new()));
    }
    head.insert_header(header::CONTENT_TYPE, HeaderValue::from_static(PROBLEM_JSON))?;
    Ok((head, reason.problem(&opened.id, &opened.trace.trace_id().hex())))
}

#[cfg(test)]
mod tests;
