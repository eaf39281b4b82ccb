//! Plans by document, bounded by the memory they take.
//!
//! The key holds the schema's version, so plans of an old schema cannot be
//! found. Only successes are inserted: a document that fails costs its sender
//! a validation each time and nobody a cache entry.

use std::sync::Arc;

use moka::sync::Cache;
use sha2::{Digest, Sha256};

use super::Plan;

/// Bytes that a place in the cache stands for: a plan of some dozens of fields.
pub(super) const BYTES_PER_PLACE: usize = 32 << 10;

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
    /// Holds up to `size` plans of the usual size, and fewer larger ones: 32 KiB
    /// for each, about.
    pub(crate) fn new(size: usize) -> Self {
        let bytes = size.saturating_mul(BYTES_PER_PLACE);
        Self(Cache::builder().max_capacity(bytes as u64).weigher(|_, (weight, _)| *weight).build())
    }

    pub(crate) fn get(&self, key: &PlanKey) -> Option<Arc<Plan>> {
        self.0.get(key).map(|(_, plan)| plan)
    }

    pub(crate) fn insert(&self, key: PlanKey, document: &str, plan: Arc<Plan>) {
        let weight = u32::try_from(plan.weight(document)).unwrap_or(u32::MAX);
        self.0.insert(key, (weight, plan));
    }

    /// How many plans there are, and the bytes they take.
    #[cfg(test)]
    pub(super) fn held(&self) -> (u64, u64) {
        self.0.run_pending_tasks();
        (self.0.entry_count(), self.0.weighted_size())
    }
}
