//! Which endpoints are chosen as their health changes.

use std::time::SystemTime;

use serde_json::{Value, json};

use super::*;
use crate::{
    telemetry::metrics::Metrics,
    upstream::{health::LastCheck, testkit::settings},
};

fn upstream(health: Value) -> Upstream {
    let endpoints = json!(["http://127.0.0.1:1", "http://127.0.0.1:2", "http://127.0.0.1:3"]);
    let settings = settings("service", json!({ "endpoints": endpoints, "health": health }));
    Upstream::new(settings, Metrics::new().upstream("service"), None)
}

fn check(upstream: &Upstream, endpoint: usize, ok: bool) {
    let result = if ok { Ok("fine".into()) } else { Err("broken".into()) };
    let last = LastCheck { at: SystemTime::now(), result };
    let settings = upstream.settings().health.as_ref().unwrap();
    let turned = upstream.endpoints()[endpoint].record(last, settings).is_some();
    upstream.health_noted(turned);
}

/// Ports of the next six choices.
fn ports(upstream: &Upstream) -> Vec<u16> {
    let mut ports = (0..6).map(|_| upstream.choose(&[]).unwrap().address().port()).collect::<Vec<_>>();
    ports.sort_unstable();
    ports
}

#[test]
fn only_healthy_endpoints_are_chosen_evenly() {
    let upstream = upstream(json!({}));
    assert_eq!(ports(&upstream), [1, 1, 2, 2, 3, 3]);
    check(&upstream, 1, false);
    assert_eq!(ports(&upstream), [1, 1, 1, 3, 3, 3]);
    check(&upstream, 1, true);
    assert_eq!(ports(&upstream), [1, 1, 2, 2, 3, 3]);
}

#[test]
fn where_none_is_healthy_requests_are_refused() {
    let upstream = upstream(json!({}));
    for endpoint in 0..3 {
        check(&upstream, endpoint, false);
    }
    assert_eq!(upstream.choose(&[]).unwrap_err(), Reason::NoHealthyUpstream);
    assert!(!upstream.is_usable());
}

#[test]
fn below_the_panic_share_health_is_ignored() {
    let upstream = upstream(json!({ "panic_below": "50%" }));
    check(&upstream, 0, false);
    assert_eq!(ports(&upstream), [2, 2, 2, 3, 3, 3]);
    assert!(!upstream.is_panicking());
    check(&upstream, 1, false);
    assert_eq!(ports(&upstream), [1, 1, 2, 2, 3, 3]);
    assert!(upstream.is_panicking());
    check(&upstream, 1, true);
    assert!(!upstream.is_panicking());
}

#[test]
fn what_was_tried_is_not_tried_again() {
    let upstream = upstream(json!({}));
    let mut tried = Vec::new();
    for _ in 0..3 {
        tried.push(upstream.choose(&tried).unwrap().id());
    }
    assert!(upstream.choose(&tried).is_err());
}

#[test]
fn a_chosen_endpoint_counts_as_busy_until_it_is_dropped() {
    let upstream = upstream(json!({}));
    let chosen = upstream.choose(&[]).unwrap();
    assert_eq!(chosen.in_flight(), 1);
    let endpoint = upstream.endpoints()[0].clone();
    drop(chosen);
    assert_eq!(endpoint.in_flight(), 0);
}

#[test]
fn it_is_settled_once_every_endpoint_was_checked() {
    let upstream = upstream(json!({}));
    for endpoint in 0..3 {
        assert!(!upstream.is_settled());
        check(&upstream, endpoint, endpoint == 0);
    }
    assert!(upstream.is_settled());
}
