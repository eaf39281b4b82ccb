//! Which values of a service's JSON a field finds.

use serde_json::{Value, json};

use crate::testing::{Fake, Reply, ask, ask_text, engine};

const SDL: &str = r#"
    scalar Any
    enum Colour { RED GREEN }
    type Query {
        thing: Thing @rest(source: "users", GET: "/thing")
        nodes: [Node!] @rest(source: "users", GET: "/nodes")
        either: [Either] @rest(source: "users", GET: "/nodes")
        wrapped: [Node] @rest(source: "users", GET: "/thing", select: "$.data.items")
        picked: [Thing!] @rest(source: "users", GET: "/thing", select: "$..inner")
        second: Thing @rest(source: "users", GET: "/thing", select: "$.list[-1]")
    }
    type Thing {
        userID: ID
        int: Int  float: Float  string: String  bool: Boolean  id: ID  colour: Colour  any: Any
        ints: [Int]  matrix: [[Int!]]  anys: [Any]
        inner: Thing
        list: [Thing]
        deep: String @json(path: "$.a.b['c d']")
        nth: Int @json(path: "$.ints[1]")
        last: Thing @json(path: "$.list[-1]")
        all: [String!] @json(path: "$.list[*].string")
        allThings: [Thing!] @json(path: "$.list[?@.int > 1]")
        raw: Any @json(path: "$.inner")
        orders: [Order!] @rest(source: "orders", GET: "/orders{?id}", batch: {key: "id", param: "id", match: "id"})
    }
    type Order { id: ID }
    interface Node { id: ID! }
    union Either = Cat | Dog
    type Cat implements Node { id: ID!  name: String  lives: Int  owner: Thing }
    type Dog implements Node {
        id: ID!
        name: Int @json(path: "$.chip.number")
        owner: String
        order: Order @rest(source: "orders", GET: "/orders{?id}", batch: {key: "id", param: "id", match: "id"})
    }
"#;

async fn thing(body: &str, selection: &str) -> Value {
    let body = body.to_owned();
    let fake = Fake::new(move |call| match &*call.source {
        "users" => Reply::Status(200, body.clone()),
        _ => Reply::Json(json!([])),
    });
    ask(&engine(SDL), &fake, selection).await
}

#[tokio::test]
async fn leaves_are_coerced_as_leniently_as_graphql_js_does() {
    for (field, json, expected) in [
        ("int", "7", Some(json!(7))),
        ("int", "-7.0", Some(json!(-7))),
        ("int", "-0", Some(json!(0))),
        ("int", "1e3", Some(json!(1000))),
        ("int", "\"12\"", Some(json!(12))),
        ("int", "true", Some(json!(1))),
        ("int", "2147483647", Some(json!(2_147_483_647))),
        ("int", "2147483648", None),
        ("int", "1.5", None),
        ("int", "\"\"", None),
        ("int", "\"x\"", None),
        ("int", "[1]", None),
        ("float", "1.10", Some(json!(1.1))),
        ("float", "3", Some(json!(3))),
        ("float", "\"1.5\"", Some(json!(1.5))),
        ("float", "1e999", None),
        ("float", "\"nan\"", None),
        ("string", r#""a\u00e9\n\"\\ü""#, Some(json!("aé\n\"\\ü"))),
        ("string", "12345678901234567890", Some(json!("12345678901234567890"))),
        ("string", "1.50", Some(json!("1.5"))),
        ("string", "false", Some(json!("false"))),
        ("string", "{}", None),
        ("bool", "true", Some(json!(true))),
        ("bool", "0", Some(json!(false))),
        ("bool", "\"true\"", None),
        ("id", "1", Some(json!("1"))),
        ("id", "\"abc\"", Some(json!("abc"))),
        ("id", "1.0", Some(json!("1"))),
        ("id", "1.5", None),
        ("id", "true", None),
        ("colour", "\"RED\"", Some(json!("RED"))),
        ("colour", "\"BLUE\"", None),
        ("colour", r#""R\u0045D""#, Some(json!("RED"))),
        ("any", r#"{"x": [1, {"y": null}]}"#, Some(json!({"x": [1, {"y": null}]}))),
        ("any", r#"[[[[[[[[[[1]]]]]]]], {}]]]"#, None),
        ("any", "[[[[[[[[[[[1]]]]]]]]]]]", Some(json!([[[[[[[[[[[1]]]]]]]]]]]))),
    ] {
        let response =
            thing(&format!("{{\"{field}\": {json}}}"), &format!("{{ thing {{ {field} }} }}")).await;
        match expected {
            Some(expected) => {
                assert_eq!(response["data"]["thing"][field], expected, "{field} of {json}: {response}");
                assert!(response.get("errors").is_none(), "{field} of {json}: {response}");
            }
            None => assert!(response["errors"].is_array(), "{field} of {json}: {response}"),
        }
    }
}

#[tokio::test]
async fn lists_keep_their_nulls_and_levels() {
    let body = r#"{"ints": [1, null, "2"], "matrix": [[1, 2], null, []], "anys": [[1], {"a": 1}, null],
                   "list": [{"int": 1}, null, {"int": 2}]}"#;
    let response = thing(body, "{ thing { ints matrix anys list { int } } }").await;
    assert_eq!(
        response["data"]["thing"],
        json!({
            "ints": [1, null, 2], "matrix": [[1, 2], null, []], "anys": [[1], {"a": 1}, null],
            "list": [{"int": 1}, null, {"int": 2}],
        })
    );
    let response = thing(r#"{"matrix": [[1, null], [2]]}"#, "{ thing { matrix } }").await;
    assert_eq!(response["data"]["thing"]["matrix"], json!([null, [2]]));
    assert_eq!(response["errors"][0]["path"], json!(["thing", "matrix", 0, 1]));
    let response = thing(r#"{"ints": 7}"#, "{ thing { ints } }").await;
    assert_eq!(response["errors"][0]["extensions"]["code"], "graphql_invalid_value");
}

#[tokio::test]
async fn the_exact_name_wins_over_the_snake_case_one_even_as_null() {
    for (body, expected) in [
        (r#"{"user_id": 1}"#, json!("1")),
        (r#"{"user_id": 1, "userID": 2}"#, json!("2")),
        (r#"{"userID": null, "user_id": 1}"#, Value::Null),
        (r#"{"userID": 2, "userID": 3}"#, json!("3")),
        (r#"{}"#, Value::Null),
    ] {
        let response = thing(body, "{ thing { userID } }").await;
        assert_eq!(response["data"]["thing"]["userID"], expected, "{body}");
    }
}

#[tokio::test]
async fn of_members_that_occur_twice_the_last_wins_and_the_first_is_forgotten() {
    let fake = Fake::new(|call| match &*call.source {
        "users" => Reply::Status(200, r#"{"inner": {"id": 1}, "inner": {"id": 2}}"#.into()),
        _ => Reply::Json(json!([{"id": 2}])),
    });
    let response = ask(&engine(SDL), &fake, "{ thing { inner { id orders { id } } } }").await;
    assert_eq!(response["data"]["thing"]["inner"], json!({"id": "2", "orders": [{"id": "2"}]}));
    assert_eq!(fake.calls()[1], "orders GET /orders?id=2");
}

#[tokio::test]
async fn json_paths_lead_to_members_items_and_lists_of_nodes() {
    let body = r#"{"a": {"b": {"c d": "found"}}, "ints": [5, 6, 7], "inner": {"int": 9, "x": [1]},
                   "list": [{"int": 1, "string": "one", "id": 1}, {"int": 2, "string": "two", "id": 2}]}"#;
    let query =
        "{ thing { deep nth last { int } all allThings { string orders { id } } raw inner { int } } }";
    let response = thing(body, query).await;
    assert_eq!(
        response["data"]["thing"],
        json!({
            "deep": "found", "nth": 6, "last": {"int": 2}, "all": ["one", "two"],
            "allThings": [{"string": "two", "orders": []}],
            "raw": {"int": 9, "x": [1]}, "inner": {"int": 9},
        })
    );
    let response = thing(r#"{"a": 1, "ints": [], "list": {}}"#, query).await;
    let thing = &response["data"]["thing"];
    assert_eq!((&thing["deep"], &thing["nth"], &thing["last"]), (&Value::Null, &Value::Null, &Value::Null));
    assert_eq!(thing["all"], json!([]));
}

#[tokio::test]
async fn select_finds_the_value_in_the_body() {
    let body = r#"{"data": {"items": [{"__typename": "Cat", "id": 1}]}, "list": [{"int": 1}, {"int": 2}],
                   "inner": {"int": 3, "inner": {"int": 4}}}"#;
    let response = thing(body, "{ wrapped { id } picked { int } second { int } }").await;
    assert_eq!(
        response["data"],
        json!({"wrapped": [{"id": "1"}], "picked": [{"int": 3}, {"int": 4}], "second": {"int": 2}})
    );
}

#[tokio::test]
async fn interfaces_and_unions_take_the_fields_of_each_objects_type() {
    let fake = Fake::new(|call| match &*call.source {
        "users" => Reply::Json(json!([
            {"lives": 9, "name": "Tom", "owner": {"string": "Jo"}, "id": 1, "__typename": "Cat"},
            {"__typename": "Dog", "id": 2, "name": "Rex", "owner": "Al", "chip": {"number": 77}},
            {"__typename": "Fish", "id": 3},
            {"id": 4},
        ])),
        _ => Reply::Json(json!([{"id": 2}])),
    });
    let query = "query { either {
        __typename ... on Node { id } ...Cat ... on Dog { name boss: owner order { id } }
    } } fragment Cat on Cat { title: name lives owner { string } }";
    let response = ask(&engine(SDL), &fake, query).await;
    assert_eq!(
        response["data"]["either"],
        json!([
            {"__typename": "Cat", "id": "1", "title": "Tom", "lives": 9, "owner": {"string": "Jo"}},
            {"__typename": "Dog", "id": "2", "name": 77, "boss": "Al", "order": {"id": "2"}},
            null,
            null,
        ])
    );
    assert_eq!(fake.calls()[1], "orders GET /orders?id=2", "only dogs have orders");
    assert_eq!(response["errors"][0]["extensions"]["code"], "graphql_unknown_type");
}

#[tokio::test]
async fn a_response_key_from_several_fragments_is_one_value() {
    let body = r#"{"inner": {"int": 1, "string": "s", "inner": {"bool": true, "float": 2.5}}}"#;
    let query = "{ thing { ...A inner { string inner { bool } } ...A } thing { ...B } }
        fragment A on Thing { inner { int } }
        fragment B on Thing { inner { int inner { float } } }";
    let fake = Fake::new(move |_| Reply::Status(200, body.into()));
    let expected = r#"{"data":{"thing":{"inner":{"int":1,"string":"s","inner":{"bool":true,"float":2.5}}}}}"#;
    assert_eq!(ask_text(&engine(SDL), &fake, query, json!({})).await, expected);
    assert_eq!(fake.calls().len(), 1);
}

#[tokio::test]
async fn skip_and_include_decide_per_request_what_is_fetched_and_in_which_order() {
    let fake = || {
        Fake::new(|call| match &*call.source {
            "users" => Reply::Json(json!({"id": 1, "int": 1, "string": "s"})),
            _ => Reply::Json(json!([{"id": 1}])),
        })
    };
    let engine = engine(SDL);
    let query = "query($a: Boolean!, $b: Boolean! = true) { thing {
        int @include(if: $a) string @skip(if: $b) id int
        orders @include(if: $a) @skip(if: $b) { id }
        ... @include(if: $b) { bool }
    } }";
    for (variables, expected, calls) in [
        (json!({"a": true, "b": false}), r#"{"int":1,"string":"s","id":"1","orders":[{"id":"1"}]}"#, 2),
        (json!({"a": true}), r#"{"int":1,"id":"1","bool":null}"#, 1),
        (json!({"a": false, "b": false}), r#"{"string":"s","id":"1","int":1}"#, 1),
    ] {
        let fake = fake();
        let response = ask_text(&engine, &fake, query, variables.clone()).await;
        assert_eq!(response, format!("{{\"data\":{{\"thing\":{expected}}}}}"), "{variables}");
        assert_eq!(fake.calls().len(), calls, "{variables}");
    }
}

#[tokio::test]
async fn everything_may_be_skipped() {
    let response = thing("{}", "query { thing @skip(if: true) { id } }").await;
    assert_eq!(response, json!({"data": {}}));
    let query = "query { thing { id @include(if: false) } }";
    assert_eq!(thing("{}", query).await, json!({"data": {"thing": {}}}));
}

/// Owners are needed as text, as a template's value, as a batch's key and, in
/// two shapes, as objects.
const SHARED: &str = r#"
    scalar Any
    type Query { pets: [Pet!] @rest(source: "users", GET: "/pets") }
    union Pet = Cat | Dog
    type Cat { owner: Owner  age: Int  snack: Snack @json(path: "$.owner.likes") }
    type Dog {
        owner: String
        keeper: Owner @rest(source: "orders", GET: "/owners{?ids}", batch: {key: "owner", param: "ids", match: "name"})
        likes: Snack @rest(source: "products", POST: "/likes", body: "{parent.owner}")
    }
    type Owner { name: String  age: Int  raw: Any @json(path: "$.likes")  likes: Snack }
    type Snack { taste: String  price: Int }
"#;

/// An object with these members, as text, in every order.
fn orders(members: &[(&str, &str)]) -> Vec<String> {
    let mut orders = vec![Vec::new()];
    for next in members {
        let insert = |order: &Vec<_>, at| [&order[..at], &[next], &order[at..]].concat();
        orders = orders.iter().flat_map(|order| (0..=order.len()).map(move |at| insert(order, at))).collect();
    }
    let text = |order: &Vec<&(&str, &str)>| {
        let members: Vec<String> = order.iter().map(|(name, json)| format!("\"{name}\":{json}")).collect();
        format!("{{{}}}", members.join(","))
    };
    orders.iter().map(text).collect()
}

#[tokio::test]
async fn a_member_needed_in_several_ways_is_found_wherever_it_stands() {
    let query = "{ pets {
        ... on Cat { owner { raw name age likes { price } more: likes { taste } } age snack { taste } }
        ... on Dog { keeper { age raw name likes { taste } } likes { taste } boss: owner }
    } }";
    let likes = json!({"taste": "fish", "price": 2});
    let engine = engine(SHARED);
    for owner in orders(&[("likes", &likes.to_string()), ("name", "\"Al\""), ("age", "9")]) {
        let cats = orders(&[("owner", &owner), ("__typename", "\"Cat\""), ("age", "3")]);
        let dogs = orders(&[("owner", "\"Al\""), ("__typename", "\"Dog\""), ("age", "3")]);
        for (cat, dog) in cats.iter().zip(&dogs) {
            let (pets, keepers) = (format!("[{cat},{dog},{cat}]"), format!("[{owner}]"));
            let bodies = format!("{pets} {keepers}");
            let fake = Fake::new(move |call| match &*call.source {
                "users" => Reply::Status(200, pets.clone()),
                "orders" => Reply::Status(200, keepers.clone()),
                _ => Reply::Json(json!({"taste": String::from_utf8_lossy(call.body.as_ref().unwrap())})),
            });
            let cat = json!({
                "owner": {"raw": likes, "name": "Al", "age": 9, "likes": {"price": 2}, "more": {"taste": "fish"}},
                "age": 3,
                "snack": {"taste": "fish"},
            });
            let dog = json!({
                "keeper": {"age": 9, "raw": likes, "name": "Al", "likes": {"taste": "fish"}},
                "likes": {"taste": "\"Al\""},
                "boss": "Al",
            });
            let expected = json!({"data": {"pets": [cat, dog, cat]}});
            assert_eq!(ask(&engine, &fake, query).await, expected, "{bodies}");
        }
    }
}

#[tokio::test]
async fn what_paths_find_keeps_all_its_digits() {
    const PATHS: &str = r#"
        type Query {
            things: [Thing!] @rest(source: "users", GET: "/things", select: "$.things[*]")
            second: Thing @rest(source: "users", GET: "/list", select: "$[1]")
        }
        type Thing {
            ids: [ID!]! @json(path: "$.parts[?@.n > 1].id")
            every: [Any!]! @json(path: "$..id")
            last: ID @json(path: "$['parts'][-1].id")
        }
        scalar Any
    "#;
    let thing = r#"{"parts": [{"n": 1, "id": 1}, {"n": 2, "id": 123456789012345678901234567890},
        {"n": 3.5, "id": -98765432109876543210}, {"n": 1e9, "id": "0x"}]}"#;
    let fake = Fake::new(move |call| match &*call.path_and_query {
        "/things" => Reply::Status(200, format!(r#"{{"things": [{thing}]}}"#)),
        _ => Reply::Status(200, format!("[1, {thing}]")),
    });
    let selected = "{ ids every last }";
    let response =
        ask_text(&engine(PATHS), &fake, &format!("{{ things {selected} second {selected} }}"), json!({}))
            .await;
    let expected = concat!(
        r#"{"ids":["123456789012345678901234567890","-98765432109876543210","0x"],"#,
        r#""every":[1,123456789012345678901234567890,-98765432109876543210,"0x"],"last":"0x"}"#
    );
    assert_eq!(response, format!(r#"{{"data":{{"things":[{expected}],"second":{expected}}}}}"#));
}
