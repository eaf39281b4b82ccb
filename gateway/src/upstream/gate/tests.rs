use std::pin::pin;

use futures::FutureExt;

use super::*;
use crate::{
    policy::concurrency::{Adaptive, Bound},
    telemetry::metrics::Metrics,
};

const LONG: Duration = Duration::from_secs(60);

fn settings(max: u32, queue: usize, patience: Duration) -> Settings {
    Settings { bound: Bound::Fixed(max), queue, patience, retry_after: Duration::from_secs(1) }
}

fn gate(metrics: &Metrics, settings: Settings) -> Arc<Gate> {
    Gate::next(None, Some(settings), || metrics.upstream("up").concurrency()).unwrap()
}

#[track_caller]
fn assert_shown(metrics: &Metrics, name: &str, value: &str) {
    let text = metrics.render();
    let line = format!("gateway_concurrency_{name} {value}\n");
    assert!(text.contains(&line), "no {line} in {text}");
}

/// A place that is there at once.
fn enter(gate: &Gate) -> Place {
    gate.enter(Priority::Normal, None).now_or_never().unwrap().unwrap()
}

#[tokio::test]
async fn a_limit_that_nobody_uses_has_no_numbers() {
    let metrics = Metrics::new();
    let _gate = gate(&metrics, settings(1, 1, LONG));
    assert!(!metrics.render().contains("gateway_concurrency_limit{"));
}

#[tokio::test]
async fn places_are_counted_until_they_are_left_and_the_gauges_go_with_the_gate() {
    let metrics = Metrics::new();
    let gate = gate(&metrics, settings(2, 1, LONG));
    let places = [enter(&gate), enter(&gate)];
    assert_shown(&metrics, r#"in_flight{upstream="up"}"#, "2");
    assert_shown(&metrics, r#"limit{upstream="up"}"#, "2");
    drop(gate);
    assert_shown(&metrics, r#"in_flight{upstream="up"}"#, "2");
    drop(places);
    assert!(!metrics.render().contains(r#"_in_flight{upstream="up"}"#));
}

#[tokio::test]
async fn whoever_waits_is_counted_and_may_stop_at_any_time() {
    let metrics = Metrics::new();
    let gate = gate(&metrics, settings(1, 1, LONG));
    let place = enter(&gate);
    {
        let mut waiting = pin!(gate.enter(Priority::Normal, None));
        assert!(waiting.as_mut().now_or_never().is_none());
        assert_shown(&metrics, r#"queue_length{upstream="up"}"#, "1");
    }
    assert_shown(&metrics, r#"queue_length{upstream="up"}"#, "0");
    assert_shown(&metrics, r#"shed_total{upstream="up",cause="client_left"}"#, "1");
    let next = gate.enter(Priority::Normal, None);
    let ((), next) = tokio::join!(async { drop(place) }, next);
    drop(next.unwrap());
    assert_shown(&metrics, r#"queue_wait_seconds_count{upstream="up"}"#, "1");
    assert_shown(&metrics, r#"in_flight{upstream="up"}"#, "0");
}

#[tokio::test]
async fn nobody_waits_longer_than_there_is_time() {
    let metrics = Metrics::new();
    for (patience, most) in [(Duration::from_millis(1), None), (LONG, Some(Duration::from_millis(1)))] {
        let gate = gate(&metrics, settings(1, 1, patience));
        let _place = enter(&gate);
        let refused = gate.enter(Priority::Normal, most).await.unwrap_err();
        assert_eq!(refused.cause, Shed::QueueTimeout);
        assert!(refused.waited >= Duration::from_millis(1) && (1..=2).contains(&refused.retry_after));
    }
    assert_shown(&metrics, r#"shed_total{upstream="up",cause="queue_timeout"}"#, "2");
}

#[tokio::test]
async fn the_gate_of_the_same_name_goes_on_with_other_settings() {
    let metrics = Metrics::new();
    let before = gate(&metrics, settings(1, 1, LONG));
    let _place = enter(&before);
    let next = |settings| Gate::next(Some(&before), settings, || unreachable!("it has its metrics"));
    assert!(next(None).is_none());
    let other = settings(2, 1, LONG);
    let after = next(Some(other)).unwrap();
    assert_shown(&metrics, r#"limit{upstream="up"}"#, "1");
    after.configure(other);
    assert_shown(&metrics, r#"limit{upstream="up"}"#, "2");
    let _second = enter(&after);
    assert_shown(&metrics, r#"in_flight{upstream="up"}"#, "2");
    assert!(after.enter(Priority::Normal, Some(Duration::ZERO)).await.is_err());
}

#[test]
fn what_a_request_tells_about_load() {
    for (status, error, expected) in [
        (Some(200), None, Outcome::Answered),
        (Some(404), None, Outcome::Answered),
        (Some(500), None, Outcome::Unrelated),
        (Some(503), None, Outcome::Overloaded),
        (None, None, Outcome::Answered),
        (None, Some(Reason::UpstreamReadTimeout), Outcome::Overloaded),
        (None, Some(Reason::UpstreamOverloaded), Outcome::Overloaded),
        (None, Some(Reason::UpstreamConnectRefused), Outcome::Unrelated),
        (None, Some(Reason::ClientTimeout), Outcome::Unrelated),
        (None, Some(Reason::ClientDisconnected), Outcome::Abandoned),
    ] {
        assert_eq!(outcome(status, error), expected, "{status:?} {error:?}");
    }
}

#[test]
fn the_operator_is_told_why() {
    let waits = |cause, queue, waited| Refused {
        cause,
        waited: Duration::from_micros(waited),
        retry_after: 1,
        settings: settings(1, queue, Duration::from_millis(100)),
        limit: 1,
    };
    let refused = |cause, queue| waits(cause, queue, 100_300);
    assert_eq!(waits(Shed::QueueTimeout, 7, 40_700).to_string(), "no place became free within 40ms");
    for (cause, queue, expected) in [
        (Shed::QueueFull, 0, "no place was free, and there is no queue"),
        (Shed::QueueFull, 7, "the queue of 7 was full"),
        (Shed::QueueTimeout, 7, "no place became free within 100ms"),
        (Shed::Displaced, 7, "a request of higher priority took the place in the queue"),
    ] {
        assert_eq!(refused(cause, queue).to_string(), expected);
    }
}

#[tokio::test]
async fn an_adaptive_limit_shows_by_what_it_goes() {
    let metrics = Metrics::new();
    let adaptive = Adaptive { initial: 1, min: 1, max: 5, tolerance: 0.25, probe: LONG };
    let settings = Settings { bound: Bound::Adaptive(adaptive), ..settings(1, 0, LONG) };
    let gate = gate(&metrics, settings);
    let place = enter(&gate);
    let refused = gate.enter(Priority::Normal, None).await.unwrap_err();
    assert_eq!(refused.to_string(), "no place was free, and there is no queue; the limit was 1");
    assert_shown(&metrics, r#"measuring{upstream="up"}"#, "1");
    assert!(!metrics.render().contains("gateway_concurrency_rest_seconds{"), "nothing was measured");
    drop(place);
    for _ in 0..25 {
        let mut place = enter(&gate);
        place.request_ended();
        place.answered(200);
    }
    assert_shown(&metrics, r#"measuring{upstream="up"}"#, "0");
    for name in ["gateway_concurrency_rest_seconds{", "gateway_concurrency_latency_seconds{"] {
        assert!(metrics.render().contains(name), "{name}");
    }
    gate.configure(self::settings(1, 0, LONG));
    assert!(!metrics.render().contains("gateway_concurrency_measuring{"), "a fixed limit measures nothing");
}
