//! Metrics: well-formed, bounded, and true.

use std::io::Write;
use std::process::{Command, Stdio};

use tests::{Gateway, Upstream, closed_port};

#[tokio::test]
async fn promtool_finds_nothing_to_complain_about() {
    let upstream = Upstream::saying("up").await;
    let gateway = Gateway::start(super::proxy_to(&upstream)).await;
    gateway.get("/").await;
    let scrape = gateway.metrics().await.text;
    let mut promtool = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("promtool is installed by `make test`");
    promtool.stdin.take().unwrap().write_all(scrape.as_bytes()).unwrap();
    let output = promtool.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.is_empty(), "{said}");
}

#[tokio::test]
async fn requests_and_attempts_are_counted_with_their_labels() {
    let upstream = Upstream::start(|request| async move {
        let status = if request.uri().path() == "/broken" { 500 } else { 200 };
        tests::reply(status, "hello")
    })
    .await;
    let gateway = Gateway::start(super::proxy_to(&upstream)).await;
    for path in ["/", "/a", "/broken"] {
        gateway.get(path).await;
    }
    let server = "http_server_request_duration_seconds_count";
    let labels = |status| {
        [("http_request_method", "GET"), ("http_route", "all"), ("http_response_status_code", status)]
    };
    gateway.metric(server, &labels("200"), |count| count == 2.0).await;
    gateway.metric(server, &labels("500"), |count| count == 1.0).await;
    let metrics = gateway.metrics().await;
    let client = "http_client_request_duration_seconds_count";
    assert_eq!(metrics.value(client, &[("upstream", "up")]), 3.0, "{}", metrics.text);
    assert_eq!(metrics.value("http_server_response_body_size_bytes_sum", &[("http_route", "all")]), 15.0);
    assert_eq!(metrics.value("http_server_active_requests", &[]), 0.0);
    assert_eq!(metrics.value("gateway_ready", &[]), 1.0);
    assert!(metrics.has("process_resident_memory_bytes"));
}

#[tokio::test]
async fn clients_cannot_make_series() {
    let gateway = Gateway::start(super::proxy_to_url(&format!("http://{}", closed_port()))).await;
    for method in ["GET", "POST", "WEIRD", "WEIRDER"] {
        gateway.request(method, "/", &[]).await;
    }
    gateway.metric("gateway_requests_refused_total", &[], |count| count == 4.0).await;
    let before = gateway.metrics().await.len();
    for n in 0..50 {
        let headers = [("host", format!("h{n}.test")), ("user-agent", format!("agent {n}"))];
        let headers: Vec<(&str, &str)> =
            headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
        gateway.request(&format!("M{n}"), &format!("/path/{n}?q={n}"), &headers).await;
    }
    let refused = gateway.metric("gateway_requests_refused_total", &[], |count| count == 54.0).await;
    assert_eq!(refused, 54.0);
    assert_eq!(gateway.metrics().await.len(), before, "{}", gateway.metrics().await.text);
}
