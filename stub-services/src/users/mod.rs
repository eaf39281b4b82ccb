//! The users service: people with an e-mail address that nobody else has.
//!
//! It is also the issuer of tokens: `tokens/`.

pub mod model;
mod store;
mod tokens;

use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, RawQuery, State};
use axum::response::Response;
use axum::routing::get;
use bytes::Bytes;
use http::StatusCode;

use crate::service::problem::Problem;
use crate::service::query::{self, Keys};
use crate::service::row::{created, ok};
use crate::service::{Core, Service};
use model::{Changes, NewUser};
use store::Users;

/// How many users a list has if nobody says.
const DEFAULT_LIMIT: usize = 20;

/// The service, with its data as seeded.
pub fn routes(core: Arc<Core>) -> Router {
    let users = Arc::new(Users::seeded());
    let service = Service::new(core)
        .route("/users", get(list).post(create).with_state(users.clone()))
        .route("/users/{id}", get(one).patch(change).delete(remove).with_state(users.clone()));
    tokens::routes(service, users).finish()
}

/// `GET /users?limit`, or a batch by `id=1&id=2`.
async fn list(State(users): State<Arc<Users>>, RawQuery(query): RawQuery) -> Result<Response, Problem> {
    let (mut keys, mut limit) = (Keys::default(), None);
    for (name, value) in query::pairs(query.as_deref()) {
        match &*name {
            "id" => keys.push("id", &value)?,
            "limit" => limit = Some(query::rows("limit", &value)?),
            _ => {}
        }
    }
    Ok(ok(match keys.finish() {
        Some(ids) => users.batch(&ids, limit.unwrap_or(ids.len())),
        None => users.list(limit.unwrap_or(DEFAULT_LIMIT)),
    }))
}

/// `GET /users/{id}`.
async fn one(State(users): State<Arc<Users>>, Path(id): Path<String>) -> Result<Response, Problem> {
    let id = query::id("id", &id)?;
    users.get(id).map(ok).ok_or_else(|| no_user(id))
}

/// `POST /users`.
async fn create(State(users): State<Arc<Users>>, body: Bytes) -> Result<Response, Problem> {
    let (id, json) = users.create(NewUser::read(&body)?)?;
    Ok(created(format!("/users/{id}"), json))
}

/// `PATCH /users/{id}`.
async fn change(
    State(users): State<Arc<Users>>,
    Path(id): Path<String>,
    body: Bytes,
) -> Result<Response, Problem> {
    let id = query::id("id", &id)?;
    users.change(id, Changes::read(&body)?).map(ok)
}

/// `DELETE /users/{id}`; what they ordered stays.
async fn remove(State(users): State<Arc<Users>>, Path(id): Path<String>) -> Result<StatusCode, Problem> {
    let id = query::id("id", &id)?;
    users.remove(id).map(|()| StatusCode::NO_CONTENT)
}

fn no_user(id: u64) -> Problem {
    Problem::not_found(format!("there is no user {id}"))
}
