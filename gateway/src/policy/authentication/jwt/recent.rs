//! Tokens that this thread has just met, in front of [`super::Remembered`]: the next request with one of them costs a
//! comparison, and neither SHA-256 nor a cache that threads share.
//!
//! A few hundred places of a thread, each for the last token that falls to it. A token comes here when it was found
//! remembered, so one that is sent once never does. Here are the tokens themselves, where the shared memory has hashes:
//! as many as there are places, until others take them. Their bytes are compared only where a hash of 64 bits with a
//! random seed is the same, so the time of a comparison tells nobody how much of a token was guessed.

use std::{cell::RefCell, hash::BuildHasher};

use foldhash::quality::RandomState;

use super::remembered::Entry;

/// Tokens that a thread knows at most.
const PLACES: usize = 512;

/// A longer token has no place here; with them all, a thread keeps 2 MiB at most.
const MOST_BYTES: usize = 4096;

thread_local!(static RECENT: RefCell<Recent> = RefCell::new(Recent::default()));

#[derive(Default)]
struct Recent {
    /// None until there is a first token.
    places: Vec<Option<Met>>,
    seed: RandomState,
}

struct Met {
    /// Whose memory has it.
    memory: u64,
    hash: u64,
    token: Vec<u8>,
    entry: Entry,
}

/// What is remembered of a token that this thread has met, if that still `counts`. If it does not, it is forgotten.
pub(super) fn find(memory: u64, token: &[u8], counts: impl FnOnce(&Entry) -> bool) -> Option<Entry> {
    RECENT.with_borrow_mut(|recent| {
        let hash = recent.seed.hash_one(token);
        let place = recent.places.get_mut(place(hash))?;
        let met = place.as_ref()?;
        if met.hash != hash || met.memory != memory || met.token != token {
            return None;
        }
        if !counts(&met.entry) {
            *place = None;
            return None;
        }
        Some(met.entry.clone())
    })
}

/// Takes a token in, in the place of another.
pub(super) fn meet(memory: u64, token: &[u8], entry: &Entry) {
    if token.len() > MOST_BYTES {
        return;
    }
    RECENT.with_borrow_mut(|recent| {
        if recent.places.is_empty() {
            recent.places.resize_with(PLACES, || None);
        }
        let hash = recent.seed.hash_one(token);
        let place = &mut recent.places[place(hash)];
        let mut bytes = place.take().map(|met| met.token).unwrap_or_default();
        bytes.clear();
        bytes.extend_from_slice(token);
        *place = Some(Met { memory, hash, token: bytes, entry: entry.clone() });
    });
}

fn place(hash: u64) -> usize {
    (hash % PLACES as u64) as usize
}
