//! Limits on GraphQL: by operations, and by what they cost.

use serde_json::json;
use tests::{Answer, Stubs};

use super::REASON;
use crate::graphql::{self, FOUR_SERVICES};

#[tokio::test]
async fn graphql_operations_are_requests_unless_the_limit_goes_by_their_cost() {
    let stubs = Stubs::start().await;
    let gateway = graphql::gateway(&stubs, "defaults: { rate_limits: [{ limit: 2/h }] }\n").await;
    for expected in [200, 200, 429] {
        let answer = gateway.graphql(FOUR_SERVICES, json!({})).await;
        assert_eq!(answer.status, expected);
        assert_ne!(answer.header("ratelimit"), "");
    }
    assert_eq!(stubs.calls("users").await.values().sum::<u64>(), 2);
}

#[tokio::test]
async fn an_operation_is_paid_for_before_any_service_is_called() {
    let stubs = Stubs::start().await;
    let limits = ", rate_limits: [{ limit: 10/h, name: cost, cost: graphql }, { limit: 100/h, name: all }]";
    let gateway = graphql::gateway_with(&stubs, limits, "").await;
    let left = |answer: &Answer| {
        let (_, left) = answer.header("ratelimit").split_once("\"cost\";r=").expect("a limit");
        left.split(';').next().unwrap().parse::<u32>().unwrap()
    };
    let ask = async |query: &str| {
        let answer = gateway.graphql(query, json!({})).await;
        let code = answer.json()["errors"][0]["extensions"]["code"].as_str().map(str::to_owned);
        (answer.status.as_u16(), left(&answer), code.unwrap_or_default(), answer)
    };
    for expected in [6, 2] {
        let (status, left, ..) = ask(FOUR_SERVICES).await;
        assert_eq!((status, left), (200, expected));
    }
    let (status, left, code, refused) = ask(FOUR_SERVICES).await;
    assert_eq!((status, left, code.as_str()), (429, 2, REASON));
    let after: u64 = refused.header("retry-after").parse().unwrap();
    assert!((1..=720).contains(&after), "{refused:?}");
    assert_eq!(refused.json()["errors"][0]["message"], "The operation costs 4, and 2 are left");
    assert_eq!(stubs.calls("users").await.values().sum::<u64>(), 2, "the refused one called nobody");
    let id = refused.header("x-request-id");
    let line = gateway.access_log("the line", |line| line["request_id"] == id).await;
    assert_eq!((&line["status"], &line["reason"]), (&json!(429), &json!(REASON)));
    assert_eq!((&line["rate_limit"], &line["graphql_first_error"]), (&json!("cost"), &json!(REASON)));
    // What cannot be executed costs nothing, and what never fits is told so.
    let (_, left, code, _) = ask("{ nothing }").await;
    assert_eq!((left, code.as_str()), (2, "graphql_validation_failed"));
    let many: String = (0..11).map(|n| format!("u{n}: user(id: {n}) {{ name }} ")).collect();
    let (status, left, _, refused) = ask(&format!("{{ {many} }}")).await;
    assert_eq!((status, left, refused.header("retry-after")), (429, 2, ""));
    for expected in [1, 0] {
        let (status, left, ..) = ask("{ users(limit: 1) { name } }").await;
        assert_eq!((status, left), (200, expected));
    }
    // With nothing left no operation is even read.
    let answer = gateway.graphql("{", json!({})).await;
    assert_eq!(answer.refused(429), REASON);
    let counted = |result| [("http_route", "graphql"), ("rate_limit", "cost"), ("result", result)];
    let name = "gateway_rate_limit_decisions_total";
    gateway.metric(name, &counted("allowed"), |count| count == 4.0).await;
    gateway.metric(name, &counted("refused"), |count| count == 3.0).await;
}
