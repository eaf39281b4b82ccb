//! The orders, by id and by user.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{PoisonError, RwLock, RwLockReadGuard};

use super::model::Order;
use crate::seed;
use crate::service::row::{self, Row};

/// All orders.
#[derive(Debug)]
pub struct Orders {
    tables: RwLock<Tables>,
    next_id: AtomicU64,
}

#[derive(Debug, Default)]
struct Tables {
    rows: BTreeMap<u64, Row<Order>>,
    by_user: HashMap<u64, Vec<u64>>,
}

impl Orders {
    /// The orders that are there at the start.
    pub fn seeded() -> Orders {
        let mut tables = Tables::default();
        for order in (1..=seed::ORDERS).map(seed::order) {
            tables.insert(order);
        }
        Orders { tables: RwLock::new(tables), next_id: AtomicU64::new(seed::ORDERS + 1) }
    }

    /// The newest orders of all users, as JSON.
    pub fn list(&self, first: usize, status: Option<&str>) -> Vec<u8> {
        let tables = self.read();
        let newest = tables.rows.values().rev();
        row::array(newest.filter(has(status)).take(first))
    }

    /// The newest orders of each of these users, as JSON.
    pub fn of_users(&self, users: &[u64], first: Option<usize>, status: Option<&str>) -> Vec<u8> {
        let tables = self.read();
        let of_user = |user| {
            let ids = tables.by_user.get(user).map_or(&[][..], Vec::as_slice);
            let newest = ids.iter().rev().filter_map(|id| tables.rows.get(id));
            newest.filter(has(status)).take(first.unwrap_or(usize::MAX))
        };
        row::array(users.iter().flat_map(of_user))
    }

    /// One order as JSON.
    pub fn get(&self, id: u64) -> Option<Vec<u8>> {
        self.read().rows.get(&id).map(Row::json)
    }

    /// An id for an order to come; one that is not placed leaves a gap.
    pub fn next_id(&self) -> u64 {
        self.next_id.fetch_add(1, Ordering::Relaxed)
    }

    /// Keeps a new order; its JSON.
    pub fn insert(&self, order: Order) -> Vec<u8> {
        let mut tables = self.tables.write().unwrap_or_else(PoisonError::into_inner);
        tables.insert(order)
    }

    fn read(&self) -> RwLockReadGuard<'_, Tables> {
        // Nothing below the lock panics half-way, so poison says nothing.
        self.tables.read().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Tables {
    fn insert(&mut self, order: Order) -> Vec<u8> {
        let (id, user) = (order.id, order.user_id);
        let row = Row::new(order);
        let json = row.json();
        self.rows.insert(id, row);
        let ids = self.by_user.entry(user).or_default();
        // Two orders placed at once may arrive in either order.
        let place = ids.partition_point(|other| *other < id);
        ids.insert(place, id);
        json
    }
}

fn has<'a>(status: Option<&'a str>) -> impl FnMut(&&Row<Order>) -> bool + 'a {
    move |order| status.is_none_or(|status| order.status == status)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;

    fn rows(json: &[u8]) -> Vec<Value> {
        serde_json::from_slice(json).expect("an array")
    }

    fn of(rows: &[Value], user: u64) -> Vec<u64> {
        let of_user = rows.iter().filter(|row| row["user_id"] == user);
        of_user.filter_map(|row| row["id"].as_u64()).collect()
    }

    #[test]
    fn first_counts_per_user_and_the_newest_come_first() {
        let orders = Orders::seeded();
        let all = rows(&orders.of_users(&[1, 2, 3], None, None));
        let cut = rows(&orders.of_users(&[1, 2, 3], Some(2), None));
        for user in [1, 2, 3] {
            let ids = of(&all, user);
            assert!(ids.len() > 2, "user {user} has too few orders for this test");
            assert!(ids.is_sorted_by(|a, b| a > b));
            assert_eq!(of(&cut, user), ids[..2]);
        }
    }

    #[test]
    fn the_status_is_filtered_before_the_first_are_taken() {
        let orders = Orders::seeded();
        let paid = rows(&orders.list(30, Some("paid")));
        assert_eq!(paid.len(), 30);
        assert!(paid.iter().all(|order| order["status"] == "paid"));
        let of_users: Vec<u64> = (1..=100).collect();
        let shipped = rows(&orders.of_users(&of_users, Some(1), Some("shipped")));
        assert!(shipped.iter().all(|order| order["status"] == "shipped"));
        assert!(shipped.len() > 50, "most users have a shipped order");
    }

    #[test]
    fn a_placed_order_is_found_by_id_and_first_of_its_user() {
        let orders = Orders::seeded();
        let id = orders.next_id();
        let order = Order { id, user_id: 1, ..seed::order(1) };
        orders.insert(order);
        assert!(orders.get(id).is_some());
        assert_eq!(of(&rows(&orders.of_users(&[1], Some(1), None)), 1), [id]);
    }
}
