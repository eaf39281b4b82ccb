//! What a call carries besides its path: its headers, each of them once.

use http::{HeaderMap, HeaderName, HeaderValue};
use serde_json::json;

use crate::engine::Engine;
use crate::limits::Limits;
use crate::request::Context;
use crate::schema::{Schema, SchemaOptions, SdlFile, SourceOptions, Sources};
use crate::testing::{Fake, Reply, context, request};

const SDL: &str = r#"
    type Query {
        plain: Int @rest(source: "users", GET: "/plain")
        posted: Int @rest(source: "users", POST: "/posted", body: {a: 1})
        set: Int @rest(source: "users", GET: "/set", headers: ["X-Tenant: of {headers.x-owner}"])
        passed: Int @rest(source: "users", GET: "/passed", headers: ["X-Tenant: {headers.x-tenant}"])
        typed: Int @rest(source: "users", POST: "/typed", body: {a: 1}, headers: ["Accept: a/b", "Content-Type: c/d"])
    }
"#;
const CLIENT: [(&str, &str); 5] = [
    ("x-tenant", "one"),
    ("x-tenant", "two"),
    ("accept", "application/graphql-response+json"),
    ("content-type", "application/json; charset=utf-8"),
    ("cookie", "secret"),
];

/// The headers that the call of `field` carries to a source that asks for
/// these ones of the client's, who may be somebody's.
async fn sent(field: &str, forward: &[&'static str], owner: Option<&'static str>) -> HeaderMap {
    let forward = forward.iter().copied().map(HeaderName::from_static).collect();
    let sources = Sources([("users".to_owned(), SourceOptions { forward })].into());
    let file = SdlFile { name: "api.graphql".into(), text: SDL.into() };
    let loaded = Schema::load(&[file], &sources, &SchemaOptions::default()).expect("a schema");
    let mut headers = HeaderMap::new();
    for (name, value) in CLIENT.into_iter().chain(owner.map(|owner| ("x-owner", owner))) {
        headers.append(name, HeaderValue::from_static(value));
    }
    let fake = Fake::new(|_| Reply::Json(json!(1)));
    let asked = request(&format!("{{ {field} }}"), json!({}));
    let context = Context { headers, ..context() };
    Engine::new(loaded.schema, Limits::default(), 1).execute(asked, context, fake.clone()).await;
    fake.requests().remove(0).headers
}

fn all<'h>(headers: &'h HeaderMap, name: &str) -> Vec<&'h str> {
    headers.get_all(name).iter().map(|value| value.to_str().unwrap()).collect()
}

#[tokio::test]
async fn a_forwarded_header_is_sent_once_per_line_of_the_client() {
    for forward in [&["x-tenant"][..], &["x-tenant", "x-tenant"], &["x-tenant", "x-absent", "x-tenant"]] {
        let headers = sent("plain", forward, None).await;
        assert_eq!(all(&headers, "x-tenant"), ["one", "two"], "{forward:?}");
        assert_eq!(headers.len(), 3, "nothing but this and `accept`: {headers:?}");
    }
}

#[tokio::test]
async fn a_header_of_the_schema_replaces_the_forwarded_one() {
    let forward = ["x-tenant", "x-tenant"];
    let headers = sent("set", &forward, Some("acme")).await;
    assert_eq!(all(&headers, "x-tenant"), ["of acme"]);
    let headers = sent("passed", &forward, None).await;
    assert_eq!(all(&headers, "x-tenant"), ["one"]);
    let headers = sent("set", &forward, None).await;
    assert!(all(&headers, "x-tenant").is_empty(), "a header without a value is not the client's to fill");
}

#[tokio::test]
async fn only_the_schema_says_what_a_call_carries_and_reads() {
    let forward = ["content-type", "accept", "cookie"];
    let headers = sent("posted", &forward, None).await;
    assert_eq!(all(&headers, "accept"), ["application/json"]);
    assert_eq!(all(&headers, "content-type"), ["application/json"]);
    assert_eq!(all(&headers, "cookie"), ["secret"]);
    let headers = sent("plain", &forward, None).await;
    assert!(all(&headers, "content-type").is_empty(), "a call without a body has no type of it");
    let headers = sent("typed", &forward, None).await;
    assert_eq!((all(&headers, "accept"), all(&headers, "content-type")), (vec!["a/b"], vec!["c/d"]));
}
