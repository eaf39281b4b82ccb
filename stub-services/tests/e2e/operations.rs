//! What tells about a service, and trouble on demand.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::process::{Process, eventually};

#[tokio::test]
async fn stats_count_business_requests_by_method_and_route_and_nothing_else() {
    let process = Process::start(&["users"]).await;
    for path in ["/users", "/users?limit=1", "/users/1", "/users/7777", "/elsewhere"] {
        process.get("users", path).await;
    }
    for path in ["/health", "/metrics", "/stats", "/chaos"] {
        assert_eq!(process.get("users", path).await.status, 200);
    }
    assert_eq!(
        process.get("users", "/stats").await.json(),
        json!({
            "service": "users",
            "requests": {"GET /users": 2, "GET /users/{id}": 2, "GET (unmatched)": 1},
            "total": 5,
        })
    );
}

#[tokio::test]
async fn metrics_name_routes_and_never_paths() {
    let process = Process::start(&["users"]).await;
    process.get("users", "/users/77").await;
    let answer = process.get("users", "/metrics").await;
    let text = String::from_utf8(answer.body.to_vec()).unwrap();
    let line = r#"http_server_request_duration_seconds_count{http_request_method="GET",http_response_status_code="200",http_route="/users/{id}"} 1"#;
    assert!(text.contains(line), "{text}");
    assert!(text.contains("\nhttp_server_active_requests 0\n"), "{text}");
    assert!(!text.contains("/users/77"), "{text}");
}

#[tokio::test]
async fn errors_and_latency_meet_business_routes_only() {
    let process = Process::start(&["users", "--error-rate", "50%", "--latency", "30ms"]).await;
    let began = Instant::now();
    let mut failed = 0;
    for _ in 0..4 {
        failed += u32::from(process.get("users", "/users/1").await.status == 500);
    }
    assert_eq!(failed, 2);
    assert!(began.elapsed() >= Duration::from_millis(4 * 30));
    assert_eq!(process.get("users", "/health").await.status, 200);
    let trouble = process.get("users", "/chaos").await.json();
    assert_eq!(trouble, json!({"latency_ms": 30, "error_rate": 0.5, "hang": false, "unhealthy": false}));
    process.end_trouble("users").await;
    assert_eq!(process.get("users", "/chaos").await.json()["latency_ms"], 0);
}

#[tokio::test]
async fn a_bad_wish_for_trouble_is_refused_and_changes_nothing() {
    let process = Process::start(&["users"]).await;
    process.trouble("users", json!({"latency_ms": 1})).await;
    let wish = json!({"error_rate": 20, "hnag": true});
    let method = http::Method::PUT;
    let refused = process.ask("users", method, "/chaos", &[], wish).await;
    assert_eq!((refused.status.as_u16(), refused.fields()), (422, vec!["error_rate".into(), "hnag".into()]));
    assert_eq!(process.get("users", "/chaos").await.json()["latency_ms"], 1);
}

#[tokio::test]
async fn a_hang_holds_requests_until_it_ends_while_health_stays_truthful() {
    let process = Process::start(&["users"]).await;
    process.trouble("users", json!({"hang": true})).await;
    let hanging = process.get("users", "/users/1");
    let ending = async {
        eventually("the request hangs", || async { process.count("users", "GET /users/{id}").await == 1 })
            .await;
        assert_eq!(process.get("users", "/health").await.status, 200);
        process.end_trouble("users").await;
    };
    let (answer, ()) = tokio::join!(hanging, ending);
    assert_eq!(answer.status, 200);
}

#[tokio::test]
async fn health_is_bad_only_when_asked_to_be() {
    let process = Process::start(&["users"]).await;
    process.trouble("users", json!({"unhealthy": true})).await;
    let health = process.get("users", "/health").await;
    assert_eq!(health.status, 503);
    assert_eq!(health.json(), json!({"service": "users", "status": "unhealthy"}));
    assert_eq!(process.get("users", "/users/1").await.status, 200);
}
