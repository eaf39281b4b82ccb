//! The composed API of the bundled schema, over the four stub services.

use std::fs;

use serde_json::{Value, json};
use tests::{Answer, Gateway, Launch, Stubs, client, full};

/// The query of the contract: four services, one call each.
pub const FOUR_SERVICES: &str = "{ users(limit: 50) { name orders(first: 10) { total items { quantity product { name } } payment { status } } } }";

/// A gateway with the bundled schema over these services.
pub async fn gateway(stubs: &Stubs, more: &str) -> Gateway {
    gateway_with(stubs, "", more).await
}

/// The same with more settings for the route, in YAML's flow style: `, ip_filter: {}`.
pub async fn gateway_with(stubs: &Stubs, settings: &str, more: &str) -> Gateway {
    let yaml = format!(
        "{}routes:\n  - {{ name: graphql, match: {{ path: /graphql }}, graphql: main{settings} }}\n\
         graphql: {{ main: {{ schema: [\"schema/*.graphql\"] }} }}\n{more}",
        stubs.upstreams()
    );
    let mut launch = Launch::new(&yaml);
    let bundled = concat!(env!("CARGO_MANIFEST_DIR"), "/../config/schema");
    for entry in fs::read_dir(bundled).expect("the bundled schema") {
        let path = entry.expect("a readable folder").path();
        let name = path.file_name().expect("a file").to_string_lossy().into_owned();
        let sdl = fs::read_to_string(&path).expect("a readable file");
        launch = launch.file(&format!("schema/{name}"), open_to_all(&sdl));
    }
    launch.start().await
}

/// The schema without its rules: who may read what is told by `authorization.rs`, and for the bundled one by `demo.rs`.
fn open_to_all(sdl: &str) -> String {
    let scoped = |scope: &str| format!("@requiresScopes(scopes: [[\"{scope}\"]])");
    let rules = [
        "@authenticated".to_owned(),
        scoped("orders:write"),
        scoped("payments:read"),
        scoped("payments:write"),
    ];
    rules.iter().fold(sdl.to_owned(), |sdl, rule| sdl.replace(rule, ""))
}

async fn start() -> (Stubs, Gateway) {
    let stubs = Stubs::start().await;
    let gateway = gateway(&stubs, "").await;
    (stubs, gateway)
}

async fn ask(gateway: &Gateway, query: &str) -> Value {
    let answer = gateway.graphql(query, json!({})).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()
}

async fn get(stubs: &Stubs, service: &str, path: &str) -> Value {
    client::get(&format!("{}{path}", stubs.url(service))).await.json()
}

#[tokio::test]
async fn the_query_over_four_services_makes_one_call_to_each() {
    let (stubs, gateway) = start().await;
    let answer = ask(&gateway, FOUR_SERVICES).await;
    for service in ["users", "orders", "products", "payments"] {
        let calls = stubs.calls(service).await;
        assert_eq!(calls.values().sum::<u64>(), 1, "{service}: {calls:?}");
    }
    assert!(answer.get("errors").is_none(), "{}", answer["errors"]);
    assert_eq!(answer["data"]["users"].as_array().unwrap().len(), 50);
}

#[tokio::test]
async fn the_answer_is_what_the_services_say() {
    let (stubs, gateway) = start().await;
    let answer = ask(&gateway, FOUR_SERVICES).await;
    let users = get(&stubs, "users", "/users?limit=50").await;
    let ids: Vec<String> =
        users.as_array().unwrap().iter().map(|user| format!("user_id={}", user["id"])).collect();
    let orders = get(&stubs, "orders", &format!("/orders?{}&first=10", ids.join("&"))).await;
    let products = get(
        &stubs,
        "products",
        &format!("/products?ids={}", (1..=200).map(|id| id.to_string()).collect::<Vec<_>>().join(",")),
    )
    .await;
    let product = |id: &Value| {
        let found = products.as_array().unwrap().iter().find(|product| product["id"] == *id).unwrap();
        json!({ "name": found["name"] })
    };
    for (user, composed) in users.as_array().unwrap().iter().zip(answer["data"]["users"].as_array().unwrap())
    {
        assert_eq!(composed["name"], user["name"]);
        let own: Vec<&Value> =
            orders.as_array().unwrap().iter().filter(|order| order["user_id"] == user["id"]).collect();
        let composed = composed["orders"].as_array().unwrap();
        assert_eq!(composed.len(), own.len());
        for (order, composed) in own.iter().zip(composed) {
            assert_eq!(composed["total"], order["total"]);
            let payment = get(&stubs, "payments", &format!("/payments?order_id={}", order["id"])).await;
            assert_eq!(composed["payment"]["status"], payment[0]["status"]);
            let items: Vec<Value> = order["items"]
                .as_array()
                .unwrap()
                .iter()
                .map(|item| json!({ "quantity": item["quantity"], "product": product(&item["product_id"]) }))
                .collect();
            assert_eq!(composed["items"], json!(items));
        }
    }
}

#[tokio::test]
async fn a_service_that_is_down_nulls_its_field_and_nothing_else() {
    let (stubs, gateway) = start().await;
    let whole = ask(&gateway, FOUR_SERVICES).await;
    stubs.trouble("payments", json!({ "error_rate": 1 })).await;
    let answer = ask(&gateway, FOUR_SERVICES).await;
    let mut expected = whole["data"].clone();
    let mut positions = 0;
    for user in expected["users"].as_array_mut().unwrap() {
        for order in user["orders"].as_array_mut().unwrap() {
            order["payment"] = Value::Null;
            positions += 1;
        }
    }
    assert_eq!(answer["data"], expected);
    let errors = answer["errors"].as_array().unwrap();
    assert!(!errors.is_empty() && errors.len() <= positions);
    for error in errors {
        let path = error["path"].as_array().unwrap();
        assert_eq!(
            (&path[0], &path[2], path.last().unwrap()),
            (&json!("users"), &json!("orders"), &json!("payment"))
        );
        assert!(error["extensions"]["code"].is_string(), "{error}");
        assert_eq!(error["extensions"]["source"], "payments");
    }
    let text = answer["errors"].to_string();
    assert!(!text.contains("127.0.0.1"), "an address is shown: {text}");

    stubs.peace("payments").await;
    assert_eq!(ask(&gateway, FOUR_SERVICES).await["data"], whole["data"]);
}

#[tokio::test]
async fn a_service_that_hangs_delays_nobody_for_ever() {
    let stubs = Stubs::start().await;
    let slow = stubs.upstreams().replace("\"] }", "\"], timeouts: { read: 500ms } }");
    let launch = slow
        + "routes:\n  - { name: graphql, match: { path: /graphql }, graphql: main }\ngraphql: { main: { schema: [api.graphql] } }\n";
    let sdl = "type Query { user(id: ID!): User @rest(source: \"users\", GET: \"/users/{id}\") product(id: ID!): Product @rest(source: \"products\", GET: \"/products/{id}\") } type User { name: String! } type Product { name: String! }";
    let gateway = Launch::new(&launch).file("api.graphql", sdl).start().await;
    stubs.trouble("products", json!({ "hang": true })).await;
    let answer = ask(&gateway, "{ user(id: 1) { name } product(id: 1) { name } }").await;
    assert!(answer["data"]["user"]["name"].is_string(), "{answer}");
    assert_eq!(answer["data"]["product"], Value::Null);
    assert_eq!(answer["errors"][0]["extensions"]["code"], "upstream_read_timeout", "{answer}");
}

#[tokio::test]
async fn every_field_of_the_contract_is_there() {
    let (_stubs, gateway) = start().await;
    let answer = ask(
        &gateway,
        "{
          user(id: 7) { id name email orders(first: 1) { id status total currency createdAt user { id }
            items { quantity unitPrice product { id name } } payment { id status method amount } } }
          users(limit: 2) { id }
          order(id: 3) { id user { name } }
          product(id: 5) { id name }
          products(category: \"books\") { id }
          nobody: user(id: 999999) { name }
        }",
    )
    .await;
    assert!(answer.get("errors").is_none(), "{}", answer["errors"]);
    assert_eq!(answer["data"]["user"]["id"], "7", "an ID is a string");
    assert_eq!(answer["data"]["users"].as_array().unwrap().len(), 2);
    assert_eq!(answer["data"]["nobody"], Value::Null, "a 404 is null without an error");
}

#[tokio::test]
async fn variables_aliases_fragments_and_directives_work() {
    let (stubs, gateway) = start().await;
    let query = "query Some($id: ID!, $with: Boolean!) {
        first: user(id: $id) { ...Person orders(first: 1) @include(if: $with) { id } }
        second: user(id: 2) { ...Person email @skip(if: $with) }
      }
      fragment Person on User { id name }";
    let answer = gateway.graphql(query, json!({ "id": "1", "with": false })).await.json();
    assert_eq!(answer["data"]["first"]["id"], "1");
    assert!(answer["data"]["first"].get("orders").is_none());
    assert!(answer["data"]["second"]["email"].is_string());
    assert!(stubs.calls("orders").await.is_empty(), "what is not included is not fetched");
    let answer = gateway.graphql(query, json!({ "with": false })).await;
    assert!(answer.json()["errors"][0]["message"].as_str().unwrap().contains("id"), "{}", answer.text());
}

#[tokio::test]
async fn a_mutation_creates_an_order() {
    let (stubs, gateway) = start().await;
    let mutation = "mutation($input: CreateOrder!) { createOrder(input: $input) { id total user { id } payment { status } } }";
    let input = json!({ "input": { "userId": "1", "items": [{ "productId": "1", "quantity": 2 }] } });
    let answer = gateway.graphql(mutation, input).await.json();
    assert!(answer.get("errors").is_none(), "{answer}");
    let order = &answer["data"]["createOrder"];
    assert_eq!(order["user"]["id"], "1");
    let id = order["id"].as_str().unwrap();
    let stored = get(&stubs, "orders", &format!("/orders/{id}")).await;
    assert_eq!(stored["total"], order["total"]);
    assert_eq!(stubs.calls("orders").await.get("POST /orders"), Some(&1));
}

#[tokio::test]
async fn an_order_that_cannot_be_placed_says_why() {
    let (stubs, gateway) = start().await;
    let mutation = "mutation($input: CreateOrder!) { createOrder(input: $input) { id } }";
    let stock = async || get(&stubs, "products", "/products/1").await["stock"].clone();
    let before = stock().await;
    let order = |user: &str, product: &str, quantity: i64, method: Option<&str>| {
        let items = json!([{ "productId": product, "quantity": quantity }]);
        json!({ "input": { "userId": user, "items": items, "paymentMethod": method } })
    };
    let thousands = usize::try_from(before.as_u64().unwrap() / 1000).unwrap() + 1;
    let mut too_many = order("1", "1", 1000, None);
    too_many["input"]["items"] = json!(vec![too_many["input"]["items"][0].clone(); thousands]);
    for (input, status, said) in [
        (order("999999", "1", 1, None), 422, "there is no user 999999"),
        (order("nobody", "1", 1, None), 422, "user_id"),
        (order("1", "999999", 1, None), 422, "there is no product 999999"),
        (order("1", "1", 0, None), 422, "items[0].quantity"),
        (too_many, 409, "stock"),
        (order("1", "1", 1, Some("declined")), 402, "payment"),
        (order("1", "1", 1, Some("shells")), 422, "payment_method"),
    ] {
        let answer = gateway.graphql(mutation, input.clone()).await;
        assert_eq!(answer.status, 200, "{input}: {}", answer.text());
        let answer = answer.json();
        assert_eq!(answer["data"], json!({ "createOrder": null }), "{input}");
        let error = &answer["errors"][0];
        let extensions = &error["extensions"];
        assert_eq!(error["path"], json!(["createOrder"]));
        assert_eq!(
            (&extensions["code"], &extensions["source"], &extensions["status"]),
            (&json!("upstream_error_status"), &json!("orders"), &json!(status)),
            "{input}: {error}"
        );
        assert!(extensions["problem"].to_string().contains(said), "{input}: {error}");
    }
    assert_eq!(stock().await, before, "nothing stays reserved");
    stubs.trouble("payments", json!({ "error_rate": 1 })).await;
    let answer = gateway.graphql(mutation, order("1", "1", 1, None)).await.json();
    let extensions = &answer["errors"][0]["extensions"];
    assert_eq!((&extensions["status"], &extensions["problem"]), (&json!(502), &Value::Null), "{answer}");
    stubs.peace("payments").await;
    let quantity = json!({ "input": { "userId": "1", "items": [{ "productId": "1" }] } });
    let answer = gateway.graphql(mutation, quantity).await.json();
    assert!(answer["data"]["createOrder"]["id"].is_string(), "the quantity is 1 by default: {answer}");
}

#[tokio::test]
async fn an_order_sent_twice_with_one_key_is_placed_once() {
    let (_stubs, gateway) = start().await;
    let mutation = "mutation { createOrder(input: { userId: 1, items: [{ productId: 1 }] }) { id } }";
    let mut ids = Vec::new();
    for _ in 0..2 {
        let request = client::request("POST", &gateway.url("/graphql"))
            .header("content-type", "application/json")
            .header("idempotency-key", "once");
        let body = json!({ "query": mutation }).to_string();
        let answer = gateway.send(request.body(full(body)).unwrap()).await.json();
        ids.push(answer["data"]["createOrder"]["id"].clone());
    }
    assert!(ids[0].is_string() && ids[0] == ids[1], "{ids:?}");
}

#[tokio::test]
async fn get_is_for_queries_only() {
    let (stubs, gateway) = start().await;
    let answer = gateway.get("/graphql?query=%7Buser(id:1)%7Bname%7D%7D").await;
    assert!(answer.json()["data"]["user"]["name"].is_string(), "{}", answer.text());
    let mutation = "mutation%7BcreateOrder(input:%7BuserId:%221%22,items:%5B%7BproductId:%221%22,quantity:1%7D%5D%7D)%7Bid%7D%7D";
    let answer = gateway.get(&format!("/graphql?query={mutation}")).await;
    assert_eq!(answer.status, 405, "{}", answer.text());
    assert!(stubs.calls("orders").await.is_empty());
}

#[tokio::test]
async fn broken_requests_are_refused_before_any_call() {
    let (stubs, gateway) = start().await;
    let post = async |kind: &str, body: &str| -> Answer {
        let request = client::request("POST", &gateway.url("/graphql")).header("content-type", kind);
        gateway.send(request.body(full(body.to_owned())).unwrap()).await
    };
    let json = "application/json";
    assert_eq!(post(json, "not JSON").await.status, 400);
    assert_eq!(post(json, "{}").await.status, 400);
    for list in [r#"["{ user(id:1){name} }",null,null,null]"#, r#"[{"query":"{ user(id:1){name} }"}]"#] {
        let answer = post(json, list).await;
        assert_eq!(answer.status, 400, "{}", answer.text());
        assert_eq!(answer.json()["errors"][0]["extensions"]["code"], "graphql_malformed_request");
    }
    let request = client::request("POST", &gateway.url("/graphql")).header("content-type", json);
    let request = request.header("content-encoding", "gzip");
    let encoded = gateway.send(request.body(full(r#"{"query":"{__typename}"}"#)).unwrap()).await;
    assert_eq!(encoded.status, 415, "{}", encoded.text());
    assert_eq!(post("text/plain", r#"{"query":"{__typename}"}"#).await.status, 415);
    for query in
        ["{ nothing }", "{ user(id: 1) }", "{ user { name } }", "query { users(limit: \"x\") { id } }", "{"]
    {
        let answer = post(json, &json!({ "query": query }).to_string()).await;
        let errors = answer.json()["errors"].clone();
        assert!(
            errors[0]["message"].is_string() && answer.json().get("data").is_none(),
            "{query}: {}",
            answer.text()
        );
    }
    let fragments: String =
        (0..100).map(|n| format!("fragment F{n} on User {{ ...F{0} ...F{0} }} ", n + 1)).collect();
    let chain = format!("{{ user(id: 1) {{ ...F0 }} }} {fragments} fragment F100 on User {{ id }}");
    let deep = format!("{{ user(id: 1) {{ {}id{} }} }}", "orders { user { ".repeat(100), " } }".repeat(100));
    let long = format!("{{ user(id: 1) {{ {} }} }}", "id ".repeat(200_000));
    for query in [chain, deep, long] {
        let answer = post(json, &json!({ "query": query }).to_string()).await;
        let document = answer.json();
        assert!(document.get("data").is_none_or(Value::is_null), "a bomb was run");
        assert!(document.to_string().contains("code") || document.get("reason").is_some(), "{document:.300}");
    }
    for service in ["users", "orders"] {
        assert!(stubs.calls(service).await.is_empty());
    }
}

#[tokio::test]
async fn introspection_can_be_asked_and_switched_off() {
    let (stubs, open) = start().await;
    let types =
        ask(&open, "{ __schema { queryType { name } types { name } } __type(name: \"Order\") { kind } }")
            .await;
    assert_eq!(types["data"]["__schema"]["queryType"]["name"], "Query");
    assert_eq!(types["data"]["__type"]["kind"], "OBJECT");
    let yaml = format!(
        "{}routes:\n  - {{ name: graphql, match: {{ path: /graphql }}, graphql: main }}\n\
         graphql: {{ main: {{ schema: [api.graphql], introspection: false }} }}\n",
        stubs.upstreams()
    );
    let sdl = "type Query { user(id: ID!): User @rest(source: \"users\", GET: \"/users/{id}\") } type User { name: String! }";
    let closed = Launch::new(&yaml).file("api.graphql", sdl).start().await;
    let answer = closed.graphql("{ __schema { queryType { name } } }", json!({})).await.json();
    assert!(answer["errors"].is_array() && answer.get("data").is_none_or(Value::is_null), "{answer}");
    assert_eq!(ask(&closed, "{ user(id: 1) { __typename } }").await["data"]["user"]["__typename"], "User");
}

#[tokio::test]
async fn what_it_did_is_measured_and_logged() {
    let (_stubs, gateway) = start().await;
    for _ in 0..2 {
        gateway.graphql(&format!("query Four {FOUR_SERVICES}"), json!({})).await;
    }
    let line = gateway.access_log("the line", |line| line["path"] == "/graphql").await;
    assert_eq!(
        (line["graphql_operation_type"].as_str(), line["graphql_operation_name"].as_str()),
        (Some("query"), Some("Four"))
    );
    assert_eq!((line["graphql_fetches"].as_u64(), line["graphql_errors"].as_u64()), (Some(4), Some(0)));
    gateway
        .metric("graphql_operation_duration_seconds_count", &[("result", "ok")], |count| count == 2.0)
        .await;
    let metrics = gateway.metrics().await;
    assert_eq!(metrics.value("graphql_plan_cache_hits_total", &[]), 1.0);
    assert_eq!(metrics.value("graphql_plan_cache_misses_total", &[]), 1.0);
    assert_eq!(metrics.value("graphql_fetch_duration_seconds_count", &[]), 8.0);
}

#[tokio::test]
async fn a_client_that_leaves_cancels_its_reads() {
    let (stubs, gateway) = start().await;
    stubs.trouble("users", json!({ "hang": true })).await;
    let url = gateway.url("/graphql");
    let body = json!({ "query": "{ user(id: 1) { name } }" });
    let asking = tokio::spawn(async move { client::send_json("POST", &url, &body).await });
    tests::eventually("the service is asked", tests::DEADLINE, async || {
        (!stubs.calls("users").await.is_empty()).then_some(())
    })
    .await;
    let active = "http_client_active_requests";
    gateway.metric(active, &[("upstream", "users")], |count| count == 1.0).await;
    asking.abort();
    let line = gateway.access_log("the line", |line| line["path"] == "/graphql").await;
    assert_eq!(line["reason"], "client_disconnected");
    gateway.metric(active, &[("upstream", "users")], |count| count == 0.0).await;
}
