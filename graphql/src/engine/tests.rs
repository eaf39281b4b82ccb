//! What a request waits for besides services, and for how long.

use serde_json::json;

use super::*;
use crate::testing::{Fake, Reply, ask_with, context, engine, request, schema};

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

#[tokio::test]
async fn fragments_that_do_not_apply_are_work_too() {
    let types = (0..10).map(|n| format!("type T{n} implements Node {{ id: ID next: Node }}\n"));
    let sdl = r#"type Query { node: Node @rest(source: "users", GET: "/node") } interface Node { id: ID next: Node }"#;
    let sdl: String = types.chain([sdl.to_owned()]).collect();
    let engine = Engine::new(schema(&sdl), Limits { selections: 100, ..Limits::default() }, 10);
    let fake = Fake::new(|_| Reply::Json(json!({"__typename": "T0", "id": 1})));
    let query = |fragments: usize| {
        format!("{{ node {{ next {{ next {{ {} }} }} }} }}", "... on T0 { id } ".repeat(fragments))
    };
    // The innermost selection is looked at for each of 10 * 10 * 10 types.
    let (answer, _) = ask_with(&engine, &fake, &query(30), json!({})).await;
    assert_eq!(answer["errors"][0]["extensions"]["code"], "graphql_too_many_selections");
    let (answer, _) = ask_with(&engine, &fake, &query(1), json!({})).await;
    assert_eq!(answer, json!({"data": {"node": {"next": null}}}));
}
