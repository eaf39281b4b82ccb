//! Limits on GraphQL: by operations, and by what they cost.

use serde_json::json;
use tests::raw::RawClient;
use tests::{Answer, Redis, Stubs};

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
    assert_eq!(refused.header("cache-control"), "no-store");
    assert!(refused.header("proxy-status").contains(REASON), "{refused:?}");
    assert_eq!(stubs.calls("users").await.values().sum::<u64>(), 2, "the refused one called nobody");
    let id = refused.header("x-request-id");
    let line = gateway.access_log("the line", |line| line["request_id"] == id).await;
    assert_eq!((&line["status"], &line["reason"]), (&json!(429), &json!(REASON)));
    assert_eq!((&line["rate_limit"], &line["graphql_first_error"]), (&json!("cost"), &json!(REASON)));
    assert_eq!(line["graphql_cost"], 4);
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
    let labels = [("graphql_api", "main")];
    gateway.metric("graphql_operation_cost_sum", &labels, |sum| sum == 4.0 * 3.0 + 11.0 + 2.0).await;
}

#[tokio::test]
async fn client_log_and_metric_agree_where_nobody_can_say_what_is_left() {
    let (stubs, mut redis) = (Stubs::start().await, Redis::start_plain().await);
    let settings = ", rate_limits: [{ limit: 10/h, name: cost, cost: graphql }], response_headers: { remove: [retry-after] }";
    let deny = format!("redis: {{ url: \"{}\", rate_limits: {{ on_failure: deny }} }}\n", redis.url());
    let gateway = graphql::gateway_with(&stubs, settings, &deny).await;
    let body = json!({ "query": "{ users(limit: 1) { name } }" }).to_string();
    let length = body.len();
    let mut client = RawClient::connect(gateway.address()).await;
    let head =
        "POST /graphql HTTP/1.1\r\nHost: a.test\r\nContent-Type: application/json\r\nExpect: 100-continue";
    client.send(format!("{head}\r\nContent-Length: {length}\r\n\r\n")).await;
    assert_eq!(client.answer().await.expect("an interim answer").status, 100, "it was let through");
    redis.kill();
    client.send(body).await;
    let answer = client.answer().await.expect("an answer");
    let header = |name: &str| answer.header(name).unwrap_or_default();
    assert_eq!(answer.status, 503, "{answer:?}");
    assert!(answer.body.contains(r#""code":"rate_limit_unavailable""#), "{answer:?}");
    assert!(header("proxy-status").contains("rate_limit_unavailable"), "{answer:?}");
    assert_eq!(
        (header("cache-control"), header("retry-after")),
        ("no-store", ""),
        "the route's edits come last"
    );
    let id = header("x-request-id");
    let line = gateway.access_log("the line", |line| line["request_id"] == id).await;
    assert_eq!((&line["status"], &line["reason"]), (&json!(503), &json!("rate_limit_unavailable")), "{line}");
    assert_eq!(line["graphql_first_error"], "rate_limit_unavailable", "{line}");
    let labels = [("http_route", "graphql"), ("http_response_status_code", "503")];
    gateway.metric("http_server_request_duration_seconds_count", &labels, |count| count == 1.0).await;
    assert_eq!(stubs.calls("users").await.values().sum::<u64>(), 0, "nobody was called");
}

#[tokio::test]
async fn a_limit_of_mutations_lets_queries_alone() {
    let stubs = Stubs::start().await;
    let settings = ", rate_limits: [{ limit: 3/h, name: changes, cost: graphql_mutations }]";
    let gateway = graphql::gateway_with(&stubs, settings, "").await;
    let user = |name: &str| {
        format!("{name}: createUser(input: {{name: \"A\", email: \"{name}@a.example\"}}) {{ id }}")
    };
    let mutation = |names: &[&str]| {
        let fields: Vec<String> = names.iter().map(|name| user(name)).collect();
        format!("mutation {{ {} }}", fields.join(" "))
    };
    let ask = async |query: &str| {
        let answer = gateway.graphql(query, json!({})).await;
        let left = answer.header("ratelimit").split(";t=").next().unwrap_or_default().to_owned();
        (answer.status.as_u16(), left, answer)
    };
    for (query, status, left) in [
        ("{ users { id } }".to_owned(), 200, ""),
        (mutation(&["a", "b"]), 200, r#""changes";r=1"#),
        (mutation(&["c", "d"]), 429, r#""changes";r=1"#),
        (mutation(&["e"]), 200, r#""changes";r=0"#),
        (mutation(&["f"]), 429, r#""changes";r=0"#),
        (mutation(&["g", "h", "i", "j"]), 429, r#""changes";r=0"#),
        ("{ users { id } }".to_owned(), 200, ""),
        ("mutation { __typename }".to_owned(), 200, ""),
    ] {
        let (found, said, answer) = ask(&query).await;
        assert_eq!((found, said.as_str()), (status, left), "{query}: {answer:?}");
    }
    let (_, _, refused) = ask(&mutation(&["k", "l"])).await;
    let message = "The operation has 2 mutations, and 0 are left";
    assert_eq!(refused.json()["errors"][0]["message"], message);
    let id = refused.header("x-request-id");
    let line = gateway.access_log("the line", |line| line["request_id"] == id).await;
    assert_eq!((&line["status"], &line["rate_limit"]), (&json!(429), &json!("changes")), "{line}");
}
