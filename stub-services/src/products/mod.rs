//! The products service: what is for sale, and how much of it is left.
//!
//! Stock is taken by reserving it, all items or none, and comes back by
//! releasing the reservation.

pub mod model;
mod store;

use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, RawQuery, State};
use axum::response::Response;
use axum::routing::{get, post};
use bytes::Bytes;
use http::StatusCode;

use crate::service::input::{Field, Input};
use crate::service::problem::Problem;
use crate::service::query::{self, Keys};
use crate::service::row::{ok, with_status};
use crate::service::{Core, Service};
use model::Wanted;
use store::Products;

/// The service, with its data as seeded.
pub fn routes(core: Arc<Core>) -> Router {
    let products = Arc::new(Products::seeded());
    Service::new(core)
        .route("/products", get(list).with_state(products.clone()))
        .route("/products/{id}", get(one).with_state(products.clone()))
        .route("/inventory/reserve", post(reserve).with_state(products.clone()))
        .route("/inventory/release", post(release).with_state(products))
        .finish()
}

/// `GET /products?ids=1,2,3&category`; without `ids`, all of them.
async fn list(State(products): State<Arc<Products>>, RawQuery(query): RawQuery) -> Result<Response, Problem> {
    let (mut keys, mut category) = (Keys::default(), None);
    for (name, value) in query::pairs(query.as_deref()) {
        match &*name {
            "ids" => keys.push_list("ids", &value)?,
            "category" => category = Some(value),
            _ => {}
        }
    }
    let category = category.as_deref();
    Ok(ok(match keys.finish() {
        Some(ids) => products.batch(&ids, category),
        None => products.list(category),
    }))
}

/// `GET /products/{id}`.
async fn one(State(products): State<Arc<Products>>, Path(id): Path<String>) -> Result<Response, Problem> {
    let id = query::id("id", &id)?;
    products.get(id).map(ok).ok_or_else(|| Problem::not_found(format!("there is no product {id}")))
}

/// `POST /inventory/reserve`.
async fn reserve(State(products): State<Arc<Products>>, body: Bytes) -> Result<Response, Problem> {
    let mut input = Input::read(&body)?;
    let items = Wanted::read_list(&mut input);
    let reservation = products.reserve(&input.finish(items)?)?;
    let json = serde_json::to_vec(&reservation).expect("numbers and strings are always JSON");
    Ok(with_status(StatusCode::CREATED, json))
}

/// `POST /inventory/release`.
async fn release(State(products): State<Arc<Products>>, body: Bytes) -> Result<StatusCode, Problem> {
    let mut input = Input::read(&body)?;
    let id = input.required("reservation_id", Field::id);
    products.release(input.finish(id)?)?;
    Ok(StatusCode::NO_CONTENT)
}
