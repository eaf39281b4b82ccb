//! What a request waits for besides services, and for how long.

use serde_json::json;

use super::*;
use crate::testing::{Fake, Reply, ask_with, context, engine, request};

const SDL: &str = r#"
    type Query { sum(of: [Int!]): Int @rest(source: "users", POST: "/sum", body: "{of}") }
"#;

/// With what a request that has no time left is refused.
async fn refused(query: &str, variables: Value) -> (StatusCode, Option<&'static str>) {
    let context = Context { deadline: Instant::now(), ..context() };
    let fake = Fake::new(|_| Reply::Json(json!(1)));
    let (response, report) = engine(SDL).execute(request(query, variables), context, fake.clone()).await;
    assert_eq!(fake.calls(), [""; 0]);
    (response.status, report.first_error)
}

#[tokio::test]
async fn the_deadline_holds_before_anything_is_executed() {
    let late = (StatusCode::SERVICE_UNAVAILABLE, Some("graphql_deadline_exceeded"));
    let long = format!("{{ sum {} }}", " ".repeat(SHORT_DOCUMENT));
    assert_eq!(refused(&long, json!({})).await, late, "planning");
    let sum = "query($of: [Int!]) { sum(of: $of) }";
    assert_eq!(refused(sum, json!({"of": vec![1; FEW_VALUES]})).await, late, "variables");
    assert_eq!(refused("{ __schema { queryType { name } } }", json!({})).await, late, "introspection");
}

#[tokio::test]
async fn variables_hold_a_bounded_number_of_values() {
    let fake = Fake::new(|_| Reply::Json(json!(1)));
    let sum = "query($of: [Int!]) { sum(of: $of) }";
    let most = Limits::default().variable_values;
    let (answer, _) = ask_with(&engine(SDL), &fake, sum, json!({"of": vec![1; most - 1]})).await;
    assert_eq!(answer, json!({"data": {"sum": 1}}));
    let (answer, _) = ask_with(&engine(SDL), &fake, sum, json!({"of": vec![1; most]})).await;
    assert_eq!(answer["errors"][0]["extensions"]["code"], "graphql_request_too_large");
}
