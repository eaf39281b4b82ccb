//! What a reload keeps, starts and ends.

use std::time::Duration;

use serde_json::json;
use tokio::time::sleep;

use super::*;
use crate::upstream::testkit::{Names, Server, environment, eventually, ok, settings};

fn registry(names: &Arc<Names>) -> Upstreams {
    Upstreams::new(environment(names.clone()))
}

#[tokio::test]
async fn a_reload_carries_over_what_did_not_change() {
    let first = registry(&Arc::default()).next([
        settings("same", json!({ "endpoints": ["http://127.0.0.1:1"] })),
        settings("changed", json!({ "endpoints": ["http://127.0.0.1:2"] })),
        settings("removed", json!({ "endpoints": ["http://127.0.0.1:3"] })),
    ]);
    let second = first.next([
        settings("same", json!({ "endpoints": ["http://127.0.0.1:1"] })),
        settings("changed", json!({ "endpoints": ["http://127.0.0.1:2"], "balance": "least_request" })),
        settings("added", json!({ "endpoints": ["http://127.0.0.1:4"] })),
    ]);
    assert!(Arc::ptr_eq(first.get("same").unwrap(), second.get("same").unwrap()));
    assert!(!Arc::ptr_eq(first.get("changed").unwrap(), second.get("changed").unwrap()));
    assert!(second.get("removed").is_none());
    assert_eq!(second.status().iter().map(|s| &*s.name).collect::<Vec<_>>(), ["added", "changed", "same"]);
}

#[tokio::test(start_paused = true)]
async fn tasks_end_with_the_last_registry_that_has_the_upstream() {
    let names = Arc::new(Names::default());
    names.set("a.example", &["127.0.0.1"]);
    let config = || settings("service", json!({ "endpoints": ["http://a.example"] }));
    let first = registry(&names).next([config()]);
    let second = first.next([config()]);
    drop(first);
    let before = names.asked();
    sleep(Duration::from_secs(60)).await;
    assert!(names.asked() > before, "the upstream is in the second registry and must be followed on");

    drop(second.next([]));
    let before = names.asked();
    sleep(Duration::from_secs(60)).await;
    assert!(names.asked() > before, "a registry that was given up must end nothing but its own");

    let pinned = second.get("service").unwrap().clone();
    drop(second);
    sleep(Duration::from_secs(1)).await;
    let before = names.asked();
    sleep(Duration::from_secs(600)).await;
    assert_eq!(names.asked(), before, "a request that still holds the upstream keeps no task alive");
    assert!(pinned.choose(&[]).is_ok());
}

#[tokio::test]
async fn a_changed_upstream_starts_with_what_was_known() {
    let server = Server::start(|_| b"HTTP/1.1 503 Down\r\ncontent-length: 0\r\n\r\n".to_vec()).await;
    let names = Arc::new(Names::default());
    names.set("a.example", &["127.0.0.1"]);
    let url = format!("http://a.example:{}", server.address().port());
    let config = |weight| {
        let endpoints = json!([{ "url": url, "weight": weight }]);
        settings("service", json!({ "endpoints": endpoints, "health": { "path": "/", "interval": "10s" } }))
    };
    let first = registry(&names).next([config(1)]);
    eventually(|| !first.get("service").unwrap().is_usable() && first.get("service").unwrap().is_settled())
        .await;
    let second = first.next([config(2)]);
    let upstream = second.get("service").unwrap();
    assert_eq!(upstream.endpoints().len(), 1, "the address is known without another look-up");
    assert!(!upstream.is_usable(), "an endpoint known to be down stays so");
}

#[tokio::test]
async fn health_checks_take_endpoints_out_and_in() {
    let up = Arc::new(std::sync::atomic::AtomicBool::new(true));
    let server = Server::start({
        let up = up.clone();
        move |seen| {
            assert_eq!(seen.header("host"), Some("health.example"));
            assert_eq!(seen.header("connection"), Some("close"));
            let up = up.load(std::sync::atomic::Ordering::SeqCst);
            if up { ok("fine") } else { b"HTTP/1.1 500 Oops\r\ncontent-length: 0\r\n\r\n".to_vec() }
        }
    })
    .await;
    let health = json!({ "path": "/health?full=1", "interval": "10ms", "host": "health.example" });
    let upstreams = registry(&Arc::default())
        .next([settings("service", json!({ "endpoints": [server.url()], "health": health }))]);
    let upstream = upstreams.get("service").unwrap();
    assert!(upstreams.settled(Duration::from_secs(5)).await);
    assert!(upstream.is_usable());
    assert!(server.seen()[0].head.starts_with("GET /health?full=1 HTTP/1.1"));

    up.store(false, std::sync::atomic::Ordering::SeqCst);
    eventually(|| !upstream.is_usable()).await;
    let status = &upstreams.status()[0].endpoints[0];
    assert_eq!(status.healthy, Some(false));
    assert!(status.consecutive_failures >= 3);
    let check = status.last_check.as_ref().unwrap();
    assert_eq!((check.ok, &*check.result), (false, "status 500, expected 200-299"));
    let healthy = |value| {
        let metrics = upstreams.environment().metrics().render();
        metrics.contains(&format!(
            "gateway_upstream_endpoint_healthy{{upstream=\"service\",endpoint=\"{}\"}} {value}",
            server.address()
        ))
    };
    assert!(healthy(0));

    up.store(true, std::sync::atomic::Ordering::SeqCst);
    eventually(|| upstream.is_usable() && healthy(1)).await;
    eventually(|| server.open() <= 1).await;
}

#[tokio::test]
async fn without_a_path_a_connection_is_enough() {
    let server = Server::start(|_| Vec::new()).await;
    let port = crate::upstream::testkit::refused_port().await;
    let endpoints = json!([server.url(), format!("http://127.0.0.1:{port}")]);
    let upstreams = registry(&Arc::default())
        .next([settings("service", json!({ "endpoints": endpoints, "health": { "interval": "10ms" } }))]);
    assert!(upstreams.settled(Duration::from_secs(5)).await);
    let status = upstreams.status();
    let healthy = status[0].endpoints.iter().map(|endpoint| endpoint.healthy).collect::<Vec<_>>();
    assert_eq!(healthy, [Some(true), Some(false)]);
}

#[tokio::test]
async fn a_service_that_never_answers_its_check_is_unhealthy_after_the_timeout() {
    let server = Server::start(|_| b"...".to_vec()).await;
    let health = json!({ "path": "/", "timeout": "50ms" });
    let upstreams = registry(&Arc::default())
        .next([settings("service", json!({ "endpoints": [server.url()], "health": health }))]);
    assert!(upstreams.settled(Duration::from_secs(5)).await);
    let status = upstreams.status();
    assert_eq!(status[0].endpoints[0].last_check.as_ref().unwrap().result, "no answer within 50ms");
    assert!(!status[0].usable);
}

#[tokio::test(start_paused = true)]
async fn waiting_for_what_never_settles_ends() {
    let names = Arc::new(Names::default());
    let upstreams = registry(&names);
    assert!(upstreams.settled(Duration::from_secs(1)).await, "nothing to wait for");
    let upstreams = upstreams.next([settings("service", json!({ "endpoints": ["http://a.example"] }))]);
    assert!(!upstreams.iter().all(|upstream| upstream.is_settled()));
    assert!(upstreams.settled(Duration::from_secs(1)).await, "a failed look-up settles, too");
}
