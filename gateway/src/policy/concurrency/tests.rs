mod learning;
mod model;
mod simulation;
mod threads;

use std::pin::pin;

use futures::FutureExt;

use super::{config::*, *};

fn fixed(max: u32, queue: usize) -> Settings {
    let (patience, retry_after) = (Duration::from_millis(100), Duration::from_secs(1));
    Settings { bound: Bound::Fixed(max), queue, patience, retry_after }
}

fn limiter(max: u32, queue: usize) -> Arc<Limiter> {
    Limiter::new(fixed(max, queue), Instant::now())
}

#[track_caller]
fn admitted(entry: Result<Entry, Full>) -> Permit {
    match entry {
        Ok(Entry::Admitted(permit)) => permit,
        other => panic!("not admitted: {other:?}"),
    }
}

#[track_caller]
fn waits(entry: Result<Entry, Full>) -> Waiting {
    match entry {
        Ok(Entry::Waiting(waiting)) => waiting,
        other => panic!("does not wait: {other:?}"),
    }
}

/// What has become of it by now.
fn verdict(waiting: &mut Waiting) -> Option<Verdict> {
    pin!(waiting).now_or_never()
}

use Priority::{Critical, High, Low, Normal};

#[test]
fn as_many_as_the_limit_go_on_and_the_next_one_is_refused() {
    let limiter = limiter(2, 0);
    let first = admitted(limiter.enter(Normal));
    let second = admitted(limiter.enter(Low));
    assert_eq!(limiter.enter(Critical).unwrap_err(), Full);
    assert_eq!((limiter.in_flight(), limiter.waiting()), (2, 0));
    drop(first);
    let third = admitted(limiter.enter(Low));
    drop((second, third));
    assert_eq!(limiter.in_flight(), 0);
}

#[test]
fn those_who_wait_go_on_in_the_order_of_arrival_and_nobody_overtakes() {
    let limiter = limiter(1, 2);
    let running = admitted(limiter.enter(Normal));
    let mut first = waits(limiter.enter(Normal));
    let mut second = waits(limiter.enter(Normal));
    assert_eq!(limiter.enter(Normal).unwrap_err(), Full);
    drop(running);
    let permit = verdict(&mut first).unwrap().unwrap();
    assert!(verdict(&mut second).is_none());
    assert_eq!((limiter.in_flight(), limiter.waiting()), (1, 1));
    drop(permit);
    assert!(verdict(&mut second).unwrap().is_ok());
}

#[test]
fn higher_priority_goes_first() {
    let limiter = limiter(1, 4);
    let mut running = Some(admitted(limiter.enter(Normal)));
    let mut waiting = [Low, Normal, Critical, High].map(|priority| waits(limiter.enter(priority)));
    for next in [2, 3, 1, 0] {
        drop(running.take());
        let gone: Vec<_> =
            waiting.iter_mut().enumerate().filter_map(|(at, one)| Some((at, verdict(one)?))).collect();
        let [(at, Ok(_))] = gone.as_slice() else { panic!("{gone:?}") };
        assert_eq!(*at, next);
        running = gone.into_iter().next().and_then(|(_, verdict)| verdict.ok());
        // What has resolved is not asked again.
        waiting[next] = waits(limiter.enter(Low));
        drop(std::mem::replace(&mut waiting[next], parked()));
    }
}

/// One that never resolves: in the queue of a limiter that nobody leaves.
fn parked() -> Waiting {
    let limiter = limiter(1, 1);
    admitted(limiter.enter(Normal)).forget();
    waits(limiter.enter(Normal))
}

#[test]
fn a_full_queue_gives_the_place_of_the_lowest_and_latest_to_a_higher_priority() {
    let limiter = limiter(1, 3);
    let _running = admitted(limiter.enter(Low));
    let mut early = waits(limiter.enter(Low));
    let mut late = waits(limiter.enter(Low));
    let mut normal = waits(limiter.enter(Normal));
    assert_eq!(limiter.enter(Low).unwrap_err(), Full, "equals do not displace each other");
    let mut high = waits(limiter.enter(High));
    assert_eq!(verdict(&mut late).unwrap().unwrap_err(), Displaced);
    assert!([&mut early, &mut normal, &mut high].into_iter().all(|one| verdict(one).is_none()));
    let _critical = [waits(limiter.enter(Critical)), waits(limiter.enter(Critical))];
    assert_eq!(verdict(&mut early).unwrap().unwrap_err(), Displaced);
    assert_eq!(verdict(&mut normal).unwrap().unwrap_err(), Displaced);
    assert_eq!((limiter.in_flight(), limiter.waiting()), (1, 3));
}

#[test]
fn who_gives_up_waiting_frees_the_place() {
    let limiter = limiter(1, 1);
    let running = admitted(limiter.enter(Normal));
    drop(waits(limiter.enter(Normal)));
    assert_eq!(limiter.waiting(), 0);
    let mut next = waits(limiter.enter(Normal));
    drop(running);
    assert!(verdict(&mut next).unwrap().is_ok());
}

#[test]
fn a_permit_that_comes_when_nobody_waits_for_it_any_more_goes_on_to_the_next() {
    let limiter = limiter(1, 2);
    let running = admitted(limiter.enter(Normal));
    let called_up = waits(limiter.enter(Normal));
    let mut next = waits(limiter.enter(Normal));
    drop(running);
    // It has the permit, and has not looked yet.
    drop(called_up);
    assert!(verdict(&mut next).unwrap().is_ok());
    assert_eq!((limiter.in_flight(), limiter.waiting()), (0, 0));
}

#[test]
fn a_panic_loses_no_permit() {
    let limiter = limiter(1, 1);
    let permit = admitted(limiter.enter(Normal));
    let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(move || {
        let _permit = permit;
        panic!("on purpose");
    }));
    assert!(panicked.is_err());
    assert_eq!(limiter.in_flight(), 0);
}

#[test]
fn a_higher_limit_lets_those_in_who_wait() {
    let limiter = limiter(1, 3);
    let _running = admitted(limiter.enter(Normal));
    let mut waiting = [(); 3].map(|()| waits(limiter.enter(Normal)));
    limiter.configure(fixed(3, 3), Instant::now());
    let verdicts = waiting.each_mut().map(verdict);
    assert_eq!(verdicts.each_ref().map(Option::is_some), [true, true, false]);
    assert_eq!((limiter.in_flight(), limiter.waiting()), (3, 1));
}

#[test]
fn a_lower_limit_cuts_nobody_off_and_lets_nobody_in_until_it_holds() {
    let limiter = limiter(3, 1);
    let mut running: Vec<_> = (0..3).map(|_| admitted(limiter.enter(Normal))).collect();
    limiter.configure(fixed(1, 1), Instant::now());
    assert_eq!(limiter.in_flight(), 3);
    let mut next = waits(limiter.enter(Normal));
    running.truncate(1);
    assert!(verdict(&mut next).is_none());
    running.clear();
    assert!(verdict(&mut next).unwrap().is_ok());
}

#[test]
fn a_shorter_queue_sends_nobody_away_and_takes_nobody_in() {
    let limiter = limiter(1, 2);
    let running = admitted(limiter.enter(Normal));
    let mut waiting = [(); 2].map(|()| waits(limiter.enter(Normal)));
    limiter.configure(fixed(1, 1), Instant::now());
    assert_eq!(limiter.enter(Normal).unwrap_err(), Full);
    drop(running);
    let permit = verdict(&mut waiting[0]).unwrap();
    assert_eq!(limiter.enter(Normal).unwrap_err(), Full);
    drop(permit);
    assert!(verdict(&mut waiting[1]).unwrap().is_ok());
}

#[test]
fn nothing_is_learned_for_a_fixed_limit() {
    let limiter = limiter(5, 0);
    let mut permit = admitted(limiter.enter(Normal));
    assert!(!permit.is_learning());
    permit.begin(Instant::now());
    assert_eq!(permit.report(Outcome::Overloaded, Instant::now()), None);
    assert_eq!(limiter.limit(), 5);
}

#[test]
fn an_answer_before_the_end_of_its_request_teaches_nothing() {
    let adaptive = Adaptive { initial: 5, min: 1, max: 9, tolerance: 0.25, probe: Duration::from_secs(9) };
    let now = Instant::now();
    let limiter = Limiter::new(Settings { bound: Bound::Adaptive(adaptive), ..fixed(1, 0) }, now);
    let mut permit = admitted(limiter.enter(Normal));
    assert!(permit.is_learning());
    assert_eq!(permit.report(Outcome::Answered, now), None);
    permit.begin(now);
    assert!(!permit.is_learning(), "its end is not looked at either");
}

#[test]
fn what_cannot_work_is_refused_with_its_key() {
    let keys = |config: ConcurrencyConfig| -> Vec<&str> {
        Settings::check(&config).unwrap_err().into_iter().map(|problem| problem.key).collect()
    };
    let off = ConcurrencyConfig::default;
    let adaptive = |initial, min, max| {
        let adaptive = Some(AdaptiveConfig { initial, min, max, ..AdaptiveConfig::default() });
        ConcurrencyConfig { adaptive, ..off() }
    };
    assert_eq!(Settings::check(&off()), Ok(None));
    assert_eq!(keys(ConcurrencyConfig { retry_after: crate::value::Duration::from_secs(2), ..off() }), [""]);
    assert_eq!(keys(ConcurrencyConfig { max: Some(0), ..off() }), ["max"]);
    assert_eq!(keys(ConcurrencyConfig { max: Some(1), ..adaptive(20, 5, 30) }), ["adaptive"]);
    assert_eq!(keys(adaptive(5, 0, 10)), ["adaptive.min"]);
    assert_eq!(keys(adaptive(5, 10, 9)), ["adaptive.max"]);
    assert_eq!(keys(adaptive(5, 6, 9)), ["adaptive.initial"]);
    let queue = QueueConfig { size: 10_001, timeout: crate::value::Duration::from_secs(61) };
    assert_eq!(keys(ConcurrencyConfig { queue, ..adaptive(5, 5, 5) }), ["queue.size", "queue.timeout"]);
}

#[test]
fn those_who_are_refused_are_told_whole_seconds_and_not_all_the_same() {
    let after = |millis, random| {
        let retry_after = Duration::from_millis(millis);
        Settings { retry_after, ..fixed(1, 0) }.retry_after(random)
    };
    assert_eq!([after(1, 0.0), after(1_000, 0.0), after(1_000, 0.01), after(1_001, 0.0)], [1, 1, 2, 2]);
    assert_eq!([after(10_000, 0.0), after(10_000, 0.5), after(10_000, 0.999)], [10, 13, 15]);
}
