//! What a request takes of limits that several gateways count together, and what holds where they cannot.

use std::{
    num::NonZeroU32,
    sync::Arc,
    time::{Duration, Instant},
};

use super::Charge;
use crate::{
    policy::rate_limit::{
        Decision, Outcome,
        counting::{OnFailure, lease},
        key::Asked,
    },
    redis::{Bucket, Client, NoAnswer, Verdict, Want},
    snapshot::RateLimit,
    value::Quota,
};

/// Asks for all that is counted together, at once and in its order.
pub async fn ask(charges: &[Charge<'_>], redis: Option<&Arc<Client>>) -> Vec<Result<Verdict, NoAnswer>> {
    let Some(redis) = redis else { return Vec::new() };
    let wants: Vec<Want> = charges.iter().filter_map(Charge::want).collect();
    if wants.is_empty() { Vec::new() } else { redis.take(&wants).await }
}

impl RateLimit {
    /// Its key where several gateways count.
    pub(super) fn common_key(&self, asked: &Asked<'_>) -> Option<u128> {
        let together = self.together.as_ref()?;
        Some(together.keys.key(&self.limiter.limit().by, asked))
    }
}

impl Charge<'_> {
    /// What to ask others; `None` where it is decided here: what costs more than there ever is needs no question.
    pub(super) fn want(&self) -> Option<Want> {
        let (together, key) = (self.limit.together.as_ref()?, self.bucket.common?);
        let quota = self.quota();
        let bucket = Bucket { interval: quota.rate.interval(), burst: quota.burst.get() };
        let cost = self.cost.map_or(0, NonZeroU32::get);
        let lease = together.how.lease.map(|share| lease(quota.burst, share).get());
        (cost <= bucket.burst).then_some(Want { key, bucket, cost, lease })
    }

    /// How large its bucket is.
    pub(super) fn quota(&self) -> Quota {
        self.limit.limiter.quota(self.bucket.here)
    }

    /// By the counters of this process.
    pub(super) fn counted_here(&self, now: Instant) -> Decision {
        let Self { limit, bucket, cost, .. } = self;
        match cost {
            Some(cost) => limit.limiter.spend(bucket.here, *cost, now),
            None => limit.limiter.look(bucket.here, now),
        }
    }

    /// By what the others said.
    pub(super) fn answered(&self, answer: Result<Verdict, NoAnswer>, now: Instant) -> Option<Decision> {
        let on_failure =
            self.limit.together.as_ref().map(|together| together.how.on_failure).unwrap_or_default();
        match (answer, on_failure) {
            (Ok(verdict), on_failure) => {
                // Our own counters follow, lest everybody has a full bucket when we have to go by them.
                if verdict.allowed && on_failure == OnFailure::Local && self.cost.is_some() {
                    self.counted_here(now);
                }
                Some(decision(&verdict))
            }
            (Err(_), OnFailure::Local) => Some(self.counted_here(now)),
            (Err(_), OnFailure::Allow) => None,
            (Err(_), OnFailure::Deny) => Some(UNAVAILABLE),
        }
    }
}

/// The store may be back in a moment.
const UNAVAILABLE: Decision =
    Decision { outcome: Outcome::Unavailable, remaining: 0, reset: Duration::from_secs(1) };

fn decision(verdict: &Verdict) -> Decision {
    let Verdict { allowed, left, reset } = *verdict;
    let outcome = if allowed { Outcome::Allowed } else { Outcome::Refused };
    Decision { outcome, remaining: left, reset }
}
