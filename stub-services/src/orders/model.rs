//! What an order is, and what a client says to place one.

use serde::Serialize;

use crate::payments::model::METHODS;
use crate::products::model::{Priced, Wanted};
use crate::service::input::{Field, Input};
use crate::service::problem::Problem;

/// What may have become of an order.
pub const STATUSES: [&str; 5] = ["pending", "paid", "shipped", "delivered", "cancelled"];

/// An item of an order, at the price it was bought for.
pub type Item = Priced;

/// An order as stored and answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Order {
    /// Ascending with time.
    pub id: u64,
    /// Who ordered.
    pub user_id: u64,
    /// One of [`STATUSES`].
    pub status: &'static str,
    /// In minor units of the currency: cents.
    pub total: i64,
    /// ISO 4217.
    pub currency: String,
    /// RFC 3339.
    pub created_at: String,
    /// At least one.
    pub items: Vec<Item>,
}

impl Order {
    /// What the items cost together.
    pub fn total(items: &[Item]) -> i64 {
        items.iter().map(|item| item.quantity * item.unit_price).sum()
    }
}

/// The body of `POST /orders`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewOrder {
    /// Who orders.
    pub user_id: u64,
    /// What.
    pub items: Vec<Wanted>,
    /// How it is paid for.
    pub payment_method: &'static str,
}

impl NewOrder {
    /// Reads a body; the payment method may be left out.
    pub fn read(body: &[u8]) -> Result<NewOrder, Problem> {
        let mut input = Input::read(body)?;
        let user_id = input.required("user_id", Field::id);
        let items = Wanted::read_list(&mut input);
        let method = input.optional("payment_method", |field| field.one_of(&METHODS));
        let fields = user_id.zip(items);
        input.finish(fields.map(|(user_id, items)| NewOrder {
            user_id,
            items,
            payment_method: method.unwrap_or(METHODS[0]),
        }))
    }
}
