//! When a verdict turns, and when it does not.

use std::time::{Duration, UNIX_EPOCH};

use super::*;
use crate::upstream::config::StatusRange;

fn settings(healthy_after: u8, unhealthy_after: u8) -> HealthSettings {
    HealthSettings {
        path: Some("/health".into()),
        interval: Duration::from_secs(5),
        timeout: Duration::from_secs(1),
        healthy_after,
        unhealthy_after,
        expect: vec![StatusRange::OK],
        host: None,
        panic_below: 0.0,
    }
}

/// The verdicts after checks that succeed (`+`) or fail (`-`).
fn verdicts(health: &Health, checks: &str, settings: &HealthSettings) -> Vec<Option<Verdict>> {
    let result = |check| if check == '+' { Ok("status 200".into()) } else { Err("refused".into()) };
    let last = |check| LastCheck { at: UNIX_EPOCH, result: result(check) };
    checks.chars().map(|check| health.record(last(check), settings)).collect()
}

#[test]
fn the_first_check_decides_alone() {
    let settings = settings(2, 3);
    assert_eq!(verdicts(&Health::new(Verdict::Unknown), "-", &settings), [Some(Verdict::Unhealthy)]);
    assert_eq!(verdicts(&Health::new(Verdict::Unknown), "+", &settings), [Some(Verdict::Healthy)]);
}

#[test]
fn an_endpoint_that_was_never_checked_is_used() {
    assert!(Health::new(Verdict::Unknown).is_usable());
}

#[test]
fn a_verdict_turns_after_enough_checks_in_a_row() {
    let settings = settings(2, 3);
    let health = Health::new(Verdict::Healthy);
    assert_eq!(verdicts(&health, "--+--", &settings), [None; 5]);
    assert!(health.is_usable());
    assert_eq!(verdicts(&health, "-", &settings), [Some(Verdict::Unhealthy)]);
    assert_eq!(health.consecutive_failures(), 3);
    assert_eq!(verdicts(&health, "+-++-", &settings), [None, None, None, Some(Verdict::Healthy), None]);
    assert!(health.is_usable());
    assert_eq!(health.consecutive_failures(), 1);
}

#[test]
fn what_is_known_from_before_is_not_overruled_by_one_check() {
    assert_eq!(verdicts(&Health::new(Verdict::Healthy), "-", &settings(1, 2)), [None]);
}

#[test]
fn the_last_check_can_be_read() {
    let health = Health::new(Verdict::Unknown);
    verdicts(&health, "+-", &settings(1, 1));
    assert_eq!(health.last_check().unwrap().result, Err("refused".into()));
}
