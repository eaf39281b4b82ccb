//! Where the buckets of a limit are: a bounded map from keys to times.
//!
//! A client chooses keys (a header, an address out of a large network), so there are never more than a limit's
//! `max_keys`. Keys are spread over shards, each with a lock of its own that is held for one look-up; a limit that nobody
//! has used has no shards. A key takes 32 bytes, and about 16 in the index.
//!
//! What is remembered of a key is when its bucket is full again. Once that time has passed the key says no more than no
//! key at all, so forgetting it loses nothing. This happens bit by bit with every new key, and all at once in
//! [`Store::sweep`].
//!
//! Where a shard is full of keys that still count, the one of [`SAMPLE`] randomly chosen keys goes whose bucket is full
//! again first. So a key survives an eviction if any other of the sample has less to lose; a bucket that was emptied has
//! the most to lose and goes only where all keys of the sample are as empty, and a stranger who sends many keys, each of
//! them once, mostly drives out his own. A key that was evicted begins with a full bucket.

use std::{
    hash::{BuildHasherDefault, Hasher},
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError},
};

use governor::{nanos::Nanos, state::StateStore};
use indexmap::IndexMap;

use super::{clock::Told, key::Key};
use crate::telemetry::metrics::RateLimitKeys;

/// Keys of which one is chosen to be evicted.
pub const SAMPLE: usize = 8;

/// Keys that are looked at whenever there is a new one: more than one, so that idle ones go faster than new ones come.
const LOOKED_AT: usize = 2;

const MOST_SHARDS: usize = 1024;

/// Keys a shard has room for, while there are not too many shards: enough for a sample to say something, and few enough
/// to be swept within microseconds.
const SHARD_ROOM: usize = 1024;

/// The buckets of one limit. Clones are the same buckets: `governor` keeps one to itself.
#[derive(Debug, Clone)]
pub struct Store(Arc<Buckets>);

#[derive(Debug)]
struct Buckets {
    shards: OnceLock<Box<[Mutex<Shard>]>>,
    max_keys: usize,
    metrics: RateLimitKeys,
}

/// Keys and when their buckets are full again, in nanoseconds of [`Told`].
#[derive(Debug, Default)]
struct Shard {
    buckets: IndexMap<Key, u64, BuildHasherDefault<AsItIs>>,
    /// What is looked at next.
    cursor: usize,
}

impl Store {
    /// Empty, and never with more than so many keys.
    pub fn new(max_keys: usize, metrics: RateLimitKeys) -> Self {
        Self(Arc::new(Buckets { shards: OnceLock::new(), max_keys: max_keys.max(1), metrics }))
    }

    /// How many keys there are.
    #[cfg(test)]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// When the key's bucket is full again; `None` if it is.
    pub fn full_at(&self, key: &Key) -> Option<u64> {
        let shards = self.0.shards.get()?;
        lock(&shards[place(key, shards.len())]).buckets.get(key).copied()
    }

    /// Forgets the keys whose buckets are full, and gives their memory back. Holds up one shard at a time.
    pub fn sweep(&self, time: u64) {
        for shard in self.0.shards() {
            let mut shard = lock(shard);
            let before = shard.buckets.len();
            shard.buckets.retain(|_, full_at| *full_at > time);
            let (held, room) = (shard.buckets.len(), shard.buckets.capacity());
            if room > 4 * held.max(16) {
                shard.buckets.shrink_to(2 * held);
            }
            drop(shard);
            self.0.metrics.forgotten(before - held);
        }
    }
}

impl Buckets {
    fn len(&self) -> usize {
        self.shards().map(|shard| lock(shard).buckets.len()).sum()
    }

    fn shards(&self) -> impl Iterator<Item = &Mutex<Shard>> {
        self.shards.get().into_iter().flatten()
    }

    fn shard(&self, key: &Key) -> MutexGuard<'_, Shard> {
        let count = (self.max_keys / SHARD_ROOM).clamp(1, MOST_SHARDS);
        let shards = self.shards.get_or_init(|| (0..count).map(|_| Mutex::default()).collect());
        lock(&shards[place(key, count)])
    }

    /// Makes room for a new key, and takes it in.
    fn insert(&self, shard: &mut Shard, key: Key, full_at: u64, time: u64) {
        let room = self.max_keys / self.shards.get().map_or(1, |shards| shards.len());
        let mut forgotten = shard.forget_idle(time);
        if shard.buckets.len() >= room {
            let idle = shard.evict(time);
            forgotten += 1;
            if !idle {
                self.metrics.evicted();
            }
        }
        shard.buckets.insert(key, full_at);
        self.metrics.forgotten(forgotten);
        self.metrics.remembered();
    }
}

impl Shard {
    /// Goes on where it stopped last time; gives how many went.
    fn forget_idle(&mut self, time: u64) -> usize {
        let mut forgotten = 0;
        for _ in 0..LOOKED_AT {
            self.cursor = self.cursor.checked_sub(1).unwrap_or(self.buckets.len().saturating_sub(1));
            if self.buckets.get_index(self.cursor).is_some_and(|(_, full_at)| *full_at <= time) {
                self.buckets.swap_remove_index(self.cursor);
                forgotten += 1;
            }
        }
        forgotten
    }

    /// Removes one of a sample; true if nothing was lost by it.
    fn evict(&mut self, time: u64) -> bool {
        let sample = (0..SAMPLE).map(|_| fastrand::usize(..self.buckets.len()));
        let first = sample.min_by_key(|index| self.buckets[*index]).expect("a sample has keys");
        self.buckets.swap_remove_index(first).is_some_and(|(_, full_at)| full_at <= time)
    }
}

impl StateStore for Store {
    type Key = Key;

    fn measure_and_replace<T, F, E>(&self, key: &Key, decide: F) -> Result<T, E>
    where
        F: Fn(Option<Nanos>) -> Result<(T, Nanos), E>,
    {
        let mut shard = self.0.shard(key);
        if let Some(full_at) = shard.buckets.get_mut(key) {
            let (decision, next) = decide(Some(Nanos::new(*full_at)))?;
            *full_at = next.as_u64();
            return Ok(decision);
        }
        let (decision, next) = decide(None)?;
        self.0.insert(&mut shard, *key, next.as_u64(), Told.time());
        Ok(decision)
    }
}

/// The limit is gone, and its keys with it.
impl Drop for Buckets {
    fn drop(&mut self) {
        self.metrics.forgotten(self.len());
    }
}

/// No code that holds the lock leaves the map half-written.
fn lock(shard: &Mutex<Shard>) -> MutexGuard<'_, Shard> {
    shard.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The shard of a key, by the half of it that the maps do not go by.
fn place(key: &Key, shards: usize) -> usize {
    (key.0[1] % shards as u64) as usize
}

/// For keys that are hashes already.
#[derive(Debug, Default)]
pub struct AsItIs(u64);

impl Hasher for AsItIs {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, _: &[u8]) {
        unreachable!("a key writes one number");
    }

    fn write_u64(&mut self, number: u64) {
        self.0 = number;
    }

    fn write_u128(&mut self, number: u128) {
        self.0 = (number >> 64) as u64;
    }
}
