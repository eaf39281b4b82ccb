//! A limit with its buckets in this process.
//!
//! The arithmetic is `governor`'s. Its own stores know no bound, and its clocks ask the time: both are ours. A decision
//! takes about 70 ns with 10,000 keys; written out on the same store it would take 45 ns.

use std::{
    num::NonZeroU32,
    sync::Arc,
    time::{Duration, Instant},
};

use governor::{
    NotUntil, RateLimiter,
    middleware::{StateInformationMiddleware, StateSnapshot},
    nanos::Nanos,
};

use super::{
    Decision, Limit, Outcome,
    clock::{Told, at},
    key::{Asked, Bucket, Key, Keys},
    store::Store,
};
use crate::{telemetry::metrics::RateLimitKeys, value::Quota};

/// Counts what callers take from the buckets of one limit. Nothing but keys comes to it while it is used, so it may go on
/// as long as the limit stays the same.
#[derive(Debug)]
pub struct Limiter {
    limit: Arc<Limit>,
    keys: Keys,
    /// Times are counted from here, so that they fit in 64 bits.
    origin: Instant,
    /// For callers without a quota of their own.
    governor: Governor,
    store: Store,
}

type Governor = RateLimiter<Key, Store, Told, StateInformationMiddleware>;

impl Limiter {
    /// With full buckets. `now` is the earliest time that it can be told.
    pub fn new(limit: Arc<Limit>, now: Instant, metrics: RateLimitKeys) -> Self {
        let store = Store::new(limit.max_keys.get() as usize, metrics);
        let governor = governor(limit.counting.here(limit.quota), &store);
        Self { limit, keys: Keys::random(), origin: now, governor, store }
    }

    /// The same buckets for a limit of the same quota and keys, wherever it is counted beside here.
    pub fn continued(&self, limit: Arc<Limit>) -> Self {
        let (keys, origin, store) = (self.keys.clone(), self.origin, self.store.clone());
        Self { governor: governor(limit.counting.here(limit.quota), &store), limit, keys, origin, store }
    }

    /// What was configured.
    pub fn limit(&self) -> &Limit {
        &self.limit
    }

    /// How large a bucket is.
    pub fn quota(&self, bucket: Bucket) -> Quota {
        bucket.own.unwrap_or(self.limit.quota)
    }

    /// Whose bucket a request takes from.
    pub fn bucket(&self, asked: &Asked<'_>) -> Bucket {
        Bucket { key: self.keys.key(&self.limit.by, asked), own: asked.quota() }
    }

    /// Takes the cost out of a bucket, if there is so much in it.
    pub fn spend(&self, bucket: Bucket, cost: NonZeroU32, now: Instant) -> Decision {
        let whole = self.quota(bucket);
        if cost > whole.burst {
            // Asked no further: its arithmetic would overflow.
            return Decision { outcome: Outcome::TooCostly, reset: Duration::ZERO, ..self.look(bucket, now) };
        }
        let here = self.limit.counting.here(whole);
        let time = self.time(now);
        let decided = at(time, || match bucket.own {
            None if cost <= here.burst => self.governor.check_key_n(&bucket.key, cost),
            // What costs more than a part of a limit passes once the part is full, and takes its time to come back.
            _ => governor(Quota { burst: here.burst.max(cost), ..here }, &self.store)
                .check_key_n(&bucket.key, cost),
        });
        match decided {
            Ok(Ok(state)) => allowed(here, &state),
            Ok(Err(not_until)) => refused(here, &not_until, cost, time),
            Err(_) => unreachable!("a cost within the burst fits"),
        }
    }

    /// What is in a bucket, without taking anything: refused if it is not one unit.
    pub fn look(&self, bucket: Bucket, now: Instant) -> Decision {
        let time = self.time(now);
        let until_full = self.store.full_at(&bucket.key).map_or(0, |full_at| full_at.saturating_sub(time));
        let here = self.limit.counting.here(self.quota(bucket));
        let (interval, burst) = (here.rate.interval(), here.burst.get());
        let missing = u32::try_from(until_full.div_ceil(interval)).unwrap_or(u32::MAX);
        let remaining = burst.saturating_sub(missing);
        let until_more = until_full - interval * u64::from(missing.saturating_sub(1));
        let until_one = until_full.saturating_sub(interval * u64::from(burst - 1));
        match remaining {
            0 => Decision { outcome: Outcome::Refused, remaining, reset: Duration::from_nanos(until_one) },
            _ => Decision { outcome: Outcome::Allowed, remaining, reset: Duration::from_nanos(until_more) },
        }
    }

    /// Forgets keys that say nothing any more.
    pub fn sweep(&self, now: Instant) {
        self.store.sweep(self.time(now));
    }

    /// How many keys are remembered.
    #[cfg(test)]
    pub fn len(&self) -> usize {
        self.store.len()
    }

    fn time(&self, now: Instant) -> u64 {
        let since = now.saturating_duration_since(self.origin);
        u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
    }
}

/// Knows nothing but the arithmetic: all buckets are in the store, with times that count from the limit's beginning.
fn governor(quota: Quota, store: &Store) -> Governor {
    let quota = governor::Quota::with_period(Duration::from_nanos(quota.rate.interval()))
        .expect("a rate's interval is not zero")
        .allow_burst(quota.burst);
    at(0, || RateLimiter::new(quota, store.clone(), Told))
}

fn allowed(quota: Quota, state: &StateSnapshot) -> Decision {
    let remaining = state.remaining_burst_capacity();
    let reset = if remaining < quota.burst.get() {
        Duration::from_nanos(quota.rate.interval())
    } else {
        Duration::ZERO
    };
    Decision { outcome: Outcome::Allowed, remaining, reset }
}

fn refused(quota: Quota, not_until: &NotUntil<Nanos>, cost: NonZeroU32, time: u64) -> Decision {
    let reset = not_until.wait_time_from(Nanos::new(time));
    let interval = quota.rate.interval();
    let wait = u64::try_from(reset.as_nanos()).unwrap_or(u64::MAX);
    let whole = (interval * u64::from(cost.get())).saturating_sub(wait) / interval;
    // Less than the cost, which fits.
    let remaining = u32::try_from(whole).unwrap_or(u32::MAX);
    Decision { outcome: Outcome::Refused, remaining, reset }
}
