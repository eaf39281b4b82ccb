//! Introspection tells the schema that the SDL says, by the judgement of
//! graphql-js, the reference implementation.

mod graphql_js;

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ::http::HeaderMap;
use futures::future::BoxFuture;
use glassgate_graphql::fetch::{Fetch, FetchError, FetchRequest, FetchResponse};
use glassgate_graphql::schema::{Schema, SchemaOptions, SdlFile, Sources};
use glassgate_graphql::{Context, Engine, GraphqlRequest, Limits};
use serde_json::{Value, json};

/// Introspection asks nobody.
struct NoService;

impl Fetch for NoService {
    fn fetch<'a>(&'a self, request: FetchRequest) -> BoxFuture<'a, Result<FetchResponse, FetchError>> {
        panic!("a call to {}", request.source)
    }
}

const EVERYTHING: &str = r#"
"What the API is for."
schema { query: Root mutation: Change }

type Root {
  node(id: ID!): Node @rest(source: "s", GET: "/nodes/{id}")
  "Finds things."
  search(by: By!, first: Int = 10, order: [Order!] = [NEW, OLD], near: Place = {x: 1.5, label: "a \"b\""}): [Found!]!
    @rest(source: "s", POST: "/search", body: {by: "{by}", order: "{order}", near: "{near}"})
  old(id: ID @deprecated(reason: "not used")): Int @deprecated @rest(source: "s", GET: "/old")
}
type Change { touch(id: ID!, at: Time): Boolean @rest(source: "s", PUT: "/nodes/{id}", body: {at: "{at}"}) }

"Whatever has an id."
interface Node { id: ID! }
interface Named implements Node { id: ID! "Its name." name(lang: String = "en"): String }
type Person implements Named & Node { id: ID! name(lang: String = "en"): String tags: [[String!]]! }
type Robot implements Node { id: ID! model: String @json(path: "$.type.model") }
union Found @json(path: "$.kind") = Person | Robot

"""
When something was.

  With an indented line.
"""
scalar Time @specifiedBy(url: "https://example.com/time")
enum Order { NEW "The oldest first." OLD @deprecated(reason: "slow") }
input Place { x: Float = 0 y: Float label: String @deprecated }
input By @oneOf { id: ID name: String place: Place }
extend type Robot { owner: Person }
"#;

async fn compare(files: &[SdlFile], sources: &[&str]) {
    let loaded = Schema::load(files, &Sources::named(sources.iter().copied()), &SchemaOptions::default());
    let schema = loaded.expect("a schema").schema;
    let query = graphql_js::run("print_schema.js", "");
    let engine = Engine::new(schema, Limits::default(), 1);
    let request = GraphqlRequest { query, ..GraphqlRequest::default() };
    let deadline = Instant::now() + Duration::from_secs(60);
    let context = Context { headers: HeaderMap::new(), identity: None, budget: None, deadline };
    let (response, _) = engine.execute(request, context, Arc::new(NoService)).await;
    let mut response: Value = serde_json::from_slice(&response.body).expect("JSON");
    let data = response["data"].take();
    let sdl: Vec<&str> = files.iter().map(|file| file.text.as_str()).collect();
    let printed = graphql_js::run("print_schema.js", &json!({"sdl": sdl, "introspection": data}).to_string());
    let printed: Value = serde_json::from_str(&printed).expect("JSON");
    assert_eq!(printed["found"].as_str().expect("SDL"), printed["expected"].as_str().expect("SDL"),);
}

#[tokio::test]
async fn introspection_loses_nothing_that_the_sdl_says() {
    compare(&[SdlFile { name: "x".into(), text: EVERYTHING.into() }], &["s"]).await;
}

#[tokio::test]
async fn introspection_of_the_bundled_schema_is_its_sdl() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../config/schema");
    let files: Vec<SdlFile> = std::fs::read_dir(folder)
        .expect("the folder")
        .map(|entry| entry.expect("an entry").path())
        .map(|path| SdlFile {
            name: path.display().to_string(),
            text: std::fs::read_to_string(path).expect("a file"),
        })
        .collect();
    compare(&files, &["users", "orders", "products", "payments"]).await;
}
