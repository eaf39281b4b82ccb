//! Active health checks: who is asked, who is left out, what is shown.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::Value;
use tests::{DEADLINE, Gateway, Upstream, eventually, reply};

/// An upstream whose `/health` can be switched.
async fn switchable(name: &'static str) -> (Upstream, Arc<AtomicBool>) {
    let healthy = Arc::new(AtomicBool::new(true));
    let switch = healthy.clone();
    let upstream = Upstream::start(move |request| {
        let is_check = request.uri().path() == "/health";
        let status = if is_check && !switch.load(Ordering::SeqCst) { 503 } else { 200 };
        async move { reply(status, name) }
    })
    .await;
    (upstream, healthy)
}

fn yaml(upstreams: &[&Upstream]) -> String {
    let endpoints: Vec<String> = upstreams.iter().map(|upstream| format!("\"{}\"", upstream.url())).collect();
    format!(
        "
        upstreams:
          up:
            endpoints: [{}]
            health: {{ path: /health, interval: 50ms, timeout: 1s, healthy_after: 2, unhealthy_after: 2 }}
        routes: [{{ name: all, match: {{ path: /** }}, upstream: up }}]
        ",
        endpoints.join(", ")
    )
}

async fn healthy_endpoints(gateway: &Gateway) -> f64 {
    gateway.metrics().await.value("gateway_upstream_endpoint_healthy", &[("upstream", "up")])
}

#[tokio::test]
async fn an_unhealthy_endpoint_gets_nothing_until_it_recovers() {
    let (one, switch) = switchable("one").await;
    let (two, _) = switchable("two").await;
    let gateway = Gateway::start(yaml(&[&one, &two])).await;
    assert_eq!(healthy_endpoints(&gateway).await, 2.0, "ready means that the first round is done");

    switch.store(false, Ordering::SeqCst);
    let down = async || (healthy_endpoints(&gateway).await == 1.0).then_some(());
    eventually("one endpoint is down", DEADLINE, down).await;
    for _ in 0..10 {
        assert_eq!(gateway.get("/").await.text(), "two");
    }

    let health = gateway.admin("/health").await.json();
    let upstreams = health["upstreams"].as_array().expect("a list of upstreams");
    let endpoints = upstreams[0]["endpoints"].as_array().expect("a list of endpoints");
    let shown: Vec<&Value> = endpoints.iter().map(|endpoint| &endpoint["healthy"]).collect();
    assert_eq!(shown, [&Value::Bool(false), &Value::Bool(true)]);

    switch.store(true, Ordering::SeqCst);
    let up = async || (healthy_endpoints(&gateway).await == 2.0).then_some(());
    eventually("it is up again", DEADLINE, up).await;
    let mut answers: Vec<String> = Vec::new();
    for _ in 0..4 {
        answers.push(gateway.get("/").await.text());
    }
    assert!(answers.contains(&"one".to_owned()), "{answers:?}");
}

#[tokio::test]
async fn none_healthy_is_a_503_and_the_gateway_stays_ready() {
    let (one, switch) = switchable("one").await;
    switch.store(false, Ordering::SeqCst);
    let gateway = Gateway::start(yaml(&[&one])).await;
    assert_eq!(gateway.get("/").await.refused(503), "no_healthy_upstream");
    assert_eq!(gateway.admin("/health/ready").await.status, 200);
    assert!(one.seen().iter().all(|seen| seen.target() == "/health"), "only checks reach it");
}

#[tokio::test]
async fn an_upstream_that_dies_is_found_by_its_checks() {
    let (one, _) = switchable("one").await;
    let gateway = Gateway::start(yaml(&[&one])).await;
    assert_eq!(gateway.get("/").await.text(), "one");
    drop(one);
    let refused = async || {
        let answer = gateway.get("/").await;
        (answer.status == 503 && answer.problem().reason == "no_healthy_upstream").then_some(())
    };
    eventually("it counts as unhealthy", DEADLINE, refused).await;
}
