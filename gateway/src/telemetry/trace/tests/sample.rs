//! Which spans are kept.

use std::time::{Duration, Instant};

use crate::telemetry::config::{KeepConfig, TracesConfig};
use crate::telemetry::metrics::Kept;
use crate::telemetry::trace::sample::{Bucket, Sampling, Verdict};
use crate::telemetry::trace::w3c::Parent;
use crate::telemetry::trace::{Ended, SpanId, TraceId};
use crate::value::{self, Percent};

fn sampling(percent: u8, keep: KeepConfig) -> Sampling {
    Sampling::new(&TracesConfig { sample: Percent::from_percent(percent), keep, ..TracesConfig::default() })
}

fn parent(sampled: bool) -> Parent {
    Parent { trace_id: TraceId::random(), span_id: SpanId::random(), sampled }
}

fn ended(status: u16, millis: u64) -> Ended {
    Ended { status, duration: Duration::from_millis(millis), now: Instant::now() }
}

#[test]
fn a_trusted_caller_decides_whatever_the_ratio() {
    for (percent, sampled) in [(0, true), (100, false)] {
        let parent = parent(sampled);
        let decided = sampling(percent, KeepConfig::default()).at_start(parent.trace_id, Some(&parent), true);
        assert_eq!(decided, sampled);
    }
}

#[test]
fn a_stranger_decides_nothing() {
    // An id that would always be sampled, were it asked.
    let chosen = Parent { trace_id: TraceId::new(1 << 100).expect("not zero"), ..parent(true) };
    let rules = sampling(1, KeepConfig::default());
    let kept = (0..10_000).filter(|_| rules.at_start(chosen.trace_id, Some(&chosen), false)).count();
    assert!((20..400).contains(&kept), "{kept} of 10,000 at 1%");
}

#[test]
fn the_same_trace_is_decided_alike_everywhere_and_more_never_means_less() {
    let ids: Vec<_> = (0..10_000).map(|_| TraceId::random()).collect();
    let kept = |percent| {
        let rules = sampling(percent, KeepConfig::default());
        ids.iter().map(|id| rules.at_start(*id, None, false)).collect::<Vec<_>>()
    };
    let (ten, fifty) = (kept(10), kept(50));
    assert_eq!(ten, kept(10));
    assert!(ten.iter().zip(&fifty).all(|(ten, fifty)| !ten || *fifty));
    let share = ten.iter().filter(|kept| **kept).count();
    assert!((800..1200).contains(&share), "{share} of 10,000 at 10%");
    assert!(kept(0).iter().all(|kept| !kept));
    assert!(kept(100).iter().all(|kept| *kept));
}

#[test]
fn the_table_of_decisions_at_the_end() {
    let limit = Some(value::Duration::from_secs(1));
    let all = KeepConfig { errors: true, slower_than: limit, per_second: 1 };
    let none = KeepConfig { errors: false, slower_than: None, per_second: 1 };
    let slow_only = KeepConfig { errors: false, ..all };
    let (head, error, slow) =
        (Verdict::Keep(Kept::Head), Verdict::Keep(Kept::Error), Verdict::Keep(Kept::Slow));
    #[rustfmt::skip]
    let table = [
        // keep       sampled status ms    token  verdict
        (all,         true,   200,   1,    false, head),
        (all,         true,   500,   5000, false, head),
        (all,         false,  200,   1,    true,  Verdict::Forget),
        (all,         false,  200,   1000, true,  Verdict::Forget),
        (all,         false,  404,   1,    true,  Verdict::Forget),
        (all,         false,  499,   1,    true,  Verdict::Forget),
        (all,         false,  500,   1,    true,  error),
        (all,         false,  504,   5000, true,  error),
        (all,         false,  200,   1001, true,  slow),
        (all,         false,  502,   1,    false, Verdict::OverRate),
        (all,         false,  200,   1001, false, Verdict::OverRate),
        (slow_only,   false,  500,   1,    true,  Verdict::Forget),
        (slow_only,   false,  500,   1001, true,  slow),
        (none,        false,  500,   5000, true,  Verdict::Forget),
    ];
    for (row, (keep, sampled, status, millis, token, expected)) in table.into_iter().enumerate() {
        let verdict = sampling(0, keep).at_end(sampled, &ended(status, millis), |_| token);
        assert_eq!(verdict, expected, "row {row}");
    }
}

#[test]
fn requests_that_are_kept_anyway_spend_no_token() {
    let mut asked = 0;
    let mut take = |_| {
        asked += 1;
        true
    };
    let rules = sampling(0, KeepConfig::default());
    rules.at_end(true, &ended(500, 1), &mut take);
    rules.at_end(false, &ended(200, 1), &mut take);
    assert_eq!(asked, 0);
}

#[test]
fn a_bucket_gives_its_rate_and_not_more_after_a_rest() {
    let start = Instant::now();
    let at = |millis| start + Duration::from_millis(millis);
    let mut bucket = Bucket::default();
    let mut taken = |millis, tries: usize| (0..tries).filter(|_| bucket.take(10, at(millis))).count();
    assert_eq!(taken(0, 100), 10);
    assert_eq!(taken(99, 100), 0);
    assert_eq!(taken(200, 100), 2);
    assert_eq!(taken(150, 100), 0, "a clock that another thread read earlier gives nothing");
    assert_eq!(taken(60_000, 100), 10);
    assert!(!Bucket::default().take(0, start), "none a second is none");
}
