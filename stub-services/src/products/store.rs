//! The products, their stock and who reserved what.

use std::collections::{BTreeMap, HashMap};
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use super::model::{Priced, Product, Reservation, Wanted};
use crate::seed;
use crate::service::problem::{FieldError, Problem};
use crate::service::row::{self, Row};

/// All products.
#[derive(Debug)]
pub struct Products(RwLock<Tables>);

#[derive(Debug)]
struct Tables {
    rows: BTreeMap<u64, Row<Product>>,
    /// Reservation to pieces per product.
    reserved: HashMap<u64, BTreeMap<u64, u64>>,
    next_reservation: u64,
}

impl Products {
    /// The products that are there at the start.
    pub fn seeded() -> Products {
        Products(RwLock::new(Tables {
            rows: (1..=seed::PRODUCTS).map(|id| (id, Row::new(seed::product(id)))).collect(),
            reserved: HashMap::new(),
            next_reservation: 1,
        }))
    }

    /// All products, or those of a category, as JSON.
    pub fn list(&self, category: Option<&str>) -> Vec<u8> {
        let tables = self.read();
        row::array(tables.rows.values().filter(in_category(category)))
    }

    /// These products, as JSON; ids that none has are left out.
    pub fn batch(&self, ids: &[u64], category: Option<&str>) -> Vec<u8> {
        let tables = self.read();
        let found = ids.iter().filter_map(|id| tables.rows.get(id));
        row::array(found.filter(in_category(category)))
    }

    /// One product as JSON.
    pub fn get(&self, id: u64) -> Option<Vec<u8>> {
        self.read().rows.get(&id).map(Row::json)
    }

    /// Takes all items from stock, or none: 422 for unknown products, 409 where
    /// too little is left.
    pub fn reserve(&self, items: &[Wanted]) -> Result<Reservation, Problem> {
        let mut guard = self.write();
        let tables = &mut *guard;
        let items = tables.price(items)?;
        let pieces = pieces(&items);
        tables.check_stock(&pieces)?;
        for (id, pieces) in &pieces {
            if let Some(product) = tables.rows.get_mut(id) {
                product.update(|product| product.stock -= pieces);
            }
        }
        let reservation_id = tables.next_reservation;
        tables.next_reservation += 1;
        tables.reserved.insert(reservation_id, pieces);
        Ok(Reservation {
            reservation_id,
            total: items.iter().map(|item| item.quantity * item.unit_price).sum(),
            currency: seed::CURRENCY.to_owned(),
            items,
        })
    }

    /// Puts a reservation back into stock; 404 if there is none, or no more.
    pub fn release(&self, reservation: u64) -> Result<(), Problem> {
        let mut guard = self.write();
        let tables = &mut *guard;
        let pieces = tables
            .reserved
            .remove(&reservation)
            .ok_or_else(|| Problem::not_found(format!("there is no reservation {reservation}")))?;
        for (id, pieces) in pieces {
            if let Some(product) = tables.rows.get_mut(&id) {
                product.update(|product| product.stock += pieces);
            }
        }
        Ok(())
    }

    // Nothing below the locks panics half-way, so poison says nothing.

    fn read(&self) -> RwLockReadGuard<'_, Tables> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Tables> {
        self.0.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Tables {
    fn price(&self, items: &[Wanted]) -> Result<Vec<Priced>, Problem> {
        let mut errors = Vec::new();
        let mut priced = Vec::with_capacity(items.len());
        for (index, item) in items.iter().enumerate() {
            match self.rows.get(&item.product_id) {
                Some(product) => priced.push(Priced {
                    product_id: item.product_id,
                    quantity: item.quantity,
                    unit_price: product.price,
                }),
                None => errors.push(FieldError::new(
                    format!("items[{index}].product_id"),
                    format!("there is no product {}", item.product_id),
                )),
            }
        }
        if errors.is_empty() { Ok(priced) } else { Err(Problem::unprocessable(errors)) }
    }

    fn check_stock(&self, pieces: &BTreeMap<u64, u64>) -> Result<(), Problem> {
        let short: Vec<String> = pieces
            .iter()
            .filter_map(|(id, wanted)| {
                let stock = self.rows.get(id).map_or(0, |product| product.stock);
                (stock < *wanted).then(|| format!("product {id}: {wanted} wanted, {stock} left"))
            })
            .collect();
        if short.is_empty() {
            Ok(())
        } else {
            Err(Problem::conflict(format!("not enough in stock ({})", short.join("; "))))
        }
    }
}

/// Pieces per product: one product may stand in several items.
fn pieces(items: &[Priced]) -> BTreeMap<u64, u64> {
    let mut pieces = BTreeMap::new();
    for item in items {
        *pieces.entry(item.product_id).or_default() += item.quantity.unsigned_abs();
    }
    pieces
}

fn in_category<'a>(category: Option<&'a str>) -> impl FnMut(&&Row<Product>) -> bool + 'a {
    move |product| category.is_none_or(|category| product.category == category)
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::StatusCode;

    fn want(product_id: u64, quantity: i64) -> Wanted {
        Wanted { product_id, quantity }
    }

    fn stock(products: &Products, id: u64) -> u64 {
        products.read().rows[&id].stock
    }

    #[test]
    fn a_reservation_takes_stock_and_its_release_brings_it_back_once() {
        let products = Products::seeded();
        let (one, two) = (stock(&products, 1), stock(&products, 2));
        let items = [want(1, 3), want(2, 1), want(1, 2)];
        let reservation = products.reserve(&items).expect("enough");
        let price = |id| seed::product(id).price;
        assert_eq!(reservation.total, 5 * price(1) + price(2));
        assert_eq!((stock(&products, 1), stock(&products, 2)), (one - 5, two - 1));
        products.release(reservation.reservation_id).expect("reserved");
        assert_eq!((stock(&products, 1), stock(&products, 2)), (one, two));
        let again = products.release(reservation.reservation_id);
        assert_eq!(again.map_err(|problem| problem.status), Err(StatusCode::NOT_FOUND));
    }

    #[test]
    fn all_items_are_reserved_or_none() {
        let products = Products::seeded();
        let before = stock(&products, 1);
        let problem = products.reserve(&[want(1, 1), want(50, 1)]).expect_err("product 50 is sold out");
        assert_eq!(problem.status, StatusCode::CONFLICT);
        assert!(problem.detail.contains("product 50: 1 wanted, 0 left"), "{}", problem.detail);
        let problem = products.reserve(&[want(1, 1), want(999, 1)]).expect_err("there is no product 999");
        assert_eq!(problem.errors[0].field, "items[1].product_id");
        assert_eq!(stock(&products, 1), before);
    }

    #[test]
    fn pieces_of_one_product_add_up_before_stock_is_compared() {
        let products = Products::seeded();
        let half = i64::try_from(stock(&products, 1)).expect("small") / 2 + 1;
        products.reserve(&[want(1, half), want(1, half)]).expect_err("too many together");
    }

    #[test]
    fn a_category_filters_lists_and_batches() {
        let products = Products::seeded();
        let count = |json: Vec<u8>| {
            let rows: Vec<serde_json::Value> = serde_json::from_slice(&json).expect("JSON");
            rows.len()
        };
        assert_eq!(count(products.list(None)), 200);
        assert_eq!(count(products.list(Some("coffee"))), 25);
        assert_eq!(count(products.list(Some("none such"))), 0);
        let category = seed::product(3).category;
        assert_eq!(count(products.batch(&[3, 4, 999], Some(&category))), 1);
    }
}
