//! The payments service: one payment per order, which can be refunded once.
//!
//! A payment by the method `declined` is refused (402), so that whoever takes
//! payments can be tested on it.

pub mod model;
mod store;

use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, RawQuery, State};
use axum::response::Response;
use axum::routing::{get, post};
use bytes::Bytes;

use crate::service::problem::Problem;
use crate::service::query::{self, Keys};
use crate::service::row::{created, ok};
use crate::service::{Core, Service};
use model::NewPayment;
use store::Payments;

/// How many payments a list has if nobody says.
const DEFAULT_LIMIT: usize = 20;

/// The service, with its data as seeded.
pub fn routes(core: Arc<Core>) -> Router {
    let payments = Arc::new(Payments::seeded());
    Service::new(core)
        .route("/payments", get(list).post(create).with_state(payments.clone()))
        .route("/payments/{id}", get(one).with_state(payments.clone()))
        .route("/payments/{id}/refund", post(refund).with_state(payments))
        .finish()
}

/// `GET /payments?limit`, or a batch by `order_id=1&order_id=2`.
async fn list(State(payments): State<Arc<Payments>>, RawQuery(query): RawQuery) -> Result<Response, Problem> {
    let (mut keys, mut limit) = (Keys::default(), None);
    for (name, value) in query::pairs(query.as_deref()) {
        match &*name {
            "order_id" => keys.push("order_id", &value)?,
            "limit" => limit = Some(query::rows("limit", &value)?),
            _ => {}
        }
    }
    Ok(ok(match keys.finish() {
        Some(orders) => payments.of_orders(&orders, limit.unwrap_or(orders.len())),
        None => payments.list(limit.unwrap_or(DEFAULT_LIMIT)),
    }))
}

/// `GET /payments/{id}`.
async fn one(State(payments): State<Arc<Payments>>, Path(id): Path<String>) -> Result<Response, Problem> {
    let id = query::id("id", &id)?;
    payments.get(id).map(ok).ok_or_else(|| no_payment(id))
}

/// `POST /payments`.
async fn create(State(payments): State<Arc<Payments>>, body: Bytes) -> Result<Response, Problem> {
    let (id, json) = payments.create(NewPayment::read(&body)?)?;
    Ok(created(format!("/payments/{id}"), json))
}

/// `POST /payments/{id}/refund`.
async fn refund(State(payments): State<Arc<Payments>>, Path(id): Path<String>) -> Result<Response, Problem> {
    let id = query::id("id", &id)?;
    payments.refund(id).map(ok)
}

fn no_payment(id: u64) -> Problem {
    Problem::not_found(format!("there is no payment {id}"))
}
