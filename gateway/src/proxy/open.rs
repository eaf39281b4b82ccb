//! The first stage: what holds for the whole request is settled here, once.

use std::time::{Duration, Instant, SystemTime};

use http::{HeaderMap, HeaderValue, Version, header, request::Parts};
use pingora_core::protocols::http::authority::raw_target_authority;
use pingora_error::{Error, ErrorType, Result};
use pingora_http::RequestHeader;
use pingora_proxy::Session;

use super::{Gateway, RequestContext, context::Opened, probe};
use crate::{
    listener::{
        Connection,
        config::{ClientAddress, ListenerConfig},
    },
    policy::forwarding::{self, ChainHeader, Peer, Trust},
    telemetry::{
        request_id::{REQUEST_ID, RequestId},
        trace::Epoch,
    },
    value::joined,
};

/// How long the rest of a body that nobody wants is read, so that the connection can be kept.
pub const DRAIN: Duration = Duration::from_secs(2);

/// Settles what holds for the whole request.
pub fn open(gateway: &Gateway, session: &mut Session, context: &mut RequestContext) -> Result<()> {
    let epoch = Epoch { instant: Instant::now(), system: SystemTime::now() };
    forget_spellings(session);
    let has_body = !session.is_body_empty();
    let connection = session.digest().and_then(Connection::of).cloned();
    let connection = connection.ok_or_else(|| Error::new_in(ErrorType::InternalError))?;
    let guard = connection.open_request(has_body);
    let http2 = session.is_http2();
    let settings = connection.listener().settings();
    prepare_session(session, &settings);
    if http2 {
        join_cookies(session)?;
    }
    let head = session.req_header();
    let version = head.version;
    let headers = &head.headers;
    let trust = trust(&settings);
    let peer = Peer { address: connection.peer().ip(), tls: connection.is_tls() };
    let origin = forwarding::origin(headers, peer, &trust);
    let snapshot = gateway.store.snapshot();
    let trace = snapshot.telemetry.tracer.begin(headers, origin.trusted);
    let id = request_id(headers, epoch.system);
    let authority = || HeaderValue::from_bytes(authority(head)?).ok();
    context.outcome.request_complete = !has_body;
    context.opened = Some(Box::new(Opened {
        trace,
        id,
        id_value: HeaderValue::from_str(&id).expect("ids are made of letters, digits and `._-`"),
        guard,
        limits: settings.limits,
        slashes: settings.encoded_slashes,
        peer,
        origin,
        chain: trust.header,
        method: head.method.clone(),
        uri: head.uri.clone(),
        host: headers.get(header::HOST).cloned().or_else(authority),
        user_agent: headers.get(header::USER_AGENT).cloned(),
        http2,
        protocol: match version {
            Version::HTTP_10 => "HTTP/1.0",
            Version::HTTP_11 => "HTTP/1.1",
            _ => "HTTP/2",
        },
        grpc: http2 && is_grpc(headers),
        snapshot,
        epoch,
    }));
    gateway.probe.at(probe::Stage::Open, session);
    Ok(())
}

/// Pingora keeps the spelling of every name in a second map, and copies and maintains both for every attempt. Names go
/// on in lower case instead, as they do over HTTP/2.
fn forget_spellings(session: &mut Session) {
    let head = session.req_header_mut();
    // Other targets are not kept by the plain parts.
    if head.has_case() && head.raw_path().starts_with(b"/") && head.raw_path_is_utf8() {
        let nothing = http::Request::new(()).into_parts().0.into();
        *head = Parts::from(std::mem::replace(head, nothing)).into();
    }
}

/// What Pingora would do otherwise on this connection.
fn prepare_session(session: &mut Session, settings: &ListenerConfig) {
    // The deadlines are the listener's, which Pingora's own would cut across: 60 s between two reads. Only the streams
    // of HTTP/2 are beyond its reach: one whose client takes nothing is given up like a connection.
    session.set_read_timeout(None);
    let http2 = session.is_http2();
    session.set_write_timeout(http2.then(|| settings.deadlines.idle.get()));
    if session.req_header().version == Version::HTTP_10 {
        session.set_ignore_info_resp(true);
    }
    if expects_continue(&session.req_header().headers) {
        // Else Pingora would already take the 100 for an answer before the body, and close the connection after it.
        session.set_close_on_response_before_downstream_finish(false);
        session.set_total_drain_timeout(Some(DRAIN));
    }
}

/// Whether the client waits to be asked for its body.
pub fn expects_continue(headers: &HeaderMap) -> bool {
    headers.get(header::EXPECT).is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"100-continue"))
}

/// The authority of the target: HTTP/2's pseudo header, or that of HTTP/1's absolute form.
fn authority(head: &RequestHeader) -> Option<&[u8]> {
    match head.uri.authority() {
        Some(authority) => Some(authority.as_str().as_bytes()),
        None => raw_target_authority(head.raw_path()).authority(),
    }
}

/// HTTP/2 may split the field; everybody else expects one line (RFC 9113 section 8.2.3).
fn join_cookies(session: &mut Session) -> Result<()> {
    let lines = session.req_header().headers.get_all(header::COOKIE);
    if lines.iter().nth(1).is_none() {
        return Ok(());
    }
    let Some(joined) = joined(lines, "; ") else { return Ok(()) };
    session.req_header_mut().insert_header(header::COOKIE, joined)
}

/// Whom the listener trusts.
pub fn trust(settings: &ListenerConfig) -> Trust<'_> {
    let header = match settings.client_address {
        ClientAddress::XForwardedFor => ChainHeader::XForwardedFor,
        ClientAddress::Forwarded => ChainHeader::Forwarded,
    };
    Trust { proxies: &settings.trusted_proxies, header, others: &settings.trusted_headers }
}

fn request_id(headers: &HeaderMap, now: SystemTime) -> RequestId {
    let sent = headers.get(REQUEST_ID).and_then(|value| RequestId::parse(value.as_bytes()));
    sent.unwrap_or_else(|| RequestId::new(now))
}

fn is_grpc(headers: &HeaderMap) -> bool {
    let content_type = headers.get(header::CONTENT_TYPE).map(HeaderValue::as_bytes).unwrap_or_default();
    let rest = content_type.strip_prefix(b"application/grpc");
    rest.is_some_and(|rest| matches!(rest.first(), None | Some(b'+' | b';')))
}
