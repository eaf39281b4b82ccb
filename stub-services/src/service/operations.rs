//! The routes that tell about the service itself, and the one that troubles it.

use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use bytes::Bytes;
use http::StatusCode;
use http::header::CONTENT_TYPE;
use serde_json::json;

use super::chaos::Trouble;
use super::problem::Problem;
use super::stats::Report;
use super::{Core, method_not_allowed};

/// `/health`, `/metrics`, `/stats` and `/chaos`.
pub fn routes(core: Arc<Core>) -> Router {
    Router::new()
        .route("/health", get(health).fallback(method_not_allowed))
        .route("/metrics", get(metrics).fallback(method_not_allowed))
        .route("/stats", get(stats).fallback(method_not_allowed))
        .route("/chaos", get(show_trouble).put(make_trouble).delete(end_trouble).fallback(method_not_allowed))
        .with_state(core)
}

/// The truth, unless told to lie: only `unhealthy` changes it.
async fn health(State(core): State<Arc<Core>>) -> Response {
    let (status, word) = if core.chaos.current().unhealthy {
        (StatusCode::SERVICE_UNAVAILABLE, "unhealthy")
    } else {
        (StatusCode::OK, "ok")
    };
    let body = json!({"service": core.name, "status": word});
    (status, Json(body)).into_response()
}

async fn metrics(State(core): State<Arc<Core>>) -> Result<Response, Problem> {
    let text = core.metrics.render().map_err(|error| {
        tracing::error!(service = core.name, %error, "metrics cannot be rendered");
        Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "the metrics cannot be rendered")
    })?;
    let kind = [(CONTENT_TYPE, prometheus::TEXT_FORMAT)];
    Ok((kind, text).into_response())
}

async fn stats(State(core): State<Arc<Core>>) -> Json<Report> {
    Json(core.stats.report(core.name))
}

async fn show_trouble(State(core): State<Arc<Core>>) -> Json<Trouble> {
    Json(core.chaos.current())
}

async fn make_trouble(State(core): State<Arc<Core>>, body: Bytes) -> Result<Json<Trouble>, Problem> {
    let trouble = Trouble::read(&body)?;
    core.chaos.set(trouble);
    Ok(Json(trouble))
}

async fn end_trouble(State(core): State<Arc<Core>>) -> StatusCode {
    core.chaos.set(Trouble::default());
    StatusCode::NO_CONTENT
}
