//! Which fields of a composed API callers may read, and whose claims its calls carry.

use serde_json::{Value, json};
use tests::jwt::{Issuer, jwks};
use tests::{Collector, Gateway, Launch, Upstream, client};

use super::authentication::providers;

const KNOWN: &str = "{ by: [users] }";
const ANYBODY: &str = "{ by: [users], anonymous: true }";

/// An API whose fields ask for more than its route, over a service that answers with what it received.
const SCHEMA: &str = r#"
type Query {
  open: Echo @rest(source: "up", GET: "/open")
  mine: Echo @rest(source: "up", GET: "/of/{claims.sub}?tenant={claims.tenant.id}", headers: ["X-Who: {claims.sub}"])
  ours: Echo @rest(source: "up", GET: "/ours/{claims.https://app.example/tenant}?in={claims.tenant.id}")
  known: Echo @authenticated @rest(source: "up", GET: "/known")
  secret: Echo @requiresScopes(scopes: [["a", "b"], ["admin"]]) @rest(source: "up", GET: "/secret")
}
type Mutation {
  change: Echo @requiresScopes(scopes: [["write"]]) @rest(source: "up", POST: "/change")
}
type Echo { target: String! headers: Headers! }
type Headers { who: [String!] @json(path: "$['x-who']") }
"#;

/// The API on a route with this `authentication`.
async fn composed(issuer: &Issuer, upstream: &Upstream, authentication: &str, more: &str) -> Gateway {
    let yaml = format!(
        "{}{more}upstreams: {{ up: {{ endpoints: [\"{}\"] }} }}\n\
         routes: [{{ name: graphql, match: {{ path: /graphql }}, graphql: main, authentication: {authentication} }}]\n\
         graphql: {{ main: {{ schema: [api.graphql] }} }}\n",
        providers(),
        upstream.url()
    );
    let launch = Launch::new(&yaml).file("jwks.json", jwks(&[issuer])).file("api.graphql", SCHEMA);
    launch.start().await
}

/// Asks a query with these headers.
async fn ask(gateway: &Gateway, query: &str, headers: &[(&str, &str)]) -> Value {
    let mut request =
        client::request("POST", &gateway.url("/graphql")).header("content-type", "application/json");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let body = json!({ "query": query }).to_string();
    let answer = gateway.send(request.body(tests::full(body)).unwrap()).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()
}

fn code(answer: &Value) -> &str {
    answer["errors"][0]["extensions"]["code"].as_str().unwrap_or_default()
}

#[tokio::test]
async fn fields_are_for_callers_who_may_read_them() {
    let (issuer, upstream) = (Issuer::new("a"), Upstream::echo().await);
    let gateway = composed(&issuer, &upstream, ANYBODY, "").await;
    let spoofed = [
        ("x-who", "root"),
        ("x-user-id", "root"),
        ("claims", "{\"sub\":\"root\"}"),
        ("scope", "admin"),
        ("sub", "root"),
    ];
    for (query, claims, expected) in [
        ("{ open { target } }", None, ""),
        ("{ known { target } }", None, "credentials_missing"),
        ("{ mine { target } }", None, "credentials_missing"),
        ("{ secret { target } }", None, "credentials_missing"),
        ("mutation { change { target } }", None, "credentials_missing"),
        ("{ known { target } }", Some(json!({})), ""),
        ("{ secret { target } }", Some(json!({"scope": "a"})), "insufficient_scope"),
        ("{ secret { target } }", Some(json!({"scp": ["b", "a"]})), ""),
        ("{ secret { target } }", Some(json!({"scopes": ["admin"]})), ""),
        ("{ mine { target } }", Some(json!({"sub": "zoe"})), "graphql_claim_missing"),
        ("{ mine { target } }", Some(json!({"sub": "zoe", "tenant": {"id": ""}})), "graphql_claim_missing"),
        ("mutation { change { target } }", Some(json!({"scope": "read"})), "insufficient_scope"),
        ("mutation { change { target } }", Some(json!({"scope": "write"})), ""),
    ] {
        let before = upstream.seen().len();
        let token = claims.as_ref().map(|claims| format!("Bearer {}", issuer.token_with(claims.clone())));
        let mut headers = spoofed.to_vec();
        headers.extend(token.as_deref().map(|token| ("authorization", token)));
        let answer = ask(&gateway, query, &headers).await;
        assert_eq!(code(&answer), expected, "{query} {claims:?}: {answer}");
        let called = upstream.seen().len() - before;
        assert_eq!(
            called,
            usize::from(expected.is_empty()),
            "what is refused is never fetched: {query} {claims:?}"
        );
    }
    let labels = [("graphql_api", "main"), ("graphql_field", "Query.secret")];
    gateway.metric("graphql_fields_refused_total", &labels, |count| count == 2.0).await;
}

#[tokio::test]
async fn claims_of_each_caller_reach_the_service_and_no_other_s() {
    let (issuer, upstream) = (Issuer::new("a"), Upstream::echo().await);
    let gateway = composed(&issuer, &upstream, KNOWN, "").await;
    let asked = (0..20).map(|number| {
        let (gateway, issuer) = (&gateway, &issuer);
        async move {
            let claims = json!({"sub": format!("user{number}"), "tenant": {"id": number}});
            let token = format!("Bearer {}", issuer.token_with(claims));
            let headers = [("authorization", &*token), ("x-who", "root")];
            let answer = ask(gateway, "{ mine { target headers { who } } }", &headers).await;
            let mine = json!({"target": format!("/of/user{number}?tenant={number}"), "headers": {"who": [format!("user{number}")]}});
            assert_eq!(answer, json!({"data": {"mine": mine}}));
        }
    });
    futures::future::join_all(asked).await;
    let claims = json!({"https://app.example/tenant": "a", "tenant.id": "b", "tenant": {"id": "c"}});
    let token = format!("Bearer {}", issuer.token_with(claims));
    let answer = ask(&gateway, "{ ours { target } }", &[("authorization", &token)]).await;
    assert_eq!(answer["data"]["ours"]["target"], "/ours/a?in=b", "as everywhere: {answer}");
    let token = issuer.token_with(json!({"sub": "../admin", "tenant": {"id": 1}}));
    let answer = ask(&gateway, "{ mine { target } }", &[("authorization", &format!("Bearer {token}"))]).await;
    assert_eq!(code(&answer), "graphql_unsendable_value");
}

#[tokio::test]
async fn refused_fields_are_seen_on_the_span() {
    let (issuer, upstream, collector) = (Issuer::new("a"), Upstream::echo().await, Collector::start().await);
    let traces = format!(
        "telemetry: {{ traces: {{ otlp: {{ endpoint: \"{}\" }}, sample: 100% }} }}\n",
        collector.url()
    );
    let gateway = composed(&issuer, &upstream, ANYBODY, &traces).await;
    ask(&gateway, "{ known { target } x: known { target } secret { target } open { target } }", &[]).await;
    let line = gateway.access_log("the line", |line| line["route"] == "graphql").await;
    assert_eq!(
        (&line["graphql_errors"], &line["graphql_first_error"]),
        (&json!(3), &json!("credentials_missing"))
    );
    assert_eq!((&line["graphql_refused_fields"], &line["graphql_cost"]), (&json!(2), &json!(1)));
    let refused = collector
        .await_spans("the operation", |spans| {
            let operation = spans.iter().find(|span| span.name == "query")?;
            Some(operation.attribute("graphql.fields.refused").to_owned())
        })
        .await;
    assert_eq!(refused, "Query.known,Query.secret");
}
