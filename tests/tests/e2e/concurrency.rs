//! Concurrency limits: so many at once, a short queue for the others, and an answer at once for the rest.

mod leaving;
mod reloading;
mod upstreams;

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use futures::stream;
use serde_json::json;
use tests::client::{Connection, Protocol};
use tests::{
    Answer, Collector, DEADLINE, Gateway, Upstream, client, empty, eventually, full, reply, streaming,
    websocket,
};
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;

const ROUTE: &str = "route_overloaded";
const UPSTREAM: &str = "upstream_overloaded";

/// An upstream that answers when the test lets it, and counts who is inside.
struct Held {
    upstream: Upstream,
    doors: Arc<Doors>,
}

#[derive(Debug)]
struct Doors {
    inside: AtomicUsize,
    most: AtomicUsize,
    open: Semaphore,
}

/// Somebody who is inside, until dropped: also when the gateway has cut it off.
struct Inside(Arc<Doors>);

impl Inside {
    fn enter(doors: Arc<Doors>) -> Self {
        let inside = doors.inside.fetch_add(1, Ordering::SeqCst) + 1;
        doors.most.fetch_max(inside, Ordering::SeqCst);
        Self(doors)
    }
}

impl Drop for Inside {
    fn drop(&mut self) {
        self.0.inside.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Held {
    async fn start() -> Self {
        let doors = Arc::new(Doors {
            inside: AtomicUsize::new(0),
            most: AtomicUsize::new(0),
            open: Semaphore::new(0),
        });
        let of_handler = doors.clone();
        let upstream = Upstream::start(move |request| {
            let inside = Inside::enter(of_handler.clone());
            async move {
                inside.0.open.acquire().await.expect("nobody closes it").forget();
                drop(inside);
                reply(200, json!({ "name": request.uri().path() }).to_string())
            }
        })
        .await;
        Self { upstream, doors }
    }

    /// Waits until so many are inside.
    async fn holds(&self, count: usize) {
        let what = format!("{count} are inside");
        let inside = || self.doors.inside.load(Ordering::SeqCst);
        eventually(&what, DEADLINE, async || (inside() == count).then_some(())).await;
    }

    /// Lets so many go, now or when they come.
    fn release(&self, count: usize) {
        self.doors.open.add_permits(count);
    }

    fn most(&self) -> usize {
        self.doors.most.load(Ordering::SeqCst)
    }

    /// The paths that came in, in their order.
    fn paths(&self) -> Vec<String> {
        self.upstream.seen().iter().map(|seen| seen.target().to_owned()).collect()
    }

    /// A configuration with this upstream, whose routes are named after their paths.
    fn behind(&self, of_upstream: &str, routes: &[(&str, &str)]) -> String {
        let url = self.upstream.url();
        let route = |(name, more): &(&str, &str)| {
            format!("  - {{ name: {name}, match: {{ path: /{name} }}, upstream: up{more} }}\n")
        };
        format!(
            "upstreams: {{ up: {{ endpoints: [\"{url}\"]{of_upstream} }} }}\nroutes:\n{}",
            routes.iter().map(route).collect::<String>()
        )
    }
}

/// `, concurrency: ...` with a queue in which nobody waits in vain as long as a test takes.
fn limit(max: u32, queue: u32) -> String {
    format!(", concurrency: {{ max: {max}, queue: {{ size: {queue}, timeout: 1m }} }}")
}

/// A request that goes on while the test does something else.
fn ask(gateway: &Gateway, path: &str) -> JoinHandle<Answer> {
    let url = gateway.url(path);
    tokio::spawn(async move { client::get(&url).await })
}

/// Waits until so many stand in the queue of a route's (`http_route`) or an upstream's (`upstream`) limit.
async fn queued(gateway: &Gateway, label: &str, name: &str, count: u32) {
    let is = |length| length == f64::from(count);
    gateway.metric("gateway_concurrency_queue_length", &[(label, name)], is).await;
}

/// Waits until so many were refused for this cause.
async fn shed(gateway: &Gateway, label: &str, name: &str, cause: &str, count: u32) {
    let is = |shed| shed == f64::from(count);
    gateway.metric("gateway_concurrency_shed_total", &[(label, name), ("cause", cause)], is).await;
}

#[track_caller]
fn assert_shed(answer: &Answer, reason: &str) {
    assert_eq!(answer.refused(503), reason);
    let seconds: u64 = answer.header("retry-after").parse().expect("Retry-After in seconds");
    assert!((1..=2).contains(&seconds), "{seconds}");
}

#[tokio::test]
async fn as_many_as_the_limit_are_in_flight_the_next_wait_and_the_rest_is_refused() {
    let held = Held::start().await;
    let gateway = Gateway::start(held.behind("", &[("a", &limit(2, 2)), ("b", "")])).await;
    let flying = [ask(&gateway, "/a"), ask(&gateway, "/a")];
    held.holds(2).await;
    let waiting = [ask(&gateway, "/a"), ask(&gateway, "/a")];
    queued(&gateway, "http_route", "a", 2).await;
    for protocol in [Protocol::H1, Protocol::H2c] {
        let mut connection = Connection::open(gateway.address(), protocol).await;
        for method in ["GET", "POST"] {
            let body = if method == "GET" { empty() } else { full("a body") };
            let request = client::request(method, &gateway.url("/a")).body(body).unwrap();
            assert_shed(&connection.send(request).await.unwrap(), ROUTE);
        }
        assert!(!connection.is_closed(), "{protocol:?}: a refusal keeps the connection");
    }
    shed(&gateway, "http_route", "a", "queue_full", 4).await;
    let metrics = gateway.metrics().await;
    let of_a = [("http_route", "a")];
    assert_eq!(metrics.value("gateway_concurrency_in_flight", &of_a), 2.0);
    assert_eq!(metrics.value("gateway_concurrency_limit", &of_a), 2.0);

    let other = ask(&gateway, "/b");
    held.holds(3).await;
    assert_eq!(gateway.admin("/health").await.status, 200);
    held.release(5);
    for answer in flying.into_iter().chain(waiting).chain([other]) {
        assert_eq!(answer.await.unwrap().status, 200);
    }
    assert_eq!(held.most(), 3, "two of one route, and one of the other");
    gateway.metric("gateway_concurrency_in_flight", &of_a, |count| count == 0.0).await;
    gateway.metric("gateway_concurrency_queue_wait_seconds_count", &of_a, |count| count == 2.0).await;
}

#[tokio::test]
async fn without_a_queue_the_refusal_comes_at_once_and_says_when_to_come_back() {
    let held = Held::start().await;
    let more = ", concurrency: { max: 1, queue: { size: 0 }, retry_after: 1m }";
    let gateway = Gateway::start(held.behind("", &[("a", more)])).await;
    let flying = ask(&gateway, "/a");
    held.holds(1).await;
    let answer = gateway.get("/a").await;
    assert_eq!(answer.refused(503), ROUTE);
    let seconds: u64 = answer.header("retry-after").parse().unwrap();
    assert!((60..=90).contains(&seconds), "{seconds}");
    held.release(2);
    assert_eq!(flying.await.unwrap().status, 200);
    assert_eq!(gateway.get("/a").await.status, 200, "the place is free again");
}

#[tokio::test]
async fn who_waits_too_long_is_refused_and_everything_tells_it() {
    let held = Held::start().await;
    let collector = Collector::start().await;
    let more = ", concurrency: { max: 1, queue: { size: 1, timeout: 20ms } }";
    let traces = format!(
        "telemetry: {{ traces: {{ otlp: {{ endpoint: \"{}\" }}, sample: 100% }} }}\n",
        collector.url()
    );
    let gateway = Gateway::start(traces + &held.behind("", &[("a", more)])).await;
    let flying = ask(&gateway, "/a");
    held.holds(1).await;
    let answer = gateway.get("/a").await;
    assert_shed(&answer, ROUTE);
    let problem = answer.problem();
    let line = gateway.access_log("the line", |line| line["request_id"] == *problem.request_id).await;
    assert_eq!((&line["reason"], &line["status"]), (&json!(ROUTE), &json!(503)));
    assert_eq!(line["error"], "no place became free within 20ms");
    assert!(line["queue_ms"].as_f64().unwrap() >= 20.0, "{line}");
    shed(&gateway, "http_route", "a", "queue_timeout", 1).await;
    let refused = [("http_route", "a"), ("reason", ROUTE)];
    gateway.metric("gateway_requests_refused_total", &refused, |count| count == 1.0).await;
    let spans = collector.trace(&problem.trace_id, 1).await;
    let span = spans.first().unwrap();
    assert_eq!(span.attribute("error.type"), ROUTE);
    assert_eq!(span.attribute("gateway.error"), "no place became free within 20ms");
    assert!(span.attribute("gateway.queue.wait").parse::<f64>().unwrap() >= 0.02, "{span:?}");
    held.release(1);
    flying.await.unwrap();
}

#[tokio::test]
async fn nobody_waits_longer_than_there_is_time_for_the_answer() {
    let upstream = Upstream::start(websocket::echo).await;
    let yaml = format!(
        "upstreams: {{ up: {{ endpoints: [\"{}\"] }} }}\n\
         routes: [{{ name: a, match: {{ path: /a }}, upstream: up, timeouts: {{ total: 200ms }}{} }}]\n",
        upstream.url(),
        limit(1, 1)
    );
    let gateway = Gateway::start(yaml).await;
    // Its time is over with the handshake, and its place is not.
    let client = websocket::open(gateway.address(), "/a").await.unwrap();
    gateway.metric("gateway_concurrency_in_flight", &[("http_route", "a")], |count| count == 1.0).await;
    let answer = gateway.get("/a").await;
    assert_shed(&answer, ROUTE);
    shed(&gateway, "http_route", "a", "queue_timeout", 1).await;
    drop(client);
}

#[tokio::test]
async fn who_does_not_take_its_answer_loses_its_place_when_its_time_is_over() {
    let upstream = Upstream::start(|_| async {
        let piece = || Ok::<_, io::Error>(Bytes::from_static(&[b'x'; 64 * 1024]));
        Ok(http::Response::new(streaming(stream::iter(std::iter::repeat_with(piece).take(2000)))))
    })
    .await;
    let yaml = format!(
        "upstreams: {{ up: {{ endpoints: [\"{}\"], timeouts: {{ total: 1s }}{} }} }}\n\
         routes: [{{ name: a, match: {{ path: /a }}, upstream: up{} }}]\n",
        upstream.url(),
        limit(1, 0),
        limit(1, 0)
    );
    let gateway = Gateway::start(yaml).await;
    for (protocol, name) in [(Protocol::H1, "HTTP/1.1"), (Protocol::H2c, "HTTP/2")] {
        let mut connection = Connection::open(gateway.address(), protocol).await;
        let request = client::request("GET", &gateway.url("/a")).body(empty()).unwrap();
        let answer = connection.begin(request).await.unwrap();
        let line = gateway.access_log("the line", |line| line["protocol"] == name).await;
        assert_eq!((&line["reason"], &line["status"]), (&json!("client_timeout"), &json!(200)), "{line}");
        for label in [("http_route", "a"), ("upstream", "up")] {
            gateway.metric("gateway_concurrency_in_flight", &[label], |count| count == 0.0).await;
        }
        drop(answer);
    }
}

#[tokio::test]
async fn a_route_without_a_limit_of_its_own_has_that_of_the_defaults_for_itself() {
    let held = Held::start().await;
    let defaults = "defaults: { concurrency: { max: 1, queue: { size: 0 } } }\n";
    let routes = [("a", ""), ("b", ""), ("off", ", concurrency: {}"), ("own", &limit(2, 0))];
    let gateway = Gateway::start(defaults.to_owned() + &held.behind("", &routes)).await;
    let flying = ["/a", "/b", "/off", "/off", "/off", "/own", "/own"].map(|path| ask(&gateway, path));
    held.holds(flying.len()).await;
    for path in ["/a", "/b", "/own"] {
        assert_shed(&gateway.get(path).await, ROUTE);
    }
    held.release(flying.len());
    for answer in flying {
        assert_eq!(answer.await.unwrap().status, 200);
    }
}

#[tokio::test]
async fn a_grpc_caller_is_told_that_the_service_is_unavailable() {
    let held = Held::start().await;
    let gateway = Gateway::start(held.behind("", &[("a", &limit(1, 0))])).await;
    let _flying = ask(&gateway, "/a");
    held.holds(1).await;
    let mut connection = Connection::open(gateway.address(), Protocol::H2c).await;
    let request = client::request("POST", &gateway.url("/a")).header("content-type", "application/grpc");
    let answer = connection.send(request.body(empty()).unwrap()).await.unwrap();
    assert_eq!((answer.status.as_u16(), answer.header("grpc-status")), (200, "14"));
    assert_ne!(answer.header("retry-after"), "");
}

#[tokio::test]
async fn a_websocket_keeps_its_places_as_long_as_it_is_open() {
    let upstream = Upstream::start(websocket::echo).await;
    let yaml = format!(
        "
        upstreams: {{ up: {{ endpoints: [\"{}\"]{} }} }}
        routes:
          - {{ name: a, match: {{ path: /a }}, upstream: up{} }}
          - {{ name: b, match: {{ path: /b }}, upstream: up }}
        ",
        upstream.url(),
        limit(1, 0),
        limit(1, 0)
    );
    let gateway = Gateway::start(yaml).await;
    let mut client = websocket::open(gateway.address(), "/a").await.unwrap();
    websocket::ask(&mut client, "hello").await;
    assert_shed(&gateway.get("/a").await, ROUTE);
    assert_shed(&gateway.get("/b").await, UPSTREAM);
    client.close(None).await.unwrap();
    drop(client);
    for label in [("http_route", "a"), ("upstream", "up")] {
        gateway.metric("gateway_concurrency_in_flight", &[label], |count| count == 0.0).await;
    }
    assert_eq!(gateway.get("/a").await.status, 400, "the upstream says that this is no handshake");
}

#[tokio::test]
async fn a_connection_of_http2_has_so_many_requests_at_a_time() {
    let held = Held::start().await;
    let listener = "listeners: [{ name: public, address: \"127.0.0.1:0\", max_streams_per_connection: 2 }]\n";
    let gateway = Gateway::start(listener.to_owned() + &held.behind("", &[("a", "")])).await;
    let mut connection = Connection::open(gateway.address(), Protocol::H2c).await;
    // The first answer tells that the settings have come.
    held.release(1);
    let request = || client::request("GET", &gateway.url("/a")).body(empty()).unwrap();
    assert_eq!(connection.send(request()).await.unwrap().status, 200);
    let Connection::H2(sender) = connection else { unreachable!("it was opened so") };
    let [mut one, mut two, mut three] = [(); 3].map(|()| Connection::H2(sender.clone()));
    let all = async { tokio::join!(one.send(request()), two.send(request()), three.send(request())) };
    let let_in = async {
        held.holds(2).await;
        held.release(1);
        eventually("the third one is sent", DEADLINE, async || {
            (held.upstream.seen().len() == 4).then_some(())
        })
        .await;
        held.release(2);
    };
    let ((first, second, third), ()) = tokio::join!(all, let_in);
    for answer in [first, second, third] {
        assert_eq!(answer.unwrap().status, 200);
    }
    assert_eq!(held.most(), 2);
}
