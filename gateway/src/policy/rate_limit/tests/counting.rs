//! The arithmetic, against a bucket that is simply filled and emptied.

use std::num::NonZeroU16;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use proptest::prelude::*;

use super::*;

/// A bucket in units of the interval's nanoseconds, so that nothing is rounded.
struct Model {
    level: u128,
    capacity: u128,
    interval: u128,
    last: u128,
}

impl Model {
    fn new(limit: &Limit) -> Self {
        let interval = u128::from(limit.quota.rate.interval());
        let capacity = interval * u128::from(limit.quota.burst.get());
        Self { level: capacity, capacity, interval, last: 0 }
    }

    fn spend(&mut self, cost: u32, time: u64) -> bool {
        self.level = self.capacity.min(self.level + u128::from(time) - self.last);
        self.last = u128::from(time);
        let wanted = self.interval * u128::from(cost);
        let enough = self.level >= wanted;
        if enough {
            self.level -= wanted;
        }
        enough
    }

    fn remaining(&self) -> u32 {
        (self.level / self.interval).try_into().unwrap()
    }

    fn until_more(&self) -> u128 {
        match self.capacity - self.level {
            0 => 0,
            missing => (missing - 1) % self.interval + 1,
        }
    }

    fn until(&self, cost: u32) -> u128 {
        (self.interval * u128::from(cost)).saturating_sub(self.level)
    }
}

fn limits() -> impl Strategy<Value = Limit> {
    let rate = (1u32..2000, 1u32..100_000).prop_map(|(count, period)| format!("{count}/{period}s"));
    (rate, 1u32..5000).prop_map(|(rate, burst)| limit(&rate, burst))
}

/// Pauses in shares of the interval, and costs.
fn requests() -> impl Strategy<Value = Vec<(u64, u32)>> {
    let pause = prop_oneof![Just(0), 0u64..300, 0u64..100_000];
    let cost = prop_oneof![3 => Just(1), 1 => 1u32..6000];
    prop::collection::vec((pause, cost), 1..200)
}

proptest! {
    #[test]
    fn a_limit_decides_as_a_bucket_would(limit in limits(), requests in requests()) {
        let (limiter, begin) = limiter(limit.clone());
        let key = key(&limiter, "192.0.2.1");
        let mut bucket = Model::new(&limit);
        let mut time = 0;
        for (pause, cost) in requests {
            time += limit.quota.rate.interval() * pause / 100;
            let now = begin + nanos(time);
            let decision = limiter.spend(key, count(cost), now);
            let enough = bucket.spend(cost, time);
            let expected = match (enough, cost > limit.quota.burst.get()) {
                (true, _) => Outcome::Allowed,
                (false, false) => Outcome::Refused,
                (false, true) => Outcome::TooCostly,
            };
            prop_assert_eq!(decision.outcome, expected);
            prop_assert_eq!(decision.remaining, bucket.remaining());
            let reset = decision.reset.as_nanos();
            match decision.outcome {
                Outcome::Allowed => {
                    let exact = bucket.until_more();
                    prop_assert!(reset >= exact && reset - exact < bucket.interval, "{} for {}", reset, exact);
                }
                Outcome::Refused => prop_assert_eq!(reset, bucket.until(cost)),
                Outcome::TooCostly | Outcome::Unavailable => prop_assert_eq!(reset, 0),
            }
            let look = limiter.look(key, now);
            prop_assert_eq!((look.remaining, look.is_allowed()), (bucket.remaining(), bucket.remaining() > 0));
            prop_assert_eq!(look.reset.as_nanos(), bucket.until_more());
        }
    }

    #[test]
    fn who_waits_as_long_as_told_is_let_through(limit in limits(), cost in 1u32..5000, pause in 0u64..1000) {
        prop_assume!(cost <= limit.quota.burst.get());
        let (limiter, begin) = limiter(limit.clone());
        let key = key(&limiter, "192.0.2.1");
        prop_assert!(limiter.spend(key, limit.quota.burst, begin).is_allowed());
        let now = begin + nanos(limit.quota.rate.interval() * pause / 1000);
        let decision = limiter.spend(key, count(cost), now);
        let after = now + Duration::from_secs(decision.retry_after().unwrap_or(0));
        prop_assert!(decision.is_allowed() || limiter.spend(key, count(cost), after).is_allowed());
    }
}

#[test]
fn a_burst_comes_at_once_and_the_rest_at_the_pace() {
    let (limiter, begin) = limiter(limit("100/s", 3));
    let key = key(&limiter, "192.0.2.1");
    let admitted = (0..5).filter(|_| limiter.spend(key, count(1), begin).is_allowed()).count();
    assert_eq!(admitted, 3);
    let at = |millis| limiter.spend(key, count(1), begin + Duration::from_millis(millis)).is_allowed();
    assert!(!at(9) && at(10) && !at(19) && at(20) && !at(20));
}

#[test]
fn the_answer_says_when_to_come_again_in_whole_seconds() {
    let (limiter, begin) = limiter(limit("100/s", 1));
    let key = key(&limiter, "192.0.2.1");
    assert_eq!(limiter.spend(key, count(1), begin).retry_after(), None);
    assert_eq!(limiter.spend(key, count(1), begin).retry_after(), Some(1), "10 ms are a second");
    let (limiter, begin) = self::limiter(limit("5/h", 5));
    let key = self::key(&limiter, "192.0.2.1");
    assert!(limiter.spend(key, count(5), begin).is_allowed());
    assert_eq!(limiter.spend(key, count(1), begin + nanos(1)).retry_after(), Some(720));
    assert_eq!(limiter.spend(key, count(5), begin).retry_after(), Some(3600));
    assert_eq!(limiter.spend(key, count(6), begin).retry_after(), None, "never");
}

#[test]
fn the_most_extreme_limits_are_counted_exactly() {
    for (rate, burst) in
        [("1/366d", 9), ("1000000/s", u32::MAX), ("1/1s", 3650 * 86_400), ("4294967295/366d", u32::MAX)]
    {
        let limit = limit(rate, burst);
        assert!(limit.quota.refills(NonZeroU16::MIN), "{rate}");
        let (limiter, begin) = limiter(limit.clone());
        let key = key(&limiter, "192.0.2.1");
        let late = begin + Duration::from_secs(100 * 365 * 86_400);
        for now in [begin, late] {
            assert!(limiter.spend(key, limit.quota.burst, now).is_allowed(), "{rate}");
            let refused = limiter.spend(key, count(1), now);
            assert_eq!((refused.outcome, refused.remaining), (Outcome::Refused, 0), "{rate}");
        }
        assert_eq!(
            limiter.spend(key, limit.quota.burst, begin).outcome,
            Outcome::Refused,
            "an earlier time gives nothing"
        );
    }
    let refills = |rate: &str, burst, of| limit(rate, burst).quota.refills(NonZeroU16::new(of).unwrap());
    assert!(!refills("1/366d", 10, 1));
    assert!(!refills("1/1s", 3651 * 86_400, 1));
    assert!(refills("1/366d", 3, 3) && !refills("1/366d", 3, 4));
    assert!(!refills("1000000/366d", 1_000_000, 600) && !refills("1/366d", 1, u16::MAX));
}

#[test]
fn many_threads_together_get_no_more_than_one_would() {
    const THREADS: u64 = 8;
    const EACH: u64 = 20_000;
    let limit = limit("1000/s", 50);
    let interval = limit.quota.rate.interval();
    let (limiter, begin) = limiter(limit);
    let keys: Vec<Bucket> = (0..3).map(|number| nth(&limiter, number)).collect();
    let (time, admitted) = (AtomicU64::new(0), [const { AtomicU64::new(0) }; 3]);
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                for turn in 0..EACH {
                    let now = begin + nanos(time.fetch_add(7_000, Relaxed));
                    let which = (turn % 3) as usize;
                    let allowed = limiter.spend(keys[which], count(1), now).is_allowed();
                    admitted[which].fetch_add(u64::from(allowed), Relaxed);
                }
            });
        }
    });
    let most = 50 + time.into_inner() / interval;
    for admitted in admitted {
        let admitted = admitted.into_inner();
        assert!(admitted <= most && admitted > most / 2, "{admitted} of at most {most}");
    }
}
