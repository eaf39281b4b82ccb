//! When a word is near enough, and what is said when none is.

use super::*;

fn hint(wrong: &str, known: &[&str]) -> String {
    among(wrong, known.iter().copied())
}

#[test]
fn a_slip_of_the_keyboard_finds_the_word() {
    let known = ["listeners", "max_connections", "orders", "users"];
    for (wrong, meant) in [
        ("order", "orders"),
        ("uesrs", "users"),
        ("Listeners", "listeners"),
        ("max-connections", "max_connections"),
        ("maxconnection", "max_connections"),
        ("listner", "listeners"),
    ] {
        assert_eq!(hint(wrong, &known), format!("did you mean `{meant}`?"), "{wrong}");
    }
}

#[test]
fn the_nearest_word_wins_and_the_alphabet_decides_between_equals() {
    assert_eq!(hint("order-v2", &["orders-v1", "orders-v2", "order-eu"]), "did you mean `orders-v2`?");
    assert_eq!(hint("orders-v3", &["orders-v2", "orders-v1"]), "did you mean `orders-v1`?");
}

#[test]
fn a_short_word_must_be_very_near() {
    assert_eq!(hint("ca", &["key"]), "there is only `key`");
    assert_eq!(hint("kye", &["key"]), "did you mean `key`?");
}

#[test]
fn where_nothing_is_near_the_hint_says_what_there_is() {
    assert_eq!(hint("x", &[]), "there are none");
    assert_eq!(hint("payments", &["users"]), "there is only `users`");
    assert_eq!(hint("payments", &["users", "orders", "stock"]), "known are `users`, `orders` and `stock`");
    assert_eq!(hint("payments", &["u"; 17]), "see docs/configuration.md");
}

#[test]
fn a_list_reads_like_a_sentence() {
    assert_eq!(list([].into_iter()), "nothing");
    assert_eq!(list(["a"].into_iter()), "`a`");
    assert_eq!(list(["a", "b", "c"].into_iter()), "`a`, `b` and `c`");
}
