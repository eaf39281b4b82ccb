//! Tokens that were accepted, so that the next request with the same one costs a hash at most and no signature check.
//!
//! A token is known by SHA-256 of all its bytes, and remembered with the key that has signed it: it is forgotten in effect
//! when that key is gone. `exp` and `nbf` are compared with the clock each time. What else counts (issuer, audiences, required
//! claims) belongs to the configuration of one authenticator, and a memory to one such configuration. Those that come
//! again and again are found before they are hashed: see [`super::recent`].

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::SystemTime,
};

use moka::sync::Cache;
use ring::digest::{SHA256, digest};

use super::{
    claims::{ClaimRules, Period},
    key::{KeyFingerprint, KeySet},
    recent,
};
use crate::policy::authentication::{Identity, Rejected};

/// A bounded memory of accepted tokens. When it is full, those that are seldom used make room.
///
/// Clones share it.
#[derive(Debug, Clone)]
pub struct Remembered {
    /// Tells it from all others.
    id: u64,
    tokens: Option<Cache<TokenHash, Entry, foldhash::fast::RandomState>>,
}

/// What a token is remembered by: SHA-256 of all of it, so that no other token is taken for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct TokenHash([u8; 32]);

impl TokenHash {
    fn of(token: &[u8]) -> Self {
        let mut hash = [0; 32];
        hash.copy_from_slice(digest(&SHA256, token).as_ref());
        Self(hash)
    }
}

/// What is remembered of a token.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    identity: Arc<Identity>,
    key: KeyFingerprint,
    period: Period,
}

impl Remembered {
    /// A memory for so many tokens; none is no memory.
    pub fn new(most: u64) -> Self {
        static MEMORIES: AtomicU64 = AtomicU64::new(0);
        let cache = || Cache::builder().max_capacity(most).build_with_hasher(Default::default());
        Self { id: MEMORIES.fetch_add(1, Relaxed), tokens: (most > 0).then(cache) }
    }

    /// Whose token it is, if it was accepted before and its key still counts; or why it does not count any more.
    pub fn get(
        &self,
        token: &[u8],
        keys: &KeySet,
        rules: &ClaimRules,
        now: SystemTime,
    ) -> Option<Result<Arc<Identity>, Rejected>> {
        let tokens = self.tokens.as_ref()?;
        let check = |entry: &Entry| entry.period.check(rules.leeway, now);
        let counts = |entry: &Entry| keys.holds(&entry.key) && check(entry).is_ok();
        if let Some(Entry { identity, .. }) = recent::find(self.id, token, counts) {
            return Some(Ok(identity));
        }
        let hash = TokenHash::of(token);
        let entry = tokens.get(&hash)?;
        if !keys.holds(&entry.key) {
            tokens.invalidate(&hash);
            return None;
        }
        if let Err(rejected) = check(&entry) {
            tokens.invalidate(&hash);
            return Some(Err(rejected));
        }
        recent::meet(self.id, token, &entry);
        Some(Ok(entry.identity))
    }

    /// Remembers a token that was accepted.
    pub fn insert(&self, token: &[u8], identity: Arc<Identity>, key: KeyFingerprint, period: Period) {
        if let Some(tokens) = &self.tokens {
            tokens.insert(TokenHash::of(token), Entry { identity, key, period });
        }
    }

    /// How many there are. Does what the cache has put off before, so it is nothing for a request to ask.
    pub fn len(&self) -> u64 {
        let count = |tokens: &Cache<_, _, _>| {
            tokens.run_pending_tasks();
            tokens.entry_count()
        };
        self.tokens.as_ref().map_or(0, count)
    }
}
