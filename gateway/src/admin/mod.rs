//! The listener for operators: metrics, health, configuration.
//!
//! It has no authentication, so it belongs on loopback or a private network; on loopback it answers to no foreign name,
//! which a web page could have made its own. It shows what clients must not see (addresses, errors), but no secret. It
//! answers on the control thread, never on one that serves clients, and it is the last to go when the gateway stops.

mod config;
mod health;
mod host;
mod serve;

use std::{io, sync::Arc, time::Instant};

use axum::{
    Json, Router,
    extract::State,
    http::{HeaderValue, StatusCode, header},
    middleware,
    response::{IntoResponse, Response},
    routing::{get, post},
};
use serde_json::json;
use tokio::{net::TcpListener, sync::Semaphore, task};

pub use health::Readiness;

use crate::{
    listener::{Drain, Listener},
    snapshot::{Reloader, Store},
    telemetry::{Telemetry, metrics::CONTENT_TYPE},
};

/// What the admin listener looks at.
pub struct Admin {
    /// What runs.
    pub store: Arc<Store>,
    /// Replaces it.
    pub reloader: Arc<Reloader>,
    /// Every number.
    pub telemetry: Telemetry,
    /// The bound listeners.
    pub listeners: Vec<Arc<Listener>>,
    /// Who is connected, and whether the gateway stops.
    pub drain: Arc<Drain>,
    /// Whether the first health checks are done.
    pub readiness: Readiness,
    /// When the process began.
    pub started: Instant,
}

/// Serves operators on this socket until the returned future is dropped.
pub async fn serve(socket: TcpListener, admin: Arc<Admin>) -> io::Result<()> {
    let is_loopback = socket.local_addr()?.ip().to_canonical().is_loopback();
    let mut router = router(admin);
    if is_loopback {
        router = router.layer(middleware::from_fn(host::guard));
    }
    serve::serve(socket, router, Arc::new(Semaphore::new(serve::MOST))).await;
    Ok(())
}

fn router(admin: Arc<Admin>) -> Router {
    Router::new()
        .route("/metrics", get(metrics))
        .route("/health", get(health::show))
        .route("/health/live", get(health::live))
        .route("/health/ready", get(health::ready))
        .route("/config", get(config::show))
        .route("/config/reload", post(config::reload))
        .fallback(nothing)
        .with_state(admin)
}

async fn metrics(State(admin): State<Arc<Admin>>) -> Response {
    admin.telemetry.metrics.gateway().set_ready(admin.is_ready());
    // With many routes it takes milliseconds, and accepting connections must not wait for it.
    let text = task::spawn_blocking(move || admin.telemetry.metrics.render()).await;
    match text {
        Ok(text) => ([(header::CONTENT_TYPE, HeaderValue::from_static(CONTENT_TYPE))], text).into_response(),
        Err(error) => {
            tracing::error!(%error, "metrics cannot be rendered");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

async fn nothing() -> impl IntoResponse {
    let paths = ["/metrics", "/health", "/health/live", "/health/ready", "/config", "POST /config/reload"];
    (StatusCode::NOT_FOUND, Json(json!({ "error": "there is nothing at this path", "paths": paths })))
}
