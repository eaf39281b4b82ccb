//! Plans by document, bounded.
//!
//! The key holds the schema's version, so plans of an old schema cannot be
//! found. Only successes are inserted: a document that fails costs its sender
//! a validation each time and nobody a cache entry.

use std::sync::Arc;

use moka::sync::Cache;
use sha2::{Digest, Sha256};

use super::Plan;

/// Bytes of document that one place in the cache stands for.
const BYTES_PER_PLACE: usize = 2048;

/// Hash of schema version, operation name and document.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct PlanKey([u8; 32]);

impl PlanKey {
    pub(crate) fn new(version: u64, operation_name: Option<&str>, document: &str) -> Self {
        let name = operation_name.unwrap_or_default();
        let mut hash = Sha256::new();
        hash.update(version.to_le_bytes());
        hash.update([u8::from(operation_name.is_some())]);
        hash.update(name.len().to_le_bytes());
        hash.update(name);
        hash.update(document);
        Self(hash.finalize().into())
    }
}

/// The plans of one engine.
#[derive(Debug, Clone)]
pub(crate) struct PlanCache(Cache<PlanKey, (u32, Arc<Plan>)>);

impl PlanCache {
    /// Holds up to `size` plans; a document longer than 2 KiB takes the room
    /// of several.
    pub(crate) fn new(size: usize) -> Self {
        let cache = Cache::builder().max_capacity(size as u64).weigher(|_, (weight, _)| *weight).build();
        Self(cache)
    }

    pub(crate) fn get(&self, key: &PlanKey) -> Option<Arc<Plan>> {
        self.0.get(key).map(|(_, plan)| plan)
    }

    pub(crate) fn insert(&self, key: PlanKey, document: &str, plan: Arc<Plan>) {
        let weight = u32::try_from(1 + document.len() / BYTES_PER_PLACE).unwrap_or(u32::MAX);
        self.0.insert(key, (weight, plan));
    }
}
