//! Starting and stopping.

use serde_json::json;

use crate::process::{Process, command, ended, eventually};

#[tokio::test]
async fn a_taken_port_is_named_with_the_way_out() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let mut child = command(&["all", "--orders-address", &address]).spawn().unwrap();
    let ended = ended(&mut child).await;
    assert_eq!(ended.status.code(), Some(1));
    assert_eq!(
        ended.stderr,
        format!(
            "stub-services: {address} is taken, so orders cannot listen there; \
             stop what listens on it, or choose another with --orders-address\n"
        )
    );
}

#[tokio::test]
async fn sigterm_lets_requests_under_way_finish() {
    let process = Process::start(&["users"]).await;
    process.trouble("users", json!({"hang": true})).await;
    let hanging = process.get("users", "/users/1");
    let stopping = async {
        eventually("the request hangs", || async { process.count("users", "GET /users/{id}").await == 1 })
            .await;
        process.terminate().await;
    };
    let (answer, ()) = tokio::join!(hanging, stopping);
    assert_eq!(answer.status, 200);
    assert_eq!(process.ended().await.status.code(), Some(0));
}

#[tokio::test]
async fn each_request_leaves_one_json_line_with_its_ids() {
    let process = Process::start(&["users"]).await;
    let headers = [
        ("x-request-id", "my-request"),
        ("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00"),
    ];
    let method = http::Method::GET;
    let body = serde_json::Value::Null;
    let answer = process.ask("users", method, "/users/1", &headers, body).await;
    assert_eq!(answer.headers["x-request-id"], "my-request");
    process.get("users", "/health").await;
    process.terminate().await;
    let stderr = process.ended().await.stderr;
    let lines: Vec<serde_json::Value> =
        stderr.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 1, "{stderr}");
    for (field, value) in [
        ("service", json!("users")),
        ("request_id", json!("my-request")),
        ("trace_id", json!("0af7651916cd43dd8448eb211c80319c")),
        ("method", json!("GET")),
        ("route", json!("/users/{id}")),
        ("path", json!("/users/1")),
        ("status", json!(200)),
    ] {
        assert_eq!(lines[0][field], value, "{field}");
    }
    assert!(lines[0]["duration_ms"].is_f64());
}

#[tokio::test]
async fn a_quiet_log_level_writes_no_request_lines() {
    let process = Process::start(&["users", "--log-level", "warn"]).await;
    process.get("users", "/users/1").await;
    process.terminate().await;
    assert_eq!(process.ended().await.stderr, "");
}
