//! The engine answers as graphql-js does, the reference implementation.
//!
//! Each case is a line of `graphql_js/cases.jsonl`: a document, variables, an
//! operation's name. What is compared is which documents and variables are
//! refused, the data in its order, and the paths of errors; texts are our own.
//! Where we differ on purpose, `docs/graphql.md` says so and there is no case.

mod graphql_js;

use std::sync::Arc;
use std::time::{Duration, Instant};

use ::http::{HeaderMap, StatusCode};
use bytes::Bytes;
use futures::FutureExt;
use futures::future::BoxFuture;
use glassgate_graphql::fetch::{Fetch, FetchError, FetchRequest, FetchResponse};
use glassgate_graphql::schema::{Schema, SchemaOptions, SdlFile, Sources};
use glassgate_graphql::{Context, Engine, GraphqlRequest, Limits};
use serde_json::{Value, json};

const SDL: &str = include_str!("graphql_js/schema.graphql");
const SERVICES: &str = include_str!("graphql_js/services.json");
const CASES: &str = include_str!("graphql_js/cases.jsonl");

/// One service: `/echo` answers with its body, all others with a fixed value.
struct Service(Value);

impl Fetch for Service {
    fn fetch<'a>(&'a self, request: FetchRequest) -> BoxFuture<'a, Result<FetchResponse, FetchError>> {
        let body = match request.path_and_query.trim_start_matches('/') {
            "echo" => request.body.unwrap_or_default(),
            field => Bytes::from(self.0[field].to_string()),
        };
        async { Ok(FetchResponse { status: StatusCode::OK, headers: HeaderMap::new(), body }) }.boxed()
    }
}

fn cases() -> Vec<GraphqlRequest> {
    let read = |line: &str| {
        let case: Value = serde_json::from_str(line).expect("a case");
        GraphqlRequest {
            query: case[0].as_str().expect("a document").to_owned(),
            variables: case[1].as_object().cloned().unwrap_or_default(),
            operation_name: case[2].as_str().map(str::to_owned),
        }
    };
    CASES.lines().map(read).collect()
}

#[tokio::test]
async fn documents_are_refused_and_answered_as_by_graphql_js() {
    let files = [SdlFile { name: "x".into(), text: SDL.into() }];
    let loaded = Schema::load(&files, &Sources::named(["s"]), &SchemaOptions::default());
    let engine = Engine::new(loaded.expect("a schema").schema, Limits::default(), 10);
    let services: Value = serde_json::from_str(SERVICES).expect("JSON");
    let service: Arc<dyn Fetch> = Arc::new(Service(services.clone()));
    let mut asked = Vec::new();
    for request in cases() {
        let deadline = Instant::now() + Duration::from_secs(60);
        let context = Context { headers: HeaderMap::new(), identity: None, budget: None, deadline };
        let (response, _) = engine.execute(request.clone(), context, service.clone()).await;
        asked.push(json!({
            "query": request.query,
            "variables": request.variables,
            "operationName": request.operation_name,
            "response": String::from_utf8(response.body.to_vec()).expect("text"),
        }));
    }
    let input = json!({"sdl": SDL, "services": services, "cases": asked});
    let differences = graphql_js::run("execute.js", &input.to_string());
    let differences: Vec<Value> = serde_json::from_str(&differences).expect("JSON");
    assert!(differences.is_empty(), "{differences:#?}");
}
