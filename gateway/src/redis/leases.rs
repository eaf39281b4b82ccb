//! Tokens that were taken from Redis in advance, so that most requests need no round trip.
//!
//! A lease belongs to one bucket and is shared by the serving threads. The first request of a bucket asks Redis for its
//! cost and for a lease beyond it; the following ones take from the lease. When half of it is used, more is asked for in
//! the background. Where it is empty all the same, a request asks for itself. So whatever passes was taken from the bucket
//! before, and what the gateways together let through in any time is at most what the limit allows in it plus what they
//! held when it began: one lease each.
//!
//! What Redis has refused is remembered until it would be allowed, so that who sends far too much is refused without a
//! round trip, too, also where each request is decided by Redis: nothing but time gives tokens back. A lease that nobody
//! used for a while is given back; a refusal uses nothing.

use std::{
    collections::HashMap,
    hash::BuildHasherDefault,
    mem,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use super::script::{Ask, Bucket, Grant, Key};
use crate::policy::rate_limit::store::AsItIs;

/// Unused for so long, a lease is given back.
pub const IDLE: Duration = Duration::from_secs(5);

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
    /// Until there is another token, zero if it is full; where it refuses, until there are enough.
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
    pub fn order(&self) -> Option<Order> {
        match self {
            Self::Ask(order) => Some(*order),
            Self::Decided(..) => None,
        }
    }
}

/// An ask that is to be sent, and whose answer is to be told here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Order {
    /// What to ask.
    pub ask: Ask,
    /// How much a request needs that waits for it; 0 in the background.
    cost: u32,
    /// How much of that was held already; it goes with the answer, or back.
    held: u32,
    /// It asks for a lease: nobody else does before it is answered.
    leads: bool,
}

impl Order {
    /// Whether it brings a lease.
    pub fn leads(&self) -> bool {
        self.leads
    }
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
    /// Somebody asks for more, whom nobody has answered yet.
    asked: bool,
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
    /// What the request needs.
    fn order(&self) -> Order {
        let cost = i64::from(self.cost);
        let ask = Ask { key: self.key, bucket: self.bucket, least: cost, most: cost };
        Order { ask, cost: self.cost, held: 0, leads: false }
    }

    /// What it needs beyond what is held, and a lease.
    fn leading(&self, held: u32, size: u32) -> Order {
        let least = i64::from(self.cost) - i64::from(held);
        let ask = Ask { key: self.key, bucket: self.bucket, least, most: least + i64::from(size) };
        Order { ask, cost: self.cost, held, leads: true }
    }

    /// What an answer to an order of it says.
    fn verdict(&self, order: &Order, grant: &Grant) -> Verdict {
        let refused = grant.refused(self.bucket, self.cost - order.held);
        Verdict {
            allowed: refused.is_none(),
            left: grant.left(self.bucket),
            reset: refused.unwrap_or_else(|| self.bucket.until_more(grant.debt)),
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
        let mut shard = self.shard(want.key);
        if let Some(lease) = shard.get_mut(&want.key) {
            return lease.take(want, now);
        }
        match want.lease.filter(|_| shard.len() < self.room) {
            Some(size) => {
                shard.insert(want.key, Lease { asked: true, ..Lease::new(want.bucket, now) });
                Step::Ask(want.leading(0, size))
            }
            None => Step::Ask(want.order()),
        }
    }

    /// What Redis has answered to the order of a request.
    pub fn answered(&self, want: &Want, order: &Order, grant: &Grant, now: Instant) -> Verdict {
        let verdict = want.verdict(order, grant);
        if !verdict.allowed && want.lease.is_none() {
            self.remember(want, now);
        }
        let held = self.learn(order, grant, now);
        Verdict { left: verdict.left.saturating_add(held).min(want.bucket.burst), ..verdict }
    }

    /// A place for a refusal.
    fn remember(&self, want: &Want, now: Instant) {
        let mut shard = self.shard(want.key);
        if shard.len() < self.room {
            shard.entry(want.key).or_insert_with(|| Lease::new(want.bucket, now));
        }
    }

    /// What Redis has answered to an order; gives how many tokens are held now.
    pub fn learn(&self, order: &Order, grant: &Grant, now: Instant) -> u32 {
        self.shard(order.ask.key).get_mut(&order.ask.key).map_or(0, |lease| lease.learn(order, grant, now))
    }

    /// Orders have got no answer. What they may have taken is lost until the bucket has filled again.
    pub fn unanswered(&self, orders: &[Order]) {
        for order in orders.iter().filter(|order| order.leads) {
            if let Some(lease) = self.shard(order.ask.key).get_mut(&order.ask.key) {
                lease.asked = false;
                lease.tokens = lease.tokens.saturating_add(order.held);
            }
        }
    }

    /// Forgets what nobody has used lately in one of the shards, and gives back what was left there.
    pub fn idle(&self, shard: usize, now: Instant) -> Vec<Order> {
        let mut back = Vec::new();
        lock(&self.shards[shard % SHARDS]).retain(|key, lease| {
            let keep = lease.asked || now.saturating_duration_since(lease.used) < IDLE;
            if !keep && lease.tokens > 0 {
                let tokens = -i64::from(lease.tokens);
                let ask = Ask { key: *key, bucket: lease.bucket, least: tokens, most: tokens };
                back.push(Order { ask, cost: 0, held: 0, leads: false });
            }
            keep
        });
        back
    }

    /// Of how many buckets tokens are held.
    pub fn held(&self) -> usize {
        let held = |shard: &Shard| shard.values().filter(|lease| lease.tokens > 0).count();
        self.shards.iter().map(|shard| held(&lock(shard))).sum()
    }

    /// How many buckets are remembered.
    #[cfg(test)]
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
    /// Nothing is held.
    fn new(bucket: Bucket, now: Instant) -> Self {
        Self { bucket, tokens: 0, asked: false, refused: None, full_at: now, used: now }
    }

    fn take(&mut self, want: &Want, now: Instant) -> Step {
        if self.tokens >= want.cost.max(1) {
            self.used = now;
            self.tokens -= want.cost;
            let verdict = Verdict { allowed: true, left: self.left(now), reset: self.until_more(now) };
            return Step::Decided(verdict, self.refill(want, now));
        }
        match (self.refused, want.lease) {
            (Some(refused), _) if refused.until > now && refused.cost <= want.cost.max(1) => {
                let reset = refused.until - now;
                Step::Decided(Verdict { allowed: false, left: self.left(now), reset }, None)
            }
            (_, Some(size)) if !self.asked => {
                self.asked = true;
                Step::Ask(want.leading(mem::take(&mut self.tokens), size))
            }
            _ => Step::Ask(want.order()),
        }
    }

    fn refill(&mut self, want: &Want, now: Instant) -> Option<Order> {
        let size = want.lease?;
        let refused = self.refused.is_some_and(|refused| refused.until > now);
        if self.asked || refused || self.tokens > size / 2 {
            return None;
        }
        self.asked = true;
        let most = i64::from(size - self.tokens);
        let ask = Ask { key: want.key, bucket: want.bucket, least: 1, most };
        Some(Order { ask, cost: 0, held: 0, leads: true })
    }

    fn learn(&mut self, order: &Order, grant: &Grant, now: Instant) -> u32 {
        if order.leads {
            self.asked = false;
        }
        let least = order.ask.least;
        let refused = grant.refused(order.ask.bucket, u32::try_from(least).unwrap_or(0));
        match refused {
            None => {
                self.used = now;
                let beyond = if order.cost > 0 { grant.taken - least } else { grant.taken };
                self.tokens = self.tokens.saturating_add(u32::try_from(beyond).unwrap_or(0));
            }
            // What was held is not enough for this one, and may be for another.
            Some(_) => self.tokens = self.tokens.saturating_add(order.held),
        }
        self.full_at = now + grant.debt;
        let cost = order.cost.max(1);
        self.refused = refused.map(|wait| Refused { cost, until: now + wait });
        self.tokens
    }

    /// Until there is another token.
    fn until_more(&self, now: Instant) -> Duration {
        self.bucket.until_more(self.until_full(now))
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
