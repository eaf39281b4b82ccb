//! Clients that leave: what they had is free for the next.

use tests::raw::RawClient;

use super::*;

/// A client that has sent this to a path, and waits.
async fn waiting(gateway: &Gateway, protocol: Protocol, method: &str, path: &str) -> JoinHandle<()> {
    let mut connection = Connection::open(gateway.address(), protocol).await;
    let body = if method == "GET" { empty() } else { full("a body") };
    let request = client::request(method, &gateway.url(path)).body(body).unwrap();
    // Dropping the task closes the connection.
    tokio::spawn(async move { drop(connection.begin(request).await) })
}

/// The ways to wait that are watched in different ways.
const WAYS: [(Protocol, &str); 4] =
    [(Protocol::H1, "GET"), (Protocol::H1, "POST"), (Protocol::H2c, "GET"), (Protocol::H2c, "POST")];

#[tokio::test]
async fn who_leaves_the_queue_makes_room_for_the_next() {
    let held = Held::start().await;
    let gateway =
        Gateway::start(held.behind(&limit(2, 1), &[("a", &limit(1, 1)), ("b", ""), ("c", "")])).await;
    let flying = [ask(&gateway, "/a"), ask(&gateway, "/b")];
    held.holds(2).await;
    for (path, label, name) in [("/a", "http_route", "a"), ("/c", "upstream", "up")] {
        for (protocol, method) in WAYS {
            let client = waiting(&gateway, protocol, method, path).await;
            queued(&gateway, label, name, 1).await;
            client.abort();
            queued(&gateway, label, name, 0).await;
            let line = gateway
                .access_log("the line", |line| {
                    let way = if protocol == Protocol::H1 { "HTTP/1.1" } else { "HTTP/2" };
                    line["path"] == path && line["method"] == method && line["protocol"] == way
                })
                .await;
            assert_eq!(line["reason"], "client_disconnected", "{line}");
            assert_eq!(line["error"], "the client left the queue", "{line}");
            assert!(line["queue_ms"].as_f64().is_some_and(|waited| waited > 0.0), "{line}");
        }
        shed(&gateway, label, name, "client_left", 4).await;
    }
    held.release(2);
    for answer in flying {
        assert_eq!(answer.await.unwrap().status, 200);
    }
    assert_eq!(held.upstream.seen().len(), 2, "no request of a client that had left was sent");
}

#[tokio::test]
async fn who_leaves_in_flight_makes_room_for_the_next() {
    let held = Held::start().await;
    let gateway = Gateway::start(held.behind(&limit(1, 1), &[("a", &limit(1, 1))])).await;
    for (count, (protocol, method)) in (1..).zip(WAYS) {
        let client = waiting(&gateway, protocol, method, "/a").await;
        held.holds(1).await;
        let next = ask(&gateway, "/a");
        queued(&gateway, "http_route", "a", 1).await;
        client.abort();
        let both = || held.upstream.seen().len() == 2 * count;
        eventually("the next one is sent", DEADLINE, async || both().then_some(())).await;
        held.holds(1).await;
        held.release(1);
        assert_eq!(next.await.unwrap().status, 200, "{protocol:?} {method}");
    }
}

#[tokio::test]
async fn requests_sent_ahead_of_their_turn_are_no_reason_to_think_that_a_client_has_left() {
    let held = Held::start().await;
    let gateway = Gateway::start(held.behind("", &[("a", &limit(1, 1))])).await;
    let flying = ask(&gateway, "/a");
    held.holds(1).await;
    let mut client = RawClient::connect(gateway.address()).await;
    client.send("GET /a HTTP/1.1\r\nHost: a.test\r\n\r\n").await;
    queued(&gateway, "http_route", "a", 1).await;
    client.send("GET /a HTTP/1.1\r\nHost: a.test\r\n\r\n").await;
    held.release(3);
    for _ in 0..2 {
        assert_eq!(client.answer().await.unwrap().status, 200);
    }
    assert_eq!(flying.await.unwrap().status, 200);
}

#[tokio::test]
async fn nothing_is_learned_from_requests_that_never_end() {
    let upstream = Upstream::echo().await;
    let yaml = format!(
        "upstreams: {{ up: {{ endpoints: [\"{}\"] }} }}\n\
         routes: [{{ name: a, match: {{ path: /a }}, upstream: up, concurrency: {{ adaptive: {{ min: 1, max: 20 }} }} }}]\n",
        upstream.url()
    );
    let gateway = Gateway::start(yaml).await;
    let of_a = [("http_route", "a")];
    // As many as it takes to know the latency at rest.
    for _ in 0..30 {
        assert_eq!(gateway.get("/a").await.status, 200);
    }
    for _ in 0..6 {
        let mut clients = Vec::new();
        for _ in 0..14 {
            let mut client = RawClient::connect(gateway.address()).await;
            client.send("POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc").await;
            clients.push(client);
        }
        gateway.metric("gateway_concurrency_in_flight", &of_a, |count| count == 14.0).await;
        drop(clients);
        gateway.metric("gateway_concurrency_in_flight", &of_a, |count| count == 0.0).await;
    }
    assert_eq!(gateway.metrics().await.value("gateway_concurrency_limit", &of_a), 20.0);
}
