//! The keys of one issuer, fetched beside the requests and kept while nothing newer comes.
//!
//! They are never thrown away: an issuer that is down does not lock out those who have its tokens. How old they are stands
//! in `/metrics`, and what went wrong last in `/health`.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant, SystemTime},
};

use arc_swap::{ArcSwapOption, Guard};
use tokio::{
    sync::{Notify, watch},
    time,
};

use super::{
    client::{Client, Document},
    refresh::{Allowance, lifetime, renewal, retry},
};
use crate::{
    policy::authentication::jwt::{Algorithm, KeySet, read_jwks},
    telemetry::metrics::{AuthenticatorMetrics, KeyMetrics},
    value::{HttpUrl, Name},
};

/// How long a request waits for keys that were asked for on its behalf.
const PATIENCE: Duration = Duration::from_millis(500);

/// Where keys come from. Equal settings are the same source.
#[derive(Debug, Clone, PartialEq)]
pub struct JwksSettings {
    /// The authenticator that the keys are for.
    pub name: Name,
    /// Where the set is.
    pub url: HttpUrl,
    /// How long a set may be kept where the issuer does not say.
    pub refresh: Duration,
    /// The algorithms that count, all if empty.
    pub algorithms: Vec<Algorithm>,
}

impl JwksSettings {
    /// Whether a set from there may have a key for an algorithm: one that counts, and no shared secret.
    pub fn may_bring(&self, algorithm: Algorithm) -> bool {
        let counts = self.algorithms.is_empty() || self.algorithms.contains(&algorithm);
        counts && algorithm.least_secret().is_none()
    }
}

/// The keys of an issuer.
#[derive(Debug)]
pub struct Jwks {
    settings: JwksSettings,
    keys: ArcSwapOption<KeySet>,
    metrics: KeyMetrics,
    asking: Mutex<Asking>,
    asked: Notify,
    /// How many attempts have ended.
    rounds: watch::Sender<u64>,
    latest: Mutex<Latest>,
}

#[derive(Debug)]
struct Asking {
    /// An attempt is being made, or about to be.
    under_way: bool,
    allowance: Allowance,
}

/// What became of the latest attempts.
#[derive(Debug, Clone, Default)]
pub struct Latest {
    /// When keys last came.
    pub fetched: Option<SystemTime>,
    /// Why the latest attempt has failed, if it has.
    pub error: Option<String>,
    failures: u32,
}

/// The keys of this moment.
pub struct KeysNow(Guard<Option<Arc<KeySet>>>);

impl KeysNow {
    /// `None` while none have ever come.
    pub fn get(&self) -> Option<&KeySet> {
        self.0.as_deref()
    }
}

impl Jwks {
    /// No keys yet.
    pub fn new(settings: JwksSettings, metrics: &AuthenticatorMetrics) -> Self {
        Self {
            settings,
            keys: ArcSwapOption::empty(),
            metrics: metrics.keys(),
            asking: Mutex::new(Asking { under_way: true, allowance: Allowance::new(Instant::now()) }),
            asked: Notify::new(),
            rounds: watch::Sender::new(0),
            latest: Mutex::default(),
        }
    }

    /// What it was made of.
    pub fn settings(&self) -> &JwksSettings {
        &self.settings
    }

    /// What it has. Takes no lock.
    pub fn now(&self) -> KeysNow {
        KeysNow(self.keys.load())
    }

    /// What became of the latest attempts.
    pub fn latest(&self) -> Latest {
        lock(&self.latest).clone()
    }

    /// Waits for a moment until an attempt has ended that was under way or was made for this. All who wait share one. False
    /// if it takes too long, or if there were too many attempts out of turn lately.
    pub async fn renewed(&self) -> bool {
        let mut rounds = self.rounds.subscribe();
        self.ask() && time::timeout(PATIENCE, rounds.changed()).await.is_ok_and(|changed| changed.is_ok())
    }

    /// Waits until the first attempt has ended, however.
    pub async fn settled(&self) {
        // The sender is as old as this.
        let _ = self.rounds.subscribe().wait_for(|rounds| *rounds > 0).await;
    }

    fn ask(&self) -> bool {
        let mut asking = lock(&self.asking);
        if !asking.under_way && asking.allowance.take(Instant::now()) {
            asking.under_way = true;
            self.asked.notify_one();
        }
        asking.under_way
    }

    /// Fetches again and again. Runs until it is dropped.
    pub async fn follow(self: Arc<Self>, client: Arc<Client>) {
        loop {
            lock(&self.asking).under_way = true;
            let fetched = client.get(&self.settings.url).await.and_then(|document| self.take_over(&document));
            let pause = self.note(fetched);
            lock(&self.asking).under_way = false;
            self.rounds.send_modify(|rounds| *rounds += 1);
            tokio::select! {
                () = time::sleep(pause) => {}
                () = self.asked.notified() => {}
            }
        }
    }

    /// Takes over the keys of a document; gives how long they may be kept.
    fn take_over(&self, document: &Document) -> Result<Duration, String> {
        let read = read_jwks(&document.body, &self.settings.algorithms, false)?;
        if read.keys.len() == 0 {
            return Err(format!("none of its keys can be used: {}", read.left_out.join(", ")));
        }
        let same = self.now().get().is_some_and(|keys| *keys == read.keys);
        if !same {
            tracing::info!(authenticator = %self.settings.name, count = read.keys.len(), "the issuer has new keys");
            self.keys.store(Some(Arc::new(read.keys)));
        }
        Ok(lifetime(&document.headers, self.settings.refresh))
    }

    /// Remembers and tells how an attempt has ended; gives the pause until the next.
    fn note(&self, fetched: Result<Duration, String>) -> Duration {
        self.metrics.refreshed(fetched.is_ok());
        let mut latest = lock(&self.latest);
        match fetched {
            Ok(lifetime) => {
                if latest.failures > 0 {
                    tracing::info!(authenticator = %self.settings.name, "the issuer's keys can be fetched again");
                }
                *latest = Latest { fetched: Some(SystemTime::now()), ..Latest::default() };
                renewal(lifetime, fastrand::f64())
            }
            Err(error) => {
                if latest.failures == 0 {
                    let name = &self.settings.name;
                    match latest.fetched {
                        Some(_) => {
                            tracing::warn!(authenticator = %name, error, "the issuer's keys cannot be fetched, those of before stay")
                        }
                        None => {
                            tracing::error!(authenticator = %name, error, "the issuer's keys cannot be fetched, so nobody is let in by them")
                        }
                    }
                }
                latest.failures = latest.failures.saturating_add(1);
                latest.error = Some(error);
                retry(latest.failures, fastrand::f64())
            }
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // No code that holds the lock can leave it half-written.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
