//! What happens around every request to a route: it is counted, meets the
//! trouble asked for, gets a span and a request id, and leaves a log line.

use std::sync::Arc;
use std::time::Instant;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use opentelemetry::Context;
use opentelemetry::trace::TraceContextExt;
use uuid::Uuid;

use super::Core;
use super::stats::{RouteStats, method_label};

/// Names a request across services.
pub const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Nobody was there to be answered; nginx counts these under the same number.
const CLIENT_GONE: StatusCode = match StatusCode::from_u16(499) {
    Ok(status) => status,
    Err(_) => unreachable!(),
};

/// One route, as observed.
#[derive(Debug)]
pub struct Route {
    core: Arc<Core>,
    template: &'static str,
    stats: Arc<RouteStats>,
}

impl Route {
    /// The route `template` of a service.
    pub fn new(core: Arc<Core>, template: &'static str) -> Arc<Route> {
        let stats = core.stats.route(template);
        Arc::new(Route { core, template, stats })
    }
}

/// On whose behalf a handler works; what it passes on to services it calls.
#[derive(Debug, Clone)]
pub struct Caller {
    /// The request's id.
    pub request_id: HeaderValue,
    /// The request's span.
    pub context: Context,
}

/// The middleware around every route.
pub async fn observe(State(route): State<Arc<Route>>, mut request: Request, next: Next) -> Response {
    let served = Served::begin(route, &request);
    request.extensions_mut().insert(served.caller.clone());
    let mut response = match served.route.core.chaos.meet().await {
        Ok(()) => next.run(request).await,
        Err(problem) => problem.into_response(),
    };
    let request_id = served.caller.request_id.clone();
    response.headers_mut().insert(REQUEST_ID, request_id);
    served.finish(response.status());
    response
}

/// A request under way. Dropped before it is finished, it was given up by its
/// client, or its handler panicked; it is told about all the same.
struct Served {
    route: Arc<Route>,
    caller: Caller,
    method: &'static str,
    path: String,
    began: Instant,
    told: bool,
}

impl Served {
    fn begin(route: Arc<Route>, request: &Request) -> Served {
        route.stats.count(request.method());
        route.core.metrics.began();
        let method = method_label(request.method());
        let path = request.uri().path().to_owned();
        let request_id = request_id(request.headers());
        let context =
            route.core.tracing.server(request.headers(), method, route.template, &path, &request_id);
        Served {
            route,
            caller: Caller { request_id, context },
            method,
            path,
            began: Instant::now(),
            told: false,
        }
    }

    fn finish(mut self, status: StatusCode) {
        self.tell(status);
    }

    fn tell(&mut self, status: StatusCode) {
        self.told = true;
        let core = &self.route.core;
        let duration = self.began.elapsed();
        let template = self.route.template;
        core.metrics.ended(self.method, template, status.as_str(), duration);
        core.tracing.answered(&self.caller.context, status);
        let span = self.caller.context.span();
        tracing::info!(
            service = core.name,
            request_id = self.caller.request_id.to_str().unwrap_or_default(),
            trace_id = %span.span_context().trace_id(),
            method = self.method,
            route = template,
            path = self.path,
            status = status.as_u16(),
            duration_ms = duration.as_secs_f64() * 1e3,
            "request"
        );
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        if !self.told {
            self.tell(if std::thread::panicking() { StatusCode::INTERNAL_SERVER_ERROR } else { CLIENT_GONE });
        }
    }
}

/// The id the request came with, if it is a sane one, or a new one.
fn request_id(headers: &HeaderMap) -> HeaderValue {
    let sane = |id: &&HeaderValue| {
        (1..=64).contains(&id.len())
            && id.as_bytes().iter().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(byte))
    };
    headers.get(REQUEST_ID).filter(sane).cloned().unwrap_or_else(|| {
        let mut buffer = Uuid::encode_buffer();
        let id = Uuid::now_v7().hyphenated().encode_lower(&mut buffer);
        HeaderValue::from_str(id).expect("hexadecimal digits and hyphens")
    })
}
