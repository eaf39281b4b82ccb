//! The limit of an upstream: all that goes there counts, and higher priorities go first.

use tests::{Launch, closed_port};

use super::*;

/// Routes of three priorities to one upstream.
fn by_priority(held: &Held, max: u32, queue: u32) -> String {
    let routes = [
        ("low", ", priority: low"),
        ("normal", ""),
        ("high", ", priority: high"),
        ("first", ", priority: critical"),
    ];
    held.behind(&limit(max, queue), &routes)
}

#[tokio::test]
async fn all_routes_share_the_limit_of_their_upstream() {
    let held = Held::start().await;
    let gateway = Gateway::start(held.behind(&limit(2, 1), &[("a", ""), ("b", "")])).await;
    let flying = [ask(&gateway, "/a"), ask(&gateway, "/b")];
    held.holds(2).await;
    let waiting = ask(&gateway, "/a");
    queued(&gateway, "upstream", "up", 1).await;
    for protocol in [Protocol::H1, Protocol::H2c] {
        let mut connection = Connection::open(gateway.address(), protocol).await;
        let request = || client::request("POST", &gateway.url("/b")).body(full("a body")).unwrap();
        assert_shed(&connection.send(request()).await.unwrap(), UPSTREAM);
        assert_shed(&connection.send(request()).await.unwrap(), UPSTREAM);
        assert!(!connection.is_closed(), "{protocol:?}: a refusal keeps the connection");
    }
    held.release(3);
    for answer in flying.into_iter().chain([waiting]) {
        assert_eq!(answer.await.unwrap().status, 200);
    }
    assert_eq!((held.most(), held.upstream.seen().len()), (2, 3));
    let up = [("upstream", "up")];
    // A refusal is no attempt, and no failure of the upstream. An attempt is counted after its answer was sent.
    let attempts = "http_client_request_duration_seconds_count";
    assert_eq!(gateway.metric(attempts, &up, |count| count >= 3.0).await, 3.0);
    assert_eq!(gateway.metrics().await.value("gateway_concurrency_shed_total", &up), 4.0);
    let line = gateway.access_log("a refused one", |line| line["reason"] == UPSTREAM).await;
    assert_eq!((&line["attempts"], &line["error"]), (&json!(0), &json!("the queue of 1 was full")));
}

#[tokio::test]
async fn a_full_queue_gives_up_the_lowest_priority_first() {
    let held = Held::start().await;
    let gateway = Gateway::start(by_priority(&held, 1, 2)).await;
    let flying = ask(&gateway, "/low");
    held.holds(1).await;
    let low = ask(&gateway, "/low");
    queued(&gateway, "upstream", "up", 1).await;
    let normal = ask(&gateway, "/normal");
    queued(&gateway, "upstream", "up", 2).await;
    assert_shed(&gateway.get("/low").await, UPSTREAM);
    let high = ask(&gateway, "/high");
    assert_shed(&low.await.unwrap(), UPSTREAM);
    let first = ask(&gateway, "/first");
    assert_shed(&normal.await.unwrap(), UPSTREAM);
    assert_shed(&gateway.get("/high").await, UPSTREAM);
    shed(&gateway, "upstream", "up", "displaced", 2).await;
    shed(&gateway, "upstream", "up", "queue_full", 2).await;
    held.release(3);
    for answer in [flying, high, first] {
        assert_eq!(answer.await.unwrap().status, 200);
    }
    assert_eq!(held.paths(), ["/low", "/first", "/high"], "the higher one went first");
}

#[tokio::test]
async fn of_those_who_wait_the_highest_priority_goes_first_and_then_the_first_to_come() {
    let held = Held::start().await;
    let gateway = Gateway::start(by_priority(&held, 1, 10)).await;
    let mut answers = vec![ask(&gateway, "/normal")];
    held.holds(1).await;
    for (count, path) in (1..).zip(["/low?1", "/normal?2", "/high?3", "/normal?4", "/first?5", "/low?6"]) {
        answers.push(ask(&gateway, path));
        queued(&gateway, "upstream", "up", count).await;
    }
    held.release(answers.len());
    for answer in answers {
        assert_eq!(answer.await.unwrap().status, 200);
    }
    assert_eq!(
        held.paths(),
        ["/normal", "/first?5", "/high?3", "/normal?2", "/normal?4", "/low?1", "/low?6"]
    );
    assert_eq!(held.most(), 1);
}

#[tokio::test]
async fn another_attempt_needs_a_place_of_its_own() {
    let held = Held::start().await;
    let yaml = |max| {
        let endpoints = format!("[\"http://{}\", \"{}\"]", closed_port(), held.upstream.url());
        let upstream = format!("{{ endpoints: {endpoints}{} }}", limit(max, 0));
        format!(
            "upstreams: {{ up: {upstream} }}\nroutes: [{{ name: a, match: {{ path: /** }}, upstream: up }}]\n"
        )
    };
    let gateway = Gateway::start(yaml(1)).await;
    held.release(10);
    // Every second one begins at the closed port. Its place there is free for the attempt after.
    for _ in 0..10 {
        assert_eq!(gateway.get("/").await.status, 200);
    }
    let of_up = [("upstream", "up")];
    assert!(gateway.metrics().await.value("gateway_upstream_connect_retries_total", &of_up) >= 5.0);
    gateway.metric("gateway_concurrency_in_flight", &of_up, |count| count == 0.0).await;
}

/// A gateway with a composed API whose only service is held.
async fn composed(held: &Held, of_upstream: &str, of_route: &str) -> Gateway {
    let sdl =
        "type Query { thing: Thing @rest(source: \"up\", GET: \"/thing\") } type Thing { name: String }";
    let yaml = format!(
        "{}  - {{ name: graphql, match: {{ path: /graphql }}, graphql: main{of_route} }}\n\
         graphql: {{ main: {{ schema: [s.graphql] }} }}\n",
        held.behind(of_upstream, &[("a", "")])
    );
    Launch::new(&yaml).file("s.graphql", sdl).start().await
}

#[tokio::test]
async fn calls_of_a_composed_api_count_with_the_priority_of_its_route() {
    let held = Held::start().await;
    let gateway = composed(&held, &limit(1, 1), ", priority: high").await;
    let flying = ask(&gateway, "/a");
    held.holds(1).await;
    let waiting = ask(&gateway, "/a");
    queued(&gateway, "upstream", "up", 1).await;
    let query = gateway.graphql("{ thing { name } }", json!({}));
    let (answer, waiting) = tokio::join!(query, async {
        let refused = waiting.await.unwrap();
        held.release(2);
        refused
    });
    assert_shed(&waiting, UPSTREAM);
    assert_eq!(answer.json(), json!({ "data": { "thing": { "name": "/thing" } } }));
    assert_eq!(flying.await.unwrap().status, 200);
    assert_eq!((held.most(), held.paths()), (1, vec!["/a".to_owned(), "/thing".to_owned()]));
}

#[tokio::test]
async fn a_call_that_gets_no_place_is_an_error_of_its_field() {
    let held = Held::start().await;
    let gateway = composed(&held, &limit(1, 0), "").await;
    let flying = ask(&gateway, "/a");
    held.holds(1).await;
    let answer = gateway.graphql("{ thing { name } }", json!({})).await;
    assert_eq!(answer.status, 200);
    let answer = answer.json();
    assert_eq!(answer["data"], json!({ "thing": null }));
    assert!(answer["errors"].to_string().contains(UPSTREAM), "{answer}");
    let line = gateway.access_log("the operation", |line| line["route"] == "graphql").await;
    assert_eq!(line["error"], "up: no place was free, and there is no queue", "{line}");
    shed(&gateway, "upstream", "up", "queue_full", 1).await;
    held.release(1);
    flying.await.unwrap();
}

#[tokio::test]
async fn a_composed_api_is_limited_like_any_other_route() {
    let held = Held::start().await;
    let gateway = composed(&held, "", &limit(1, 0)).await;
    let query = || gateway.graphql("{ thing { name } }", json!({}));
    let (first, second) = tokio::join!(query(), async {
        held.holds(1).await;
        let refused = query().await;
        held.release(1);
        refused
    });
    assert_eq!(first.json(), json!({ "data": { "thing": { "name": "/thing" } } }));
    assert_shed(&second, ROUTE);
}
