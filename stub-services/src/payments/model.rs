//! What a payment is, and what a client may say about one.

use serde::Serialize;

use crate::seed::CURRENCY;
use crate::service::input::{Field, Input};
use crate::service::problem::Problem;

/// The method whose payments are always refused.
pub const DECLINED: &str = "declined";

/// How one may pay.
pub const METHODS: [&str; 4] = ["card", "transfer", "wallet", DECLINED];

const LARGEST_AMOUNT: i64 = 1_000_000_000_000;

/// A payment as stored and answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Payment {
    /// Says nothing about the order.
    pub id: u64,
    /// For which order.
    pub order_id: u64,
    /// `authorized`, `captured` or `refunded`.
    pub status: &'static str,
    /// One of [`METHODS`].
    pub method: &'static str,
    /// In minor units of the currency: cents.
    pub amount: i64,
    /// ISO 4217.
    pub currency: String,
    /// RFC 3339.
    pub created_at: String,
}

/// The body of `POST /payments`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NewPayment {
    /// For which order; whether it exists is the caller's knowledge.
    pub order_id: u64,
    /// In minor units.
    pub amount: i64,
    /// ISO 4217.
    pub currency: &'static str,
    /// One of [`METHODS`].
    pub method: &'static str,
}

impl NewPayment {
    /// Reads a body; the currency may be left out.
    pub fn read(body: &[u8]) -> Result<NewPayment, Problem> {
        let mut input = Input::read(body)?;
        let order_id = input.required("order_id", Field::id);
        let amount = input.required("amount", |field| field.integer(1..=LARGEST_AMOUNT));
        let method = input.required("method", |field| field.one_of(&METHODS));
        let currency = input.optional("currency", |field| field.one_of(&[CURRENCY]));
        let fields = order_id.zip(amount).zip(method);
        input.finish(fields.map(|((order_id, amount), method)| NewPayment {
            order_id,
            amount,
            currency: currency.unwrap_or(CURRENCY),
            method,
        }))
    }
}
