//! The bar's query on the engine alone: CPU microseconds per request without
//! HTTP on either side.
//!
//! 100 posts and their 10 users, as the public sample data has them, one batch;
//! `cargo bench -p glassgate-graphql --bench posts`. The full bar, with HTTP and
//! nginx, is measured by `make bench`.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures::FutureExt;
use futures::future::BoxFuture;
use glassgate_graphql::fetch::{Fetch, FetchError, FetchRequest, FetchResponse};
use glassgate_graphql::schema::{Schema, SchemaOptions, SdlFile, Sources};
use glassgate_graphql::{Context, Engine, GraphqlRequest, Limits};
use http::{HeaderMap, StatusCode};

const SDL: &str = r#"
    type Query { posts: [Post!]! @rest(source: "posts", GET: "/posts") }
    type Post {
        id: Int!  userId: Int!  title: String!
        user: User
            @rest(source: "users", GET: "/users{?id*}", batch: {key: "userId", param: "id", match: "id"})
    }
    type User { id: Int!  name: String!  email: String! }
"#;
const QUERY: &str = "{posts{id userId title user{id name email}}}";
const ROUND: u32 = 5_000;

struct Canned {
    posts: Bytes,
    users: Bytes,
}

impl Fetch for Canned {
    fn fetch<'a>(&'a self, request: FetchRequest) -> BoxFuture<'a, Result<FetchResponse, FetchError>> {
        let body = if &*request.source == "posts" { &self.posts } else { &self.users };
        let response =
            FetchResponse { status: StatusCode::OK, headers: HeaderMap::new(), body: body.clone() };
        std::future::ready(Ok(response)).boxed()
    }
}

fn posts() -> String {
    let text = "quia et suscipit suscipit recusandae consequuntur expedita et cum reprehenderit molestiae \
                ut ut quas totam nostrum rerum est autem sunt rem eveniet architecto";
    let posts: Vec<serde_json::Value> = (0..100)
        .map(|n| {
            serde_json::json!({
                "userId": n / 10 + 1,
                "id": n + 1,
                "title": "sunt aut facere repellat provident occaecati excepturi optio",
                "body": text,
            })
        })
        .collect();
    serde_json::to_string_pretty(&posts).unwrap_or_default()
}

fn users() -> String {
    let users: Vec<serde_json::Value> = (1..=10)
        .map(|n| {
            serde_json::json!({
                "id": n, "name": "Leanne Graham", "username": "Bret", "email": "Sincere@april.biz",
                "address": {
                    "street": "Kulas Light", "suite": "Apt. 556", "city": "Gwenborough",
                    "zipcode": "92998-3874", "geo": {"lat": "-37.3159", "lng": "81.1496"},
                },
                "phone": "1-770-736-8031 x56442", "website": "hildegard.org",
                "company": {"name": "Romaguera-Crona", "catchPhrase": "Multi-layered client-server net"},
            })
        })
        .collect();
    serde_json::to_string_pretty(&users).unwrap_or_default()
}

/// CPU time of this thread by the kernel's accounting: other work on the
/// machine does not count.
fn cpu_nanoseconds() -> f64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    text.split(' ').next().and_then(|first| first.parse().ok()).unwrap_or(0.0)
}

fn main() {
    let file = SdlFile { name: "posts.graphql".into(), text: SDL.into() };
    let loaded = Schema::load(&[file], &Sources::named(["posts", "users"]), &SchemaOptions::default());
    let Ok(loaded) = loaded else {
        panic!("the schema loads");
    };
    let engine = Engine::new(loaded.schema, Limits::default(), 100);
    let fetch: Arc<dyn Fetch> = Arc::new(Canned { posts: posts().into(), users: users().into() });
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
    let runtime = runtime.expect("a runtime without I/O can be built");
    runtime.block_on(async {
        let mut best = f64::MAX;
        for _ in 0..10 {
            let started = cpu_nanoseconds();
            for _ in 0..ROUND {
                let request = GraphqlRequest { query: QUERY.into(), ..GraphqlRequest::default() };
                let context = Context {
                    headers: HeaderMap::new(),
                    identity: None,
                    budget: None,
                    deadline: Instant::now() + Duration::from_secs(30),
                };
                let (response, report) = engine.execute(request, context, fetch.clone()).await;
                assert_eq!((report.fetches.len(), report.errors), (2, 0));
                std::hint::black_box(response);
            }
            best = best.min((cpu_nanoseconds() - started) / f64::from(ROUND));
        }
        println!("engine: {:.1} us CPU per request (best of 10 rounds of {ROUND})", best / 1e3);
    });
}
