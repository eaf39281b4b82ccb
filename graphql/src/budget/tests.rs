//! What operations cost, and that nothing is fetched that nobody pays for.

use std::sync::{Arc, Mutex};

use futures::FutureExt;
use serde_json::{Value, json};

use super::*;
use crate::testing::{Fake, Reply, ask_with, context, engine, request};
use crate::{Context, Response};

const SDL: &str = r#"
    type Query {
        user(id: ID!): User @rest(source: "users", GET: "/users/{id}")
        users(limit: Int): [User!]! @rest(source: "users", GET: "/users{?limit}")
        node: Node @rest(source: "users", GET: "/node")
    }
    type Mutation { add: User @rest(source: "users", POST: "/users") }
    interface Node { id: ID }
    type Product implements Node { id: ID price: Int @rest(source: "products", GET: "/products/{parent.id}") }
    type User implements Node {
        id: ID
        name: String
        rank: Int @rest(source: "users", GET: "/rank/{parent.id}")
        same: Int @rest(source: "users", GET: "/same")
        grid: [[Cell]]
        orders: [Order!]! @rest(source: "orders", GET: "/orders{?user_id*}", batch: {key: "id", param: "user_id", match: "user_id"})
    }
    type Cell { level: Int @rest(source: "users", GET: "/level/{parent.x}") }
    type Order { id: ID user_id: ID product: Product @rest(source: "products", GET: "/products/{parent.id}") }
"#;

/// Has so much, and remembers what it was asked for.
#[derive(Debug)]
struct Purse {
    left: u32,
    lacking: Cause,
    asked: Mutex<Vec<Bill>>,
}

impl Budget for Purse {
    fn take(&self, bill: Bill) -> BoxFuture<'_, Result<(), Unpaid>> {
        let cost = bill.cost;
        self.asked.lock().unwrap().push(bill);
        let enough = cost <= self.left;
        let unpaid = Unpaid { cause: self.lacking, text: format!("{cost} is too much") };
        async move { enough.then_some(()).ok_or(unpaid) }.boxed()
    }
}

/// What was answered, asked for and called.
async fn spend(left: u32, query: &str, variables: Value) -> (Response, Value, Vec<(u32, u32)>, usize) {
    spend_from(Purse { left, lacking: Cause::Spent, asked: Mutex::default() }, query, variables).await
}

async fn spend_from(
    purse: Purse,
    query: &str,
    variables: Value,
) -> (Response, Value, Vec<(u32, u32)>, usize) {
    let purse = Arc::new(purse);
    let context = Context { budget: Some(purse.clone()), ..context() };
    let fake = Fake::new(|_| Reply::Json(json!({"id": 1, "__typename": "User"})));
    let (response, _) = engine(SDL).execute(request(query, variables), context, fake.clone()).await;
    let body = serde_json::from_slice(&response.body).unwrap();
    let asked = purse.asked.lock().unwrap().iter().map(|bill| (bill.cost, bill.mutations)).collect();
    (response, body, asked, fake.calls().len())
}

#[tokio::test]
async fn an_operation_costs_what_it_fetches() {
    let fake = Fake::new(|_| Reply::Json(json!([])));
    for (query, variables, cost) in [
        ("{ __typename }", json!({}), 1),
        ("{ user(id: 1) { id name } }", json!({}), 1),
        ("{ a: user(id: 1) { id } b: user(id: 2) { id } }", json!({}), 2),
        ("{ users { orders { product { id } } } }", json!({}), 1 + 1 + 10 * 10),
        ("{ users(limit: 3) { orders { product { id } } } }", json!({}), 1 + 1 + 3 * 10),
        (
            "query($n: Int) { users(limit: $n) { orders { product { id } } } }",
            json!({"n": 4}),
            1 + 1 + 4 * 10,
        ),
        ("query($n: Int) { users(limit: $n) { orders { product { id } } } }", json!({}), 1 + 1 + 10 * 10),
        ("{ users(limit: 0) { orders { product { id } } } }", json!({}), 2),
        ("{ users(limit: 2000000000) { orders { product { id } } } }", json!({}), 1 + 1 + 1_000),
        ("{ users(limit: 7) { rank grid { level } } }", json!({}), 1 + 7 + 7 * 10 * 10),
        ("{ users(limit: 7) { same } }", json!({}), 1 + 1),
        ("{ users { orders { id } } users { orders { user_id } } }", json!({}), 2),
        (
            "query($no: Boolean!) { users { orders @skip(if: $no) { product { id } } } }",
            json!({"no": true}),
            1,
        ),
        (
            "query($no: Boolean!) { users { orders @skip(if: $no) { product { id } } } }",
            json!({"no": false}),
            1 + 1 + 10 * 10,
        ),
        ("{ node { ... on User { orders { id } } ... on Product { price } } }", json!({}), 3),
        ("mutation { a: add { id } b: add { orders { id } } }", json!({}), 3),
    ] {
        let (_, report) = ask_with(&engine(SDL), &fake, query, variables).await;
        assert_eq!(report.cost, cost, "{query}");
    }
}

#[tokio::test]
async fn what_is_paid_for_is_executed() {
    let (response, body, asked, calls) = spend(1, "{ user(id: 1) { id } }", json!({})).await;
    assert_eq!((response.refused, asked, calls), (None, vec![(1, 0)], 1));
    assert_eq!(body, json!({"data": {"user": {"id": "1"}}}));
}

#[tokio::test]
async fn what_is_not_paid_for_calls_no_service() {
    for (query, mutations) in [
        ("{ a: user(id: 1) { id } b: user(id: 2) { id } }", 0),
        ("mutation { a: add { id } b: add { id } }", 2),
        ("mutation { a: add { id orders { id } } b: add @skip(if: true) { id } c: __typename }", 1),
    ] {
        let (response, body, asked, calls) = spend(1, query, json!({})).await;
        assert_eq!((response.status.as_u16(), asked, calls), (429, vec![(2, mutations)], 0));
        let error = json!({"message": "2 is too much", "extensions": {"code": "rate_limited"}});
        assert_eq!(body, json!({"errors": [error]}));
    }
}

#[tokio::test]
async fn a_purse_that_nobody_can_look_into_is_not_an_empty_one() {
    let purse = Purse { left: 0, lacking: Cause::Unavailable, asked: Mutex::default() };
    let (response, body, asked, calls) = spend_from(purse, "{ user(id: 1) { id } }", json!({})).await;
    assert_eq!((response.status.as_u16(), asked, calls), (503, vec![(1, 0)], 0));
    assert_eq!(body["errors"][0]["extensions"]["code"], "rate_limit_unavailable");
}

#[tokio::test]
async fn what_cannot_be_executed_is_not_to_be_paid_for() {
    for (query, variables) in [
        ("{ nothing }", json!({})),
        ("{", json!({})),
        ("query($id: ID!) { user(id: $id) { id } }", json!({})),
    ] {
        let (response, _, asked, calls) = spend(9, query, variables).await;
        assert!(response.refused.is_some() && asked.is_empty() && calls == 0, "{query}");
    }
}
