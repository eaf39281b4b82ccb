//! Requests to a composed API that a page of another site makes a browser send.

use tests::{Gateway, Stubs};

const QUERY: &str = "/graphql?query=%7Busers(ids:[1])%7Bid%7D%7D";

async fn status(gateway: &Gateway, headers: &[(&str, &str)]) -> u16 {
    gateway.request("GET", QUERY, headers).await.status.as_u16()
}

#[tokio::test]
async fn a_get_shows_that_no_other_site_has_sent_it() {
    let stubs = Stubs::start().await;
    let cookie = ("cookie", "session=1");
    for (csrf, bare, with_cookie) in [("auto", 200, 403), ("always", 403, 403), ("never", 200, 200)] {
        let gateway = super::graphql::gateway(&stubs, "").await;
        let yaml = std::fs::read_to_string(gateway.home().path("glassgate.yaml")).unwrap();
        let strict = yaml.replace("schema: [", &format!("csrf: {csrf}, schema: ["));
        assert_eq!(gateway.reload(&strict).await.status, 200);
        assert_eq!(
            (status(&gateway, &[]).await, status(&gateway, &[cookie]).await),
            (bare, with_cookie),
            "{csrf}"
        );
        for proof in [("graphql-require-preflight", "1"), ("sec-fetch-site", "same-origin")] {
            assert_eq!(status(&gateway, &[cookie, proof]).await, 200, "{csrf} {proof:?}");
        }
    }
}

#[tokio::test]
async fn a_refused_get_calls_nobody_and_is_counted() {
    let stubs = Stubs::start().await;
    let gateway = super::graphql::gateway(&stubs, "").await;
    let answer = gateway.request("GET", QUERY, &[("sec-fetch-site", "cross-site")]).await;
    assert_eq!(answer.status, 403);
    assert_eq!(answer.json()["errors"][0]["extensions"]["code"], "graphql_preflight_required");
    assert!(stubs.calls("users").await.is_empty());
    let labels = [("graphql_api", "main"), ("code", "graphql_preflight_required")];
    gateway.metric("graphql_errors_total", &labels, |count| count == 1.0).await;
}
