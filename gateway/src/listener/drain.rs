//! Stopping in order.
//!
//! The sequence is Envoy's: readiness goes first, so that load balancers look
//! elsewhere; after `drain.delay` the sockets are closed and every answer says
//! `Connection: close` (HTTP/1) or the connection GOAWAY (HTTP/2); the drain
//! is over as soon as nothing is in flight, and at the latest when
//! `drain.grace` has passed, when WebSockets and other endless answers are cut.
//!
//! [`Drain`] is also the register of open connections: nothing on a request's
//! path is counted globally, the sum is taken when somebody asks.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, watch};

use super::config::DrainConfig;
use super::connection::Connection;

/// How long cut connections get to be gone.
const CUT_GRACE: Duration = Duration::from_secs(1);

/// What a drain came to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Drained {
    /// Requests that were still open when the grace period ended.
    pub cut_requests: usize,
    /// Connections that were still open when the grace period ended.
    pub cut_connections: usize,
}

/// The register of connections and the way to end them.
pub struct Drain {
    config: Mutex<DrainConfig>,
    draining: AtomicBool,
    cut: AtomicBool,
    /// What was open when it was cut.
    lost: Mutex<Option<Drained>>,
    /// Mirrors `closing` for the hot path.
    is_closing: AtomicBool,
    closing: watch::Sender<bool>,
    ids: AtomicU64,
    sockets: AtomicUsize,
    connections: Mutex<HashMap<u64, Arc<Connection>>>,
    changed: Notify,
}

impl Drain {
    /// One per process.
    pub fn new(config: DrainConfig) -> Arc<Drain> {
        Arc::new(Drain {
            config: Mutex::new(config),
            draining: AtomicBool::new(false),
            cut: AtomicBool::new(false),
            lost: Mutex::new(None),
            is_closing: AtomicBool::new(false),
            closing: watch::channel(false).0,
            ids: AtomicU64::new(1),
            sockets: AtomicUsize::new(0),
            connections: Mutex::new(HashMap::new()),
            changed: Notify::new(),
        })
    }

    /// Takes over a reloaded section; a drain that has begun keeps its own.
    pub fn configure(&self, config: DrainConfig) {
        *lock(&self.config) = config;
    }

    /// True from the first moment of a drain: not ready any more.
    pub fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Relaxed)
    }

    /// True once connections are asked to close.
    pub fn is_closing(&self) -> bool {
        self.is_closing.load(Ordering::Relaxed)
    }

    /// Open connections.
    pub fn connections(&self) -> usize {
        lock(&self.connections).len()
    }

    /// Requests in flight.
    pub fn in_flight(&self) -> usize {
        lock(&self.connections).values().map(|connection| connection.open_requests() as usize).sum()
    }

    /// What Pingora watches: turns true when connections are asked to close.
    pub fn shutdown_watch(&self) -> watch::Receiver<bool> {
        self.closing.subscribe()
    }

    /// The whole drain, from losing readiness to the last connection's end.
    pub async fn run(&self) -> Drained {
        let config = *lock(&self.config);
        self.draining.store(true, Ordering::Relaxed);
        tokio::select! {
            () = tokio::time::sleep(config.delay.get()) => {}
            () = self.was_cut() => {}
        }
        self.close();
        tokio::select! {
            () = self.emptied() => {}
            () = self.was_cut() => {}
            () = tokio::time::sleep(config.grace.get()) => {}
        }
        self.stop().await
    }

    /// Ends every connection at once and waits until they are gone.
    pub async fn stop(&self) -> Drained {
        self.cut();
        // What does not end now is stuck in code that never yields; the process ends all the same.
        let _ = tokio::time::timeout(CUT_GRACE, self.emptied()).await;
        lock(&self.lost).unwrap_or_default()
    }

    /// Ends every connection at once.
    pub fn cut(&self) {
        self.draining.store(true, Ordering::Relaxed);
        // Before any of them knows: whoever looks later may find them gone.
        let lost = Drained { cut_requests: self.in_flight(), cut_connections: self.connections() };
        lock(&self.lost).get_or_insert(lost);
        self.cut.store(true, Ordering::Relaxed);
        self.close();
        self.changed.notify_waiters();
    }

    pub(super) fn is_cut(&self) -> bool {
        self.cut.load(Ordering::Relaxed)
    }

    pub(super) fn next_id(&self) -> u64 {
        self.ids.fetch_add(1, Ordering::Relaxed)
    }

    pub(super) fn enter(&self, connection: &Arc<Connection>) {
        lock(&self.connections).insert(connection.id(), connection.clone());
    }

    pub(super) fn leave(&self, id: u64) {
        let gone = lock(&self.connections).remove(&id);
        drop(gone);
        if self.is_draining() {
            self.changed.notify_waiters();
        }
    }

    /// An accept loop runs as long as the guard lives.
    pub(super) fn accepting(self: &Arc<Self>) -> Accepting {
        self.sockets.fetch_add(1, Ordering::Relaxed);
        Accepting(self.clone())
    }

    fn close(&self) {
        self.is_closing.store(true, Ordering::Relaxed);
        self.closing.send_replace(true);
        // Waking is done outside the lock: a woken task may leave at once.
        self.open().iter().for_each(|connection| connection.wake());
    }

    pub(super) fn open(&self) -> Vec<Arc<Connection>> {
        lock(&self.connections).values().cloned().collect()
    }

    async fn was_cut(&self) {
        self.until(|drain| drain.is_cut()).await;
    }

    async fn emptied(&self) {
        self.until(|drain| drain.sockets.load(Ordering::Relaxed) == 0 && drain.connections() == 0).await;
    }

    async fn until(&self, reached: impl Fn(&Self) -> bool) {
        loop {
            let changed = self.changed.notified();
            if reached(self) {
                return;
            }
            changed.await;
        }
    }
}

/// Held by an accept loop while its socket is open.
pub(super) struct Accepting(Arc<Drain>);

impl Drop for Accepting {
    fn drop(&mut self) {
        self.0.sockets.fetch_sub(1, Ordering::Relaxed);
        self.0.changed.notify_waiters();
    }
}

/// Nothing panics while holding these locks; a poisoned one is still whole.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
