//! What waits for what while long answers are read aside.

use std::iter::from_fn;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use bytes::Bytes;
use futures::FutureExt;
use futures::future::BoxFuture;
use http::{HeaderMap, StatusCode};
use serde_json::{Value, json};
use tokio::task::yield_now;

use crate::aside::{Aside, Turn};
use crate::coerce::Values;
use crate::document::prepare;
use crate::execute::{Environment, Refusals, Run};
use crate::fetch::{Fetch, FetchError, FetchRequest, FetchResponse};
use crate::limits::Limits;
use crate::plan::{Conditions, compile};
use crate::request::Context;
use crate::testing::{Fake, Reply, context, engine, request, schema};

const SDL: &str = r#"
    type Query {
        long: [User!] @rest(source: "users", GET: "/long")
        short: User @rest(source: "users", GET: "/short")
    }
    type User { id: ID! }
"#;

/// The long answer comes at once, the short one after it.
#[derive(Default)]
struct Services {
    is_short_read: AtomicBool,
}

impl Fetch for Services {
    fn fetch<'a>(&'a self, request: FetchRequest) -> BoxFuture<'a, Result<FetchResponse, FetchError>> {
        async move {
            let body = if request.path_and_query == "/long" {
                json!([{"id": 1, "name": "n".repeat(2 << 20)}])
            } else {
                // Its pieces.
                for _ in 0..5 {
                    yield_now().await;
                }
                self.is_short_read.store(true, Ordering::Relaxed);
                json!({"id": 2})
            };
            let body = Bytes::from(body.to_string());
            Ok(FetchResponse { status: StatusCode::OK, headers: HeaderMap::new(), body })
        }
        .boxed()
    }
}

/// Every thread for long work.
fn all_turns(aside: &Aside) -> Vec<Turn> {
    from_fn(|| aside.turn().now_or_never().flatten()).collect()
}

#[tokio::test]
async fn calls_and_other_tasks_go_on_while_a_long_answer_waits_for_its_turn() {
    let (engine, services) = (engine(SDL), Arc::new(Services::default()));
    let turns = all_turns(engine.aside());
    let query = request("{ long { id } short { id } }", json!({}));
    let mut response = Box::pin(engine.execute(query, context(), services.clone()));
    let other = tokio::spawn(yield_now());
    for _ in 0..50 {
        assert!((&mut response).now_or_never().is_none(), "the long answer cannot be read yet");
        yield_now().await;
    }
    assert!(other.is_finished());
    assert!(services.is_short_read.load(Ordering::Relaxed), "the other call stands still");
    drop(turns);
    let (response, report) = response.await;
    let body: Value = serde_json::from_slice(&response.body).unwrap();
    assert_eq!(body, json!({"data": {"long": [{"id": "1"}], "short": {"id": "2"}}}));
    assert!(report.fetches.iter().all(|fetch| fetch.status == Some(200)));
}

#[tokio::test]
async fn after_the_deadline_a_free_thread_is_not_taken() {
    let (schema, limits) = (schema(SDL), Limits::default());
    let prepared = prepare(schema.apollo(), &limits, "{ short { id } }", None).unwrap();
    let plan = Arc::new(compile(&schema, prepared, limits.selections).unwrap());
    let fetch: Arc<dyn Fetch> = Fake::new(|_| Reply::Never);
    let late = Context { deadline: Instant::now(), ..context() };
    for (context, is_some) in [(late, false), (context(), true)] {
        let env = Environment {
            schema: &schema,
            limits: &limits,
            context: &context,
            fetch: &fetch,
            aside: &Aside::new(),
            variables: &Values::new(),
            conditions: &Conditions::evaluate(&plan.conditions, &Values::new()).unwrap(),
            refusals: &Refusals::default(),
        };
        assert_eq!(Run::new(&plan, env).turn().await.is_some(), is_some);
    }
}
