//! How many requests may be in flight at once, and who goes first where not all may.
//!
//! A [`Limiter`] gives out permits, as many as its limit says. Who finds none left waits in a short queue, by priority
//! and then in the order of arrival; where the queue is full, a request of higher priority takes the place of one of
//! lower priority. The limit is a number, or learned from latency ([`gradient`]).
//!
//! Serving threads share a limiter. As long as there are permits and nobody waits, entering and leaving take one atomic
//! operation each on what they share. Both counts are in one word: whoever leaves sees in the same moment whether
//! somebody waits, so that no one is forgotten, and nobody overtakes the queue. The lock of the queue is only taken
//! where somebody waits, and for a few instructions.
//!
//! Whoever holds a [`Permit`] or stands in the queue ([`Waiting`]) gives its place back by dropping it, so that a panic
//! or a client that leaves loses none. How long to wait, and when, is not decided here.

pub mod config;
mod gradient;
mod latencies;
mod priority;
mod queue;
mod settings;

use std::{
    pin::Pin,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, TryLockError,
        atomic::{
            AtomicBool, AtomicU32, AtomicU64,
            Ordering::{Relaxed, SeqCst},
        },
    },
    task::{Context, Poll, ready},
    time::{Duration, Instant},
};

use tokio::sync::oneshot;

pub use gradient::{Learned, Outcome};
pub use priority::Priority;
#[cfg(test)]
pub use settings::Adaptive;
pub use settings::{Bound, Settings};

use gradient::Gradient;
use queue::{Queue, Ticket};

/// Gives out permits.
#[derive(Debug)]
pub struct Limiter {
    /// How many are in flight, and in the upper half how many wait.
    load: AtomicU64,
    limit: AtomicU32,
    /// Whether anything is learned from those in flight.
    is_learning: AtomicBool,
    line: Mutex<Line>,
    gradient: Mutex<Option<Box<Gradient>>>,
}

/// Those who wait. As many as the upper half of `load` says, whenever the lock is free.
#[derive(Debug)]
struct Line {
    settings: Settings,
    queue: Queue<oneshot::Sender<Verdict>>,
}

/// One that waits, in `load`.
const WAITING: u64 = 1 << 32;

fn in_flight(load: u64) -> u32 {
    // The lower half.
    load as u32
}

fn waiting(load: u64) -> u32 {
    (load >> 32) as u32
}

type Verdict = Result<Permit, Displaced>;

/// What becomes of a request that comes.
#[derive(Debug)]
pub enum Entry {
    /// It goes on.
    Admitted(Permit),
    /// It waits.
    Waiting(Waiting),
}

/// All permits are out, and the queue has no place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Full;

/// A request of higher priority has taken the place in the queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Displaced;

impl Limiter {
    /// Nobody is in flight.
    pub fn new(settings: Settings, now: Instant) -> Arc<Self> {
        Arc::new(Self {
            load: AtomicU64::new(0),
            limit: AtomicU32::new(settings.bound.initial()),
            is_learning: AtomicBool::new(matches!(settings.bound, Bound::Adaptive(_))),
            line: Mutex::new(Line { settings, queue: Queue::default() }),
            gradient: Mutex::new(gradient_of(&settings, now)),
        })
    }

    /// What holds now.
    pub fn settings(&self) -> Settings {
        self.line().settings
    }

    /// How many may be in flight now.
    pub fn limit(&self) -> u32 {
        self.limit.load(SeqCst)
    }

    /// How many are in flight.
    pub fn in_flight(&self) -> u32 {
        in_flight(self.load.load(SeqCst))
    }

    /// How many wait.
    pub fn waiting(&self) -> u32 {
        waiting(self.load.load(SeqCst))
    }

    /// A request comes.
    pub fn enter(self: &Arc<Self>, priority: Priority) -> Result<Entry, Full> {
        if self.take() {
            return Ok(Entry::Admitted(Permit::new(self)));
        }
        // Who has just left may not have called up the next yet, so that the queue looks longer than it is.
        self.call_up();
        let waiting = self.queue_up(priority)?;
        // Somebody may have left, or the limit may have risen, before anybody could see this one wait.
        self.call_up();
        Ok(Entry::Waiting(waiting))
    }

    /// Takes a permit if one is left and nobody waits for it: then the upper half is zero, too.
    fn take(&self) -> bool {
        let limit = u64::from(self.limit());
        self.load.fetch_update(SeqCst, Relaxed, |load| (load < limit).then_some(load + 1)).is_ok()
    }

    fn queue_up(self: &Arc<Self>, priority: Priority) -> Result<Waiting, Full> {
        let mut line = self.line();
        let Line { settings, queue } = &mut *line;
        let mut displaced = None;
        if queue.len() >= settings.queue {
            displaced = Some(queue.displace(priority).ok_or(Full)?);
        } else {
            self.load.fetch_add(WAITING, SeqCst);
        }
        let (sender, verdict) = oneshot::channel();
        let ticket = queue.push(priority, sender);
        let patience = settings.patience;
        drop(line);
        if let Some(displaced) = displaced {
            // Fails where it has just left by itself.
            let _ = displaced.send(Err(Displaced));
        }
        Ok(Waiting { limiter: self.clone(), ticket, verdict, patience })
    }

    /// Gives permits that are left to those who wait.
    fn call_up(self: &Arc<Self>) {
        if self.waiting() == 0 {
            return;
        }
        while let Some(next) = self.next() {
            if let Err(Ok(permit)) = next.send(Ok(Permit::new(self))) {
                // It has just left by itself: the permit goes to whoever is next. Not by dropping it, which would call
                // up the next from within, and so on.
                permit.forget();
                self.load.fetch_sub(1, SeqCst);
            }
        }
    }

    /// Whose turn it is, if there is a permit left; counted as in flight already.
    fn next(&self) -> Option<oneshot::Sender<Verdict>> {
        let mut line = self.line();
        let limit = self.limit();
        let turn = |load| (waiting(load) > 0 && in_flight(load) < limit).then(|| load + 1 - WAITING);
        self.load.fetch_update(SeqCst, Relaxed, turn).ok()?;
        Some(line.queue.pop().expect("as many wait as are counted"))
    }

    /// A request leaves.
    fn leave(self: &Arc<Self>) {
        if waiting(self.load.fetch_sub(1, SeqCst)) > 0 {
            self.call_up();
        }
    }

    /// Goes on with other settings. Those in flight stay counted, also where they are now more than the limit, and those
    /// who wait stay in the queue, also where it is shorter now. A limit that was learned is kept, within its new bounds.
    pub fn configure(self: &Arc<Self>, settings: Settings, now: Instant) {
        {
            // One lock after the other, as everywhere.
            let mut gradient = self.gradient.lock().unwrap_or_else(PoisonError::into_inner);
            match (&mut *gradient, &settings.bound) {
                (Some(gradient), Bound::Adaptive(adaptive)) if gradient.settings() == adaptive => {}
                (Some(gradient), Bound::Adaptive(adaptive)) => gradient.adjust(*adaptive),
                (gradient, _) => *gradient = gradient_of(&settings, now),
            }
            let limit = gradient.as_ref().map_or(settings.bound.initial(), |gradient| gradient.limit());
            self.limit.store(limit, SeqCst);
            self.is_learning.store(gradient.is_some(), Relaxed);
        }
        self.line().settings = settings;
        self.call_up();
    }

    /// What an adaptive limit has learned; `None` for a fixed one.
    pub fn learned(&self) -> Option<Learned> {
        let gradient = self.gradient.lock().unwrap_or_else(PoisonError::into_inner);
        gradient.as_ref().map(|gradient| gradient.learned())
    }

    /// Learns from a request; gives what is known if that is something else now. Where two end in the same moment one is
    /// left out: nobody waits for the lock.
    fn learn(self: &Arc<Self>, outcome: Outcome, began: Instant, now: Instant) -> Option<Learned> {
        let mut gradient = match self.gradient.try_lock() {
            Ok(gradient) => gradient,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => return None,
        };
        let gradient = gradient.as_mut()?;
        let before = gradient.learned();
        gradient.learn(outcome, began, self.in_flight(), now);
        let learned = gradient.learned();
        // Under the lock, so that an older limit does not overwrite a newer one.
        self.limit.store(learned.limit, SeqCst);
        (before != learned).then_some(learned)
    }

    fn line(&self) -> MutexGuard<'_, Line> {
        // No code that holds the lock can leave it half-changed.
        self.line.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn gradient_of(settings: &Settings, now: Instant) -> Option<Box<Gradient>> {
    match settings.bound {
        Bound::Adaptive(adaptive) => Some(Box::new(Gradient::new(adaptive, now))),
        Bound::Fixed(_) => None,
    }
}

/// The right to be in flight, until it is dropped.
#[derive(Debug)]
pub struct Permit {
    /// `None` only while it is given up.
    limiter: Option<Arc<Limiter>>,
    /// Since when the service may be working on it, where anything is to be learned from that.
    began: Option<Instant>,
    is_learning: bool,
}

impl Permit {
    fn new(limiter: &Arc<Limiter>) -> Self {
        let is_learning = limiter.is_learning.load(Relaxed);
        Self { limiter: Some(limiter.clone()), began: None, is_learning }
    }

    /// Whether anything is to be learned from how long it takes.
    pub fn is_learning(&self) -> bool {
        self.is_learning
    }

    /// The service may begin to work on it. What came before was somebody else's time: in a queue, or the client's
    /// with its body.
    pub fn begin(&mut self, now: Instant) {
        self.began = Some(now);
    }

    /// What became of the request; the first word stands. Gives what the limit has learned if that is something else now.
    pub fn report(&mut self, outcome: Outcome, now: Instant) -> Option<Learned> {
        if !std::mem::take(&mut self.is_learning) {
            return None;
        }
        // Whoever answers before the request has ended has not worked on all of it.
        let began = self.began?;
        let limiter = self.limiter.as_ref()?;
        let learned = limiter.learn(outcome, began, now);
        if learned.is_some() {
            limiter.call_up();
        }
        learned
    }

    /// Gives nothing back.
    fn forget(mut self) {
        self.limiter = None;
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        if let Some(limiter) = self.limiter.take() {
            limiter.leave();
        }
    }
}

/// A place in the queue, until it is dropped. Resolves with a permit, or when it was lost.
#[derive(Debug)]
#[must_use = "a place in the queue is given up when this is dropped"]
pub struct Waiting {
    limiter: Arc<Limiter>,
    ticket: Ticket,
    verdict: oneshot::Receiver<Verdict>,
    patience: Duration,
}

impl Waiting {
    /// How long it may wait.
    pub fn patience(&self) -> Duration {
        self.patience
    }
}

impl Future for Waiting {
    type Output = Result<Permit, Displaced>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let verdict = ready!(Pin::new(&mut self.verdict).poll(cx));
        // A sender says something before it is dropped; were it not so, the request would be refused.
        Poll::Ready(verdict.unwrap_or(Err(Displaced)))
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        let mut line = self.limiter.line();
        if line.queue.leave(self.ticket) {
            self.limiter.load.fetch_sub(WAITING, SeqCst);
        }
        // Who is not there any more may have been given a permit, which goes with the channel.
    }
}

#[cfg(test)]
mod tests;
