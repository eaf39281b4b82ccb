//! The configuration that runs, and its reload.

use std::sync::Arc;

use axum::{
    Json,
    extract::State,
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};
use tokio::task;

use super::Admin;
use crate::{
    config::Problem,
    snapshot::{Cause, Failure, Outcome, Status, Store},
    value::rfc3339,
};

/// What runs: version, time, source, the last error, and the configuration itself with its secrets masked.
pub async fn show(State(admin): State<Arc<Admin>>) -> Response {
    // A configuration may be long, and accepting connections must not wait for it.
    match task::spawn_blocking(move || describe(&admin.store)).await {
        Ok(text) => Json(text).into_response(),
        Err(error) => {
            tracing::error!(%error, "the configuration cannot be shown");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

fn describe(store: &Store) -> Value {
    let snapshot = store.snapshot();
    let status = store.status();
    json!({
        "version": snapshot.version,
        "loaded_at": rfc3339(snapshot.loaded_at),
        "source": snapshot.source,
        "last_error": status.failure.as_ref().map(failure),
        "needs_restart": status.needs_restart,
        "warnings": shown(&status.warnings),
        "config": snapshot.config,
    })
}

fn failure(failure: &Failure) -> Value {
    json!({ "at": rfc3339(failure.at), "errors": failure.errors(), "problems": shown(&failure.problems) })
}

/// Loads the files again, and answers when it is done: 200 if they run now, 422 if they were refused.
pub async fn reload(State(admin): State<Arc<Admin>>, headers: HeaderMap) -> Response {
    if is_sent_by_a_page(&headers) {
        let error =
            "a web page may not change anything here; send the request with another client, such as curl";
        return (StatusCode::FORBIDDEN, Json(json!({ "error": error }))).into_response();
    }
    // On a task of its own: an operator who hangs up must not stop it half-way.
    let reloader = admin.reloader.clone();
    let outcome = tokio::spawn(async move { reloader.reload(Cause::Request).await }).await;
    let version = &admin.store.snapshot().version;
    let done = |result: &str, status: Status| {
        let Status { needs_restart, warnings, .. } = status;
        json!({
            "result": result, "version": version,
            "needs_restart": needs_restart, "warnings": shown(&warnings),
        })
    };
    let (status, body) = match outcome {
        Ok(Outcome::Applied(status)) => (StatusCode::OK, done("applied", status)),
        Ok(Outcome::Unchanged(status)) => (StatusCode::OK, done("unchanged", status)),
        Ok(Outcome::Refused(failure)) => (
            StatusCode::UNPROCESSABLE_ENTITY,
            json!({
                "result": "refused", "version": version,
                "errors": failure.errors(), "problems": shown(&failure.problems),
            }),
        ),
        Err(error) => {
            tracing::error!(%error, "the reload has failed");
            (StatusCode::INTERNAL_SERVER_ERROR, json!({ "result": "failed", "version": version }))
        }
    };
    (status, Json(body)).into_response()
}

/// Nobody reads more, and a generated file may have tens of thousands; `glassgate check` shows all.
fn shown(problems: &[Problem]) -> &[Problem] {
    &problems[..problems.len().min(100)]
}

/// Whether a browser sends this for a page, which may come from anywhere. There is no password here: whoever reaches
/// the socket is an operator, and so would be every page that an operator's browser shows. Browsers name the page's
/// origin with every POST of a script or form, also where the page has made its own name point to this machine (DNS
/// rebinding). Other clients name none. `Host` tells something on loopback only (`host.rs`): elsewhere probes and
/// scrapers come by names of any kind.
fn is_sent_by_a_page(headers: &HeaderMap) -> bool {
    let foreign = |site: &[u8]| site != b"none" && site != b"same-origin";
    headers.contains_key(header::ORIGIN)
        || headers.get("sec-fetch-site").is_some_and(|site| foreign(site.as_bytes()))
}
