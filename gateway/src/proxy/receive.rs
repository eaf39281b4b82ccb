//! What comes back from an upstream, before the client gets it.

use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Version, header};
use pingora_error::Result;
use pingora_http::{RequestHeader, ResponseHeader};
use pingora_proxy::Session;

use super::{RequestContext, open};
use crate::{policy::cors, reason::Reason};

const WEBSOCKET: &[u8] = b"websocket";

/// The head of an answer, interim ones included.
pub fn head(head: &mut ResponseHeader, context: &mut RequestContext) -> Result<()> {
    let exchange = context.admitted.as_ref().and_then(|admitted| admitted.exchange.as_ref());
    if exchange.is_some_and(|exchange| exchange.has_panicked()) {
        return Err(context.give_up(Reason::InternalError));
    }
    let upgraded = head.status == StatusCode::SWITCHING_PROTOCOLS;
    // Whatever else an upstream switches to, nobody asked for it.
    if upgraded && !(context.opened()?.websocket && names_websocket(&head.headers)) {
        return Err(context.give_up(Reason::UpstreamInvalidResponse));
    }
    if !upgraded && context.is_out_of_time() {
        return Err(context.give_up(Reason::UpstreamTotalTimeout));
    }
    let http2 = head.version == Version::HTTP_2;
    if let Some(attempt) = &mut context.attempts.running
        && (upgraded || !head.status.is_informational())
    {
        attempt.answered(head.status.as_u16(), http2);
    }
    if !upgraded {
        // Trailers come from HTTP/2 and go to HTTP/2 only.
        remove_hop_by_hop(head, http2 && context.opened()?.http2);
    }
    if head.status == StatusCode::NO_CONTENT {
        head.remove_header(&header::TRANSFER_ENCODING);
    }
    if context.admitted.as_ref().is_some_and(|admitted| !admitted.route.policies.cors.is_off())
        && head.headers.keys().any(cors::is_ours)
    {
        cors::OURS.iter().for_each(|name| drop(head.remove_header(name)));
    }
    Ok(())
}

/// Whether the client asks for a WebSocket (RFC 6455 section 4.1), the one upgrade that is forwarded. Other requests may
/// name it, too: they are held to all that bounds requests.
pub fn wants_websocket(head: &RequestHeader) -> bool {
    let headers = &head.headers;
    head.version == Version::HTTP_11
        && head.method == Method::GET
        && names_websocket(headers)
        && asks_for_upgrade(headers)
        && !has_body(headers)
}

fn asks_for_upgrade(headers: &HeaderMap) -> bool {
    let lines = headers.get_all(header::CONNECTION).iter();
    let mut options = lines.flat_map(|line| line.as_bytes().split(|byte| *byte == b','));
    options.any(|option| option.trim_ascii().eq_ignore_ascii_case(b"upgrade"))
}

/// Of a request, whose body always says so (RFC 9112 section 6.3).
fn has_body(headers: &HeaderMap) -> bool {
    let length = headers.get(header::CONTENT_LENGTH);
    headers.contains_key(header::TRANSFER_ENCODING) || length.is_some_and(|length| length != "0")
}

fn names_websocket(headers: &HeaderMap) -> bool {
    headers.get(header::UPGRADE).is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(WEBSOCKET))
}

/// Fields about the connection to the upstream, which is not the client's (RFC 9110 section 7.6.1).
fn remove_hop_by_hop(head: &mut ResponseHeader, has_trailers: bool) {
    let goes = |(name, value): &(&HeaderName, &HeaderValue)| match **name {
        // Pingora writes its own; most say nothing else, and are left to it.
        header::CONNECTION => !is_plain(value),
        header::TE | header::UPGRADE | header::PROXY_AUTHENTICATE => true,
        header::TRAILER => !has_trailers,
        _ => matches!(name.as_str(), "keep-alive" | "proxy-connection"),
    };
    if !head.headers.iter().any(|field| goes(&field)) {
        return;
    }
    let nominated = head.headers.get_all(header::CONNECTION).iter().flat_map(nominations);
    let mut gone: Vec<HeaderName> = nominated.collect();
    gone.extend(head.headers.iter().filter(goes).map(|(name, _)| name.clone()));
    gone.iter().for_each(|name| drop(head.remove_header(name)));
}

/// A `Connection` that nominates no field.
fn is_plain(value: &HeaderValue) -> bool {
    value.as_bytes().eq_ignore_ascii_case(b"keep-alive") || value.as_bytes().eq_ignore_ascii_case(b"close")
}

/// The fields that a `Connection` names. Those that frame the message are not its to take away.
fn nominations(value: &HeaderValue) -> Vec<HeaderName> {
    let names = value.as_bytes().split(|byte| *byte == b',').map(<[u8]>::trim_ascii);
    let framing = [header::CONTENT_LENGTH, header::TRANSFER_ENCODING, header::CONTENT_TYPE];
    names
        .filter_map(|name| HeaderName::from_bytes(name).ok())
        .filter(|name| !framing.contains(name))
        .collect()
}

/// A piece of an answer's body.
///
/// Here the total time ends if the pieces go on coming, and where the client does not take them. One that stops coming is
/// given up when `read` has passed, or what was left of the total time when the attempt began, whichever is less.
pub fn body(
    session: &mut Session,
    piece: Option<&Bytes>,
    end: bool,
    context: &mut RequestContext,
) -> Result<Option<Duration>> {
    context.outcome.response_bytes += piece.map_or(0, |piece| piece.len() as u64);
    context.outcome.response_complete |= end;
    if end {
        context.leave();
    }
    if context.outcome.is_upgraded() {
        return Ok(None);
    }
    if end && !context.outcome.request_complete {
        open::wait_no_longer(session);
    }
    let Some(deadline) = context.admitted.as_ref().and_then(|admitted| admitted.deadline) else {
        return Ok(None);
    };
    if end && is_whole(piece, context.outcome.response_bytes) {
        // Nothing was bounded before, nor is anything now.
        return Ok(None);
    }
    let left = (!end).then(|| deadline.saturating_duration_since(Instant::now()));
    if left.is_some_and(|left| left.is_zero()) {
        return Err(context.give_up(Reason::UpstreamTotalTimeout));
    }
    bound_write(session, left, context);
    Ok(None)
}

/// Whether the last piece of an answer, of so many bytes, is its first one.
fn is_whole(last: Option<&Bytes>, bytes: u64) -> bool {
    last.map_or(0, |piece| piece.len() as u64) == bytes
}

/// The total time goes on while a client does not take what there is: the upstream has to wait with the rest. Of an
/// answer that has been read to its end nobody but the client waits for anything.
fn bound_write(session: &mut Session, left: Option<Duration>, context: &RequestContext) {
    let Some(opened) = &context.opened else { return };
    let usual = open::write_timeout(opened.http2, &opened.guard.connection().listener().settings());
    session.set_write_timeout(match (usual, left) {
        (Some(usual), Some(left)) => Some(usual.min(left)),
        (usual, left) => usual.or(left),
    });
}

#[cfg(test)]
mod tests;
