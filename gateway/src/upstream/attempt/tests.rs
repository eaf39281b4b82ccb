//! Attempts leave numbers and free their endpoint, however they end.

use serde_json::json;

use std::time::SystemTime;

use super::*;
use crate::upstream::testkit::single;

fn now() -> Epoch {
    Epoch { instant: Instant::now(), system: SystemTime::now() }
}

#[tokio::test]
async fn an_attempt_that_is_dropped_counts_as_given_up() {
    let (upstreams, upstream) = single(json!({ "endpoints": ["http://127.0.0.1:1"] }));
    let attempt = Attempt::begin(&upstream, None, &Method::GET, &[], 1, Instant::now()).unwrap();
    assert_eq!(upstream.endpoints()[0].in_flight(), 1);
    drop(attempt);
    assert_eq!(upstream.endpoints()[0].in_flight(), 0);
    let metrics = upstreams.environment().metrics().render();
    let line = r#"http_client_request_duration_seconds_count{http_request_method="GET",upstream="service",error_type="client_disconnected"} 1"#;
    assert!(metrics.contains(line), "{metrics}");
}

#[tokio::test]
async fn a_span_says_where_the_attempt_went_and_how_it_ended() {
    let (_upstreams, upstream) = single(json!({ "endpoints": ["https://localhost:8443"] }));
    crate::upstream::testkit::eventually(|| upstream.is_usable()).await;
    let mut attempt = Attempt::begin(&upstream, None, &Method::POST, &[], 2, Instant::now()).unwrap();
    attempt.connected(Connection { reused: true, http2: true });
    attempt.answered(503, true);
    let parent = SpanId::random();
    let finished = attempt.finish(None, Instant::now());
    let span = finished.span(parent, "/orders", &now());
    assert_eq!((span.id, span.parent), (finished.span_id, Some(parent)));
    assert_eq!(span.name, "POST service");
    assert_eq!(span.error.as_deref(), Some("503"));
    let attributes = span.attributes.iter().map(|a| format!("{}={}", a.key, a.value)).collect::<Vec<_>>();
    for expected in [
        "url.full=https://localhost:8443/orders",
        "server.address=localhost",
        "server.port=8443",
        "network.peer.address=127.0.0.1",
        "network.protocol.version=2",
        "http.request.resend_count=1",
        "gateway.connection.reused=true",
        "http.response.status_code=503",
        "error.type=503",
    ] {
        assert!(
            attributes.iter().any(|attribute| attribute == expected),
            "{expected} is not in {attributes:?}"
        );
    }
}

#[test]
fn a_reason_is_the_error_of_a_span() {
    let metrics = crate::telemetry::metrics::Metrics::new();
    let settings =
        crate::upstream::testkit::settings("service", json!({ "endpoints": ["http://127.0.0.1:1"] }));
    let upstream = Arc::new(Upstream::new(settings, metrics.upstream("service"), None));
    let attempt = Attempt::begin(&upstream, None, &Method::GET, &[], 1, Instant::now()).unwrap();
    let span = attempt.finish(Some(Reason::UpstreamConnectRefused), Instant::now()).span(
        SpanId::random(),
        "/",
        &now(),
    );
    assert_eq!(span.error.as_deref(), Some("upstream_connect_refused"));
}

#[test]
fn authorities_are_split_into_host_and_port() {
    assert_eq!(split_authority("a.example", true), ("a.example", 443));
    assert_eq!(split_authority("a.example:81", false), ("a.example", 81));
    assert_eq!(split_authority("[::1]:81", false), ("[::1]", 81));
    assert_eq!(split_authority("[::1]", false), ("[::1]", 80));
}
