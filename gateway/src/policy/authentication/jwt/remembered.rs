//! Tokens that were accepted, so that the next request with the same one costs a hash and no signature check.
//!
//! A token is known by SHA-256 of all its bytes, and remembered with the key that has signed it: it is forgotten in effect
//! when that key is gone. `exp` and `nbf` are compared with the clock each time. What else counts (issuer, audiences, required
//! claims) belongs to the configuration of one authenticator, and a memory to one such configuration.

use std::{sync::Arc, time::SystemTime};

use moka::sync::Cache;
use ring::digest::{SHA256, digest};

use super::{
    claims::{ClaimRules, Period},
    key::{KeyFingerprint, KeySet},
};
use crate::policy::authentication::{Identity, Rejected};

/// A bounded memory of accepted tokens. When it is full, those that are seldom used make room.
///
/// Clones share it.
#[derive(Debug, Clone)]
pub struct Remembered(Option<Cache<TokenHash, Entry, foldhash::fast::RandomState>>);

/// What a token is remembered by: SHA-256 of all of it, so that no other token is taken for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TokenHash([u8; 32]);

impl TokenHash {
    fn of(token: &[u8]) -> Self {
        let mut hash = [0; 32];
        hash.copy_from_slice(digest(&SHA256, token).as_ref());
        Self(hash)
    }
}

#[derive(Debug, Clone)]
struct Entry {
    identity: Arc<Identity>,
    key: KeyFingerprint,
    period: Period,
}

impl Remembered {
    /// A memory for so many tokens; none is no memory.
    pub fn new(most: u64) -> Self {
        let cache = || Cache::builder().max_capacity(most).build_with_hasher(Default::default());
        Self((most > 0).then(cache))
    }

    /// What a token is known by; `None` if nothing is remembered anyway.
    pub fn name_of(&self, token: &[u8]) -> Option<TokenHash> {
        self.0.as_ref().map(|_| TokenHash::of(token))
    }

    /// Whose token it is, if it was accepted before and its key still counts; or why it does not count any more.
    pub fn get(
        &self,
        name: &TokenHash,
        keys: &KeySet,
        rules: &ClaimRules,
        now: SystemTime,
    ) -> Option<Result<Arc<Identity>, Rejected>> {
        let cache = self.0.as_ref()?;
        let Entry { identity, key, period } = cache.get(name)?;
        if !keys.holds(&key) {
            cache.invalidate(name);
            return None;
        }
        let counts = period.check(rules.leeway, now);
        if counts.is_err() {
            cache.invalidate(name);
        }
        Some(counts.map(|()| identity))
    }

    /// Remembers a token that was accepted.
    pub fn insert(&self, name: TokenHash, identity: Arc<Identity>, key: KeyFingerprint, period: Period) {
        if let Some(cache) = &self.0 {
            cache.insert(name, Entry { identity, key, period });
        }
    }

    /// How many there are. Does what the cache has put off before, so it is nothing for a request to ask.
    pub fn len(&self) -> u64 {
        let count = |cache: &Cache<_, _, _>| {
            cache.run_pending_tasks();
            cache.entry_count()
        };
        self.0.as_ref().map_or(0, count)
    }
}
