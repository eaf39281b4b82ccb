//! What limits promise.

mod counting;
mod keys;
mod remembering;
mod telling;
mod together;

use std::{
    net::IpAddr,
    num::NonZeroU32,
    time::{Duration, Instant},
};

use http::HeaderMap;

use super::{
    Decision, Limit, MAX_KEYS, Outcome,
    counting::Counting,
    key::{Asked, Bucket, Key, Part},
    local::Limiter,
};
use crate::{telemetry::metrics::Metrics, value::Quota};

fn count(number: u32) -> NonZeroU32 {
    NonZeroU32::new(number).unwrap()
}

fn limit(rate: &str, burst: u32) -> Limit {
    let by = Box::from([Part::ClientAddress]);
    Limit {
        quota: Quota { rate: rate.parse().unwrap(), burst: count(burst) },
        by,
        max_keys: count(MAX_KEYS),
        counting: Counting::Local,
    }
}

/// A limiter and the time at which it begins.
fn limiter(limit: Limit) -> (Limiter, Instant) {
    let now = Instant::now();
    (Limiter::new(limit.into(), now, Metrics::new().rate_limit_keys("", "test")), now)
}

/// The key of a client.
fn key(limiter: &Limiter, client: &str) -> Bucket {
    let client: IpAddr = client.parse().unwrap();
    limiter.bucket(&Asked { client, route: "route", headers: &HeaderMap::new(), caller: None })
}

/// The key of the client with this number.
fn nth(limiter: &Limiter, number: u32) -> Bucket {
    let client = IpAddr::V4(number.into());
    limiter.bucket(&Asked { client, route: "route", headers: &HeaderMap::new(), caller: None })
}

fn nanos(number: u64) -> Duration {
    Duration::from_nanos(number)
}
