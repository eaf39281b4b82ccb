//! What a product is, and what reserving some says and answers.

use serde::{Deserialize, Serialize};

use crate::service::input::{Field, Input};

/// The most items one order or reservation may have.
pub const MAX_ITEMS: usize = 50;

/// The most pieces of one item.
pub const MAX_QUANTITY: i64 = 1_000;

/// A product as stored and answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Product {
    /// From 1.
    pub id: u64,
    /// Unique, but nothing relies on it.
    pub name: String,
    /// One of eight.
    pub category: String,
    /// In minor units of the currency: cents.
    pub price: i64,
    /// ISO 4217.
    pub currency: String,
    /// How many pieces may still be reserved.
    pub stock: u64,
}

/// An item somebody wants to have: of orders and of reservations.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Wanted {
    /// Of which product.
    pub product_id: u64,
    /// How many pieces.
    pub quantity: i64,
}

impl Wanted {
    /// Reads the field `items`.
    pub fn read_list(input: &mut Input) -> Option<Vec<Wanted>> {
        input.each("items", 1..=MAX_ITEMS, |item| {
            let product_id = item.required("product_id", Field::id);
            let quantity = item.required("quantity", |field| field.integer(1..=MAX_QUANTITY));
            product_id.zip(quantity).map(|(product_id, quantity)| Wanted { product_id, quantity })
        })
    }
}

/// The answer to a reservation: the prices hold from then on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reservation {
    /// What to release it by.
    pub reservation_id: u64,
    /// In the order asked for.
    pub items: Vec<Priced>,
    /// In minor units.
    pub total: i64,
    /// ISO 4217.
    pub currency: String,
}

/// A reserved item.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Priced {
    /// Of which product.
    pub product_id: u64,
    /// How many pieces.
    pub quantity: i64,
    /// Of one piece, in minor units.
    pub unit_price: i64,
}
