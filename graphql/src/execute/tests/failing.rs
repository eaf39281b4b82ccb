//! What services do wrong, and what the client is told.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::engine::Engine;
use crate::fetch::{FetchError, FetchRequest};
use crate::limits::Limits;
use crate::testing::{Fake, Reply, ask, ask_with, context, engine, request, schema};

const SDL: &str = r#"
    type Query {
        users: [User!]! @rest(source: "users", GET: "/users")
        user(id: ID!): User @rest(source: "users", GET: "/users/{id}")
        must: User! @rest(source: "users", GET: "/must")
        data: [User] @rest(source: "users", GET: "/data", select: "$.data")
    }
    type User {
        id: ID!
        name: String!
        nick: String
        order: Order @rest(source: "orders", GET: "/orders{?id}", batch: {key: "id", param: "id", match: "id"})
        orders: [Order!]! @rest(source: "orders", GET: "/all{?id}", batch: {key: "id", param: "id", match: "id", rows: 4})
    }
    type Order { id: ID!  total: Int }
    type Mutation {
        add(name: String!): User
            @rest(source: "users", POST: "/users", body: {name: "{name}"}, expose: [409])
        addMust(name: String!): User! @rest(source: "users", POST: "/users", body: {name: "{name}"})
    }
"#;

fn ids(call: &FetchRequest) -> Vec<i64> {
    let list = call.path_and_query.split_once("id=").unwrap().1;
    list.split(',').map(|id| id.parse().unwrap()).collect()
}

fn users(count: i64) -> Reply {
    Reply::Json((1..=count).map(|id| json!({"id": id, "name": "n"})).collect())
}

fn orders(call: &FetchRequest) -> Reply {
    Reply::Json(ids(call).iter().map(|id| json!({"id": id, "total": id * 2})).collect())
}

fn status(status: u16) -> Reply {
    Reply::Status(status, r#"{"title":"internal detail"}"#.into())
}

#[tokio::test]
async fn a_service_that_is_down_nulls_its_field_and_nothing_else() {
    for (reply, code) in [
        (FetchError::Failed("upstream_connect_refused"), "upstream_connect_refused"),
        (FetchError::TimedOut("upstream_read_timeout"), "upstream_read_timeout"),
        (FetchError::BodyTooLarge, "upstream_body_too_large"),
    ] {
        let fake = Fake::new(move |call| match &*call.source {
            "users" => users(2),
            _ => Reply::Error(reply.clone()),
        });
        let (response, report) =
            ask_with(&engine(SDL), &fake, "{ users { id order { total } } }", json!({})).await;
        assert_eq!(
            response["data"],
            json!({"users": [{"id": "1", "order": null}, {"id": "2", "order": null}]})
        );
        let errors = response["errors"].as_array().unwrap();
        assert_eq!(errors.len(), 2);
        assert_eq!(errors[1]["path"], json!(["users", 1, "order"]));
        assert_eq!(errors[1]["extensions"], json!({"code": code, "source": "orders"}));
        assert_eq!((report.has_data, report.errors, report.first_error), (true, 2, Some(code)));
        assert_eq!(report.fetches[1].error, Some(code));
    }
}

#[tokio::test]
async fn error_statuses_say_status_and_source_and_nothing_internal() {
    let fake = Fake::new(|call| match &*call.source {
        "users" => users(3),
        _ => status(503),
    });
    let response = ask(&engine(SDL), &fake, "{ users { order { id } } }").await;
    assert_eq!(fake.calls().len(), 2, "5xx is not asked again");
    let first = &response["errors"][0];
    assert_eq!(
        first["extensions"],
        json!({"code": "upstream_error_status", "source": "orders", "status": 503})
    );
    assert_eq!(first["locations"], json!([{"line": 1, "column": 11}]));
    assert!(!response.to_string().contains("internal detail"));
}

#[tokio::test]
async fn only_refused_batches_are_bisected() {
    for code in [400, 404, 413, 414, 422] {
        let fake = Fake::new(move |call| match &*call.source {
            "users" => users(8),
            _ if ids(call).contains(&3) => status(code),
            _ => orders(call),
        });
        let response = ask(&engine(SDL), &fake, "{ users { order { total } } }").await;
        let totals: Vec<&Value> = response["data"]["users"]
            .as_array()
            .unwrap()
            .iter()
            .map(|user| &user["order"]["total"])
            .collect();
        assert_eq!(json!(totals), json!([2, 4, null, 8, 10, 12, 14, 16]), "{code}");
        // 8 -> 4+4 -> 2+2 -> 1+1
        assert_eq!(fake.calls().len(), 1 + 1 + 6, "{code}");
        let expected = if code == 404 { 0 } else { 1 };
        let errors = response["errors"].as_array().map_or(0, Vec::len);
        assert_eq!(errors, expected, "a single key's 404 is no row: {response}");
    }
    for code in [401, 403, 409, 410, 429, 500, 503] {
        let fake = Fake::new(move |call| match &*call.source {
            "users" => users(8),
            _ => status(code),
        });
        let response = ask(&engine(SDL), &fake, "{ users { order { total } } }").await;
        assert_eq!(fake.calls().len(), 2, "{code}");
        assert_eq!(response["errors"].as_array().unwrap().len(), 8, "{code}");
    }
}

#[tokio::test]
async fn bisecting_ends_after_eight_extra_calls() {
    let fake = Fake::new(|call| match &*call.source {
        "users" => users(64),
        _ => status(400),
    });
    let response = ask(&engine(SDL), &fake, "{ users { order { total } } }").await;
    assert_eq!(fake.calls().len(), 1 + 1 + 8);
    assert_eq!(response["errors"].as_array().unwrap().len(), 64);
}

#[tokio::test]
async fn an_answer_at_its_row_cap_is_split_or_an_error() {
    let rows_of = |id: i64| if id == 2 { 5 } else { 1 };
    let fake = Fake::new(move |call| match &*call.source {
        "users" => users(4),
        _ => {
            let rows = ids(call)
                .into_iter()
                .flat_map(|id| (0..rows_of(id)).map(move |n| json!({"id": id, "total": n})));
            Reply::Json(rows.take(4).collect())
        }
    });
    let response = ask(&engine(SDL), &fake, "{ users { nick orders { total } } }").await;
    assert_eq!(response["data"], Value::Null, "never silently short");
    assert_eq!(response["errors"][0]["extensions"]["code"], "graphql_rows_capped");
    assert_eq!(response["errors"][0]["path"], json!(["users", 1, "orders"]));
}

#[tokio::test]
async fn missing_single_values_are_null_and_other_answers_are_errors() {
    for (reply, code) in [
        (status(404), None),
        (status(410), None),
        (Reply::Status(204, String::new()), None),
        (Reply::Json(Value::Null), None),
        (status(403), Some("upstream_error_status")),
        (Reply::Status(302, String::new()), Some("upstream_redirect")),
        (Reply::Status(304, String::new()), Some("upstream_redirect")),
        (Reply::Status(200, "<html>".into()), Some("upstream_invalid_body")),
        (Reply::Status(200, String::new()), Some("upstream_invalid_body")),
        (Reply::Status(200, "{\"id\":1} x".into()), Some("upstream_invalid_body")),
        (Reply::Status(200, "7".into()), Some("graphql_invalid_value")),
        (Reply::Status(200, "[]".into()), Some("graphql_invalid_value")),
    ] {
        let reply = std::sync::Mutex::new(Some(reply));
        let fake = Fake::new(move |_| reply.lock().unwrap().take().unwrap());
        let response = ask(&engine(SDL), &fake, "{ user(id: 1) { id } }").await;
        assert_eq!(response["data"], json!({"user": null}), "{response}");
        assert_eq!(response["errors"][0]["extensions"]["code"].as_str(), code, "{response}");
    }
    let fake = Fake::new(|_| status(404));
    let response = ask(&engine(SDL), &fake, "{ must { id } }").await;
    assert_eq!(response["data"], Value::Null);
    assert_eq!(response["errors"][0]["extensions"]["status"], 404);
}

#[tokio::test]
async fn a_path_value_that_is_no_segment_is_never_sent() {
    let fake = Fake::new(|_| users(1));
    for id in ["", ".", ".."] {
        let response = ask(&engine(SDL), &fake, &format!("{{ user(id: \"{id}\") {{ id }} }}")).await;
        assert_eq!(response["errors"][0]["extensions"]["code"], "graphql_unsendable_value", "{id}");
    }
    let response = ask(&engine(SDL), &fake, "{ user(id: \"a/b?c=d\") { id } }").await;
    assert!(response["errors"][0]["path"].is_array(), "the list is no object: {response}");
    assert_eq!(fake.calls(), ["users GET /users/a%2Fb%3Fc%3Dd"]);
}

#[tokio::test]
async fn null_travels_to_the_nearest_nullable_ancestor() {
    let fake = |rows: Value| Fake::new(move |_| Reply::Json(json!({"data": rows.clone()})));
    let query = "{ data { id name } }";
    let response =
        ask(&engine(SDL), &fake(json!([{"id": 1, "name": "a"}, {"id": 2, "name": null}, {"id": 3}])), query)
            .await;
    assert_eq!(response["data"], json!({"data": [{"id": "1", "name": "a"}, null, null]}));
    assert_eq!(response["errors"][0]["path"], json!(["data", 1, "name"]));
    assert_eq!(response["errors"][0]["message"], "Cannot return null for non-nullable field User.name.");
    assert_eq!(response["errors"][1]["path"], json!(["data", 2, "name"]));

    let fake = Fake::new(|_| {
        Reply::Json(json!([{"id": 1, "name": "a"}, {"id": 2, "name": 7}, {"id": 3, "name": {}}]))
    });
    let (response, report) = ask_with(&engine(SDL), &fake, "{ users { id name } }", json!({})).await;
    assert_eq!(response["data"], Value::Null, "every ancestor is non-null");
    assert!(!report.has_data);
    assert_eq!(response["errors"][0]["extensions"]["code"], "graphql_invalid_value");
    assert_eq!(response["errors"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn beyond_a_hundred_errors_are_counted() {
    let fake = Fake::new(|call| match &*call.source {
        "users" => users(130),
        _ => status(500),
    });
    let response = ask(&engine(SDL), &fake, "{ users { order { id } } }").await;
    assert_eq!(response["errors"].as_array().unwrap().len(), 100);
    assert_eq!(response["extensions"], json!({"omittedErrors": 30}));
}

#[tokio::test(start_paused = true)]
async fn at_the_deadline_what_exists_is_answered() {
    let fake = Fake::new(|call| match (&*call.source, ids_if_any(call).contains(&2)) {
        ("users", _) => users(2),
        _ => Reply::Never,
    });
    let started = tokio::time::Instant::now();
    let mut context = context();
    context.deadline = Instant::now() + Duration::from_secs(3);
    let (response, report) =
        engine(SDL).execute(request("{ users { id order { id } } }", json!({})), context, fake.clone()).await;
    assert!(started.elapsed() <= Duration::from_secs(3));
    let response: Value = serde_json::from_slice(&response.body).unwrap();
    assert_eq!(response["data"]["users"][1], json!({"id": "2", "order": null}));
    assert_eq!(response["errors"][1]["extensions"]["code"], "graphql_deadline_exceeded");
    assert_eq!(report.fetches.len(), 2);
    assert_eq!((report.fetches[0].error, report.fetches[1].error), (None, Some("graphql_deadline_exceeded")));
    let call = &fake.requests()[0];
    assert!(call.deadline < Instant::now() + Duration::from_secs(3));
}

fn ids_if_any(call: &FetchRequest) -> Vec<i64> {
    if call.path_and_query.contains("id=") { ids(call) } else { Vec::new() }
}

#[tokio::test]
async fn nothing_is_sent_when_no_time_is_left() {
    let fake = Fake::new(|_| users(1));
    let mut context = context();
    context.deadline = Instant::now();
    let (response, _) =
        engine(SDL).execute(request("{ user(id: 1) { id } }", json!({})), context, fake.clone()).await;
    let response: Value = serde_json::from_slice(&response.body).unwrap();
    assert_eq!(response["errors"][0]["extensions"]["code"], "graphql_deadline_exceeded");
    assert!(fake.calls().is_empty());
}

#[tokio::test]
async fn mutations_run_one_after_another_and_an_exposed_problem_is_shown() {
    let fake = Fake::new(|call| match call.body.as_deref() {
        Some(b"{\"name\":\"b\"}") => Reply::Status(409, r#"{"title":"taken"}"#.into()),
        None => Reply::Json(json!([])),
        _ => Reply::Later(Duration::from_millis(5), Box::new(Reply::Json(json!({"id": 1, "name": "x"})))),
    });
    let query = r#"mutation { a: add(name: "a") { order { id } } b: add(name: "b") { id } c: add(name: "c") { id } }"#;
    let response = ask(&engine(SDL), &fake, query).await;
    assert_eq!(fake.concurrency(), [0, 0, 0, 0]);
    let calls = fake.calls();
    assert_eq!(
        calls,
        ["users POST /users", "orders GET /orders?id=1", "users POST /users", "users POST /users"]
    );
    assert_eq!(response["data"]["b"], Value::Null);
    assert_eq!(response["data"]["c"]["id"], "1");
    let extensions = &response["errors"][0]["extensions"];
    assert_eq!(extensions["problem"], json!({"title": "taken"}));
    assert_eq!(extensions["status"], 409);
}

#[tokio::test]
async fn a_non_null_mutation_that_fails_stops_the_rest() {
    let fake = Fake::new(|call| match call.body.as_deref() {
        Some(b"{\"name\":\"b\"}") => Reply::Json(json!({"id": null})),
        _ => Reply::Json(json!({"id": 1})),
    });
    let query =
        r#"mutation { a: addMust(name: "a") { id } b: addMust(name: "b") { id } c: add(name: "c") { id } }"#;
    let response = ask(&engine(SDL), &fake, query).await;
    assert_eq!(fake.calls().len(), 2);
    assert_eq!(response["data"], Value::Null);
    assert_eq!(response["errors"][0]["path"], json!(["b", "id"]));
}

#[tokio::test]
async fn the_same_mutation_twice_is_sent_twice() {
    let fake = Fake::new(|_| Reply::Json(json!({"id": 1, "name": "x"})));
    let query = r#"mutation { a: add(name: "a") { id } b: add(name: "a") { id order { id } } c: add(name: "a") { order { id } } }"#;
    ask(&engine(SDL), &fake, query).await;
    let calls = fake.calls();
    assert_eq!(calls.iter().filter(|call| call.contains("POST")).count(), 3);
    assert_eq!(calls.iter().filter(|call| call.contains("GET")).count(), 2, "reads are not shared across");
}

#[tokio::test]
async fn a_mutation_that_was_sent_is_finished_though_its_client_leaves() {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    struct Slow(Arc<AtomicUsize>, tokio::sync::Notify);
    impl crate::fetch::Fetch for Slow {
        fn fetch<'a>(
            &'a self,
            _: FetchRequest,
        ) -> futures::future::BoxFuture<'a, Result<crate::fetch::FetchResponse, FetchError>> {
            Box::pin(async move {
                self.0.fetch_add(1, Ordering::SeqCst);
                self.1.notified().await;
                self.0.fetch_add(10, Ordering::SeqCst);
                Err(FetchError::Failed("x"))
            })
        }
    }
    let count = Arc::new(AtomicUsize::new(0));
    let slow = Arc::new(Slow(count.clone(), tokio::sync::Notify::new()));
    let engine = engine(SDL);
    let query = r#"mutation { a: add(name: "a") { id } b: add(name: "b") { id } }"#;
    let mut client = Box::pin(engine.execute(request(query, json!({})), context(), slow.clone()));
    while count.load(Ordering::SeqCst) == 0 {
        tokio::select! {
            _ = &mut client => panic!("nothing was answered"),
            () = tokio::task::yield_now() => {}
        }
    }
    drop(client);
    slow.1.notify_one();
    while count.load(Ordering::SeqCst) < 11 {
        tokio::task::yield_now().await;
    }
    tokio::task::yield_now().await;
    assert_eq!(count.load(Ordering::SeqCst), 11, "the second mutation never starts");
}

#[tokio::test]
async fn bounds_on_rows_bytes_calls_and_the_response_hold() {
    let over = |limits: Limits| Engine::new(schema(SDL), limits, 10);
    let default = Limits::default();
    for (limits, code) in [
        (Limits { rows: 5, ..default.clone() }, "graphql_too_many_rows"),
        (Limits { held_bytes: 100, ..default.clone() }, "graphql_too_many_bytes"),
        (Limits { body_bytes: 100, ..default.clone() }, "upstream_body_too_large"),
        (Limits { calls: 0, ..default.clone() }, "graphql_too_many_calls"),
        (Limits { response_bytes: 100, ..default.clone() }, "graphql_response_too_large"),
    ] {
        let fake = Fake::new(|_| users(10));
        let response = ask(&over(limits), &fake, "{ users { id name } }").await;
        assert_eq!(response["data"], Value::Null, "{code}");
        assert_eq!(response["errors"][0]["extensions"]["code"], code);
    }
}

#[tokio::test]
async fn a_call_whose_answer_may_not_be_held_has_failed_in_the_report() {
    for (limits, code) in [
        (Limits { held_bytes: 10, ..Limits::default() }, "graphql_too_many_bytes"),
        (Limits { body_bytes: 10, ..Limits::default() }, "upstream_body_too_large"),
    ] {
        let fake = Fake::new(|_| users(2));
        let engine = Engine::new(schema(SDL), limits, 1);
        let (response, report) = ask_with(&engine, &fake, "{ users { id } }", json!({})).await;
        assert_eq!(response["errors"][0]["extensions"]["code"], code);
        let fetch = &report.fetches[0];
        assert_eq!((fetch.status, fetch.error), (Some(200), Some(code)));
    }
}
