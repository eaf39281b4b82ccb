//! `{claims.x}` in templates: whose data is asked for.

use serde_json::{Value, json};

use crate::request::Context;
use crate::testing::{Fake, Reply, caller, context, engine, request};

const SDL: &str = r#"
    type Query {
        me: ID @rest(source: "users", GET: "/users/{claims.sub}")
        mine: [ID] @rest(source: "orders", GET: "/orders?tenant={claims.tenant.id}"
            headers: ["X-Plan: {claims.tenant.plan}"])
        many: [ID] @rest(source: "orders", GET: "/orders?g={claims.groups}")
        header: ID @rest(source: "users", GET: "/h", headers: ["X-User: {claims.sub}"])
        posted: ID @rest(source: "users", POST: "/p", body: {who: "{claims.sub}", all: "{claims.tenant}", list: "{claims.groups}", note: "by {claims.sub}"})
        users: [User!] @rest(source: "users", GET: "/users")
    }
    type User {
        id: ID!
        order: Order @rest(source: "orders", GET: "/by/{claims.sub}{?id}", batch: {key: "id", param: "id", match: "id"})
    }
    type Order { id: ID }
"#;

/// The calls that a query causes, each with its body, and the first error's code.
async fn sent(claims: Option<Value>, query: &str) -> (Vec<String>, Option<String>) {
    let fake = Fake::new(|call| match &*call.path_and_query {
        "/users" => Reply::Json(json!([{"id": 1}, {"id": 2}])),
        path if path.starts_with("/by") || path.starts_with("/orders") => Reply::Json(json!([])),
        _ => Reply::Json(json!(1)),
    });
    let context = Context { identity: claims.map(caller), ..context() };
    let (response, _) = engine(SDL).execute(request(query, json!({})), context, fake.clone()).await;
    let response: Value = serde_json::from_slice(&response.body).unwrap();
    let calls = fake.requests().into_iter().map(|call| {
        let header =
            |name: &str| call.headers.get(name).map(|value| format!(" {name}={}", value.to_str().unwrap()));
        let body = call.body.as_deref().map(|body| format!(" {}", String::from_utf8_lossy(body)));
        let more: String = header("x-user").into_iter().chain(header("x-plan")).chain(body).collect();
        format!("{}{more}", call.path_and_query)
    });
    let code = response["errors"][0]["extensions"]["code"].as_str().map(str::to_owned);
    (calls.collect(), code)
}

fn ann() -> Option<Value> {
    Some(json!({"sub": "ann", "tenant": {"id": 7, "plan": "big"}, "groups": ["a", "b"]}))
}

#[tokio::test]
async fn claims_stand_where_the_template_says() {
    for (query, call) in [
        ("{ me }", "/users/ann"),
        ("{ mine }", "/orders?tenant=7 x-plan=big"),
        ("{ many }", "/orders?g=a,b"),
        ("{ header }", "/h x-user=ann"),
        ("{ posted }", r#"/p {"who":"ann","all":{"id":7,"plan":"big"},"list":["a","b"],"note":"by ann"}"#),
    ] {
        assert_eq!(sent(ann(), query).await, (vec![call.to_owned()], None), "{query}");
    }
}

#[tokio::test]
async fn a_claim_changes_no_path_and_no_header() {
    for (sub, call, code) in [
        ("a/b?c", Some("/users/a%2Fb%3Fc"), None),
        ("..", None, Some("graphql_unsendable_value")),
        ("a/../b", None, Some("graphql_unsendable_value")),
    ] {
        let (calls, found) = sent(Some(json!({"sub": sub})), "{ me }").await;
        assert_eq!((calls.first().map(String::as_str), found.as_deref()), (call, code), "{sub}");
    }
    for sub in ["a\r\nx-admin: 1", " ann", "ann ", "\tann"] {
        let (calls, code) = sent(Some(json!({"sub": sub})), "{ header }").await;
        assert_eq!((calls.len(), code.as_deref()), (0, Some("graphql_unsendable_value")), "{sub:?}");
    }
}

#[tokio::test]
async fn without_the_claim_nothing_is_sent() {
    let nothing = [
        json!({}),
        json!({"sub": null, "tenant": null, "groups": null}),
        json!({"sub": "", "tenant": {"id": "", "plan": "p"}, "groups": []}),
        json!({"tenant": {"plan": "p"}, "groups": ["", null]}),
        json!({"sub": " ", "tenant": {"id": "\t", "plan": "p"}, "groups": [" ", ""]}),
        json!({"tenant": 7, "tenant.id": 7, "Sub": "ann"}),
    ];
    for claims in nothing {
        for query in ["{ me }", "{ mine }", "{ many }", "{ header }"] {
            let (calls, code) = sent(Some(claims.clone()), query).await;
            assert_eq!(
                (calls.len(), code.as_deref()),
                (0, Some("graphql_claim_missing")),
                "{claims} {query}"
            );
        }
    }
    let (calls, code) = sent(Some(json!({"sub": "ann"})), "{ posted }").await;
    assert_eq!(
        (calls.len(), code.as_deref()),
        (0, Some("graphql_claim_missing")),
        "a part of the body is missing"
    );
}

#[tokio::test]
async fn a_number_that_lost_digits_is_nobody_s() {
    for (sub, call) in [
        ("18446744073709551615", Some("/users/18446744073709551615")),
        ("-7", Some("/users/-7")),
        ("12345678901234567890123", None),
        ("1.5", None),
        ("[7, 1e3]", None),
    ] {
        let sub: Value = serde_json::from_str(sub).unwrap();
        let code = call.is_none().then_some("graphql_unsendable_value");
        for query in ["{ me }", "{ header }", "{ posted }"] {
            let claims = json!({"sub": sub, "tenant": {}, "groups": []});
            let (calls, found) = sent(Some(claims), query).await;
            assert_eq!((calls.len(), found.as_deref()), (usize::from(call.is_some()), code), "{sub} {query}");
            if query == "{ me }" {
                assert_eq!(calls.first().map(String::as_str), call);
            }
        }
    }
}

#[tokio::test]
async fn nobody_has_no_claims() {
    for query in ["{ me }", "{ mine }", "{ many }", "{ header }", "{ posted }"] {
        let (calls, code) = sent(None, query).await;
        assert_eq!((calls.len(), code.as_deref()), (0, Some("credentials_missing")), "{query}");
    }
}

#[tokio::test]
async fn a_batch_carries_the_claims_of_its_caller() {
    let (calls, code) = sent(ann(), "{ users { order { id } } }").await;
    assert_eq!((calls, code), (vec!["/users".to_owned(), "/by/ann?id=1,2".to_owned()], None));
    let (calls, _) = sent(Some(json!({})), "{ users { order { id } } }").await;
    assert_eq!(calls, ["/users"]);
}
