//! Placing orders across four services.

use http::Method;
use serde_json::{Value, json};

use crate::process::{Answer, Process, eventually};

fn order(product_id: u64, method: &str) -> Value {
    json!({
        "user_id": "1",
        "items": [{"product_id": product_id, "quantity": 2}],
        "payment_method": method,
    })
}

async fn stock(process: &Process, product: u64) -> i64 {
    let path = format!("/products/{product}");
    process.get("products", &path).await.json()["stock"].as_i64().unwrap()
}

async fn place(process: &Process, key: &str, body: Value) -> Answer {
    let headers = [("idempotency-key", key)];
    process.ask("orders", Method::POST, "/orders", &headers, body).await
}

#[tokio::test]
async fn an_order_takes_stock_and_payment_and_can_be_read_back() {
    let process = Process::all().await;
    let before = stock(&process, 1).await;
    let placed = process.post("orders", "/orders", order(1, "wallet")).await;
    assert_eq!(placed.status, 201);
    let order = placed.json();
    assert_eq!((&order["user_id"], &order["status"]), (&json!(1), &json!("paid")));
    let location = placed.headers["location"].to_str().unwrap();
    assert_eq!(process.get("orders", location).await.json(), order);
    assert_eq!(stock(&process, 1).await, before - 2);
    let payment = format!("/payments?order_id={}", order["id"]);
    let payment = process.get("payments", &payment).await.json();
    assert_eq!(payment[0]["amount"], order["total"]);
    assert_eq!(payment[0]["method"], "wallet");
}

#[tokio::test]
async fn a_refused_payment_puts_the_stock_back() {
    let process = Process::all().await;
    let before = stock(&process, 1).await;
    let refused = process.post("orders", "/orders", order(1, "declined")).await;
    assert_eq!(refused.status, 402);
    assert_eq!(refused.json()["detail"], "the payment was refused");
    assert_eq!(process.count("products", "POST /inventory/reserve").await, 1);
    assert_eq!(process.count("products", "POST /inventory/release").await, 1);
    assert_eq!(stock(&process, 1).await, before);
}

#[tokio::test]
async fn what_the_neighbours_object_to_is_told_with_its_field() {
    let process = Process::all().await;
    let sold_out = process.post("orders", "/orders", order(50, "card")).await;
    assert_eq!(sold_out.status, 409);
    let unknown = process.post("orders", "/orders", order(201, "card")).await;
    assert_eq!((unknown.status.as_u16(), unknown.fields()), (422, vec!["items[0].product_id".into()]));
    let mut nobody = order(1, "card");
    nobody["user_id"] = json!(1_001);
    let nobody = process.post("orders", "/orders", nobody).await;
    assert_eq!((nobody.status.as_u16(), nobody.fields()), (422, vec!["user_id".into()]));
    let nothing = process.post("orders", "/orders", json!({"items": []})).await;
    assert_eq!(nothing.fields(), ["user_id", "items"]);
    assert_eq!(process.count("payments", "POST /payments").await, 0);
}

#[tokio::test]
async fn a_broken_neighbour_is_a_bad_gateway_and_the_key_may_be_tried_again() {
    let process = Process::all().await;
    let before = stock(&process, 1).await;
    process.trouble("payments", json!({"error_rate": 1})).await;
    let broken = place(&process, "k1", order(1, "card")).await;
    assert_eq!(broken.status, 502);
    assert_eq!(broken.json()["detail"], "payments answered 500");
    assert_eq!(stock(&process, 1).await, before);

    process.end_trouble("payments").await;
    let placed = place(&process, "k1", order(1, "card")).await;
    assert_eq!(placed.status, 201);
    assert!(!placed.headers.contains_key("idempotent-replayed"));
}

#[tokio::test]
async fn a_neighbour_that_is_not_there_is_a_bad_gateway() {
    // Bound and dropped: nobody listens there any more.
    let gone = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let process = Process::start(&["orders", "--users-url", &format!("http://{gone}")]).await;
    let answer = process.post("orders", "/orders", order(1, "card")).await;
    assert_eq!(answer.status, 502);
    assert_eq!(answer.json()["detail"], "users cannot be reached");
}

#[tokio::test]
async fn a_key_places_one_order_however_often_it_is_sent() {
    let process = Process::all().await;
    let first = place(&process, "k1", order(1, "card")).await;
    let again = place(&process, "k1", order(1, "card")).await;
    assert_eq!((again.status, again.json()), (first.status, first.json()));
    assert_eq!(again.headers["location"], first.headers["location"]);
    assert_eq!(again.headers["idempotent-replayed"], "true");
    assert_eq!(place(&process, "k1", order(2, "card")).await.status, 422);
    assert_eq!(place(&process, "", order(2, "card")).await.status, 400);
    assert_eq!(process.count("payments", "POST /payments").await, 1);
}

#[tokio::test]
async fn an_order_is_finished_even_if_its_client_leaves_half_way() {
    let process = Process::all().await;
    process.trouble("payments", json!({"hang": true})).await;
    {
        let asking = process.post("orders", "/orders", order(1, "card"));
        let asked = eventually("the payment is asked for", || async {
            process.count("payments", "POST /payments").await == 1
        });
        tokio::select! {
            answer = asking => panic!("answered while payments hangs: {answer:?}"),
            () = asked => {}
        }
    }
    process.end_trouble("payments").await;
    eventually("the order is there", || async { process.get("orders", "/orders/5001").await.status == 200 })
        .await;
}
