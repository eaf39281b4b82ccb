mod callers;

use std::sync::Arc;
use std::time::Duration;

use http::header::HeaderName;
use http_body_util::Full;
use serde_json::{Value, json};

use super::*;
use crate::limits::Limits;
use crate::testing::{Fake, Reply, schema};

const SDL: &str = r#"
    type Query { user(id: ID!): User @rest(source: "users", GET: "/users/{id}") }
    type Mutation { add: User @rest(source: "users", POST: "/users") }
    type User { id: ID! query: Query @rest(source: "users", GET: "/empty") }
"#;

struct Answered {
    status: u16,
    headers: HeaderMap,
    text: String,
    body: Value,
    calls: Vec<String>,
}

impl Answered {
    fn header(&self, name: HeaderName) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    fn code(&self) -> &str {
        self.body["errors"][0]["extensions"]["code"].as_str().unwrap_or_default()
    }
}

async fn send(method: &str, uri: &str, headers: &[(&str, &str)], body: &str) -> Answered {
    let fake = Fake::new(|_| Reply::Json(json!({"id": 1})));
    let engine = Engine::new(schema(SDL), Limits { request_bytes: 1000, ..Limits::default() }, 10);
    let mut request = Request::builder().method(method).uri(uri);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let request = request.body(Full::new(Bytes::from(body.to_owned()))).unwrap();
    let caller = Caller { identity: None, budget: None, timeout: Duration::from_secs(5), csrf: Csrf::Auto };
    let (response, _) = handle(&engine, request, caller, fake.clone()).await;
    let (parts, body) = response.into_parts();
    Answered {
        status: parts.status.as_u16(),
        headers: parts.headers,
        text: String::from_utf8(body.to_vec()).unwrap(),
        body: serde_json::from_slice(&body).unwrap(),
        calls: fake.calls(),
    }
}

const JSON: (&str, &str) = ("content-type", "application/json");
const NEW: (&str, &str) = ("accept", "application/graphql-response+json");

async fn post(headers: &[(&str, &str)], body: &Value) -> Answered {
    send("POST", "/graphql", headers, &body.to_string()).await
}

#[tokio::test]
async fn a_query_is_answered_by_post_and_by_get() {
    let query = json!({"query": "query Q($id: ID!) { user(id: $id) { id } }", "operationName": "Q",
                       "variables": {"id": 7}, "extensions": null});
    let posted = post(&[("content-type", "Application/JSON; charset=UTF-8")], &query).await;
    let uri = "/graphql?query=query+Q(%24id:ID!)%7Buser(id:$id)%7Bid%7D%7D&operationName=Q&variables=%7B%22id%22:7%7D";
    let got = send("GET", uri, &[], "").await;
    for answer in [posted, got] {
        assert_eq!((answer.status, answer.body), (200, json!({"data": {"user": {"id": "1"}}})));
        assert_eq!(answer.calls, ["users GET /users/7"]);
        assert_eq!(answer.headers[CONTENT_TYPE], "application/json; charset=utf-8");
    }
}

#[tokio::test]
async fn the_media_type_is_negotiated() {
    let query = json!({"query": "{ __typename }"});
    for (accept, expected) in [
        ("*/*", "application/json"),
        ("application/*", "application/json"),
        ("application/json", "application/json"),
        ("application/graphql-response+json", "application/graphql-response+json"),
        ("application/graphql-response+json, application/json", "application/graphql-response+json"),
        ("application/json, application/graphql-response+json;q=0.5", "application/json"),
        ("text/html, */*;q=0.1", "application/json"),
        ("application/json;q=0, */*", "application/graphql-response+json"),
    ] {
        let answer = post(&[JSON, ("accept", accept)], &query).await;
        assert_eq!(answer.status, 200, "{accept}");
        assert_eq!(answer.header(CONTENT_TYPE), format!("{expected}; charset=utf-8"), "{accept}");
    }
    let answer = post(&[JSON, ("accept", "text/html")], &query).await;
    assert_eq!((answer.status, answer.code()), (406, "graphql_not_acceptable"));
    assert_eq!(answer.header(ACCEPT), "");
}

#[tokio::test]
async fn request_errors_have_their_status_only_under_the_new_media_type() {
    for (body, code) in [
        (json!({"query": "{"}), "graphql_syntax_error"),
        (json!({"query": "{ nope }"}), "graphql_validation_failed"),
        (json!({"query": "{ __typename }", "operationName": "X"}), "graphql_operation_not_found"),
        (json!({"query": "query($i: ID!) { user(id: $i) { id } }"}), "graphql_variable_invalid"),
    ] {
        let new = post(&[JSON, NEW], &body).await;
        assert_eq!((new.status, new.code()), (400, code));
        assert!(new.body.get("data").is_none());
        let old = post(&[JSON], &body).await;
        assert_eq!((old.status, old.code()), (200, code));
    }
}

#[tokio::test]
async fn what_is_no_graphql_request_is_400_and_says_which_member_is_wrong() {
    let list = "the body is a list; operations are sent one by one";
    for (body, expected) in [
        ("", "the body is empty"),
        ("{", "the body is no valid JSON from line 1, column 1 on"),
        ("{\"query\": \"{a}\"\n,,}", "the body is no valid JSON from line 2, column 2 on"),
        (r#"{"query": "{a}"} x"#, "the body is no valid JSON from line 1, column 18 on"),
        ("\"x\"", "the body must be a JSON object"),
        ("null", "the body must be a JSON object"),
        ("[]", list),
        (r#"[{"query": "{ __typename }"}]"#, list),
        (r#"["{ user(id: 1) { id } }", null, null, null]"#, list),
        ("{}", "`query` is missing"),
        (r#"{"query": null}"#, "`query` is missing"),
        (r#"{"query": 1}"#, "`query` must be a string"),
        (r#"{"query": "\ud800"}"#, "`query` has an escape that is no character"),
        (r#"{"query": "{a}", "query": "{b}"}"#, "a member stands there twice"),
        (r#"{"query": "{a}", "variables": []}"#, "`variables` must be a JSON object"),
        (r#"{"query": "{a}", "variables": "{}"}"#, "`variables` must be a JSON object"),
        (r#"{"query": "{a}", "operationName": 1}"#, "`operationName` must be a string"),
        (r#"{"query": "{a}", "operationName": ["a"]}"#, "`operationName` must be a string"),
        (r#"{"query": "{a}", "extensions": 1}"#, "`extensions` must be a JSON object"),
    ] {
        for accept in [NEW, ("accept", "*/*")] {
            let answer = send("POST", "/graphql", &[JSON, accept], body).await;
            assert_eq!((answer.status, answer.code()), (400, "graphql_malformed_request"), "{body}");
            let expected = format!("The request is not a GraphQL request: {expected}");
            assert_eq!(answer.body["errors"][0]["message"], expected, "{body}");
            assert!(answer.calls.is_empty(), "{body}");
        }
    }
    for query in
        ["", "?query=%7Ba%7D&query=%7Bb%7D", "?query=%7Ba%7D&variables=1", "?query=%7Ba%7D&variables=%5B%5D"]
    {
        let answer = send("GET", &format!("/graphql{query}"), &[], "").await;
        assert_eq!((answer.status, answer.code()), (400, "graphql_malformed_request"), "{query}");
    }
}

#[tokio::test]
async fn variables_that_no_json_reader_takes_are_refused_by_name() {
    let deep = format!("{}1{}", "[".repeat(200), "]".repeat(200));
    for value in ["1e999", r#""\ud800""#, &deep] {
        let body = format!(r#"{{"query": "{{ __typename }}", "variables": {{"a": {value}}}}}"#);
        let answer = send("POST", "/graphql", &[JSON], &body).await;
        assert_eq!((answer.status, answer.code()), (400, "graphql_malformed_request"), "{value:.20}");
        let message = answer.body["errors"][0]["message"].as_str().unwrap();
        assert!(message.contains("`variables` cannot be read"), "{message}");
    }
}

#[tokio::test]
async fn unknown_members_and_nulls_are_ignored() {
    let body = r#" {"query": "{ __typename }", "operationName": null, "variables": null, "extensions": null,
                     "id": [1, {"a": "b"}], "id": 2} "#;
    let answer = send("POST", "/graphql", &[JSON], body).await;
    assert_eq!((answer.status, answer.body), (200, json!({"data": {"__typename": "Query"}})));
}

#[tokio::test]
async fn extensions_in_a_url_are_checked_but_not_read() {
    for (extensions, status) in
        [("", 200), ("null", 200), ("%7B%22a%22:1e999%7D", 200), ("%7B", 400), ("%5B%5D", 400), ("nul", 400)]
    {
        let uri = format!("/graphql?query=%7B__typename%7D&extensions={extensions}");
        let answer = send("GET", &uri, &[NEW], "").await;
        assert_eq!(answer.status, status, "{extensions}: {}", answer.text);
        assert_eq!(answer.text.contains("`extensions`"), status == 400, "{}", answer.text);
    }
}

#[tokio::test]
async fn an_encoded_body_is_refused() {
    let query = json!({"query": "{ __typename }"});
    for coding in ["gzip", "identity, br", "GZIP", "x"] {
        let answer = post(&[JSON, ("content-encoding", coding)], &query).await;
        assert_eq!((answer.status, answer.code()), (415, "graphql_unsupported_media_type"), "{coding}");
        assert_eq!(answer.header(ACCEPT_ENCODING), "identity");
    }
    for coding in ["identity", "Identity", ""] {
        assert_eq!(post(&[JSON, ("content-encoding", coding)], &query).await.status, 200, "{coding}");
    }
}

#[tokio::test]
async fn a_mutation_by_get_is_refused_and_nothing_is_sent() {
    let answer = send("GET", "/graphql?query=mutation%7Badd%7Bid%7D%7D", &[], "").await;
    assert_eq!((answer.status, answer.code()), (405, "graphql_mutation_by_get"));
    assert_eq!(answer.header(ALLOW), "POST");
    assert!(answer.calls.is_empty());
    let answer = post(&[JSON], &json!({"query": "mutation { add { id } }"})).await;
    assert_eq!(answer.calls, ["users POST /users"]);
}

#[tokio::test]
async fn other_methods_and_content_types_are_refused() {
    for method in ["PUT", "DELETE", "HEAD", "OPTIONS"] {
        let answer = send(method, "/graphql", &[JSON], "{}").await;
        assert_eq!((answer.status, answer.code()), (405, "graphql_method_not_allowed"), "{method}");
        assert_eq!(answer.header(ALLOW), "GET, POST");
    }
    let query = json!({"query": "{ __typename }"});
    for ty in [
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/graphql",
        "application/json; charset=latin1",
        "",
    ] {
        let answer = post(&[("content-type", ty)], &query).await;
        assert_eq!((answer.status, answer.code()), (415, "graphql_unsupported_media_type"), "{ty}");
    }
    assert_eq!(post(&[], &query).await.status, 415);
    let two = post(&[JSON, ("content-type", "text/plain")], &query).await;
    assert_eq!((two.status, two.header(ACCEPT)), (415, "application/json"));
}

#[tokio::test]
async fn a_body_above_the_limit_is_refused() {
    let answer = post(&[JSON], &json!({"query": " ".repeat(2000)})).await;
    assert_eq!((answer.status, answer.code()), (413, "graphql_request_too_large"));
}

#[tokio::test]
async fn introspection_and_typename_are_answered_in_selection_order() {
    let query = json!({"query": "{ b: __type(name: \"User\") { name kind } __typename user(id: 1) { id } \
                                 __schema { queryType { name } } none: __type(name: \"X\") { name } }"});
    let answer = post(&[JSON], &query).await;
    assert_eq!(
        answer.text,
        r#"{"data":{"b":{"name":"User","kind":"OBJECT"},"__typename":"Query","user":{"id":"1"},"__schema":{"queryType":{"name":"Query"}},"none":null}}"#
    );
}

#[tokio::test]
async fn introspection_is_answered_wherever_a_field_yields_the_query_type() {
    let query = json!({
        "query": "mutation($yes: Boolean!, $no: Boolean!) {
            add { id query {
                __schema { queryType { name } }
                t: __type(name: \"User\") { name }
                ... @include(if: $yes) { t: __type(name: \"User\") { kind isOneOf } }
                ... @skip(if: $no) { more: __typename }
                no: __schema @include(if: $no) { mutationType { name } }
            } }
            again: add { query { __schema { mutationType { name } } } }
        }",
        "variables": {"yes": true, "no": false},
    });
    let answer = post(&[JSON], &query).await;
    assert_eq!(
        answer.text,
        r#"{"data":{"add":{"id":"1","query":{"__schema":{"queryType":{"name":"Query"}},"t":{"name":"User","kind":"OBJECT","isOneOf":null},"more":"Query"}},"again":{"query":{"__schema":{"mutationType":{"name":"Mutation"}}}}}}"#
    );
}

#[tokio::test]
async fn large_documents_and_variables_are_answered_like_small_ones() {
    let fields = (0..40).map(|n| format!("u{n}: user(id: {n}) {{ id id id id id id }} ")).collect::<String>();
    let short = format!("{{ {fields} }}");
    let long = short.clone() + &" ".repeat(4000);
    let engine = Engine::new(schema(SDL), Limits::default(), 10);
    for (query, is_cached) in [(&short, false), (&short, true), (&long, false), (&long, true)] {
        let fake = Fake::new(|_| Reply::Json(json!({"id": 1})));
        let (answer, report) =
            crate::testing::ask_with(&engine, &fake, query, json!({"unknown": vec![1; 2000]})).await;
        assert_eq!((answer["data"]["u39"]["id"].as_str(), fake.calls().len()), (Some("1"), 40));
        assert_eq!(report.plan_cached, is_cached);
    }
}

#[tokio::test]
async fn a_body_of_many_values_is_refused_before_they_are_read() {
    let most = Limits::default().variable_values;
    let engine = Engine::new(schema(SDL), Limits::default(), 10);
    for (text, status) in [
        (format!("[{}1]", "1,".repeat(most)), 413),
        (format!("[{}1]", "{},".repeat(most)), 413),
        (format!("\"{}\"", "[,{\\\"".repeat(most)), 200),
        (format!("[{}1]", "1,".repeat(most - 2)), 200),
    ] {
        // Nothing is made of the values in extensions.
        let extensions = "1,".repeat(most);
        let body = format!(
            r#"{{"query": "{{ __typename }}", "extensions": {{"y": [{extensions}1]}}, "variables": {{"x": {text}}}}}"#
        );
        let request = Request::post("/graphql").header(JSON.0, JSON.1).header(NEW.0, NEW.1);
        let request = request.body(Full::new(Bytes::from(body))).unwrap();
        let caller =
            Caller { identity: None, budget: None, timeout: Duration::from_secs(60), csrf: Csrf::Auto };
        let fake = Fake::new(|_| Reply::Never);
        let (response, _) = handle(&engine, request, caller, fake).await;
        assert_eq!(response.status(), status, "{}", &text[..20]);
    }
}

#[tokio::test]
async fn the_deadline_holds_while_a_long_body_is_read() {
    let engine = Engine::new(schema(SDL), Limits::default(), 10);
    let body = json!({"query": "{ __typename }", "extensions": {"x": " ".repeat(LONG_BODY)}});
    let request = Request::post("/graphql").header(JSON.0, JSON.1).header(NEW.0, NEW.1);
    let request = request.body(Full::new(Bytes::from(body.to_string()))).unwrap();
    let caller = Caller { identity: None, budget: None, timeout: Duration::ZERO, csrf: Csrf::Auto };
    let (response, report) = handle(&engine, request, caller, Fake::new(|_| Reply::Never)).await;
    assert_eq!((response.status().as_u16(), report.first_error), (503, Some("graphql_deadline_exceeded")));
}

#[tokio::test]
async fn a_get_that_another_site_could_have_sent_is_refused() {
    let uri = "/graphql?query=%7Buser(id:7)%7Bid%7D%7D";
    for (headers, status) in [
        (&[("cookie", "session=1")][..], 403),
        (&[("sec-fetch-site", "cross-site")], 403),
        (&[("cookie", "session=1"), ("sec-fetch-site", "same-origin")], 200),
        (&[("cookie", "session=1"), ("graphql-require-preflight", "1")], 200),
        (&[("authorization", "Bearer abc")], 200),
    ] {
        let answer = send("GET", uri, headers, "").await;
        assert_eq!(answer.status, status, "{headers:?}");
        assert_eq!(answer.calls.is_empty(), status == 403);
        if status == 403 {
            assert_eq!(answer.code(), "graphql_preflight_required");
            assert!(answer.text.contains("`graphql-require-preflight: 1`"), "{}", answer.text);
        }
    }
}

/// What a page of another site can make a browser send without asking: none of it is read as GraphQL.
#[tokio::test]
async fn no_simple_request_is_an_operation() {
    let mutation = json!({"query": "mutation { add { id } }"}).to_string();
    for content_type in [
        None,
        Some(""),
        Some("text/plain"),
        Some("text/plain; application/json"),
        Some("application/x-www-form-urlencoded"),
        Some("multipart/form-data; boundary=application/json"),
    ] {
        let headers: Vec<_> = content_type.map(|ty| ("content-type", ty)).into_iter().collect();
        let answer = send("POST", "/graphql", &headers, &mutation).await;
        assert_eq!((answer.status, answer.code()), (415, "graphql_unsupported_media_type"), "{headers:?}");
        assert!(answer.calls.is_empty());
    }
    let mutation = "/graphql?query=mutation%7Badd%7Bid%7D%7D";
    let answer = send("GET", mutation, &[("graphql-require-preflight", "1")], "").await;
    assert_eq!((answer.status, answer.code()), (405, "graphql_mutation_by_get"));
    assert!(answer.calls.is_empty());
}
