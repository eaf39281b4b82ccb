//! One request and its whole answer over one connection.

use bytes::{Bytes, BytesMut};
use futures::FutureExt;
use glassgate_graphql::fetch::{FetchRequest, FetchResponse};
use http::{
    HeaderMap, HeaderName, HeaderValue, Method, Uri,
    header::{
        ACCEPT_ENCODING, CONNECTION, CONTENT_ENCODING, CONTENT_LENGTH, EXPECT, HOST, TE, TRAILER,
        TRANSFER_ENCODING, UPGRADE, USER_AGENT,
    },
};
use pingora_core::{
    connectors::http::Connector, protocols::http::client::HttpSession, upstreams::peer::HttpPeer,
};
use pingora_error::{Error, ErrorType, RetryType};
use pingora_http::RequestHeader;

use super::CallContext;
use crate::{
    reason::Reason,
    telemetry::request_id::REQUEST_ID,
    upstream::{
        attempt::{Attempt, Connection},
        classify::{Situation, classify, is_connect_failure},
    },
};

/// Fields about this one connection, which a schema cannot know anything about.
const OF_THE_CONNECTION: [HeaderName; 7] =
    [CONNECTION, CONTENT_LENGTH, EXPECT, TE, TRAILER, TRANSFER_ENCODING, UPGRADE];

/// Why there is no answer, and whether to try again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Failure {
    /// For the client.
    pub reason: Reason,
    /// For the caller.
    pub retry: Retry,
}

/// Whether another attempt could help.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retry {
    /// The upstream may have acted on the request, or would fail again.
    Never,
    /// No connection: another endpoint may have one.
    Elsewhere,
    /// The connection was closed before it answered; `any_method` if the upstream vouches for not having acted.
    Again { any_method: bool },
}

impl From<Reason> for Failure {
    fn from(reason: Reason) -> Self {
        Self { reason, retry: Retry::Never }
    }
}

/// Sends the request, reads the answer to its end, and gives the connection back to the pool. Dropped half-way, it
/// closes the connection (HTTP/1.1) or resets the stream (HTTP/2).
pub async fn exchange(
    connector: &Connector,
    peer: &HttpPeer,
    attempt: &mut Attempt,
    request: &FetchRequest,
    context: &CallContext,
) -> Result<FetchResponse, Failure> {
    let head = head(attempt, request, context).ok_or(Reason::InternalError)?;
    let (session, reused) = connector.get_http_session(peer).await.map_err(|error| unconnected(&error))?;
    attempt.connected(Connection { reused, http2: matches!(session, HttpSession::H2(_)) });
    let mut held = Held { connector, peer, session: Some(session) };
    let session = held.session();
    session.set_read_timeout(peer.options.read_timeout);
    session.set_write_timeout(peer.options.write_timeout);

    send(session, head, request.body.clone()).await.map_err(|error| failure(&error, reused))?;
    let status = loop {
        session.read_response_header().await.map_err(|error| failure(&error, reused))?;
        let status = session.response_header().ok_or(Reason::UpstreamInvalidResponse)?.status;
        if !status.is_informational() {
            break status;
        }
    };
    attempt.answered(status.as_u16(), matches!(session, HttpSession::H2(_)));
    let headers = session.response_header().map(|head| head.headers.clone()).unwrap_or_default();
    if is_encoded(&headers) {
        return Err(Reason::UpstreamInvalidResponse.into());
    }
    let body = read(session, &headers, request).await?;
    held.release().await;
    Ok(FetchResponse { status, headers, body })
}

/// The request's head for this attempt; `None` if the composition layer made a path that is none.
fn head(attempt: &Attempt, request: &FetchRequest, context: &CallContext) -> Option<Box<RequestHeader>> {
    let mut headers = request.headers.clone();
    for name in OF_THE_CONNECTION {
        headers.remove(name);
    }
    if !headers.contains_key(HOST) {
        headers.insert(HOST, HeaderValue::from_str(attempt.endpoint().authority()).ok()?);
    }
    if let Some(body) = &request.body {
        headers.insert(CONTENT_LENGTH, body.len().into());
    } else if matches!(request.method, Method::POST | Method::PUT | Method::PATCH) {
        headers.insert(CONTENT_LENGTH, 0.into());
    }
    headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    headers
        .entry(USER_AGENT)
        .or_insert(HeaderValue::from_static(concat!("glassgate/", env!("CARGO_PKG_VERSION"))));
    if let Some(id) = &context.request_id {
        headers.insert(REQUEST_ID, id.clone());
    }
    context.trace.write(attempt.span_id(), &mut headers);

    let (mut parts, ()) = http::Request::new(()).into_parts();
    parts.method = request.method.clone();
    parts.uri = request.path_and_query.parse::<Uri>().ok()?;
    parts.headers = headers;
    Some(Box::new(parts.into()))
}

async fn send(
    session: &mut HttpSession,
    head: Box<RequestHeader>,
    body: Option<Bytes>,
) -> pingora_error::Result<()> {
    session.write_request_header(head).await?;
    if let Some(body) = body.filter(|body| !body.is_empty()) {
        match session.write_request_body(body, true).await {
            // The upstream may have answered before it had read everything, and closed: look for that answer.
            Err(error) if *error.etype() == ErrorType::WriteError => return Ok(()),
            result => result?,
        }
    }
    session.finish_request_body().await
}

/// The whole body, up to the request's limit and to what all answers of its operation may hold together.
async fn read(
    session: &mut HttpSession,
    headers: &HeaderMap,
    request: &FetchRequest,
) -> Result<Bytes, Failure> {
    let limit = request.max_body_bytes;
    let announced =
        headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<usize>().ok());
    if announced.is_some_and(|length| length > limit) && request.method != Method::HEAD {
        return Err(Reason::UpstreamBodyTooLarge.into());
    }
    let mut first = Bytes::new();
    let mut rest = BytesMut::new();
    let mut taken = request.room.begin();
    while let Some(chunk) = session.read_response_body().await.map_err(|error| broken(&error))? {
        if first.len().max(rest.len()) + chunk.len() > limit || !taken.more(chunk.len()) {
            return Err(Reason::UpstreamBodyTooLarge.into());
        }
        if first.is_empty() {
            // Most answers come in one piece, which then is not copied.
            first = chunk;
            continue;
        }
        if rest.is_empty() {
            rest.reserve(announced.unwrap_or(0).max(first.len() + chunk.len()));
            rest.extend_from_slice(&first);
        }
        rest.extend_from_slice(&chunk);
    }
    Ok(if rest.is_empty() { first } else { rest.freeze() })
}

/// The answer was asked for as it is. Decoding one that is compressed nevertheless would guess at its size.
fn is_encoded(headers: &HeaderMap) -> bool {
    headers
        .get_all(CONTENT_ENCODING)
        .iter()
        .any(|coding| !coding.as_bytes().eq_ignore_ascii_case(b"identity"))
}

/// An error before anything was sent.
fn unconnected(error: &Error) -> Failure {
    let reason = reason(error);
    // What is no failure to connect is a connection for several requests that broke before this one began.
    let again = Retry::Again { any_method: true };
    Failure { reason, retry: if is_connect_failure(reason) { Retry::Elsewhere } else { again } }
}

/// An error before the answer's head.
fn failure(error: &Error, reused: bool) -> Failure {
    let reason = reason(error);
    let retry = match error.retry {
        // GOAWAY and REFUSED_STREAM: the upstream says that it did not look at the request. Pingora would repeat
        // after an invalid answer, too; but that is an answer.
        RetryType::Decided(true) if *error.etype() == ErrorType::H2Error => Retry::Again { any_method: true },
        RetryType::ReusedOnly if reused => Retry::Again { any_method: false },
        // Pingora leaves this undecided, but it is the same race: the pooled connection was closed under the write.
        RetryType::Decided(false) if reused && *error.etype() == ErrorType::WriteError => {
            Retry::Again { any_method: false }
        }
        _ => Retry::Never,
    };
    Failure { reason, retry }
}

/// An error after the answer's head.
fn broken(error: &Error) -> Failure {
    reason(error).into()
}

fn reason(error: &Error) -> Reason {
    classify(error, Situation { request_complete: true, out_of_time: false })
}

/// A session that leaves nothing behind wherever its holder stops.
struct Held<'a> {
    connector: &'a Connector,
    peer: &'a HttpPeer,
    session: Option<HttpSession>,
}

impl Held<'_> {
    fn session(&mut self) -> &mut HttpSession {
        self.session.as_mut().expect("only release and drop take the session")
    }

    async fn release(mut self) {
        if let Some(session) = self.session.take() {
            self.connector.release_http_session(session, self.peer, self.peer.options.idle_timeout).await;
        }
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        // An HTTP/1.1 connection is closed by dropping it. An HTTP/2 connection goes on without this stream, but the
        // pool has to be told, or it would keep the connection as busy for ever. Telling it does not really wait.
        if let Some(session @ HttpSession::H2(_)) = self.session.take()
            && tokio::runtime::Handle::try_current().is_ok()
        {
            let release =
                self.connector.release_http_session(session, self.peer, self.peer.options.idle_timeout);
            let told = release.now_or_never();
            debug_assert!(told.is_some(), "giving back an HTTP/2 stream waited");
        }
    }
}
