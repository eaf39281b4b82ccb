//! What is answered to whom, and to clients that expect something else.

use futures::FutureExt;
use futures::future::BoxFuture;

use super::*;
use crate::budget::{Bill, Cause, Unpaid};
use crate::testing::caller;

/// Has nothing left.
#[derive(Debug)]
struct Broke;

impl Budget for Broke {
    fn take(&self, _: Bill) -> BoxFuture<'_, Result<(), Unpaid>> {
        async { Err(Unpaid { cause: Cause::Spent, text: "nothing left".into() }) }.boxed()
    }
}

#[tokio::test]
async fn who_comes_too_early_is_told_so_by_the_status_whatever_he_accepts() {
    for accept in ["application/json", "application/graphql-response+json"] {
        let request =
            Request::post("/graphql").header(CONTENT_TYPE, "application/json").header(ACCEPT, accept);
        let body = json!({"query": "{ user(id: 1) { id } }"}).to_string();
        let caller = Caller {
            identity: None,
            budget: Some(Arc::new(Broke)),
            timeout: Duration::from_secs(5),
            csrf: Csrf::Auto,
        };
        let fake = Fake::new(|_| Reply::Never);
        let engine = Engine::new(schema(SDL), Limits::default(), 10);
        let request = request.body(Full::new(Bytes::from(body))).unwrap();
        let (response, report) = handle(&engine, request, caller, fake).await;
        assert_eq!((response.status().as_u16(), report.first_error), (429, Some("rate_limited")), "{accept}");
    }
}

#[tokio::test]
async fn nobody_on_the_way_keeps_an_answer_to_somebody_who_is_known() {
    for (claims, query, expected) in [
        (Some(json!({})), "{ user(id: 1) { id } }", "no-store"),
        (Some(json!({})), "{ nothing }", "no-store"),
        (None, "{ user(id: 1) { id } }", ""),
    ] {
        let engine = Engine::new(schema(SDL), Limits::default(), 10);
        let request = Request::post("/graphql").header(CONTENT_TYPE, "application/json");
        let request = request.body(Full::new(Bytes::from(json!({"query": query}).to_string()))).unwrap();
        let identity = claims.map(caller);
        let caller = Caller { identity, budget: None, timeout: Duration::from_secs(5), csrf: Csrf::Auto };
        let fake = Fake::new(|_| Reply::Json(json!({"id": 1})));
        let (response, _) = handle(&engine, request, caller, fake).await;
        let found = response.headers().get(CACHE_CONTROL).map_or("", |value| value.to_str().unwrap());
        assert_eq!(found, expected, "{query}");
    }
}

#[tokio::test]
async fn a_client_that_sends_a_hash_is_told_to_send_the_query() {
    let hash = json!({"version": 1, "sha256Hash": "00"});
    let posted = json!({"operationName": "Q", "variables": {}, "extensions": {"persistedQuery": hash}});
    let uri =
        "/graphql?extensions=%7B%22persistedQuery%22:%7B%22version%22:1,%22sha256Hash%22:%2200%22%7D%7D";
    for answer in
        [post(&[JSON], &posted).await, post(&[JSON, NEW], &posted).await, send("GET", uri, &[], "").await]
    {
        let error = json!({"message": "PersistedQueryNotSupported",
                           "extensions": {"code": "PERSISTED_QUERY_NOT_SUPPORTED"}});
        assert_eq!((answer.status, &answer.body), (200, &json!({"errors": [error]})));
        assert!(answer.calls.is_empty());
    }
    let whole = json!({"query": "{ user(id: 1) { id } }", "extensions": {"persistedQuery": hash}});
    assert_eq!(post(&[JSON], &whole).await.body, json!({"data": {"user": {"id": "1"}}}));
    for extensions in [json!({}), json!(null), json!({"persistedQuery": null}), json!({"other": hash})] {
        let answer = post(&[JSON], &json!({"extensions": extensions})).await;
        assert_eq!((answer.status, answer.code()), (400, "graphql_malformed_request"), "{extensions}");
    }
}
