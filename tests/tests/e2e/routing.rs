//! Which route a request takes, and what a route answers by itself.

use serde_json::json;
use tests::client::{Connection, Protocol};
use tests::{Gateway, Upstream, client, empty};

/// Routes that answer with their own name.
fn named(routes: &[(&str, &str)]) -> String {
    let route = |(name, matches): &(&str, &str)| {
        format!("  - {{ name: {name}, match: {{ {matches} }}, respond: {{ status: 200, body: {name} }} }}\n")
    };
    format!("routes:\n{}", routes.iter().map(route).collect::<String>())
}

#[tokio::test]
async fn the_most_specific_route_wins_wherever_it_stands() {
    let mut routes = [
        ("anything", "path: /**"),
        ("users", "path: /users/**"),
        ("user", "path: \"/users/{id}\""),
        ("me", "path: /users/me"),
        ("orders-of", "path: \"/users/{id}/orders\""),
        ("posted", "path: \"/users/{id}\", methods: [POST]"),
        ("beta", "path: /users/me, headers: [{ name: x-beta, value: \"1\" }]"),
        ("paged", "path: /users/me, query: [{ name: page, value: \"2\" }]"),
        ("wild", "host: \"*.example.com\", path: /**"),
        ("wilder", "host: \"*.eu.example.com\", path: /**"),
        ("exact", "host: api.example.com, path: /**"),
    ];
    let here = "127.0.0.1";
    type Fields = &'static [(&'static str, &'static str)];
    let cases: [(&str, &str, &str, Fields, &str); 17] = [
        ("GET", here, "/", &[], "anything"),
        ("GET", here, "/users", &[], "users"),
        ("GET", here, "/users/", &[], "users"),
        ("GET", here, "/users/7", &[], "user"),
        ("GET", here, "/users/me", &[], "me"),
        ("GET", here, "/users/7/orders", &[], "orders-of"),
        ("GET", here, "/users/7/orders/1", &[], "users"),
        ("POST", here, "/users/7", &[], "posted"),
        ("GET", here, "/users/me", &[("x-beta", "1")], "beta"),
        ("GET", here, "/users/me", &[("x-beta", "2")], "me"),
        ("GET", here, "/users/me?page=2&x=1", &[], "paged"),
        ("GET", here, "/users/me?page=3", &[], "me"),
        ("GET", "a.example.com", "/users/me", &[], "wild"),
        ("GET", "a.eu.example.com", "/", &[], "wilder"),
        ("GET", "example.com", "/", &[], "anything"),
        ("GET", "api.example.com", "/", &[], "exact"),
        ("GET", "API.example.com:8080", "/", &[], "exact"),
    ];
    for _ in 0..2 {
        let gateway = Gateway::start(named(&routes)).await;
        for (method, host, path, headers, route) in &cases {
            let mut all = headers.to_vec();
            all.push(("host", host));
            let answer = gateway.request(method, path, &all).await;
            assert_eq!(answer.text(), *route, "{method} {host}{path} {headers:?}");
        }
        routes.reverse();
    }
}

#[tokio::test]
async fn over_http2_the_authority_is_the_host() {
    let routes = [("exact", "host: api.example.com, path: /**"), ("any", "path: /**")];
    let gateway = Gateway::start(named(&routes)).await;
    let mut connection = Connection::open(gateway.address(), Protocol::H2c).await;
    for (host, route) in [("api.example.com", "exact"), ("www.example.com", "any")] {
        let request = client::request("GET", &format!("http://{host}/")).body(empty()).unwrap();
        assert_eq!(connection.send(request).await.unwrap().text(), route);
    }
}

#[tokio::test]
async fn what_no_route_takes_is_refused_with_the_reason() {
    let routes = [
        ("read", "path: /things, methods: [GET, HEAD]"),
        ("write", "path: /things, methods: [PUT]"),
        ("beta", "path: /beta, headers: [{ name: x-beta, value: \"1\" }]"),
    ];
    let gateway = Gateway::start(named(&routes)).await;
    assert_eq!(gateway.get("/nothing").await.refused(404), "route_not_found");
    assert_eq!(gateway.get("/things/1").await.refused(404), "route_not_found");
    assert_eq!(gateway.get("/beta").await.refused(404), "route_conditions_not_met");
    let answer = gateway.request("DELETE", "/things", &[]).await;
    assert_eq!(answer.refused(405), "method_not_allowed");
    let mut allowed: Vec<&str> = answer.header("allow").split(", ").collect();
    allowed.sort_unstable();
    assert_eq!(allowed, ["GET", "HEAD", "PUT"]);
}

#[tokio::test]
async fn a_route_may_redirect_or_answer_itself() {
    let gateway = Gateway::start(
        "
        routes:
          - { name: old, match: { path: /old }, redirect: { to: /new, status: 308 } }
          - { name: away, match: { path: /away }, redirect: { to: \"https://example.com/x?y=1\", status: 302 } }
          - name: ping
            match: { path: /ping }
            respond: { status: 202, body: \"{}\", headers: { content-type: application/json, x-a: b } }
        ",
    )
    .await;
    let answer = gateway.get("/old").await;
    assert_eq!((answer.status.as_u16(), answer.header("location")), (308, "/new"));
    let answer = gateway.get("/away").await;
    assert_eq!((answer.status.as_u16(), answer.header("location")), (302, "https://example.com/x?y=1"));
    let answer = gateway.get("/ping").await;
    assert_eq!(answer.status, 202);
    assert_eq!((answer.header("content-type"), answer.header("x-a")), ("application/json", "b"));
    assert_eq!(answer.json(), json!({}));
    let head = gateway.request("HEAD", "/ping", &[]).await;
    assert_eq!((head.status.as_u16(), head.text().as_str()), (202, ""));
}

#[tokio::test]
async fn routes_lead_to_their_own_upstreams() {
    let (one, two) = (Upstream::saying("one").await, Upstream::saying("two").await);
    let gateway = Gateway::start(format!(
        "
        upstreams:
          one: {{ endpoints: [\"{}\"] }}
          two: {{ endpoints: [\"{}\"] }}
        routes:
          - {{ name: one, match: {{ path: /1/** }}, upstream: one }}
          - {{ name: two, match: {{ path: /2/** }}, upstream: two }}
        ",
        one.url(),
        two.url()
    ))
    .await;
    assert_eq!(gateway.get("/1/a?b").await.text(), "one");
    assert_eq!(gateway.get("/2").await.text(), "two");
    assert_eq!((one.only().target(), two.only().target()), ("/1/a?b", "/2"));
}

#[tokio::test]
async fn ten_thousand_routes_are_found_each_by_its_path() {
    let many: String = (0..10_000)
        .map(|n| format!("  - {{ name: r{n}, match: {{ path: \"/r{n}/{{id}}\" }}, respond: {{ status: 200, body: r{n} }} }}\n"))
        .collect();
    let gateway = Gateway::start(format!("routes:\n{many}")).await;
    for n in [0, 4_999, 9_999] {
        assert_eq!(gateway.get(&format!("/r{n}/x")).await.text(), format!("r{n}"));
    }
    assert_eq!(gateway.get("/r10000/x").await.refused(404), "route_not_found");
}
