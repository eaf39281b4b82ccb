//! Every thread writes where it may, and nothing is lost.

use std::collections::HashSet;
use std::sync::Barrier;
use std::thread;

use super::super::instrument::{Counter, Histogram, UpDown};
use super::*;
use crate::telemetry::names::Buckets;

const THREADS: usize = 8;

fn address(striped: &Striped<AtomicU64>) -> (usize, Writing) {
    let (part, writing) = striped.mine();
    (std::ptr::from_ref(part).addr(), writing)
}

#[test]
fn owners_never_share_a_part_and_all_others_share_one() {
    let stripes: Vec<_> = (0..THREADS).map(|_| Stripe::reserve()).collect();
    let striped = Striped::default();
    let parts: Vec<_> = thread::scope(|scope| {
        let owners: Vec<_> = stripes
            .into_iter()
            .map(|stripe| {
                scope.spawn(|| {
                    let owned = stripe.own();
                    let part = address(&striped);
                    drop(owned);
                    part
                })
            })
            .collect();
        let others: Vec<_> = (0..THREADS).map(|_| scope.spawn(|| address(&striped))).collect();
        owners.into_iter().chain(others).map(|thread| thread.join().expect("no panic")).collect()
    });
    let (owned, shared) = parts.split_at(THREADS);
    assert!(owned.iter().all(|(_, writing)| *writing == Writing::Alone), "{parts:?}");
    assert!(shared.iter().all(|part| *part == shared[0] && part.1 == Writing::Shared), "{parts:?}");
    assert_eq!(parts.iter().map(|(part, _)| part).collect::<HashSet<_>>().len(), THREADS + 1, "{parts:?}");
}

#[test]
fn a_stripe_that_was_given_back_is_reserved_again() {
    let first = Stripe::reserve();
    let second = Stripe::reserve();
    let number = first.0;
    assert_ne!(number, second.0);
    drop(first.own());
    assert_eq!(MINE.get(), NONE);
    // Others may reserve meanwhile where tests share a process, but nobody gets what `second` has.
    for _ in 0..1_000 {
        assert_ne!(Stripe::reserve().0, second.0);
    }
    assert!(STRIPES.load(Relaxed) < 500, "given back, and never reserved again");
}

#[test]
fn a_thread_shares_what_was_made_before_it_reserved() {
    let striped = Striped { owned: Box::default(), shared: OnceLock::new() };
    let _owned = Stripe::reserve().own();
    assert_eq!(address(&striped).1, Writing::Shared);
}

#[test]
fn what_owners_and_others_record_adds_up_even_where_owners_follow_each_other() {
    const ROUNDS: usize = 3;
    const EACH: u64 = 10_000;
    // Held, so that the instruments have as many parts; given to the threads of the first round.
    let mut stripes: Vec<_> = (0..THREADS).map(|_| Stripe::reserve()).collect();
    let (counter, up_down) = (Counter::default(), UpDown::default());
    let histogram = Histogram::new(Buckets::Count);
    let write = || {
        for n in 0..EACH {
            counter.inc();
            up_down.add(if n % 2 == 0 { 3 } else { -2 });
            histogram.observe(n % 100);
        }
    };
    for _ in 0..ROUNDS {
        let start = Barrier::new(2 * THREADS);
        thread::scope(|scope| {
            for stripe in stripes.drain(..) {
                let (start, write) = (&start, &write);
                scope.spawn(move || {
                    let _owned = stripe.own();
                    start.wait();
                    write();
                });
                scope.spawn(move || {
                    start.wait();
                    write();
                });
            }
        });
        stripes = (0..THREADS).map(|_| Stripe::reserve()).collect();
    }
    let records = EACH * (ROUNDS * 2 * THREADS) as u64;
    assert_eq!(counter.get(), records);
    assert_eq!(up_down.get(), i64::try_from(records / 2).expect("small"));
    assert_eq!(histogram.count(), records);
}
