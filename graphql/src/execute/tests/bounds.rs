//! What one operation may hold, send and wait for, whatever clients and
//! services do.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::aside::Aside;
use crate::coerce::Values;
use crate::document::prepare;
use crate::engine::Engine;
use crate::execute::{Environment, Refusals, Run};
use crate::fetch::{Fetch, FetchRequest};
use crate::limits::Limits;
use crate::plan::{Conditions, compile};
use crate::request::Context;
use crate::testing::{Fake, Reply, ask, ask_with, context, engine, request, schema};

const SDL: &str = r#"
    type Query {
        users: [User!]! @rest(source: "users", GET: "/users")
        find(text: String): User @rest(source: "users", GET: "/find{?text}")
        search(text: String): User @rest(source: "users", POST: "/search", body: {text: "{text}"})
    }
    type User {
        id: ID!
        name: String
        note(text: String): Note
            @rest(source: "orders", GET: "/notes{?id*,text}", batch: {key: "id", param: "id", match: "id"})
        posted(text: String): Note
            @rest(source: "orders", POST: "/notes{?text}", body: "{keys}", batch: {key: "id", match: "id"})
        own(text: String): Note @rest(source: "orders", GET: "/notes/{parent.id}{?text}")
        shared: Note @rest(source: "orders", GET: "/shared")
        tagged(texts: [String]): Note @rest(source: "orders", GET: "/tagged{?texts}")
    }
    type Note { id: ID!  parts: [Part!]  pages: [Page!]! @rest(source: "products", GET: "/pages{?note}", batch: {key: "id", param: "note", match: "note"}) }
    type Part { id: ID! }
    type Page { number: Int! }
"#;

fn users(count: usize) -> Reply {
    Reply::Json((1..=count).map(|id| json!({"id": id})).collect())
}

fn limited(limits: Limits) -> Engine {
    Engine::new(schema(SDL), limits, 100)
}

fn codes(response: &Value) -> Vec<&str> {
    let errors = response["errors"].as_array().map(Vec::as_slice).unwrap_or_default();
    errors.iter().filter_map(|error| error["extensions"]["code"].as_str()).collect()
}

#[tokio::test]
async fn an_argument_too_long_for_a_url_is_not_sent_key_by_key() {
    let text = "x".repeat(9000);
    for field in ["note", "posted", "own"] {
        let fake = Fake::new(|_| users(50));
        let query = format!("query($text: String) {{ users {{ {field}(text: $text) {{ id }} }} }}");
        let (response, _) = ask_with(&engine(SDL), &fake, &query, json!({"text": text})).await;
        assert_eq!(fake.calls(), ["users GET /users"], "{field}");
        assert_eq!(codes(&response), ["graphql_unsendable_value"; 50], "{field}");
        assert!(response["errors"][0]["message"].as_str().unwrap().contains("8000 bytes"), "{response}");
    }
}

#[tokio::test]
async fn nulls_in_a_list_take_no_place_in_a_url() {
    for (text, calls) in [(Value::Null, 1), (json!(""), 0)] {
        let fake = Fake::new(|_| Reply::Json(json!({"id": 1})));
        let query = "query($texts: [String]) { find(text: \"a\") { tagged(texts: $texts) { id } } }";
        let texts = vec![text; 9000];
        let (response, _) = ask_with(&engine(SDL), &fake, query, json!({"texts": texts})).await;
        assert_eq!(fake.calls().len(), 1 + calls, "{response}");
    }
}

#[tokio::test]
async fn nothing_is_called_once_there_were_too_many_calls() {
    let fake = Fake::new(|call| match &*call.source {
        "users" => users(20),
        _ => Reply::Json(json!({"id": 1})),
    });
    let engine = limited(Limits { calls: 11, ..Limits::default() });
    let response = ask(&engine, &fake, "{ users { own { id } again: own { id } } }").await;
    assert_eq!(fake.calls().len(), 11);
    assert_eq!(codes(&response)[0], "graphql_too_many_calls");
    assert_eq!(response["data"]["users"][9], json!({"own": {"id": "1"}, "again": null}));
}

#[tokio::test]
async fn one_key_too_long_for_a_url_does_not_take_the_others_with_it() {
    let fake = Fake::new(|call| match &*call.source {
        "users" => Reply::Json(json!([{"id": "a"}, {"id": "b".repeat(9000)}, {"id": "c"}])),
        _ => Reply::Json(json!([{"id": "a"}, {"id": "c"}])),
    });
    let response = ask(&engine(SDL), &fake, "{ users { note { id } } }").await;
    assert_eq!(
        response["data"]["users"],
        json!([{"note": {"id": "a"}}, {"note": null}, {"note": {"id": "c"}}])
    );
    assert_eq!(codes(&response), ["graphql_unsendable_value"]);
}

#[tokio::test]
async fn a_url_is_sent_up_to_8000_bytes() {
    let query = "query($text: String) { find(text: $text) { id } }";
    for (len, calls) in [(8000 - "/find?text=".len(), 1), (8001 - "/find?text=".len(), 0), (70_000, 0)] {
        let fake = Fake::new(|_| Reply::Json(json!({"id": 1})));
        let (response, _) = ask_with(&engine(SDL), &fake, query, json!({"text": "x".repeat(len)})).await;
        assert_eq!(fake.calls().len(), calls, "{len}");
        let expected: &[&str] = if calls == 1 { &[] } else { &["graphql_unsendable_value"] };
        assert_eq!(codes(&response), expected, "{len}");
    }
    let query = "query($text: String) { search(text: $text) { id } }";
    let fake = Fake::new(|_| Reply::Json(json!({"id": 1})));
    let (response, _) = ask_with(&engine(SDL), &fake, query, json!({"text": "x".repeat(70_000)})).await;
    assert_eq!(response["data"], json!({"search": {"id": "1"}}), "a body may be as long as the request");
}

#[tokio::test]
async fn what_many_parents_share_is_read_once() {
    let parts: Vec<Value> = (0..50).map(|id| json!({"id": id})).collect();
    let fake = Fake::new(move |call| match &*call.source {
        "users" => users(100),
        "orders" => Reply::Json(json!({"id": 7, "parts": parts})),
        _ => Reply::Json(json!([{"note": 7, "number": 1}, {"note": 7, "number": 2}])),
    });
    let engine = limited(Limits { rows: 100 + 51 + 2, ..Limits::default() });
    let response = ask(&engine, &fake, "{ users { shared { parts { id } pages { number } } } }").await;
    assert!(response.get("errors").is_none(), "{}", response["errors"][0]);
    for user in response["data"]["users"].as_array().unwrap() {
        assert_eq!(user["shared"]["parts"].as_array().unwrap().len(), 50);
        assert_eq!(user["shared"]["pages"], json!([{"number": 1}, {"number": 2}]));
    }
    assert_eq!(fake.calls(), ["users GET /users", "orders GET /shared", "products GET /pages?note=7"]);
}

#[tokio::test]
async fn parents_with_the_same_call_are_one_call_that_is_read_once() {
    let fake = Fake::new(move |call| match &*call.source {
        "users" => Reply::Json((0..100).map(|n| json!({"id": n % 2})).collect()),
        _ => Reply::Json(json!({"id": call.path_and_query.rsplit('/').next()})),
    });
    let engine = limited(Limits { rows: 102, ..Limits::default() });
    let response = ask(&engine, &fake, "{ users { own { id } } }").await;
    assert!(response.get("errors").is_none(), "{}", response["errors"][0]);
    let users = response["data"]["users"].as_array().unwrap();
    assert!(users.iter().enumerate().all(|(n, user)| user["own"]["id"] == ["0", "1"][n % 2]));
    assert_eq!(fake.calls().len(), 3);
}

#[tokio::test]
async fn nothing_is_called_once_the_bytes_to_hold_are_used_up() {
    let fake = Fake::new(|call| match &*call.source {
        "users" => users(20),
        _ => Reply::Json(json!({"id": "x".repeat(500)})),
    });
    let engine = limited(Limits { held_bytes: 2000, concurrent_calls: 2, ..Limits::default() });
    let response = ask(&engine, &fake, "{ users { own { id } } }").await;
    assert!(fake.calls().len() <= 1 + 3 + 2, "{:?}", fake.calls());
    let codes = codes(&response);
    assert_eq!(codes, vec!["graphql_too_many_bytes"; codes.len()]);
    assert_eq!(codes.len(), 17, "three answers fit: {response}");
}

#[tokio::test]
async fn calls_under_way_share_the_room_for_answers() {
    let fake = Fake::new(|call| {
        if &*call.source == "users" {
            return users(4);
        }
        // As one who reads a body piece by piece does.
        let mut taken = call.room.begin();
        assert!(taken.more(100));
        Reply::Json(json!({"id": 1}))
    });
    let engine = limited(Limits { held_bytes: 400, ..Limits::default() });
    let response = ask(&engine, &fake, "{ users { own { id } } }").await;
    assert!(response.get("errors").is_none(), "what was taken is given back: {response}");
}

#[tokio::test]
async fn errors_count_as_bytes_of_the_response() {
    const EXPOSED: &str = r#"
        type Query { users: [User!]! @rest(source: "users", GET: "/users") }
        type User { id: ID!  own: Int @rest(source: "orders", GET: "/own/{parent.id}", expose: [409]) }
    "#;
    for (len, expected) in
        [(100, vec!["upstream_error_status"; 10]), (4000, vec!["graphql_response_too_large"])]
    {
        let fake = Fake::new(move |call| match &*call.source {
            "users" => users(10),
            _ => Reply::Status(409, json!("p".repeat(len)).to_string()),
        });
        let limits = Limits { response_bytes: 20_000, ..Limits::default() };
        let response = ask(&Engine::new(schema(EXPOSED), limits, 1), &fake, "{ users { own } }").await;
        assert_eq!(codes(&response), expected);
    }
    for (len, shown) in [((64 << 10) - 2, true), ((64 << 10) - 1, false)] {
        let fake = Fake::new(move |call| match &*call.source {
            "users" => users(1),
            _ => Reply::Status(409, json!("p".repeat(len)).to_string()),
        });
        let response = ask(&engine(EXPOSED), &fake, "{ users { own } }").await;
        let error = &response["errors"][0];
        assert_eq!(error["extensions"].get("problem").is_some(), shown, "{len}");
        let message = error["message"].as_str().unwrap();
        assert_eq!(message.contains("64 KiB"), !shown, "{message}");
    }
}

#[tokio::test]
async fn arguments_are_coerced_once_however_often_fragments_repeat_them() {
    let document = "query($text: String) { find(text: \"a\") { ...F } search(text: \"b\") { ...F } }
                    fragment F on User { tagged(texts: [\"c\", $text]) { id } }";
    let (schema, limits, context) = (schema(SDL), Limits::default(), context());
    let prepared = prepare(schema.apollo(), &limits, document, None).unwrap();
    let plan = Arc::new(compile(&schema, prepared, limits.selections).unwrap());
    let fetch: Arc<dyn Fetch> = Fake::new(|_| Reply::Json(json!({"id": 1})));
    let variables = json!({"text": "d"}).as_object().cloned().unwrap();
    let conditions = Conditions::evaluate(&plan.conditions, &variables).unwrap();
    let env = Environment {
        schema: &schema,
        limits: &limits,
        context: &context,
        fetch: &fetch,
        aside: &Aside::new(),
        variables: &variables,
        conditions: &conditions,
        refusals: &Refusals::default(),
    };
    let mut run = Run::new(&plan, env);
    let roots = (0..plan.nodes.len()).filter(|node| plan.nodes[*node].place == 0).collect::<Vec<_>>();
    run.run(&roots).await;
    let tagged: Vec<&Arc<Values>> =
        run.nodes.iter().map(|node| &node.arguments).filter(|values| values.contains_key("texts")).collect();
    assert_eq!(*tagged[0].as_ref(), *json!({"texts": ["c", "d"]}).as_object().unwrap());
    assert!(tagged.len() == 2 && Arc::ptr_eq(tagged[0], tagged[1]));
}

/// How often another task of this thread ran while `query` was answered.
async fn turns_of_others(engine: &Engine, fake: &Arc<Fake>, query: &str) -> (usize, Value) {
    let turns = Arc::new(AtomicUsize::new(0));
    let counter = turns.clone();
    let other = tokio::spawn(async move {
        loop {
            counter.fetch_add(1, Ordering::Relaxed);
            tokio::task::yield_now().await;
        }
    });
    let response = ask(engine, fake, query).await;
    other.abort();
    (turns.load(Ordering::Relaxed), response)
}

#[tokio::test]
async fn others_have_their_turn_between_answers() {
    let long = |id: usize| json!({"id": id, "name": "n".repeat(100_000)});
    let many = Fake::new(move |call| match &*call.source {
        "users" => users(20),
        _ => Reply::Json(long(1)),
    });
    let (few, _) = turns_of_others(&engine(SDL), &Fake::new(|_| users(1)), "{ users { id } }").await;
    let (turns, response) = turns_of_others(&engine(SDL), &many, "{ users { own { id } } }").await;
    assert!(response.get("errors").is_none());
    assert!(turns >= few + 20 * 100_000 / (256 << 10), "{turns} turns between twenty answers, {few} usually");
}

#[tokio::test]
async fn late_requests_send_nothing() {
    let fake = Fake::new(|_: &FetchRequest| users(1));
    let late = Context { deadline: Instant::now() + Duration::from_millis(5), ..context() };
    let (response, _) = engine(SDL).execute(request("{ users { id } }", json!({})), late, fake.clone()).await;
    let response: Value = serde_json::from_slice(&response.body).unwrap();
    assert_eq!(codes(&response), ["graphql_deadline_exceeded"]);
    assert!(fake.calls().is_empty());
}
