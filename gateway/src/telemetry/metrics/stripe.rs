//! Which thread writes which copy of a number.
//!
//! A number that two cores write is a cache line that travels between them, so
//! a number is kept in parts: one for each serving thread, and one that all
//! other threads share. A serving thread reserves its stripe when it starts
//! and is the only one that writes there, so it needs no locked instruction:
//! it reads, adds and stores. The shared part is added to atomically.
//!
//! The number of stripes is the number of threads that reserved one. What was
//! made before a thread reserved has no part for it; there the thread shares.

use std::cell::Cell;
use std::marker::PhantomData;
use std::sync::atomic::{AtomicI64, AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

/// Which stripes are taken.
static TAKEN: Mutex<Vec<bool>> = Mutex::new(Vec::new());
/// How many stripes there are: the length of [`TAKEN`], which never shrinks.
static STRIPES: AtomicUsize = AtomicUsize::new(0);

/// The number of no stripe.
const NONE: usize = usize::MAX;

thread_local! {
    /// Needs no destructor, so it can be read until the thread's very end.
    static MINE: Cell<usize> = const { Cell::new(NONE) };
}

/// A stripe that nobody else has, until it is dropped.
#[derive(Debug)]
pub struct Stripe(usize);

impl Stripe {
    /// Takes a free stripe, or makes another. Before the instruments are made that the thread will write.
    pub fn reserve() -> Stripe {
        let mut taken = taken();
        let number = taken.iter().position(|taken| !taken).unwrap_or(taken.len());
        if number == taken.len() {
            taken.push(true);
            STRIPES.store(taken.len(), Relaxed);
        }
        taken[number] = true;
        Stripe(number)
    }

    /// Makes it the calling thread's own, as long as the result lives.
    pub fn own(self) -> Owned {
        MINE.set(self.0);
        Owned { _stripe: self, _here: PhantomData }
    }
}

impl Drop for Stripe {
    fn drop(&mut self) {
        // The lock also shows the next owner everything that this one stored.
        taken()[self.0] = false;
    }
}

fn taken() -> MutexGuard<'static, Vec<bool>> {
    // No code that holds the lock can leave the list half-written.
    TAKEN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The calling thread's own stripe. It cannot leave the thread: its end is the end of the thread's writing there.
#[derive(Debug)]
#[must_use = "the stripe is given back when this is dropped"]
pub struct Owned {
    _stripe: Stripe,
    _here: PhantomData<*const ()>,
}

impl Drop for Owned {
    fn drop(&mut self) {
        // Before the stripe is given back, which the field's own drop does.
        MINE.set(NONE);
    }
}

/// On a cache line of its own.
#[repr(align(64))]
#[derive(Debug, Default)]
struct Line<T>(T);

/// A part that is allocated when first written.
type Part<T> = OnceLock<Box<Line<T>>>;

/// One copy of `T` for each stripe, and one for all other threads.
#[derive(Debug)]
pub(super) struct Striped<T> {
    owned: Box<[Part<T>]>,
    shared: Part<T>,
}

impl<T> Default for Striped<T> {
    fn default() -> Self {
        let owned = (0..STRIPES.load(Relaxed)).map(|_| OnceLock::new()).collect();
        Striped { owned, shared: OnceLock::new() }
    }
}

impl<T: Default> Striped<T> {
    /// The part to write, and how.
    pub fn mine(&self) -> (&T, Writing) {
        let (part, writing) = match self.owned.get(MINE.get()) {
            Some(part) => (part, Writing::Alone),
            None => (&self.shared, Writing::Shared),
        };
        (&part.get_or_init(Box::default).0, writing)
    }

    /// Every part that was ever written.
    pub fn all(&self) -> impl Iterator<Item = &T> {
        self.owned.iter().chain([&self.shared]).filter_map(OnceLock::get).map(|line| &line.0)
    }
}

/// Whether other threads write the same part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Writing {
    /// None does: only the owner of a stripe gets this answer, and a stripe has one owner at a time.
    Alone,
    /// Any may.
    Shared,
}

impl Writing {
    /// Adds to a number.
    pub fn add(self, number: &AtomicU64, n: u64) {
        match self {
            Writing::Alone => number.store(number.load(Relaxed).wrapping_add(n), Relaxed),
            Writing::Shared => drop(number.fetch_add(n, Relaxed)),
        }
    }

    /// Adds to a number that may fall.
    pub fn add_signed(self, number: &AtomicI64, n: i64) {
        match self {
            Writing::Alone => number.store(number.load(Relaxed).wrapping_add(n), Relaxed),
            Writing::Shared => drop(number.fetch_add(n, Relaxed)),
        }
    }
}

#[cfg(test)]
mod tests;
