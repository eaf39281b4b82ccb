//! Who may read what: what is never asked for, and what is told instead.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::engine::Engine;
use crate::fetch::FetchRequest;
use crate::report::Report;
use crate::request::Context;
use crate::testing::{Fake, Reply, caller, context, engine, request};

const SDL: &str = r#"
    type Query {
        users: [User!]! @rest(source: "users", GET: "/users")
        me: User @rest(source: "users", GET: "/me") @authenticated
        must: User! @rest(source: "users", GET: "/me") @requiresScopes(scopes: [["admin"]])
        found: [Found] @rest(source: "users", GET: "/found")
        guarded: [Guarded] @rest(source: "users", GET: "/found")
    }
    type User {
        id: ID!
        mail: String @authenticated
        secret: String! @requiresScopes(scopes: [["a", "b"], ["c"]])
        address: Address @requiresScopes(scopes: [["address"]])
        payment: Payment @rest(source: "payments", GET: "/payments{?id}", batch: {key: "id", param: "id", match: "id"})
        orders: [Order!]! @authenticated
            @rest(source: "orders", GET: "/orders{?id}", batch: {key: "id", param: "id", match: "user"})
    }
    type Address { city: City @rest(source: "products", GET: "/cities/{parent.city_id}") }
    type City { name: String }
    type Payment @requiresScopes(scopes: [["payments:read"]]) { id: ID! sum: Int }
    type Order { id: ID! payment: Payment @rest(source: "payments", GET: "/payments{?id}", batch: {key: "id", param: "id", match: "id"}) }
    union Found = User | Card | Note
    union Guarded = Card | Payment
    type Card @requiresScopes(scopes: [["card"]]) {
        id: ID!
        bank: City @rest(source: "products", GET: "/banks{?id}", batch: {key: "id", param: "id", match: "id"})
    }
    type Note { text: String }
    type Mutation {
        add: User @rest(source: "users", POST: "/users")
        remove: User @rest(source: "users", DELETE: "/users") @requiresScopes(scopes: [["users:delete"]])
        pay: Payment @rest(source: "payments", POST: "/payments")
        removeMust: User! @rest(source: "users", DELETE: "/users") @authenticated
    }
"#;

fn services(call: &FetchRequest) -> Reply {
    let user = |id: i64| json!({"id": id, "mail": "m", "secret": "s", "address": {"city_id": 7}});
    Reply::Json(match &*call.path_and_query {
        "/users" if call.method == "GET" => json!([user(1), user(2)]),
        "/users" | "/me" => user(1),
        "/found" => json!([
            {"__typename": "Card", "id": 3}, {"__typename": "Note", "text": "t"}, {"__typename": "User", "id": 1}
        ]),
        path if path.starts_with("/payments?") => {
            json!([{"id": 1, "sum": 5}, {"id": 2, "sum": 6}, {"id": 9, "sum": 7}])
        }
        path if path.starts_with("/orders") => json!([{"id": 9, "user": 1}]),
        path if path.starts_with("/banks") => json!([{"id": 3, "name": "bank"}]),
        _ => json!({"id": 4, "name": "city", "sum": 8}),
    })
}

/// Asks as a caller with these claims, or as nobody.
async fn ask_as(engine: &Engine, claims: Option<Value>, query: &str) -> (Value, Report, Vec<String>) {
    let fake = Fake::new(services);
    let context = Context { identity: claims.map(caller), ..context() };
    let (response, report) = engine.execute(request(query, json!({})), context, fake.clone()).await;
    (serde_json::from_slice(&response.body).unwrap(), report, fake.calls())
}

fn scope(scope: &str) -> Option<Value> {
    Some(json!({"sub": "7", "scope": scope}))
}

/// `path: code: message` of every error.
fn errors(response: &Value) -> Vec<String> {
    let told = |error: &Value| {
        let path: Vec<String> = error["path"]
            .as_array()
            .unwrap()
            .iter()
            .map(|step| step.as_str().map_or_else(|| step.to_string(), str::to_owned))
            .collect();
        format!(
            "{}: {}: {}",
            path.join("."),
            error["extensions"]["code"].as_str().unwrap(),
            error["message"].as_str().unwrap()
        )
    };
    response["errors"].as_array().map(|errors| errors.iter().map(told).collect()).unwrap_or_default()
}

#[tokio::test]
async fn who_is_not_known_reads_what_is_open_and_nothing_else() {
    let query = "{ users { id mail orders { id } } me { id } }";
    let (response, report, calls) = ask_as(&engine(SDL), None, query).await;
    assert_eq!(calls, ["users GET /users"], "what is refused is never fetched");
    assert_eq!(response["data"], Value::Null, "`orders` must not be null, nor must the users");
    assert_eq!(errors(&response)[0], "users.0.mail: credentials_missing: Credentials are required here");
    assert_eq!(
        report.refused_fields.iter().map(|field| &**field).collect::<Vec<_>>(),
        ["User.mail", "User.orders"]
    );
    assert_eq!(report.first_error, Some("credentials_missing"));

    let (response, _, calls) = ask_as(&engine(SDL), None, "{ users { id mail } me { id } }").await;
    assert_eq!(
        response["data"],
        json!({"users": [{"id": "1", "mail": null}, {"id": "2", "mail": null}], "me": null})
    );
    assert_eq!(errors(&response).len(), 3);
    assert_eq!(response["errors"][2]["locations"], json!([{"line": 1, "column": 21}]));
    assert_eq!(calls, ["users GET /users"]);
}

#[tokio::test]
async fn who_is_known_reads_what_is_for_known_callers() {
    let (response, report, calls) =
        ask_as(&engine(SDL), Some(json!({})), "{ users { mail orders { id } } me { id } }").await;
    assert_eq!(errors(&response), Vec::<String>::new());
    assert_eq!(response["data"]["users"][0], json!({"mail": "m", "orders": [{"id": "9"}]}));
    assert!(report.refused_fields.is_empty());
    assert_eq!(calls.len(), 3);
}

#[tokio::test]
async fn scopes_are_lists_of_alternatives() {
    let query = "{ users { secret } }";
    for (given, missing) in [
        ("", Some("`a` and `b`, or `c`")),
        ("a", Some("`b`, or `c`")),
        ("A b", Some("`a`, or `c`")),
        ("ab", Some("`a` and `b`, or `c`")),
        ("b a", None),
        ("c", None),
    ] {
        let (response, ..) = ask_as(&engine(SDL), scope(given), query).await;
        match missing {
            None => assert_eq!(response, json!({"data": {"users": [{"secret": "s"}, {"secret": "s"}]}})),
            Some(missing) => {
                assert_eq!(response["data"], Value::Null, "{given}");
                let expected =
                    format!("users.0.secret: insufficient_scope: A required scope is missing: {missing}");
                assert_eq!(errors(&response), [expected], "{given}");
            }
        }
    }
    let (response, ..) = ask_as(&engine(SDL), None, query).await;
    assert_eq!(response["errors"][0]["extensions"], json!({"code": "credentials_missing"}));
}

#[tokio::test]
async fn a_type_guards_every_field_that_yields_it() {
    let query = "{ users { id payment { sum } orders { payment { sum } } } }";
    let (response, report, calls) = ask_as(&engine(SDL), scope(""), query).await;
    assert_eq!(calls, ["users GET /users", "orders GET /orders?id=1,2"], "no call for payments, in no batch");
    let order = json!([{"payment": null}]);
    assert_eq!(
        response["data"]["users"],
        json!([{"id": "1", "payment": null, "orders": order}, {"id": "2", "payment": null, "orders": []}])
    );
    assert_eq!(
        errors(&response)[1],
        "users.0.orders.0.payment: insufficient_scope: A required scope is missing: `payments:read`"
    );
    assert_eq!(report.refused_fields.len(), 2);
    let (response, _, calls) = ask_as(&engine(SDL), scope("x payments:read"), query).await;
    assert_eq!(
        response["data"]["users"][0],
        json!({"id": "1", "payment": {"sum": 5}, "orders": [{"payment": {"sum": 7}}]})
    );
    assert_eq!(calls.len(), 4);
}

#[tokio::test]
async fn nothing_below_a_refused_field_is_fetched() {
    let query = "{ users { address { city { name } } } }";
    let (response, _, calls) = ask_as(&engine(SDL), scope(""), query).await;
    assert_eq!(response["data"]["users"][1], json!({"address": null}));
    assert_eq!(calls, ["users GET /users"]);
    let (response, _, calls) = ask_as(&engine(SDL), scope("address"), query).await;
    assert_eq!(response["data"]["users"][1], json!({"address": {"city": {"name": "city"}}}));
    assert_eq!(calls, ["users GET /users", "products GET /cities/7"]);
}

#[tokio::test]
async fn of_a_union_the_concrete_type_decides() {
    let query = "{ found { ... on Card { id bank { name } } ... on Note { text } ... on User { id mail } } }";
    let (response, report, calls) = ask_as(&engine(SDL), None, query).await;
    assert_eq!(calls, ["users GET /found"], "nothing for the card that will not be shown");
    assert_eq!(response["data"]["found"], json!([null, {"text": "t"}, {"id": "1", "mail": null}]));
    assert_eq!(
        errors(&response),
        [
            "found.0: credentials_missing: Credentials are required here",
            "found.2.mail: credentials_missing: Credentials are required here"
        ]
    );
    assert_eq!(
        report.refused_fields.iter().map(|field| &**field).collect::<Vec<_>>(),
        ["Query.found", "User.mail"]
    );
    let (response, ..) = ask_as(&engine(SDL), scope("card"), query).await;
    assert_eq!(response["data"]["found"][0], json!({"id": "3", "bank": {"name": "bank"}}));
}

#[tokio::test]
async fn a_union_of_nothing_that_the_caller_may_read_is_not_fetched() {
    let query = "{ guarded { ... on Card { id } } }";
    let (response, _, calls) = ask_as(&engine(SDL), scope("other"), query).await;
    assert_eq!(calls, [""; 0]);
    assert_eq!(
        errors(&response),
        ["guarded: insufficient_scope: A required scope is missing: `card`, or `payments:read`"]
    );
    let (response, ..) = ask_as(&engine(SDL), scope("card"), query).await;
    assert_eq!(response["data"]["guarded"][0], json!({"id": "3"}));
}

#[tokio::test]
async fn a_refused_mutation_changes_nothing_and_the_others_go_on() {
    let query = "mutation { a: add { id } remove { id } pay { sum } b: add { id } }";
    let (response, _, calls) = ask_as(&engine(SDL), scope("users:read"), query).await;
    assert_eq!(calls, ["users POST /users", "users POST /users"]);
    assert_eq!(response["data"], json!({"a": {"id": "1"}, "remove": null, "pay": null, "b": {"id": "1"}}));
}

#[tokio::test]
async fn nothing_is_done_that_the_answer_could_not_tell_of() {
    for (query, refused) in [
        (
            "mutation { a: add { id } remove { id } removeMust { id } pay { sum } }",
            ["remove", "removeMust"].as_slice(),
        ),
        ("{ users { id } must { id } }", &["must"]),
    ] {
        let (response, report, calls) = ask_as(&engine(SDL), None, query).await;
        assert_eq!(calls, [""; 0], "{query}");
        let told = |field: &&str| format!("{field}: credentials_missing: Credentials are required here");
        let refused: Vec<String> = refused.iter().map(told).collect();
        assert_eq!((&response["data"], errors(&response)), (&Value::Null, refused), "{query}");
        assert_eq!((report.cost, report.has_data), (1, false), "{query}");
    }
    let skipped = "mutation { a: add { id } removeMust @include(if: false) { id } }";
    let (response, _, calls) = ask_as(&engine(SDL), None, skipped).await;
    assert_eq!(calls, ["users POST /users"], "{response}");
}

#[tokio::test]
async fn what_is_refused_is_not_to_be_paid_for() {
    let query =
        "{ users { payment { sum } orders { payment { sum } } } found { ... on Card { bank { name } } } }";
    for (claims, cost) in [(None, 2), (scope(""), 3), (scope("payments:read"), 5), (scope("card"), 4)] {
        let (_, report, _) = ask_as(&engine(SDL), claims.clone(), query).await;
        assert_eq!(report.cost, cost, "{claims:?}");
    }
    let (_, report, _) = ask_as(&engine(SDL), None, "{ me { id } }").await;
    assert_eq!(report.cost, 1, "at least");
}

#[tokio::test]
async fn aliases_fragments_and_conditions_are_no_way_round() {
    let query = "query($yes: Boolean = true) {
        x: me { id } ... on Query { y: me { id } } ...F @include(if: $yes) z: me @skip(if: $yes) { id }
    } fragment F on Query { w: me { mail } must { id } }";
    let (response, report, calls) = ask_as(&engine(SDL), None, query).await;
    assert_eq!((response["data"].clone(), calls), (Value::Null, Vec::new()));
    assert_eq!(errors(&response).len(), 4, "{response}");
    assert_eq!(report.refused_fields.len(), 2);
}

#[tokio::test]
async fn introspection_shows_the_whole_schema_to_everybody() {
    let query = r#"{ __typename __type(name: "Payment") { name fields { name } } }"#;
    let (response, ..) = ask_as(&engine(SDL), None, query).await;
    assert_eq!(response["data"]["__type"]["fields"].as_array().unwrap().len(), 2);
    assert_eq!(response["errors"], Value::Null);
}

#[tokio::test]
async fn one_plan_serves_callers_who_may_and_who_may_not() {
    let engine = engine(SDL);
    let query = "{ me { id } users { payment { sum } } }";
    for round in 0..3 {
        for (claims, calls_made) in [(None, 1), (scope("payments:read"), 3), (scope(""), 2)] {
            let (response, report, calls) = ask_as(&engine, claims.clone(), query).await;
            assert_eq!(calls.len(), calls_made, "{claims:?}");
            assert_eq!(response["data"]["me"].is_null(), claims.is_none());
            assert_eq!(report.plan_cached, round > 0 || claims.is_some());
        }
    }
}

#[tokio::test]
async fn callers_at_the_same_time_are_not_mixed_up() {
    let engine = Arc::new(engine(SDL));
    let asked = (0..40).map(|number: usize| {
        let engine = engine.clone();
        async move {
            let may = number.is_multiple_of(2);
            let claims = scope(if may { "payments:read" } else { "other" });
            let (response, ..) = ask_as(&engine, claims, "{ users { payment { sum } } }").await;
            assert_eq!(response["data"]["users"][0]["payment"].is_null(), !may, "{number}");
        }
    });
    futures::future::join_all(asked).await;
}
