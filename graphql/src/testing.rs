//! What tests of several modules share: a fake of the services, and short ways
//! to ask an engine.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures::FutureExt;
use futures::future::BoxFuture;
use http::{HeaderMap, StatusCode};
use serde_json::{Value, json};

use crate::engine::Engine;
use crate::fetch::{Fetch, FetchError, FetchRequest, FetchResponse};
use crate::limits::Limits;
use crate::report::Report;
use crate::request::{Context, GraphqlRequest, Identity};
use crate::schema::{Schema, SchemaOptions, SdlFile, Sources};

/// What a fake service does with a call.
pub(crate) enum Reply {
    /// 200 with this body.
    Json(Value),
    /// This status with this text as the body.
    Status(u16, String),
    /// No answer.
    Error(FetchError),
    /// An answer after this time.
    Later(Duration, Box<Reply>),
    /// Nothing, ever.
    Never,
}

type Script = dyn Fn(&FetchRequest) -> Reply + Send + Sync;

/// Services that answer by a script and remember what they were asked.
pub(crate) struct Fake {
    script: Box<Script>,
    calls: Mutex<Vec<FetchRequest>>,
    /// How many calls were under way when each call arrived.
    under_way: Mutex<(usize, Vec<usize>)>,
}

impl Fake {
    pub(crate) fn new(script: impl Fn(&FetchRequest) -> Reply + Send + Sync + 'static) -> Arc<Self> {
        Arc::new(Fake { script: Box::new(script), calls: Mutex::default(), under_way: Mutex::default() })
    }

    /// Every call as `source METHOD path`, in the order of arrival.
    pub(crate) fn calls(&self) -> Vec<String> {
        let calls = self.calls.lock().unwrap();
        calls.iter().map(|call| format!("{} {} {}", call.source, call.method, call.path_and_query)).collect()
    }

    pub(crate) fn requests(&self) -> Vec<FetchRequest> {
        self.calls.lock().unwrap().clone()
    }

    /// How many other calls were under way when each call arrived.
    pub(crate) fn concurrency(&self) -> Vec<usize> {
        self.under_way.lock().unwrap().1.clone()
    }
}

impl Fetch for Fake {
    fn fetch<'a>(&'a self, request: FetchRequest) -> BoxFuture<'a, Result<FetchResponse, FetchError>> {
        let reply = (self.script)(&request);
        self.calls.lock().unwrap().push(request);
        async move {
            {
                let mut under_way = self.under_way.lock().unwrap();
                let others = under_way.0;
                under_way.1.push(others);
                under_way.0 += 1;
            }
            // Lets calls that were sent together arrive together.
            tokio::task::yield_now().await;
            let answer = answer(reply).await;
            self.under_way.lock().unwrap().0 -= 1;
            answer
        }
        .boxed()
    }
}

fn answer(reply: Reply) -> BoxFuture<'static, Result<FetchResponse, FetchError>> {
    async move {
        let (status, body) = match reply {
            Reply::Json(body) => (200, body.to_string()),
            Reply::Status(status, body) => (status, body),
            Reply::Error(error) => return Err(error),
            Reply::Later(time, reply) => {
                tokio::time::sleep(time).await;
                return answer(*reply).await;
            }
            Reply::Never => std::future::pending().await,
        };
        let status = StatusCode::from_u16(status).unwrap();
        Ok(FetchResponse { status, headers: HeaderMap::new(), body: Bytes::from(body) })
    }
    .boxed()
}

pub(crate) fn schema(sdl: &str) -> Arc<Schema> {
    let file = SdlFile { name: "api.graphql".into(), text: sdl.into() };
    let sources = Sources::named(["users", "orders", "products", "payments"]);
    match Schema::load(&[file], &sources, &SchemaOptions::default()) {
        Ok(loaded) => loaded.schema,
        Err(problems) => {
            panic!("{}", problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))
        }
    }
}

pub(crate) fn engine(sdl: &str) -> Engine {
    Engine::new(schema(sdl), Limits::default(), 100)
}

/// A caller with these claims.
pub(crate) fn caller(claims: Value) -> Arc<dyn Identity> {
    Arc::new(Known(claims))
}

#[derive(Debug)]
struct Known(Value);

impl Identity for Known {
    fn claim(&self, path: &str) -> Option<&Value> {
        path.split('.').try_fold(&self.0, |value, name| value.get(name))
    }

    fn has_scope(&self, scope: &str) -> bool {
        self.0["scope"].as_str().is_some_and(|given| given.split(' ').any(|given| given == scope))
    }
}

pub(crate) fn context() -> Context {
    Context {
        headers: HeaderMap::new(),
        identity: None,
        budget: None,
        deadline: Instant::now() + Duration::from_secs(10),
    }
}

pub(crate) fn request(query: &str, variables: Value) -> GraphqlRequest {
    let variables = variables.as_object().cloned().unwrap_or_default();
    GraphqlRequest { query: query.into(), variables, ..GraphqlRequest::default() }
}

/// The response to a query without variables.
pub(crate) async fn ask(engine: &Engine, fake: &Arc<Fake>, query: &str) -> Value {
    ask_with(engine, fake, query, json!({})).await.0
}

/// The response as it is written, for its order.
pub(crate) async fn ask_text(engine: &Engine, fake: &Arc<Fake>, query: &str, variables: Value) -> String {
    let (response, _) = engine.execute(request(query, variables), context(), fake.clone()).await;
    String::from_utf8(response.body.to_vec()).unwrap()
}

/// The response and the report.
pub(crate) async fn ask_with(
    engine: &Engine,
    fake: &Arc<Fake>,
    query: &str,
    variables: Value,
) -> (Value, Report) {
    let (response, report) = engine.execute(request(query, variables), context(), fake.clone()).await;
    let text = String::from_utf8(response.body.to_vec()).unwrap();
    match serde_json::from_str(&text) {
        Ok(value) => (value, report),
        Err(error) => panic!("{error} in {text}"),
    }
}
