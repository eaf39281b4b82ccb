//! The application log: what the gateway says about itself holds up nobody, and is not lost.

use rustix::process::Signal;
use tests::{DEADLINE, Gateway, Launch, Upstream, eventually};

#[tokio::test]
async fn a_standard_error_that_nobody_reads_holds_up_nothing() {
    let upstream = Upstream::saying("up").await;
    let yaml = "telemetry: { log: { level: trace }, access_log: { output: off } }\n".to_owned();
    let gateway = Gateway::start(yaml + &super::proxy_to(&upstream)).await;
    gateway.stop_reading();
    // At this level a request is told in dozens of lines: they fill the pipe, and then the queue.
    eventually("lines are dropped", DEADLINE, async || {
        for _ in 0..20 {
            assert_eq!(gateway.get("/").await.text(), "up");
        }
        let dropped = gateway.metrics().await.value("gateway_log_lines_dropped_total", &[]);
        (dropped > 0.0).then_some(())
    })
    .await;
    assert_eq!(gateway.reload_now().await.status, 200);
    assert_eq!(gateway.get("/").await.text(), "up");
    gateway.signal(Signal::TERM);
    assert_eq!(gateway.exit(DEADLINE).await.code, Some(0));
}

#[tokio::test]
async fn what_is_said_last_is_written_before_the_end() {
    let upstream = Upstream::saying("up").await;
    let gateway = Gateway::start(super::proxy_to(&upstream)).await;
    gateway.signal(Signal::TERM);
    let exit = gateway.exit(DEADLINE).await;
    assert_eq!(exit.code, Some(0));
    let last = exit.stderr.lines().last().unwrap_or_default();
    assert!(last.contains("\"stopped\""), "{}", exit.stderr);
}

#[tokio::test]
async fn a_start_that_fails_says_everything_it_had_to_say() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let yaml = format!(
        "telemetry: {{ log: {{ level: debug }} }}\n\
         listeners: [{{ name: public, address: \"{address}\" }}]\nroutes: []\n"
    );
    let exit = Launch::new(&yaml).fail().await;
    assert_eq!(exit.code, Some(1));
    assert!(exit.stderr.lines().last().is_some_and(|line| line.starts_with("error: ")), "{}", exit.stderr);
}
