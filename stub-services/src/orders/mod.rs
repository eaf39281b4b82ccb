//! The orders service: who bought what, and placing new orders with the help of
//! users, products and payments.

mod idempotency;
pub mod model;
mod place;
mod store;

use std::sync::Arc;

use axum::extract::{Path, RawQuery, State};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Extension, Router};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Uri};

use crate::service::observe::Caller;
use crate::service::problem::Problem;
use crate::service::query::{self, Keys};
use crate::service::row::{created, ok};
use crate::service::{Core, Service};
use idempotency::{Key, Outcomes};
use model::{NewOrder, STATUSES};
use place::Placement;
use store::Orders;

/// How many orders a list over all users has if nobody says.
const DEFAULT_FIRST: usize = 20;

/// Where the services are that orders are placed with.
#[derive(Debug, Clone)]
pub struct Neighbours {
    /// Knows who may order.
    pub users: Uri,
    /// Knows prices, keeps stock.
    pub products: Uri,
    /// Takes the money.
    pub payments: Uri,
}

#[derive(Debug)]
struct Shop {
    orders: Arc<Orders>,
    placement: Arc<Placement>,
    outcomes: Outcomes,
}

/// The service, with its data as seeded.
pub fn routes(core: Arc<Core>, neighbours: &Neighbours) -> Router {
    let orders = Arc::new(Orders::seeded());
    let shop = Arc::new(Shop {
        placement: Arc::new(Placement::new(core.clone(), neighbours, orders.clone())),
        orders,
        outcomes: Outcomes::default(),
    });
    Service::new(core)
        .route("/orders", get(list).post(create).with_state(shop.clone()))
        .route("/orders/{id}", get(one).with_state(shop))
        .finish()
}

/// `GET /orders?user_id=1&user_id=2&first&status`, newest first; `first` counts
/// per user, or over all orders if no user is named.
async fn list(State(shop): State<Arc<Shop>>, RawQuery(query): RawQuery) -> Result<Response, Problem> {
    let (mut users, mut first, mut status) = (Keys::default(), None, None);
    for (name, value) in query::pairs(query.as_deref()) {
        match &*name {
            "user_id" => users.push("user_id", &value)?,
            "first" => first = Some(query::rows("first", &value)?),
            "status" if value.is_empty() => status = None,
            "status" => status = Some(query::one_of("status", &value, &STATUSES)?),
            _ => {}
        }
    }
    Ok(ok(match users.finish() {
        Some(users) => shop.orders.of_users(&users, first, status),
        None => shop.orders.list(first.unwrap_or(DEFAULT_FIRST), status),
    }))
}

/// `GET /orders/{id}`.
async fn one(State(shop): State<Arc<Shop>>, Path(id): Path<String>) -> Result<Response, Problem> {
    let id = query::id("id", &id)?;
    shop.orders.get(id).map(ok).ok_or_else(|| Problem::not_found(format!("there is no order {id}")))
}

/// `POST /orders`, placed once per `Idempotency-Key`.
///
/// Placing runs in a task of its own: a client that leaves half-way must not
/// leave stock reserved for nobody.
async fn create(
    State(shop): State<Arc<Shop>>,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Problem> {
    let key = Key::read(&headers)?;
    let order = NewOrder::read(&body)?;
    let placement = shop.placement.clone();
    let work = |order: NewOrder| async move { placement.place(&caller, order).await };
    let Some(key) = key else {
        let placed = idempotency::start(order, work).finished().await?;
        return Ok(created(placed.location(), placed.json));
    };
    let outcome = shop.outcomes.begin(key, order, work)?;
    let placed = outcome.running.finished().await?;
    let mut response = created(placed.location(), placed.json).into_response();
    if outcome.replayed {
        let yes = HeaderValue::from_static("true");
        response.headers_mut().insert("idempotent-replayed", yes);
    }
    Ok(response)
}
