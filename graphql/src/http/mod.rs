//! GraphQL over HTTP, by the GraphQL foundation's draft.
//!
//! Queries by GET, everything by POST with `application/json`. Content types
//! that a browser's form can send are refused, so no other site can make a
//! browser send an operation in its user's name without a preflight, and a
//! GET that could be sent so is refused as well (`csrf`). Statuses
//! follow the media type that was negotiated.

mod body;
mod csrf;
mod negotiate;

#[cfg(test)]
mod tests;

use std::error::Error;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::extract::Query;
use bytes::Bytes;
use http::header::{ACCEPT, ACCEPT_ENCODING, ALLOW, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, VARY};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use serde::Deserialize;

use crate::budget::Budget;
use crate::code::Code;
use crate::engine::{Allowed, Engine};
use crate::error::RequestError;
use crate::fetch::Fetch;
use crate::report::Report;
use crate::request::{Context, GraphqlRequest, Identity, Response};
pub use csrf::Csrf;
use negotiate::{Answer, negotiate};

/// Bodies of as many bytes are read aside: lists of small values take long.
const LONG_BODY: usize = 16 << 10;

/// Who asks, and how long an answer may take.
#[derive(Debug, Clone)]
pub struct Caller {
    /// Who asks; `None` where nobody knows. Never taken from the request.
    pub identity: Option<Arc<dyn Identity>>,
    /// Who pays for the operation; without, nobody has to.
    pub budget: Option<Arc<dyn Budget>>,
    /// So long after the request's body was read the answer is written,
    /// complete or not. Reading is bounded by who accepts connections.
    pub timeout: Duration,
    /// When a GET must show that no page of another site has sent it.
    pub csrf: Csrf,
}

/// Answers one HTTP request. An answer to somebody who is known may be theirs alone, so nobody on the way may keep it.
pub async fn handle<B>(
    engine: &Engine,
    request: Request<B>,
    caller: Caller,
    fetch: Arc<dyn Fetch>,
) -> (http::Response<Bytes>, Report)
where
    B: BodyExt<Data = Bytes>,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    let is_known = caller.identity.is_some();
    let (mut response, report) = answer(engine, request, caller, fetch).await;
    if is_known {
        response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
    (response, report)
}

async fn answer<B>(
    engine: &Engine,
    request: Request<B>,
    caller: Caller,
    fetch: Arc<dyn Fetch>,
) -> (http::Response<Bytes>, Report)
where
    B: BodyExt<Data = Bytes>,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    let (parts, body) = request.into_parts();
    let Some(answer) = negotiate(&parts.headers) else {
        return refused(&RequestError::of(Code::NotAcceptable), Answer::Json);
    };
    let body = match receive(&parts, body, engine.limits().request_bytes, caller.csrf).await {
        Ok(body) => body,
        Err(error) => return refused(&error, answer),
    };
    let deadline = Instant::now() + caller.timeout;
    let (request, allowed) = match read(engine, &parts, body, deadline).await {
        Ok(read) => read,
        Err(error) => return refused(&error, answer),
    };
    let context =
        Context { headers: parts.headers, identity: caller.identity, budget: caller.budget, deadline };
    let (response, report) = engine.execute_allowed(request, context, fetch, allowed).await;
    (respond(response, answer), report)
}

/// The body of a POST; a GET's is not looked at.
async fn receive<B>(parts: &Parts, body: B, max_bytes: usize, csrf: Csrf) -> Result<Bytes, RequestError>
where
    B: BodyExt<Data = Bytes>,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    match parts.method {
        Method::GET if !csrf.admits(&parts.headers) => Err(RequestError::of(Code::PreflightRequired)),
        Method::GET => Ok(Bytes::new()),
        Method::POST => {
            if !is_json(&parts.headers) {
                return Err(RequestError::of(Code::UnsupportedMediaType));
            }
            if is_encoded(&parts.headers) {
                let text = "The body must not be compressed or otherwise encoded";
                return Err(RequestError::new(Code::UnsupportedMediaType, text));
            }
            let body = Limited::new(body, max_bytes).collect().await;
            let body = body.map_err(|error| match error.downcast_ref::<LengthLimitError>() {
                Some(_) => RequestError::of(Code::RequestTooLarge),
                None => malformed("the body ended too early"),
            })?;
            Ok(body.to_bytes())
        }
        _ => Err(RequestError::of(Code::MethodNotAllowed)),
    }
}

/// Reads the GraphQL request out of the HTTP request.
async fn read(
    engine: &Engine,
    parts: &Parts,
    body: Bytes,
    deadline: Instant,
) -> Result<(GraphqlRequest, Allowed), RequestError> {
    let max_values = engine.limits().variable_values;
    if parts.method == Method::GET {
        return Ok((from_query(parts, max_values)?, Allowed::Queries));
    }
    let request = match body.len() {
        ..LONG_BODY => body::read(&body, max_values)?,
        _ => engine.aside().run(deadline, move || body::read(&body, max_values)).await??,
    };
    Ok((request, Allowed::Everything))
}

/// Whether the body is JSON in UTF-8.
fn is_json(headers: &HeaderMap) -> bool {
    let mut lines = headers.get_all(CONTENT_TYPE).iter();
    // Of two, nobody can say which one is meant.
    let (Some(value), None) = (lines.next(), lines.next()) else {
        return false;
    };
    let Ok(value) = value.to_str() else {
        return false;
    };
    let mut parts = value.split(';').map(str::trim);
    let is_json = parts.next().is_some_and(|ty| ty.eq_ignore_ascii_case("application/json"));
    let mut charsets = parts
        .filter_map(|part| part.split_once('='))
        .filter(|(name, _)| name.trim().eq_ignore_ascii_case("charset"))
        .map(|(_, value)| value.trim().trim_matches('"'));
    is_json && charsets.all(|charset| charset.eq_ignore_ascii_case("utf-8"))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Parameters {
    query: Option<String>,
    operation_name: Option<String>,
    variables: Option<String>,
    extensions: Option<String>,
}

fn from_query(parts: &Parts, max_values: usize) -> Result<GraphqlRequest, RequestError> {
    let Query(parameters) = Query::<Parameters>::try_from_uri(&parts.uri)
        .map_err(|_| malformed("the query string cannot be read"))?;
    // Forms send an empty field where nothing was filled in.
    let filled = |field: Option<String>| field.filter(|text| !text.is_empty());
    let extensions = filled(parameters.extensions);
    if let Some(extensions) = &extensions {
        body::check_extensions(extensions)?;
    }
    let variables = filled(parameters.variables).map(|text| body::variables(&text, max_values));
    Ok(GraphqlRequest {
        query: parameters.query.ok_or_else(|| body::without_query(extensions.as_deref()))?,
        operation_name: filled(parameters.operation_name),
        variables: variables.transpose()?.unwrap_or_default(),
    })
}

/// Whether the body stands there in another form than its content type says
/// (RFC 9110, section 8.4). Nothing is decoded: a small body could become a
/// large one.
fn is_encoded(headers: &HeaderMap) -> bool {
    let codings =
        headers.get_all(CONTENT_ENCODING).iter().flat_map(|value| value.as_bytes().split(|b| *b == b','));
    codings
        .map(<[u8]>::trim_ascii)
        .any(|coding| !coding.is_empty() && !coding.eq_ignore_ascii_case(b"identity"))
}

fn malformed(what: &str) -> RequestError {
    RequestError::new(Code::MalformedRequest, format!("{}: {what}", Code::MalformedRequest.text()))
}

fn refused(error: &RequestError, answer: Answer) -> (http::Response<Bytes>, Report) {
    let report = Report { errors: 1, first_error: Some(error.code.word()), ..Report::default() };
    (respond(Response::refused(error), answer), report)
}

fn respond(response: Response, answer: Answer) -> http::Response<Bytes> {
    let status = match (answer, response.refused) {
        (Answer::Json, Some(code)) if !is_about_http(code) => StatusCode::OK,
        _ => response.status,
    };
    let mut http = http::Response::new(response.body);
    *http.status_mut() = status;
    let headers = http.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(answer.content_type()));
    headers.insert(VARY, HeaderValue::from_static("accept"));
    match response.refused {
        Some(Code::MethodNotAllowed) => {
            headers.insert(ALLOW, HeaderValue::from_static("GET, POST"));
        }
        Some(Code::UnsupportedMediaType) => {
            headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
            headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        }
        Some(Code::MutationByGet) => {
            headers.insert(ALLOW, HeaderValue::from_static("POST"));
        }
        _ => {}
    }
    http
}

/// Whether the HTTP request itself was at fault, whatever GraphQL it carried, or came too early.
fn is_about_http(code: Code) -> bool {
    matches!(
        code,
        Code::MalformedRequest
            | Code::MethodNotAllowed
            | Code::MutationByGet
            | Code::PreflightRequired
            | Code::NotAcceptable
            | Code::UnsupportedMediaType
            | Code::RequestTooLarge
            | Code::RateLimited
            | Code::RateLimitUnavailable
            | Code::Internal
    )
}
