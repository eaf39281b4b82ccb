//! Tokens that were taken from Redis in advance, so that most requests need no round trip.
//!
//! A lease belongs to one bucket and is shared by the serving threads. The first request of a bucket asks Redis for its
//! cost and for a lease beyond it; the following ones take from the lease. When half of it is used, more is asked for in
//! the background. Where it is empty all the same, a request asks for itself. So whatever passes was taken from the bucket
//! before, and what the gateways together let through in any time is at most what the limit allows in it plus what they
//! held when it began: one lease each.
//!
//! What Redis has refused is remembered until it would be allowed, so that who sends far too much is refused without a
//! round trip, too. A lease that nobody used for a while is given back.

use std::{
    collections::{HashMap, hash_map::Entry},
    hash::BuildHasherDefault,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use super::script::{Ask, Bucket, Grant, Key};
use crate::policy::rate_limit::store::AsItIs;

/// Unused for so long, a lease is given back.
pub const IDLE: Duration = Duration::from_secs(5);

/// Who has asked so long ago gets no answer any more: the request has ended before it came. Longer than any deadline.
const FORGOTTEN: Duration = Duration::from_secs(15);

const SHARDS: usize = 64;

/// Leases of one process, about 100 bytes each. Buckets beyond are decided by Redis one by one.
pub const MOST: usize = 65_536;

/// What a request wants of a bucket.
#[derive(Debug, Clone, Copy)]
pub struct Want {
    /// Which bucket.
    pub key: Key,
    /// Its rate and size.
    pub bucket: Bucket,
    /// Tokens that the request needs; 0 asks whether there is one, and takes none.
    pub cost: u32,
    /// How large leases of it are; `None`: each request is decided by Redis.
    pub lease: Option<u32>,
}

/// What a bucket says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Verdict {
    /// Whether the tokens were taken.
    pub allowed: bool,
    /// Tokens that are left; with leases about so many.
    pub left: u32,
    /// Until the bucket is full; where it refuses, until there are enough tokens.
    pub reset: Duration,
}

/// What to do for a request.
#[derive(Debug, PartialEq)]
pub enum Step {
    /// Decided here. What is with it is to be sent in the background.
    Decided(Verdict, Option<Order>),
    /// Redis decides.
    Ask(Order),
}

impl Step {
    /// What Redis is to be asked before the request goes on.
    pub fn ask(&self) -> Option<Ask> {
        match self {
            Self::Ask(order) => Some(order.ask),
            Self::Decided(..) => None,
        }
    }
}

/// An ask that is to be sent, and whose answer is to be told here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Order {
    /// What to ask.
    pub ask: Ask,
    /// How much of it a request needs that waits for it; 0 in the background.
    cost: u32,
    /// It asks for a lease: nobody else does before it is answered.
    leads: bool,
}

/// The leases of one store.
#[derive(Debug)]
pub struct Leases {
    shards: Box<[Mutex<Shard>]>,
    room: usize,
}

type Shard = HashMap<Key, Lease, BuildHasherDefault<AsItIs>>;

#[derive(Debug)]
struct Lease {
    bucket: Bucket,
    tokens: u32,
    /// When somebody asked for more, whom nobody has answered yet.
    asked: Option<Instant>,
    refused: Option<Refused>,
    /// When the bucket in Redis is full, by its last answer.
    full_at: Instant,
    used: Instant,
}

#[derive(Debug, Clone, Copy)]
struct Refused {
    cost: u32,
    until: Instant,
}

impl Want {
    /// What the request needs, and so much more for a lease.
    fn order(&self, more: Option<u32>) -> Order {
        let cost = i64::from(self.cost);
        let ask = Ask {
            key: self.key,
            bucket: self.bucket,
            least: cost,
            most: cost + i64::from(more.unwrap_or(0)),
        };
        Order { ask, cost: self.cost, leads: more.is_some() }
    }

    /// What an answer says of it.
    fn verdict(&self, grant: &Grant) -> Verdict {
        let refused = grant.refused(self.bucket, self.cost);
        Verdict {
            allowed: refused.is_none(),
            left: grant.left(self.bucket),
            reset: refused.unwrap_or(grant.debt),
        }
    }
}

impl Leases {
    /// None yet, and never more than so many.
    pub fn new(most: usize) -> Self {
        Self { shards: (0..SHARDS).map(|_| Mutex::default()).collect(), room: most.div_ceil(SHARDS) }
    }

    /// What to do for a request.
    pub fn take(&self, want: &Want, now: Instant) -> Step {
        let Some(size) = want.lease else { return Step::Ask(want.order(None)) };
        let mut shard = self.shard(want.key);
        if shard.len() >= self.room && !shard.contains_key(&want.key) {
            return Step::Ask(want.order(None));
        }
        match shard.entry(want.key) {
            Entry::Vacant(vacant) => {
                let lease = Lease {
                    bucket: want.bucket,
                    tokens: 0,
                    asked: Some(now),
                    refused: None,
                    full_at: now,
                    used: now,
                };
                vacant.insert(lease);
                Step::Ask(want.order(Some(size)))
            }
            Entry::Occupied(mut occupied) => occupied.get_mut().take(want, size, now),
        }
    }

    /// What Redis has answered to the order of a request.
    pub fn answered(&self, want: &Want, order: &Order, grant: &Grant, now: Instant) -> Verdict {
        let verdict = want.verdict(grant);
        let held = want.lease.map_or(0, |_| self.learn(order, grant, now));
        Verdict { left: verdict.left.saturating_add(held).min(want.bucket.burst), ..verdict }
    }

    /// What Redis has answered to an order; gives how many tokens are held now.
    pub fn learn(&self, order: &Order, grant: &Grant, now: Instant) -> u32 {
        self.shard(order.ask.key).get_mut(&order.ask.key).map_or(0, |lease| lease.learn(order, grant, now))
    }

    /// An order has got no answer. What it may have taken is lost until the bucket has filled again.
    pub fn unanswered(&self, order: &Order) {
        if order.leads
            && let Some(lease) = self.shard(order.ask.key).get_mut(&order.ask.key)
        {
            lease.asked = None;
        }
    }

    /// Forgets what nobody has used lately in one of the shards, and gives back what was left there.
    pub fn idle(&self, shard: usize, now: Instant) -> Vec<Ask> {
        let mut back = Vec::new();
        lock(&self.shards[shard % SHARDS]).retain(|key, lease| {
            let keep = lease.is_asked(now) || now.saturating_duration_since(lease.used) < IDLE;
            if !keep && lease.tokens > 0 {
                let tokens = -i64::from(lease.tokens);
                back.push(Ask { key: *key, bucket: lease.bucket, least: tokens, most: tokens });
            }
            keep
        });
        back
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.shards.iter().map(|shard| lock(shard).len()).sum()
    }

    /// How many shards [`idle`](Self::idle) is to be called for.
    pub fn shards(&self) -> usize {
        SHARDS
    }

    fn shard(&self, key: Key) -> MutexGuard<'_, Shard> {
        // The low bits: the map goes by the others.
        lock(&self.shards[key as usize % SHARDS])
    }
}

impl Lease {
    fn take(&mut self, want: &Want, size: u32, now: Instant) -> Step {
        self.used = now;
        if self.tokens >= want.cost.max(1) {
            self.tokens -= want.cost;
            let verdict = Verdict { allowed: true, left: self.left(now), reset: self.until_full(now) };
            return Step::Decided(verdict, self.refill(want, size, now));
        }
        match self.refused {
            Some(refused) if refused.until > now && refused.cost <= want.cost.max(1) => {
                let reset = refused.until - now;
                Step::Decided(Verdict { allowed: false, left: self.left(now), reset }, None)
            }
            _ if self.is_asked(now) => Step::Ask(want.order(None)),
            _ => {
                self.asked = Some(now);
                Step::Ask(want.order(Some(size.saturating_sub(self.tokens))))
            }
        }
    }

    fn refill(&mut self, want: &Want, size: u32, now: Instant) -> Option<Order> {
        let refused = self.refused.is_some_and(|refused| refused.until > now);
        if self.is_asked(now) || refused || self.tokens > size / 2 {
            return None;
        }
        self.asked = Some(now);
        let most = i64::from(size - self.tokens);
        let ask = Ask { key: want.key, bucket: want.bucket, least: 1, most };
        Some(Order { ask, cost: 0, leads: true })
    }

    fn learn(&mut self, order: &Order, grant: &Grant, now: Instant) -> u32 {
        if order.leads {
            self.asked = None;
        }
        let beyond = grant.taken - i64::from(order.cost);
        self.tokens = self.tokens.saturating_add(u32::try_from(beyond).unwrap_or(0));
        self.full_at = now + grant.debt;
        let cost = u32::try_from(order.ask.least).unwrap_or(0);
        let refused = grant.refused(order.ask.bucket, cost);
        self.refused = refused.map(|wait| Refused { cost: cost.max(1), until: now + wait });
        self.tokens
    }

    fn is_asked(&self, now: Instant) -> bool {
        self.asked.is_some_and(|since| now.saturating_duration_since(since) < FORGOTTEN)
    }

    fn until_full(&self, now: Instant) -> Duration {
        self.full_at.saturating_duration_since(now)
    }

    fn left(&self, now: Instant) -> u32 {
        let there = Grant { taken: 0, wait: Duration::ZERO, debt: self.until_full(now) }.left(self.bucket);
        there.saturating_add(self.tokens).min(self.bucket.burst)
    }
}

fn lock(shard: &Mutex<Shard>) -> MutexGuard<'_, Shard> {
    // No code that holds the lock leaves the map half-written.
    shard.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
