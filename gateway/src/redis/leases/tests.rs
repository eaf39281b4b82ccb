use super::*;

const KEY: Key = 7;
/// One token a second, sixty at once.
const BUCKET: Bucket = Bucket { interval: 1_000_000_000, burst: 60 };

fn want(cost: u32) -> Want {
    Want { key: KEY, bucket: BUCKET, cost, lease: Some(6) }
}

fn asked(leases: &Leases, cost: u32, now: Instant) -> Order {
    match leases.take(&want(cost), now) {
        Step::Ask(order) => order,
        step => panic!("{step:?} asks nothing"),
    }
}

fn decided(leases: &Leases, now: Instant) -> (Verdict, Option<Order>) {
    match leases.take(&want(1), now) {
        Step::Decided(verdict, order) => (verdict, order),
        step => panic!("{step:?} decides nothing"),
    }
}

fn granted(taken: i64) -> Grant {
    Grant { taken, wait: Duration::ZERO, debt: Duration::from_secs(taken.unsigned_abs()) }
}

fn refused(wait: u64) -> Grant {
    Grant { taken: 0, wait: Duration::from_secs(wait), debt: Duration::from_secs(60) }
}

#[test]
fn the_first_request_asks_for_a_lease_and_the_next_ones_live_on_it() {
    let (leases, now) = (Leases::new(MOST), Instant::now());
    let order = asked(&leases, 1, now);
    assert_eq!((order.ask.least, order.ask.most), (1, 7));
    let verdict = leases.answered(&want(1), &order, &granted(7), now);
    assert_eq!(verdict, Verdict { allowed: true, left: 59, reset: Duration::from_secs(1) });
    for left in [58, 57] {
        assert_eq!(decided(&leases, now), (Verdict { left, ..verdict }, None));
    }
    // Half of it is used: the next lease is asked for, by nobody else meanwhile.
    let (verdict, order) = decided(&leases, now);
    assert!(verdict.allowed);
    let order = order.expect("a refill");
    assert_eq!((order.ask.least, order.ask.most), (1, 3));
    assert_eq!(decided(&leases, now).1, None);
    assert_eq!(leases.learn(&order, &granted(3), now), 5, "never more than a lease");
}

#[test]
fn an_empty_lease_lets_requests_ask_for_themselves_while_the_next_is_on_its_way() {
    let (leases, now) = (Leases::new(MOST), Instant::now());
    let first = asked(&leases, 1, now);
    let second = asked(&leases, 1, now);
    assert_eq!((second.ask.least, second.ask.most), (1, 1), "one lease, not two");
    leases.answered(&want(1), &second, &granted(1), now);
    leases.answered(&want(1), &first, &granted(7), now);
    assert!(decided(&leases, now).0.allowed);
}

#[test]
fn what_redis_refused_is_refused_without_it_until_there_is_a_token() {
    let (leases, now) = (Leases::new(MOST), Instant::now());
    let order = asked(&leases, 1, now);
    let verdict = leases.answered(&want(1), &order, &refused(3), now);
    assert_eq!(verdict, Verdict { allowed: false, left: 0, reset: Duration::from_secs(3) });
    let later = now + Duration::from_secs(2);
    let (verdict, order) = decided(&leases, later);
    assert_eq!((verdict.allowed, verdict.reset, order), (false, Duration::from_secs(1), None));
    asked(&leases, 1, now + Duration::from_secs(3));
}

#[test]
fn a_refusal_of_much_says_nothing_of_less() {
    let (leases, now) = (Leases::new(MOST), Instant::now());
    let order = asked(&leases, 5, now);
    leases.answered(&want(5), &order, &refused(3), now);
    asked(&leases, 4, now);
    assert!(matches!(leases.take(&want(5), now), Step::Decided(verdict, None) if !verdict.allowed));
}

#[test]
fn without_an_answer_the_next_request_asks_again() {
    let (leases, now) = (Leases::new(MOST), Instant::now());
    let order = asked(&leases, 1, now);
    leases.unanswered(&[order]);
    assert_eq!(asked(&leases, 1, now).ask.most, 7);
}

#[test]
fn what_nobody_uses_is_given_back() {
    let (leases, now) = (Leases::new(MOST), Instant::now());
    let order = asked(&leases, 1, now);
    leases.answered(&want(1), &order, &granted(7), now);
    let all = |now| (0..leases.shards()).flat_map(|shard| leases.idle(shard, now)).collect::<Vec<_>>();
    assert_eq!(all(now + IDLE / 2), []);
    let back: Vec<Ask> = all(now + IDLE).iter().map(|order| order.ask).collect();
    assert_eq!(back, [Ask { key: KEY, bucket: BUCKET, least: -6, most: -6 }]);
    assert_eq!(leases.len(), 0);
}

#[test]
fn beyond_the_bound_every_request_is_decided_by_redis() {
    let (leases, now) = (Leases::new(SHARDS), Instant::now());
    asked(&leases, 1, now);
    let other = Want { key: KEY + SHARDS as u128, ..want(1) };
    for _ in 0..2 {
        assert!(matches!(leases.take(&other, now), Step::Ask(order) if order.ask.most == 1));
    }
    assert_eq!(leases.len(), 1);
}

#[test]
fn an_answer_that_nobody_waits_for_any_more_brings_its_lease_all_the_same() {
    let (leases, now) = (Leases::new(MOST), Instant::now());
    let order = asked(&leases, 1, now);
    assert_eq!(asked(&leases, 1, now).ask.most, 1, "it may still be answered");
    assert_eq!(leases.learn(&order, &granted(7), now), 6);
    assert!(decided(&leases, now).0.allowed);
}

#[test]
fn what_is_held_counts_for_a_request_that_costs_more() {
    let (leases, now) = (Leases::new(MOST), Instant::now());
    let order = asked(&leases, 1, now);
    leases.answered(&want(1), &order, &granted(7), now);
    let order = asked(&leases, 10, now);
    assert_eq!((order.ask.least, order.ask.most), (4, 10));
    assert!(leases.answered(&want(10), &order, &granted(10), now).allowed);
    assert!(decided(&leases, now).0.allowed, "and a lease beyond it");
    // With too little left, and without an answer, it is held as before.
    let order = asked(&leases, 10, now);
    assert_eq!(order.ask.least, 5);
    assert!(!leases.answered(&want(10), &order, &refused(3), now).allowed);
    assert!(decided(&leases, now).0.allowed);
    let order = asked(&leases, 9, now);
    leases.unanswered(&[order]);
    assert!(decided(&leases, now).0.allowed);
}

#[test]
fn who_is_refused_again_and_again_keeps_nothing_from_others() {
    let (leases, now) = (Leases::new(MOST), Instant::now());
    let order = asked(&leases, 1, now);
    leases.answered(&want(1), &order, &granted(3), now);
    let order = asked(&leases, 5, now);
    leases.answered(&want(5), &order, &refused(100), now);
    let later = now + IDLE;
    assert!(matches!(leases.take(&want(5), later), Step::Decided(verdict, None) if !verdict.allowed));
    let back: Vec<i64> =
        (0..SHARDS).flat_map(|shard| leases.idle(shard, later)).map(|order| order.ask.most).collect();
    assert_eq!(back, [-2]);
}

#[test]
fn without_leases_a_refusal_is_remembered_too() {
    let (leases, now) = (Leases::new(MOST), Instant::now());
    let want = Want { lease: None, ..want(1) };
    let ask = |now| match leases.take(&want, now) {
        Step::Ask(order) => order,
        step => panic!("{step:?}"),
    };
    let order = ask(now);
    assert_eq!((order.ask.most, leases.len()), (1, 0));
    assert!(leases.answered(&want, &order, &granted(1), now).allowed);
    assert_eq!(leases.len(), 0, "nothing to remember");
    let order = ask(now);
    assert!(!leases.answered(&want, &order, &refused(3), now).allowed);
    let later = now + Duration::from_secs(2);
    assert!(
        matches!(leases.take(&want, later), Step::Decided(verdict, None) if verdict.reset.as_secs() == 1)
    );
    ask(now + Duration::from_secs(3));
    assert_eq!(leases.held(), 0);
}
