//! A panic inside a stage loses one request, and is seen.

use tests::client::{Connection, Protocol};
use tests::{Launch, Upstream, client, empty};

/// Debug builds panic where this header tells them to, if its name is given at
/// the start; release builds do not know it.
const HEADER: &str = "x-panic";

#[tokio::test]
async fn a_panic_inside_a_stage_loses_one_request_and_is_counted() {
    let upstream = Upstream::saying("up").await;
    let launch = Launch::new(&super::proxy_to(&upstream)).env("GLASSGATE_PANIC_HEADER", HEADER);
    let gateway = launch.start().await;
    let mut other = Connection::open(gateway.address(), Protocol::H1).await;
    let plain = || client::request("GET", "http://a.test/").body(empty()).unwrap();
    assert_eq!(other.send(plain()).await.unwrap().text(), "up");

    let mut panics = 0.0;
    for stage in ["open", "admit", "forward", "reply"] {
        let request = client::request("GET", &gateway.url(&format!("/{stage}"))).header(HEADER, stage);
        match client::try_send(request.body(empty()).unwrap()).await {
            Ok(answer) => assert_eq!(answer.refused(500), "internal_error"),
            // The connection may go with its request.
            Err(error) => assert!(!error.is_parse(), "{error:?}"),
        }
        panics += 1.0;
        gateway.metric("gateway_panics_total", &[], |count| count == panics).await;
        let path = format!("/{stage}");
        let line = gateway.access_log("its line", |line| line["path"] == *path).await;
        assert_eq!((line["status"].as_u64(), line["reason"].as_str()), (Some(500), Some("internal_error")));
    }
    gateway
        .log("the panic is logged", |line| line["level"] == "ERROR" && line.to_string().contains("panic"))
        .await;
    gateway.metric("http_server_active_requests", &[], |active| active == 0.0).await;
    assert_eq!(other.send(plain()).await.unwrap().text(), "up", "other connections go on");
}
