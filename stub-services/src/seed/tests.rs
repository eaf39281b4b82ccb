use std::collections::{HashMap, HashSet};

use super::*;

#[test]
fn emails_are_unique_and_moments_are_rfc_3339() {
    let users: Vec<User> = (1..=USERS).map(user).collect();
    let emails: HashSet<_> = users.iter().map(|user| &user.email).collect();
    assert_eq!(emails.len(), users.len());
    assert_eq!(
        (&users[0].name[..], &users[0].email[..], &users[0].created_at[..]),
        ("Alan Abel", "alan.abel.1@example.com", "2024-01-01T08:36:40Z")
    );
}

#[test]
fn product_names_are_unique_and_every_fiftieth_is_sold_out() {
    let products: Vec<Product> = (1..=PRODUCTS).map(product).collect();
    let names: HashSet<_> = products.iter().map(|product| &product.name).collect();
    assert_eq!(names.len(), products.len());
    let sold_out: Vec<u64> =
        products.iter().filter(|product| product.stock == 0).map(|product| product.id).collect();
    assert_eq!(sold_out, [50, 100, 150, 200]);
}

#[test]
fn orders_fit_users_products_and_payments() {
    for id in 1..=ORDERS {
        let (order, payment) = (order(id), payment(id));
        assert!((1..=5).contains(&order.items.len()));
        assert!((1..=USERS).contains(&order.user_id));
        let products: HashSet<_> = order.items.iter().map(|item| item.product_id).collect();
        assert_eq!(products.len(), order.items.len(), "order {id} repeats a product");
        assert!(products.iter().all(|product| (1..=PRODUCTS).contains(product)));
        assert_eq!((payment.order_id, payment.amount), (id, order.total));
    }
}

#[test]
fn some_users_have_no_orders_and_some_more_than_ten() {
    let mut counts: HashMap<u64, u32> = (1..=USERS).map(|user| (user, 0)).collect();
    for id in 1..=ORDERS {
        *counts.entry(order(id).user_id).or_default() += 1;
    }
    assert!(counts.values().any(|count| *count == 0));
    assert!(counts.values().any(|count| *count > 10));
    assert!(counts[&1] > 1, "the documents show the orders of user 1");
}

/// Other programs' tests rely on these figures; a change of the seed must be meant.
#[test]
fn the_seed_does_not_change_by_accident() {
    let (order, payment) = (order(1), payment(1));
    let seen = (order.user_id, order.status, order.total, payment.id, payment.method);
    assert_eq!(seen, (590, "paid", 455_707, 5_000, "wallet"));
}
