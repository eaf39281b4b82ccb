//! Lists, batches and single rows, as clients see them.

use http::Method;
use serde_json::{Value, json};

use crate::process::Process;

fn keys(name: &str, keys: impl IntoIterator<Item = u32>) -> String {
    let pairs: Vec<String> = keys.into_iter().map(|key| format!("{name}={key}")).collect();
    pairs.join("&")
}

#[tokio::test]
async fn a_batch_of_a_thousand_keys_is_answered_at_once() {
    let process = Process::all().await;
    let ids: Vec<String> = (1..=1_000).map(|id: u32| id.to_string()).collect();
    for (service, path, rows) in [
        ("users", format!("/users?{}", keys("id", 1..=1_000)), 1_000),
        ("orders", format!("/orders?{}", keys("user_id", 1..=1_000)), 5_000),
        ("products", format!("/products?ids={}", ids.join(",")), 200),
        ("payments", format!("/payments?{}", keys("order_id", 1..=1_000)), 1_000),
    ] {
        let answer = process.get(service, &path).await;
        assert_eq!(answer.status, 200, "{service}");
        assert_eq!(answer.json().as_array().map(Vec::len), Some(rows), "{service}");
        assert_eq!(answer.headers["content-type"], "application/json");
    }
    let answer = process.get("users", &format!("/users?{}", keys("id", 1..=1_001))).await;
    assert_eq!(answer.status, 400);
    assert_eq!(answer.json()["detail"], "`id` may be given at most 1000 times");
}

#[tokio::test]
async fn the_services_agree_about_orders_products_and_payments() {
    let process = Process::all().await;
    let orders = process.get("orders", "/orders?user_id=1&user_id=2&first=2").await.json();
    let orders = orders.as_array().unwrap();
    assert_eq!(orders.len(), 4);
    for order in orders {
        let path = format!("/payments?order_id={}", order["id"]);
        let payments = process.get("payments", &path).await.json();
        assert_eq!(payments[0]["order_id"], order["id"]);
        assert_eq!(payments[0]["amount"], order["total"]);
        for item in order["items"].as_array().unwrap() {
            let path = format!("/products/{}", item["product_id"]);
            let product = process.get("products", &path).await.json();
            assert_eq!(product["price"], item["unit_price"]);
        }
    }
}

#[tokio::test]
async fn what_cannot_be_understood_or_found_is_a_problem_with_a_reason() {
    let process = Process::all().await;
    for (service, method, path, status, detail) in [
        ("users", Method::GET, "/users/1001", 404, "there is no user 1001"),
        ("users", Method::GET, "/users?limit=many", 400, "`limit` must be a whole number"),
        ("users", Method::POST, "/users", 400, "the body is not JSON"),
        ("users", Method::PUT, "/users/1", 405, "does not take that method"),
        ("users", Method::GET, "/", 404, "no such path"),
        ("orders", Method::GET, "/orders/x", 400, "`id` must be an id"),
        ("orders", Method::GET, "/orders?status=lost", 400, "must be one of pending, paid"),
        ("products", Method::GET, "/products?ids=1,,2", 400, "`ids` must be an id"),
        ("payments", Method::POST, "/payments/9999/refund", 404, "there is no payment 9999"),
    ] {
        let answer = process.ask(service, method, path, &[], Value::Null).await;
        assert_eq!(answer.status, status, "{path}");
        assert_eq!(answer.headers["content-type"], "application/problem+json");
        let problem = answer.json();
        assert_eq!(problem["status"], status);
        let told = problem["detail"].as_str().unwrap();
        assert!(told.contains(detail), "{path}: {told}");
    }
}

#[tokio::test]
async fn a_user_is_made_changed_and_deleted() {
    let process = Process::start(&["users"]).await;
    let ada = json!({"name": "Ada", "email": "ada@example.com"});
    let made = process.post("users", "/users", ada.clone()).await;
    assert_eq!((made.status.as_u16(), &made.headers["location"]), (201, &"/users/1001".parse().unwrap()));
    assert_eq!(process.post("users", "/users", ada).await.status, 409);
    let wrong = process.post("users", "/users", json!({"name": "", "email": "x"})).await;
    assert_eq!((wrong.status.as_u16(), wrong.fields()), (422, vec!["name".into(), "email".into()]));

    let change = json!({"name": "Ada L."});
    let changed = process.ask("users", Method::PATCH, "/users/1001", &[], change).await;
    assert_eq!(changed.json()["name"], "Ada L.");
    assert_eq!(changed.json()["email"], "ada@example.com");
    assert_eq!(process.get("users", "/users/1001").await.json(), changed.json());

    let delete = || process.ask("users", Method::DELETE, "/users/1001", &[], Value::Null);
    assert_eq!(delete().await.status, 204);
    assert_eq!(delete().await.status, 404);
}
