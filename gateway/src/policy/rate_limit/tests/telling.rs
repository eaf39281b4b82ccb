//! What clients are told.

use super::*;
use crate::policy::rate_limit::fields;

fn decision(outcome: Outcome, remaining: u32, reset: Duration) -> Decision {
    Decision { outcome, remaining, reset }
}

#[test]
fn the_fields_are_lists_of_names_with_parameters() {
    let limits = [("steady", "100/s"), ("daily", "10000/day"), ("limit-3", "5/1m30s")];
    let limits = limits.iter().map(|(name, rate)| (*name, rate.parse().unwrap()));
    let policy = fields::policy(limits);
    assert_eq!(policy, r#""steady";q=100;w=1, "daily";q=10000;w=86400, "limit-3";q=5;w=90"#);
    let told = [
        ("steady", decision(Outcome::Allowed, 99, nanos(10_000_000))),
        ("daily", decision(Outcome::Refused, 0, Duration::from_millis(8_640))),
        ("limit-3", decision(Outcome::TooCostly, 3, Duration::ZERO)),
    ];
    let value = fields::remaining(told.into_iter());
    assert_eq!(value, r#""steady";r=99;t=1, "daily";r=0;t=9, "limit-3";r=3;t=0"#);
}
