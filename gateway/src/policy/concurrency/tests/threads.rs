//! From many threads at once: never more than the limit, nobody is forgotten, and in the end nothing is left.

use std::{
    sync::atomic::{AtomicU32, AtomicU64},
    thread,
};

use futures::executor::block_on;

use super::*;

const LIMIT: u32 = 3;

/// Enters again and again; gives how often it got a permit.
fn hurry(limiter: &Arc<Limiter>, inside: &AtomicU32, rounds: u32, seed: u64) -> u64 {
    let mut random = fastrand::Rng::with_seed(seed);
    let mut permits = 0;
    for _ in 0..rounds {
        let priority = [Low, Normal, High, Critical][random.usize(..4)];
        let permit = match limiter.enter(priority) {
            Ok(Entry::Admitted(permit)) => Some(permit),
            // Some leave at once, some when they may have been called up.
            Ok(Entry::Waiting(waiting)) if random.u8(..4) == 0 => {
                if random.bool() {
                    thread::yield_now();
                }
                drop(waiting);
                None
            }
            Ok(Entry::Waiting(waiting)) => block_on(waiting).ok(),
            Err(Full) => None,
        };
        let Some(permit) = permit else { continue };
        permits += 1;
        assert!(inside.fetch_add(1, SeqCst) < LIMIT, "more than the limit are in flight");
        if random.u8(..8) == 0 {
            thread::yield_now();
        }
        inside.fetch_sub(1, SeqCst);
        drop(permit);
    }
    permits
}

#[test]
fn many_threads_never_exceed_the_limit_and_forget_nobody() {
    const THREADS: u64 = 8;
    const ROUNDS: u32 = 5_000;
    // One place in the queue for each thread: nobody is refused, so that all who do not leave get their permit.
    for queue in [2, THREADS as usize] {
        let limiter = limiter(LIMIT, queue);
        let (inside, permits) = (AtomicU32::new(0), AtomicU64::new(0));
        thread::scope(|scope| {
            for seed in 0..THREADS {
                let (limiter, inside, permits) = (&limiter, &inside, &permits);
                scope.spawn(move || permits.fetch_add(hurry(limiter, inside, ROUNDS, seed), SeqCst));
            }
        });
        assert_eq!((limiter.in_flight(), limiter.waiting()), (0, 0));
        assert!(permits.load(SeqCst) > u64::from(ROUNDS));
        admitted(limiter.enter(Low));
    }
}

#[test]
fn a_limit_that_changes_all_the_time_forgets_nobody() {
    let limiter = limiter(LIMIT, 8);
    let (inside, working) = (AtomicU32::new(0), AtomicU32::new(4));
    thread::scope(|scope| {
        for seed in 0..4 {
            let (limiter, inside, working) = (&limiter, &inside, &working);
            scope.spawn(move || {
                hurry(limiter, inside, 3_000, seed);
                working.fetch_sub(1, SeqCst);
            });
        }
        let mut turn = 0;
        while working.load(SeqCst) > 0 {
            turn += 1;
            limiter.configure(fixed(1 + turn % LIMIT, 8), Instant::now());
        }
    });
    assert_eq!((limiter.in_flight(), limiter.waiting()), (0, 0));
}
