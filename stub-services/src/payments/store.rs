//! The payments, by id and by order.

use std::collections::{BTreeMap, HashMap};
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use http::StatusCode;
use jiff::Timestamp;

use super::model::{DECLINED, NewPayment, Payment};
use super::no_payment;
use crate::seed;
use crate::service::problem::Problem;
use crate::service::row::{self, Row};

/// All payments.
#[derive(Debug)]
pub struct Payments(RwLock<Tables>);

#[derive(Debug)]
struct Tables {
    rows: BTreeMap<u64, Row<Payment>>,
    by_order: HashMap<u64, u64>,
    next_id: u64,
}

impl Payments {
    /// The payments that are there at the start: one per order.
    pub fn seeded() -> Payments {
        let rows: BTreeMap<_, _> =
            (1..=seed::ORDERS).map(seed::payment).map(|payment| (payment.id, Row::new(payment))).collect();
        Payments(RwLock::new(Tables {
            by_order: rows.values().map(|row| (row.order_id, row.id)).collect(),
            rows,
            next_id: seed::ORDERS + 1,
        }))
    }

    /// The first payments by id, as JSON.
    pub fn list(&self, limit: usize) -> Vec<u8> {
        row::array(self.read().rows.values().take(limit))
    }

    /// The payments of these orders, as JSON; unpaid orders are left out.
    pub fn of_orders(&self, orders: &[u64], limit: usize) -> Vec<u8> {
        let tables = self.read();
        let ids = orders.iter().filter_map(|order| tables.by_order.get(order));
        row::array(ids.filter_map(|id| tables.rows.get(id)).take(limit))
    }

    /// One payment as JSON.
    pub fn get(&self, id: u64) -> Option<Vec<u8>> {
        self.read().rows.get(&id).map(Row::json)
    }

    /// The new payment's id and JSON; 402 if it is refused, 409 if the order is
    /// paid for already.
    pub fn create(&self, new: NewPayment) -> Result<(u64, Vec<u8>), Problem> {
        let mut tables = self.write();
        if tables.by_order.contains_key(&new.order_id) {
            return Err(Problem::conflict(format!("order {} has a payment already", new.order_id)));
        }
        if new.method == DECLINED {
            return Err(Problem::new(StatusCode::PAYMENT_REQUIRED, "the payment was refused"));
        }
        let id = tables.next_id;
        tables.next_id += 1;
        let payment = Row::new(Payment {
            id,
            order_id: new.order_id,
            status: "captured",
            method: new.method,
            amount: new.amount,
            currency: new.currency.to_owned(),
            created_at: Timestamp::now().to_string(),
        });
        let json = payment.json();
        tables.by_order.insert(new.order_id, id);
        tables.rows.insert(id, payment);
        Ok((id, json))
    }

    /// The refunded payment as JSON; 409 unless it was captured.
    pub fn refund(&self, id: u64) -> Result<Vec<u8>, Problem> {
        let mut tables = self.write();
        let payment = tables.rows.get_mut(&id).ok_or_else(|| no_payment(id))?;
        if payment.status != "captured" {
            return Err(Problem::conflict(format!(
                "payment {id} is {}, and only a captured one can be refunded",
                payment.status
            )));
        }
        payment.update(|payment| payment.status = "refunded");
        Ok(payment.json())
    }

    // Nothing below the locks panics half-way, so poison says nothing.

    fn read(&self) -> RwLockReadGuard<'_, Tables> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Tables> {
        self.0.write().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn new(order_id: u64, method: &'static str) -> NewPayment {
        NewPayment { order_id, amount: 100, currency: seed::CURRENCY, method }
    }

    fn status<T>(result: Result<T, Problem>) -> Option<u16> {
        result.err().map(|problem| problem.status.as_u16())
    }

    #[test]
    fn an_order_is_paid_for_once_and_a_refusal_leaves_no_payment() {
        let payments = Payments::seeded();
        assert_eq!(status(payments.create(new(1, "card"))), Some(409));
        assert_eq!(status(payments.create(new(9_000, DECLINED))), Some(402));
        let (id, _) = payments.create(new(9_000, "card")).expect("not paid for yet");
        assert_eq!(id, seed::ORDERS + 1);
        assert_eq!(status(payments.create(new(9_000, "card"))), Some(409));
    }

    #[test]
    fn a_payment_is_refunded_once() {
        let payments = Payments::seeded();
        let (id, _) = payments.create(new(9_000, "card")).expect("not paid for yet");
        let json = payments.refund(id).expect("captured");
        assert!(String::from_utf8_lossy(&json).contains(r#""status":"refunded""#));
        assert_eq!(status(payments.refund(id)), Some(409));
        assert_eq!(status(payments.refund(77_777)), Some(404));
    }
}
