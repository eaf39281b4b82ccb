//! Calls to another service: pooled connections, the caller's request id and
//! trace context passed on, a deadline, a span and a metric per call.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_TYPE};
use http::{HeaderValue, Method, Request, StatusCode, Uri};
use http_body_util::{BodyExt, Full, Limited};
use hyper_util::client::legacy::Client as HttpClient;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use opentelemetry::Context;
use serde_json::Value;

use super::Core;
use super::observe::{Caller, REQUEST_ID};
use super::problem::{FieldError, Problem};
use super::stats::method_label;

/// A call takes no longer than this.
const DEADLINE: Duration = Duration::from_secs(5);

/// No answer of our services is longer.
const MAX_BODY: usize = 16 << 20;

/// Another service.
#[derive(Debug, Clone)]
pub struct Client {
    core: Arc<Core>,
    server: &'static str,
    base: String,
    http: HttpClient<HttpConnector, Full<Bytes>>,
}

/// A service's answer.
#[derive(Debug)]
pub struct Reply {
    /// Its status.
    pub status: StatusCode,
    /// Its whole body.
    pub body: Bytes,
}

impl Client {
    /// Calls of `core` to the service `server`, found at `base`.
    pub fn new(core: Arc<Core>, server: &'static str, base: &Uri) -> Client {
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        Client {
            core,
            server,
            base: base.to_string().trim_end_matches('/').to_owned(),
            http: HttpClient::builder(TokioExecutor::new()).pool_timer(TokioTimer::new()).build(connector),
        }
    }

    /// Reads `path`; `template` names it in the span.
    pub async fn get(&self, caller: &Caller, template: &'static str, path: &str) -> Result<Reply, Problem> {
        self.call(caller, Method::GET, template, path, Bytes::new()).await
    }

    /// Sends `body` to `path`.
    pub async fn post(&self, caller: &Caller, path: &'static str, body: &Value) -> Result<Reply, Problem> {
        let body = Bytes::from(body.to_string());
        self.call(caller, Method::POST, path, path, body).await
    }

    /// The problem of an answer that nobody should get from this service.
    pub fn unexpected(&self, reply: &Reply) -> Problem {
        Problem::new(StatusCode::BAD_GATEWAY, format!("{} answered {}", self.server, reply.status.as_u16()))
    }

    async fn call(
        &self,
        caller: &Caller,
        method: Method,
        template: &'static str,
        path: &str,
        body: Bytes,
    ) -> Result<Reply, Problem> {
        let began = Instant::now();
        let label = method_label(&method);
        let (request, context) = self.request(caller, method, template, path, body)?;
        let outcome = tokio::time::timeout(DEADLINE, self.exchange(request)).await;
        let tracing = &self.core.tracing;
        let (status, result) = match outcome {
            Ok(Ok(reply)) => {
                tracing.heard(&context, reply.status);
                (reply.status.as_u16(), Ok(reply))
            }
            Ok(Err(error)) => {
                tracing.failed(&context, "connection");
                (0, Err(self.unreachable(caller, &*error)))
            }
            Err(_) => {
                tracing.failed(&context, "timeout");
                (0, Err(self.too_slow(caller)))
            }
        };
        self.core.metrics.called(self.server, label, &status.to_string(), began.elapsed());
        result
    }

    fn request(
        &self,
        caller: &Caller,
        method: Method,
        template: &'static str,
        path: &str,
        body: Bytes,
    ) -> Result<(Request<Full<Bytes>>, Context), Problem> {
        let label = method_label(&method);
        let mut request = Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.base))
            .header(ACCEPT, HeaderValue::from_static("application/json"))
            .header(REQUEST_ID, &caller.request_id)
            .body(Full::new(body.clone()))
            .map_err(|error| self.unreachable(caller, &error))?;
        if !body.is_empty() {
            let json = HeaderValue::from_static("application/json");
            request.headers_mut().insert(CONTENT_TYPE, json);
        }
        let url = request.uri().clone();
        let context = self.core.tracing.client(&caller.context, label, template, &url, request.headers_mut());
        Ok((request, context))
    }

    async fn exchange(
        &self,
        request: Request<Full<Bytes>>,
    ) -> Result<Reply, Box<dyn std::error::Error + Send + Sync>> {
        let response = self.http.request(request).await?;
        let status = response.status();
        let body = Limited::new(response.into_body(), MAX_BODY).collect().await?;
        Ok(Reply { status, body: body.to_bytes() })
    }

    fn unreachable(&self, caller: &Caller, error: &(dyn std::error::Error + 'static)) -> Problem {
        tracing::warn!(
            service = self.core.name,
            server = self.server,
            request_id = caller.request_id.to_str().unwrap_or_default(),
            error,
            "call failed"
        );
        Problem::new(StatusCode::BAD_GATEWAY, format!("{} cannot be reached", self.server))
    }

    fn too_slow(&self, caller: &Caller) -> Problem {
        tracing::warn!(
            service = self.core.name,
            server = self.server,
            request_id = caller.request_id.to_str().unwrap_or_default(),
            "call timed out"
        );
        Problem::new(
            StatusCode::GATEWAY_TIMEOUT,
            format!("{} did not answer within {}s", self.server, DEADLINE.as_secs()),
        )
    }
}

impl Reply {
    /// The problem as the other service told it, for answers that concern our
    /// client as much as us.
    pub fn problem(&self) -> Problem {
        #[derive(serde::Deserialize)]
        struct Told {
            #[serde(default)]
            detail: String,
            #[serde(default)]
            errors: Vec<FieldError>,
        }
        let told =
            serde_json::from_slice(&self.body).unwrap_or(Told { detail: String::new(), errors: Vec::new() });
        Problem { status: self.status, detail: told.detail, errors: told.errors }
    }
}
