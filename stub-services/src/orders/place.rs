//! Placing an order: check the user, reserve the stock, take the payment, keep
//! the order; and when the payment fails, put the stock back.

use std::sync::Arc;

use http::{StatusCode, Uri};
use jiff::Timestamp;
use serde_json::json;

use super::Neighbours;
use super::model::{NewOrder, Order};
use super::store::Orders;
use crate::payments::model::NewPayment;
use crate::products::model::Reservation;
use crate::seed::CURRENCY;
use crate::service::Core;
use crate::service::client::Client;
use crate::service::observe::Caller;
use crate::service::problem::{FieldError, Problem};

/// A placed order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Placed {
    /// Its id.
    pub id: u64,
    /// The order as answered.
    pub json: Vec<u8>,
}

impl Placed {
    /// Where the order is.
    pub fn location(&self) -> String {
        format!("/orders/{}", self.id)
    }
}

/// The services it takes to place an order.
#[derive(Debug)]
pub struct Placement {
    name: &'static str,
    orders: Arc<Orders>,
    users: Client,
    products: Client,
    payments: Client,
}

impl Placement {
    /// Placement by `core` with the help of its neighbours.
    pub fn new(core: Arc<Core>, neighbours: &Neighbours, orders: Arc<Orders>) -> Placement {
        let client = |server, base: &Uri| Client::new(core.clone(), server, base);
        Placement {
            name: core.name,
            orders,
            users: client("users", &neighbours.users),
            products: client("products", &neighbours.products),
            payments: client("payments", &neighbours.payments),
        }
    }

    /// Places an order, or leaves everything as it was: 422 for an unknown user
    /// or product, 409 for too little stock, 402 for a refused payment, 502 and
    /// 504 for trouble with a neighbour.
    pub async fn place(&self, caller: &Caller, new: NewOrder) -> Result<Placed, Problem> {
        self.check_user(caller, new.user_id).await?;
        let reservation = self.reserve(caller, &new).await?;
        let id = self.orders.next_id();
        if let Err(problem) = self.pay(caller, id, &new, &reservation).await {
            self.release(caller, &reservation).await;
            return Err(problem);
        }
        let json = self.orders.insert(Order {
            id,
            user_id: new.user_id,
            status: "paid",
            total: reservation.total,
            currency: reservation.currency,
            created_at: Timestamp::now().to_string(),
            items: reservation.items,
        });
        Ok(Placed { id, json })
    }

    async fn check_user(&self, caller: &Caller, id: u64) -> Result<(), Problem> {
        let path = format!("/users/{id}");
        let reply = self.users.get(caller, "/users/{id}", &path).await?;
        match reply.status {
            StatusCode::OK => Ok(()),
            StatusCode::NOT_FOUND => {
                let error = FieldError::new("user_id", format!("there is no user {id}"));
                Err(Problem::unprocessable(vec![error]))
            }
            _ => Err(self.users.unexpected(&reply)),
        }
    }

    async fn reserve(&self, caller: &Caller, new: &NewOrder) -> Result<Reservation, Problem> {
        let body = json!({"items": new.items});
        let reply = self.products.post(caller, "/inventory/reserve", &body).await?;
        match reply.status {
            StatusCode::CREATED => {
                serde_json::from_slice(&reply.body).map_err(|_| self.products.unexpected(&reply))
            }
            // The items have the same names here, so the errors fit as they are.
            StatusCode::CONFLICT | StatusCode::UNPROCESSABLE_ENTITY => Err(reply.problem()),
            _ => Err(self.products.unexpected(&reply)),
        }
    }

    async fn pay(
        &self,
        caller: &Caller,
        order_id: u64,
        new: &NewOrder,
        reservation: &Reservation,
    ) -> Result<(), Problem> {
        let payment = json!(NewPayment {
            order_id,
            amount: reservation.total,
            currency: CURRENCY,
            method: new.payment_method,
        });
        let reply = self.payments.post(caller, "/payments", &payment).await?;
        match reply.status {
            StatusCode::CREATED => Ok(()),
            StatusCode::PAYMENT_REQUIRED => Err(reply.problem()),
            _ => Err(self.payments.unexpected(&reply)),
        }
    }

    /// Puts the stock back. Nobody can be told if that fails but the log: the
    /// answer is the problem that led here.
    async fn release(&self, caller: &Caller, reservation: &Reservation) {
        let body = json!({"reservation_id": reservation.reservation_id});
        let reply = self.products.post(caller, "/inventory/release", &body).await;
        if !matches!(&reply, Ok(reply) if reply.status == StatusCode::NO_CONTENT) {
            tracing::error!(
                service = self.name,
                request_id = caller.request_id.to_str().unwrap_or_default(),
                reservation_id = reservation.reservation_id,
                "a reservation stays that should have been released"
            );
        }
    }
}
