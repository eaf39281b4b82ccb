//! Names that change, fail and come back, on a clock of our own.

use std::net::SocketAddr;

use serde_json::json;
use tokio::time::sleep;

use super::*;
use crate::{
    reason::Reason,
    upstream::{
        Upstreams,
        testkit::{Names, environment, settings},
    },
};

fn follow(names: &Arc<Names>, endpoints: serde_json::Value) -> (Upstreams, Arc<Upstream>) {
    let upstreams = Upstreams::new(environment(names.clone()))
        .next([settings("service", json!({ "endpoints": endpoints }))]);
    let upstream = upstreams.get("service").unwrap().clone();
    (upstreams, upstream)
}

fn addresses(upstream: &Upstream) -> Vec<String> {
    upstream.endpoints().iter().map(|endpoint| endpoint.address().to_string()).collect()
}

#[tokio::test(start_paused = true)]
async fn a_name_with_several_addresses_is_several_endpoints() {
    let names = Arc::new(Names::default());
    names.set("a.example", &["10.0.0.2", "10.0.0.1", "10.0.0.2", "::1"]);
    let (upstreams, upstream) = follow(&names, json!(["http://a.example:7001", "http://127.0.0.1:1"]));
    assert!(upstreams.settled(Duration::from_secs(1)).await);
    assert_eq!(addresses(&upstream), ["10.0.0.1:7001", "10.0.0.2:7001", "[::1]:7001", "127.0.0.1:1"]);
}

#[tokio::test(start_paused = true)]
async fn literals_and_localhost_are_there_at_once() {
    let names = Arc::new(Names::default());
    let (upstreams, upstream) =
        follow(&names, json!(["http://127.0.0.1:1", "http://[::1]:2", "http://localhost:3"]));
    assert!(upstreams.settled(Duration::from_secs(1)).await);
    assert_eq!(addresses(&upstream), ["127.0.0.1:1", "[::1]:2", "127.0.0.1:3"]);
    assert_eq!(names.asked(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_change_of_addresses_keeps_the_endpoints_that_stay() {
    let names = Arc::new(Names::default());
    names.set("a.example", &["10.0.0.1", "10.0.0.2"]);
    let (_upstreams, upstream) = follow(&names, json!(["http://a.example:80"]));
    sleep(Duration::from_millis(1)).await;
    let before = upstream.endpoints();
    let running = upstream.choose(&[before[0].id()]).unwrap();
    assert_eq!(running.address(), SocketAddr::from(([10, 0, 0, 2], 80)));

    names.set("a.example", &["10.0.0.3", "10.0.0.2"]);
    sleep(Duration::from_secs(6)).await;
    assert_eq!(addresses(&upstream), ["10.0.0.2:80", "10.0.0.3:80"]);
    let after = upstream.endpoints();
    assert_eq!(after[0].id(), before[1].id());
    assert_eq!(after[0].in_flight(), 1, "what runs there still counts");
    drop(running);
    assert_eq!(after[0].in_flight(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_resolver_that_fails_changes_no_address_and_says_so() {
    let names = Arc::new(Names::default());
    names.set("a.example", &["10.0.0.1"]);
    let (upstreams, upstream) = follow(&names, json!(["http://a.example:80"]));
    sleep(Duration::from_millis(1)).await;
    names.fail("a.example");
    sleep(Duration::from_secs(20)).await;
    assert_eq!(addresses(&upstream), ["10.0.0.1:80"]);
    assert!(upstream.choose(&[]).is_ok());
    let status = upstreams.status();
    assert_eq!(status[0].unresolved[0].error.as_deref(), Some("server failure"));

    names.set("a.example", &["10.0.0.1"]);
    sleep(LONGEST).await;
    assert!(upstreams.status()[0].unresolved.is_empty());
    let metrics = upstreams.environment().metrics().render();
    assert!(
        metrics.contains(r#"gateway_upstream_name_resolutions_total{upstream="service",result="failure"}"#)
    );
}

#[tokio::test(start_paused = true)]
async fn a_name_that_never_resolved_is_refused_as_such() {
    let names = Arc::new(Names::default());
    let (_upstreams, upstream) = follow(&names, json!(["http://a.example:80"]));
    assert_eq!(upstream.choose(&[]).unwrap_err(), Reason::UpstreamNameUnresolved);
    names.set("a.example", &[]);
    sleep(Duration::from_secs(60)).await;
    assert_eq!(upstream.choose(&[]).unwrap_err(), Reason::UpstreamNameUnresolved);
    names.set("a.example", &["10.0.0.1"]);
    sleep(LONGEST).await;
    assert!(upstream.choose(&[]).is_ok());
}

#[test]
fn failures_are_retried_soon_and_then_less_often() {
    let pauses = [1, 2, 3, 4, 5, 6, 100].map(|failures| retry_after(failures).as_secs());
    assert_eq!(pauses, [1, 2, 4, 8, 16, 30, 30]);
}

#[tokio::test]
async fn the_systems_resolver_knows_the_hosts_file() {
    let hosts = std::fs::read_to_string("/etc/hosts").unwrap_or_default();
    if !hosts.lines().any(|line| line.starts_with("127.0.0.1") && line.contains("localhost")) {
        return;
    }
    let found = SystemResolver::default().resolve("localhost").await.unwrap();
    assert!(found.addresses.contains(&IpAddr::from([127, 0, 0, 1])), "{found:?}");
}
