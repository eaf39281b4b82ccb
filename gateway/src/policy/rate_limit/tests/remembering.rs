//! What is remembered, and what is forgotten first.

use super::*;

fn bounded(rate: &str, burst: u32, max_keys: u32) -> (Limiter, Instant, std::sync::Arc<Metrics>) {
    let metrics = Metrics::new();
    let begin = Instant::now();
    let limit = Limit { max_keys: count(max_keys), ..limit(rate, burst) };
    let limiter = Limiter::new(limit.into(), begin, metrics.rate_limit_keys("orders", "test"));
    (limiter, begin, metrics)
}

fn shown(metrics: &Metrics, name: &str) -> String {
    let series = format!("{name}{{http_route=\"orders\",rate_limit=\"test\"}} ");
    metrics
        .render()
        .lines()
        .find_map(|line| line.strip_prefix(&series).map(str::to_owned))
        .unwrap_or_default()
}

#[test]
fn a_limit_that_nobody_used_remembers_nothing() {
    let (limiter, begin, metrics) = bounded("1/s", 1, 1000);
    assert!(limiter.look(nth(&limiter, 0), begin).is_allowed());
    limiter.sweep(begin);
    assert_eq!((limiter.len(), shown(&metrics, "gateway_rate_limit_keys")), (0, String::new()));
}

#[test]
fn strangers_without_end_take_bounded_room() {
    for max_keys in [1, 7, 1000, 20_000] {
        let (limiter, begin, metrics) = bounded("1/d", 10, max_keys);
        for number in 0..3 * max_keys + 500 {
            assert!(limiter.spend(nth(&limiter, number), count(1), begin).is_allowed());
            assert!(number % 1000 > 0 || limiter.len() <= max_keys as usize);
        }
        let held = limiter.len();
        assert!(held <= max_keys as usize && held > max_keys as usize * 9 / 10, "{held} of {max_keys}");
        assert_eq!(shown(&metrics, "gateway_rate_limit_keys"), held.to_string());
        let evicted = (3 * max_keys + 500) as usize - held;
        assert_eq!(shown(&metrics, "gateway_rate_limit_evictions_total"), evicted.to_string());
        drop(limiter);
        assert_eq!(shown(&metrics, "gateway_rate_limit_keys"), "0");
    }
}

/// A sample may consist of nothing but emptied buckets, but hardly where they are one in a hundred: the chance is
/// 10^-16 for each eviction.
#[test]
fn who_has_spent_all_is_not_forgotten_for_strangers() {
    let (limiter, begin, _) = bounded("10/d", 10, 10_000);
    let limited: Vec<Bucket> = (0..100).map(|number| nth(&limiter, number)).collect();
    for key in &limited {
        assert!(limiter.spend(*key, count(10), begin).is_allowed());
    }
    for number in 100..50_000 {
        assert!(limiter.spend(nth(&limiter, number), count(1), begin).is_allowed());
    }
    for key in &limited {
        assert_eq!(limiter.spend(*key, count(1), begin).outcome, Outcome::Refused);
    }
}

#[test]
fn keys_that_say_nothing_go_before_those_that_count() {
    let (limiter, begin, metrics) = bounded("1/s", 1, 1000);
    for number in 0..750 {
        limiter.spend(nth(&limiter, number), count(1), begin);
    }
    let later = begin + Duration::from_secs(2);
    for number in 1000..1300 {
        limiter.spend(nth(&limiter, number), count(1), later);
    }
    for number in 1000..1300 {
        assert!(!limiter.spend(nth(&limiter, number), count(1), later).is_allowed(), "{number}");
    }
    assert_eq!(shown(&metrics, "gateway_rate_limit_evictions_total"), "", "none was lost that counted");
}

#[test]
fn idle_keys_go_with_new_ones_and_all_at_once() {
    let (limiter, begin, metrics) = bounded("1/s", 1, 100_000);
    for number in 0..10_000 {
        limiter.spend(nth(&limiter, number), count(1), begin);
    }
    assert_eq!(limiter.len(), 10_000);
    let later = begin + Duration::from_secs(1);
    for number in 10_000..15_000 {
        limiter.spend(nth(&limiter, number), count(1), later);
    }
    assert!(limiter.len() < 8_000, "two are looked at for one that comes: {}", limiter.len());
    limiter.sweep(later);
    assert_eq!((limiter.len(), shown(&metrics, "gateway_rate_limit_keys")), (5_000, "5000".to_owned()));
    limiter.sweep(later + Duration::from_secs(1));
    assert_eq!((limiter.len(), shown(&metrics, "gateway_rate_limit_keys")), (0, "0".to_owned()));
}
