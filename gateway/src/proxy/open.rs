//! The first stage: what holds for the whole request is settled here, once.

use std::time::{Duration, Instant, SystemTime};

use http::{HeaderMap, HeaderValue, Version, header, request::Parts};
use pingora_core::protocols::http::authority::raw_target_authority;
use pingora_error::{Error, ErrorType, Result};
use pingora_http::RequestHeader;
use pingora_proxy::Session;

use super::{Gateway, RequestContext, context::Opened, probe, receive};
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

/// How long the rest of a body that nobody wants is read, or waited for where an answer came before its end.
pub const DRAIN: Duration = Duration::from_secs(2);

/// For a client that has its whole answer before it has sent its whole request. It may stop sending without another
/// word, and its connection ends then.
pub fn wait_no_longer(session: &mut Session) {
    session.set_read_timeout(Some(DRAIN));
}

/// Settles what holds for the whole request.
pub fn open(gateway: &Gateway, session: &mut Session, context: &mut RequestContext) -> Result<()> {
    let epoch = Epoch { instant: Instant::now(), system: SystemTime::now() };
    simplify(session.req_header_mut())?;
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
    let trust = trust(&settings);
    let peer = Peer { address: connection.peer().ip(), tls: connection.is_tls() };
    let origin = forwarding::origin(&session.req_header().headers, peer, &trust);
    for claim in forwarding::claims(&session.req_header().headers, &origin, &trust) {
        session.req_header_mut().remove_header(&claim);
    }
    let snapshot = gateway.store.snapshot();
    for claim in snapshot.reserved.claimed(&session.req_header().headers) {
        session.req_header_mut().remove_header(&claim);
    }
    let head = session.req_header();
    let version = head.version;
    let headers = &head.headers;
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
        websocket: receive::wants_websocket(head),
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

/// Brings a head into the form that everything after works on.
///
/// Bytes of the target that are no text are escaped: the URI would show U+FFFD in their place, to routes, redirects and
/// the log. Names lose their spelling and go on in lower case, as they do over HTTP/2: Pingora keeps it in a second map,
/// and copies and maintains both for every attempt.
fn simplify(head: &mut RequestHeader) -> Result<()> {
    if !head.raw_path_is_utf8() {
        let escaped = escape_foreign(head.raw_path());
        head.set_raw_path(&escaped)?;
    }
    // Other targets are not kept by the plain parts.
    if head.has_case() && head.raw_path().starts_with(b"/") {
        *head = Parts::from(std::mem::replace(head, nothing())).into();
    }
    Ok(())
}

/// Stands in for a head that is being worked on.
pub fn nothing() -> RequestHeader {
    http::Request::new(()).into_parts().0.into()
}

fn escape_foreign(target: &[u8]) -> Vec<u8> {
    let hex = |nibble: u8| b"0123456789ABCDEF"[usize::from(nibble)];
    let mut escaped = Vec::with_capacity(target.len() + 2);
    for byte in target {
        match byte {
            0x80.. => escaped.extend([b'%', hex(byte >> 4), hex(byte & 15)]),
            _ => escaped.push(*byte),
        }
    }
    escaped
}

/// What Pingora would do otherwise on this connection.
fn prepare_session(session: &mut Session, settings: &ListenerConfig) {
    // The deadlines are the listener's, which Pingora's own would cut across: 60 s between two reads. Only the streams
    // of HTTP/2 are beyond its reach: one whose client takes nothing is given up like a connection.
    session.set_read_timeout(None);
    let http2 = session.is_http2();
    session.set_write_timeout(write_timeout(http2, settings));
    if session.req_header().version == Version::HTTP_10 {
        session.set_ignore_info_resp(true);
    }
    if expects_continue(&session.req_header().headers) {
        // Else Pingora would already take the 100 for an answer before the body, and close the connection after it.
        session.set_close_on_response_before_downstream_finish(false);
        session.set_total_drain_timeout(Some(DRAIN));
    }
}

/// How long a client may take nothing, where the listener cannot see it.
pub fn write_timeout(http2: bool, settings: &ListenerConfig) -> Option<Duration> {
    http2.then(|| settings.deadlines.idle.get())
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
fn trust(settings: &ListenerConfig) -> Trust<'_> {
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

#[cfg(test)]
mod tests {
    use super::*;

    fn simplified(target: &[u8]) -> RequestHeader {
        let mut head = RequestHeader::build("GET", target, None).unwrap();
        head.insert_header("X-Name", "Value").unwrap();
        simplify(&mut head).unwrap();
        head
    }

    #[test]
    fn targets_that_are_no_text_keep_their_bytes_escaped() {
        for (target, expected) in [
            (&b"/a?q=\xff&r=%20"[..], "/a?q=%FF&r=%20"),
            (b"/a\xe4?\xe4=1", "/a%E4?%E4=1"),
            (b"http://a.test/a?q=\xff", "http://a.test/a?q=%FF"),
            (b"/a?\xc3\xa4=1", "/a?\u{e4}=1"),
        ] {
            let head = simplified(target);
            assert_eq!(str::from_utf8(head.raw_path()), Ok(expected));
            assert!(head.uri.query().is_some_and(|query| expected.ends_with(query)), "{}", head.uri);
        }
    }

    #[test]
    fn the_target_is_never_lost_with_the_spelling() {
        assert!(!simplified(b"/a?b").has_case());
        for target in [&b"/a?b"[..], b"http://a.test/a?b", b"*", b"a.test:443"] {
            assert_eq!(simplified(target).raw_path(), target);
        }
    }
}
