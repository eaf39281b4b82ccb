//! How many calls leave, when, and with which keys.

use std::time::Duration;

use serde_json::{Value, json};

use crate::fetch::FetchRequest;
use crate::limits::Limits;
use crate::testing::{Fake, Reply, ask, ask_with, engine, schema};

const SHOP: &str = r#"
    type Query {
        users(limit: Int = 20): [User!]! @rest(source: "users", GET: "/users{?limit}")
        user(id: ID!): User @rest(source: "users", GET: "/users/{id}")
    }
    type User {
        id: ID!
        name: String!
        orders(first: Int = 10): [Order!]!
            @rest(source: "orders", GET: "/orders{?user_id*,first}",
                  batch: {key: "id", param: "user_id", match: "user_id", each: ["first"], max: 100})
    }
    type Order {
        id: ID!
        total: Int!
        items: [Item!]!
        user: User
            @rest(source: "users", GET: "/users{?id*}", batch: {key: "user_id", param: "id", match: "id"})
        payment: Payment
            @rest(source: "payments", GET: "/payments{?order_id*}",
                  batch: {key: "id", param: "order_id", match: "order_id"})
    }
    type Item {
        quantity: Int!
        product: Product
            @rest(source: "products", GET: "/products{?ids}", batch: {key: "product_id", param: "ids", match: "id"})
    }
    type Product { id: ID!  name: String! }
    type Payment { id: ID!  status: String! }
"#;

fn values(call: &FetchRequest, name: &str) -> Vec<String> {
    let query = call.path_and_query.split_once('?').map_or("", |(_, query)| query);
    query
        .split('&')
        .filter_map(|pair| pair.split_once('='))
        .filter(|(key, _)| *key == name)
        .flat_map(|(_, value)| value.split(',').map(str::to_owned).collect::<Vec<_>>())
        .collect()
}

/// Three users with two orders each, of two items each.
fn shop(call: &FetchRequest) -> Reply {
    let number = |text: &String| text.parse::<i64>().unwrap();
    Reply::Json(match &*call.source {
        "users" => (1..=3).map(|id| json!({"id": id, "name": format!("user {id}")})).collect(),
        "orders" => values(call, "user_id")
            .iter()
            .flat_map(|user| {
                let user = number(user);
                (0..2).map(move |n| {
                    let id = user * 10 + n;
                    json!({"id": id, "user_id": user, "total": id * 100, "items": [
                        {"quantity": 1, "product_id": n},
                        {"quantity": 2, "product_id": 7},
                    ]})
                })
            })
            .collect(),
        "products" => values(call, "ids")
            .iter()
            .map(|id| json!({"id": number(id), "name": format!("product {id}")}))
            .collect(),
        "payments" => values(call, "order_id")
            .iter()
            .map(|id| json!({"id": format!("p{id}"), "order_id": id, "status": "paid"}))
            .collect(),
        other => panic!("no service {other}"),
    })
}

#[tokio::test]
async fn one_call_per_service_answers_four_levels() {
    let fake = Fake::new(shop);
    let query = "{ users(limit: 3) { name orders(first: 2) { total items { quantity product { name } } \
                 payment { status } } } }";
    let (response, report) = ask_with(&engine(SHOP), &fake, query, json!({})).await;
    assert!(response.get("errors").is_none(), "{response}");
    assert_eq!(
        fake.calls(),
        [
            "users GET /users?limit=3",
            "orders GET /orders?user_id=1&user_id=2&user_id=3&first=2",
            "products GET /products?ids=0,1,7",
            "payments GET /payments?order_id=10&order_id=11&order_id=20&order_id=21&order_id=30&order_id=31",
        ]
    );
    assert_eq!(fake.concurrency(), [0, 0, 0, 1], "products and payments are called in parallel");
    assert_eq!(
        response["data"]["users"][2]["orders"][1],
        json!({
            "total": 3100,
            "items": [
                {"quantity": 1, "product": {"name": "product 1"}},
                {"quantity": 2, "product": {"name": "product 7"}},
            ],
            "payment": {"status": "paid"},
        })
    );
    let sizes: Vec<u32> = report.fetches.iter().map(|fetch| fetch.batch_size).collect();
    assert_eq!(sizes, [1, 3, 3, 6]);
    assert_eq!(report.operation_type, Some("query"));
}

#[tokio::test]
async fn a_plan_is_made_once_per_document() {
    let (engine, fake) = (engine(SHOP), Fake::new(shop));
    let query = "query($n: Int) { users(limit: $n) { id } }";
    let (_, first) = ask_with(&engine, &fake, query, json!({"n": 1})).await;
    let (_, second) = ask_with(&engine, &fake, query, json!({"n": 2})).await;
    assert_eq!((first.plan_cached, second.plan_cached), (false, true));
    assert_eq!(fake.calls(), ["users GET /users?limit=1", "users GET /users?limit=2"]);
}

#[test]
fn an_engine_serves_another_load_of_the_same_schema_and_limits() {
    let (engine, limits) = (engine(SHOP), Limits::default());
    assert!(engine.serves(&schema(SHOP), &limits));
    assert!(!engine.serves(&schema(&SHOP.replace("limit: Int = 20", "limit: Int = 21")), &limits));
    assert!(!engine.serves(&schema(SHOP), &Limits { depth: 31, ..limits }));
}

#[tokio::test]
async fn a_document_that_failed_is_validated_again() {
    let (engine, fake) = (engine(SHOP), Fake::new(shop));
    for _ in 0..2 {
        let (response, report) = ask_with(&engine, &fake, "{ nope }", json!({})).await;
        assert_eq!(response["errors"][0]["extensions"]["code"], "graphql_validation_failed");
        assert!(!report.plan_cached);
    }
}

#[tokio::test(start_paused = true)]
async fn branches_do_not_wait_for_each_other() {
    let fake = Fake::new(|call| match &*call.source {
        "products" => Reply::Later(Duration::from_secs(5), Box::new(shop(call))),
        _ => shop(call),
    });
    let query = "{ users { orders { items { product { name } } user { orders(first: 1) { id } } } } }";
    let response = ask(&engine(SHOP), &fake, query).await;
    assert!(response.get("errors").is_none(), "{response}");
    let sources: Vec<String> = fake.calls().iter().map(|call| call[..5].to_owned()).collect();
    // The orders of the orders' users left while products was still at work.
    assert_eq!(sources, ["users", "order", "produ", "users", "order"]);
    assert_eq!(fake.concurrency()[4], 1);
}

#[tokio::test]
async fn aliases_with_other_arguments_are_other_calls_and_same_reads_are_shared() {
    let fake = Fake::new(shop);
    let query = "{ a: user(id: 1) { orders(first: 1) { id } } b: user(id: 1) { id } c: user(id: 2) { id } }";
    let fake_one = Fake::new(|call| match &*call.source {
        "users" => Reply::Json(json!({"id": call.path_and_query.rsplit('/').next(), "name": "x"})),
        _ => shop(call),
    });
    let response = ask(&engine(SHOP), &fake_one, query).await;
    assert_eq!(response["data"]["b"]["id"], "1");
    assert_eq!(response["data"]["c"]["id"], "2");
    assert_eq!(
        fake_one.calls(),
        ["users GET /users/1", "users GET /users/2", "orders GET /orders?user_id=1&first=1"]
    );

    let query = "{ users { few: orders(first: 1) { id } many: orders(first: 2) { id } } }";
    let response = ask(&engine(SHOP), &fake, query).await;
    assert!(response.get("errors").is_none(), "{response}");
    assert_eq!(fake.calls().len(), 3);
}

fn many_to_one(products: Value, ids: &[Value]) -> (&'static str, impl Fn(&FetchRequest) -> Reply + use<>) {
    let items: Vec<Value> = ids.iter().map(|id| json!({"quantity": 1, "product_id": id})).collect();
    let orders = json!([{"id": 1, "user_id": 1, "total": 1, "items": items}]);
    let script = move |call: &FetchRequest| match &*call.source {
        "users" => Reply::Json(json!([{"id": 1, "name": "a"}])),
        "orders" => Reply::Json(orders.clone()),
        _ => Reply::Json(products.clone()),
    };
    ("{ users { orders { items { product { name } } } } }", script)
}

#[tokio::test]
async fn keys_are_unique_sorted_and_never_null() {
    let ids = [json!(10), json!("9"), json!(null), json!(9), json!("b"), json!("a"), json!(10)];
    let products = json!([
        {"id": "10", "name": "ten"}, {"id": 9, "name": "nine"}, {"id": "a", "name": "A"},
        {"id": 9, "name": "second nine"}, {"id": 77, "name": "stray"}, {"id": null, "name": "none"},
    ]);
    let (query, script) = many_to_one(products, &ids);
    let fake = Fake::new(script);
    let (response, report) = ask_with(&engine(SHOP), &fake, query, json!({})).await;
    assert_eq!(fake.calls()[2], "products GET /products?ids=9,10,a,b");
    let names: Vec<&Value> = response["data"]["users"][0]["orders"][0]["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|item| &item["product"]["name"])
        .collect();
    assert_eq!(json!(names), json!(["ten", "nine", null, "nine", null, "A", "ten"]));
    assert!(response.get("errors").is_none(), "{response}");
    assert_eq!((report.unmatched_rows, report.surplus_rows), (2, 1));
}

#[tokio::test]
async fn a_key_of_another_kind_is_an_error_of_its_parent_only() {
    let (query, script) =
        many_to_one(json!([{"id": 1, "name": "one"}]), &[json!(1), json!(true), json!(1.5)]);
    let fake = Fake::new(script);
    let response = ask(&engine(SHOP), &fake, query).await;
    let items = &response["data"]["users"][0]["orders"][0]["items"];
    assert_eq!(items[0]["product"]["name"], "one");
    assert_eq!(items[1]["product"], Value::Null);
    let errors = response["errors"].as_array().unwrap();
    assert_eq!(errors.len(), 2);
    assert_eq!(errors[1]["path"], json!(["users", 0, "orders", 0, "items", 2, "product"]));
    assert_eq!(errors[1]["extensions"], json!({"code": "graphql_invalid_key", "source": "products"}));
}

const LISTS: &str = r#"
    type Query { users: [User!]! @rest(source: "users", GET: "/users") }
    type User {
        id: ID!
        tags: [Tag!]! @rest(source: "products", GET: "/tags{?ids}", batch: {key: "tag_ids", param: "ids", match: "id"})
        top(first: Int = 2): [Order!]!
            @rest(source: "orders", GET: "/orders{?user_id}",
                  batch: {key: "id", param: "user_id", match: "owner.id", take: "first", max: 2})
        region: Region
            @rest(source: "payments", POST: "/regions", body: {pairs: "{keys}", tier: "{parent.tier}"},
                  batch: {key: ["country", "city"], param: ["country", "city"], match: ["where.country", "where.city"]})
    }
    type Tag { id: ID! }
    type Order { id: ID!  next: [Tag!]! @rest(source: "products", GET: "/next{?ids}", batch: {key: "id", param: "ids", match: "id"}) }
    type Region { name: String }
"#;

#[tokio::test]
async fn a_list_of_keys_is_many_to_many_in_the_parents_order() {
    let fake = Fake::new(|call| match &*call.source {
        "users" => {
            Reply::Json(json!([{"id": 1, "tag_ids": [3, 1, null, 9]}, {"id": 2, "tag_ids": []}, {"id": 3}]))
        }
        _ => Reply::Json(json!([{"id": 1}, {"id": 2}, {"id": 3}])),
    });
    let response = ask(&engine(LISTS), &fake, "{ users { tags { id } } }").await;
    assert_eq!(fake.calls()[1], "products GET /tags?ids=1,3,9");
    assert_eq!(
        response["data"]["users"],
        json!([{"tags": [{"id": "3"}, {"id": "1"}]}, {"tags": []}, {"tags": []}])
    );
}

#[tokio::test]
async fn take_cuts_each_parents_rows_and_what_was_cut_is_not_fetched_for() {
    let fake = Fake::new(|call| match &*call.source {
        "users" => Reply::Json(json!([{"id": 1}, {"id": 2}, {"id": 3}])),
        "orders" => Reply::Json(
            values(call, "user_id")
                .iter()
                .flat_map(|id| (0..4).map(move |n| json!({"id": format!("{id}{n}"), "owner": {"id": id}})))
                .collect(),
        ),
        _ => Reply::Json(json!([])),
    });
    let response = ask(&engine(LISTS), &fake, "{ users { top(first: 1) { id next { id } } } }").await;
    assert_eq!(
        fake.calls()[1..],
        ["orders GET /orders?user_id=1,2", "orders GET /orders?user_id=3", "products GET /next?ids=10,20,30"]
    );
    assert_eq!(response["data"]["users"][1]["top"], json!([{"id": "20", "next": []}]));
}

#[tokio::test]
async fn composite_keys_go_by_body_and_parents_are_grouped_by_the_rest() {
    let fake = Fake::new(|call| match &*call.source {
        "users" => Reply::Json(json!([
            {"id": 1, "country": "CH", "city": 8001, "tier": "gold"},
            {"id": 2, "country": "CH", "city": "8001", "tier": "gold"},
            {"id": 3, "country": "CH", "city": null, "tier": "gold"},
            {"id": 4, "country": "AT", "city": 1010, "tier": "free"},
        ])),
        _ => Reply::Json(json!([
            {"where": {"country": "CH", "city": 8001}, "name": "Zurich"},
            {"where": {"country": "AT", "city": "1010"}, "name": "Vienna"},
        ])),
    });
    let response = ask(&engine(LISTS), &fake, "{ users { region { name } } }").await;
    let bodies: Vec<Value> = fake.requests()[1..]
        .iter()
        .map(|call| serde_json::from_slice(call.body.as_ref().unwrap()).unwrap())
        .collect();
    assert_eq!(
        json!(bodies),
        json!([
            {"pairs": [{"country": "CH", "city": 8001}], "tier": "gold"},
            {"pairs": [{"country": "AT", "city": 1010}], "tier": "free"},
        ])
    );
    let names: Vec<&Value> =
        response["data"]["users"].as_array().unwrap().iter().map(|user| &user["region"]["name"]).collect();
    assert_eq!(json!(names), json!(["Zurich", "Zurich", null, "Vienna"]));
}

#[tokio::test]
async fn a_uri_that_would_be_too_long_is_split() {
    let long = |n: usize| format!("{n:0>900}x");
    let fake = Fake::new(move |call| match &*call.source {
        "users" => Reply::Json((0..20).map(|n| json!({"id": long(n), "name": "a"})).collect()),
        _ => Reply::Json(json!([])),
    });
    let response = ask(&engine(SHOP), &fake, "{ users { orders { id } } }").await;
    assert!(response.get("errors").is_none(), "{response}");
    let calls = fake.requests();
    assert_eq!(calls.len(), 5);
    assert!(calls.iter().all(|call| call.path_and_query.len() <= 8000));
    assert_eq!(calls[1..].iter().map(|call| call.batch_size).sum::<u32>(), 20);
}

#[tokio::test]
async fn fewer_rows_than_none_cannot_be_taken() {
    let fake = Fake::new(|_| Reply::Json(json!([{"id": 1}, {"id": 2}])));
    let response = ask(&engine(LISTS), &fake, "{ users { top(first: -1) { id } } }").await;
    assert_eq!(response["errors"][0]["extensions"]["code"], "graphql_argument_invalid");
    assert_eq!(response["errors"][0]["message"], "Argument \"first\" of User.top must not be negative.");
    assert_eq!(fake.calls(), ["users GET /users"]);
}

const SELECTED: &str = r#"
    type Query { users: [User!]! @rest(source: "users", GET: "/users") }
    type User {
        id: ID!
        plain: Order @rest(source: "orders", GET: "/orders{?id}", batch: {key: "id", param: "id", match: "id"})
        all: [Order!]! @rest(source: "orders", GET: "/orders{?id}", batch: {key: "id", param: "id", match: "id"})
        data: Order @rest(source: "orders", GET: "/orders{?id}", select: "$.data",
                          batch: {key: "id", param: "id", match: "id"})
    }
    type Order { id: ID! }
"#;

#[tokio::test]
async fn a_batch_without_a_list_of_objects_is_no_answer() {
    let order = json!({"id": 1});
    for (field, body, code) in [
        ("plain", json!(null), Some("upstream_invalid_body")),
        ("all", json!(null), Some("upstream_invalid_body")),
        ("plain", json!(7), Some("upstream_invalid_body")),
        ("plain", json!({"id": 1}), Some("upstream_invalid_body")),
        ("plain", json!([1, 2]), Some("upstream_invalid_body")),
        ("plain", json!([[order]]), Some("upstream_invalid_body")),
        ("plain", json!([order, null]), None),
        ("plain", json!([]), None),
        ("data", json!({"data": null}), Some("upstream_invalid_body")),
        ("data", json!({}), Some("upstream_invalid_body")),
        ("data", json!({"data": [order]}), None),
    ] {
        let answer = body.clone();
        let fake = Fake::new(move |call| match &*call.source {
            "users" => Reply::Json(json!([{"id": 1}, {"id": 2}])),
            _ => Reply::Json(answer.clone()),
        });
        let response = ask(&engine(SELECTED), &fake, &format!("{{ users {{ {field} {{ id }} }} }}")).await;
        let found = response["errors"][0]["extensions"]["code"].as_str();
        assert_eq!(found, code, "{body}: {response}");
    }
    let fake = Fake::new(|call| match &*call.source {
        "users" => Reply::Json(json!([{"id": 1}, {"id": 2}])),
        _ => Reply::Status(204, String::new()),
    });
    let response = ask(&engine(SELECTED), &fake, "{ users { plain { id } all { id } } }").await;
    assert_eq!(response["data"]["users"][1], json!({"plain": null, "all": []}));
    assert!(response.get("errors").is_none(), "{response}");
}
