//! The keys of one issuer, fetched beside the requests and kept while nothing newer comes.
//!
//! They are never thrown away: an issuer that is down does not lock out those who have its tokens. Nor does a reload throw
//! them away that only changes how they are fetched, or from where: what takes the place of a source begins with its keys,
//! and they are replaced wholly, never mixed, by the first set that comes. How many they are and how old stands in
//! `/metrics`, whose they are and what went wrong last in `/health`.

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
    policy::authentication::jwt::{Algorithm, KeySet, LeftOut, read_jwks},
    telemetry::metrics::{AuthenticatorMetrics, KeyMetrics},
    value::{Authorities, HttpUrl, Name},
};

/// How long a request waits for keys that were asked for on its behalf.
const PATIENCE: Duration = Duration::from_millis(500);

/// Where keys come from. Equal settings are the same source.
#[derive(Debug, Clone, PartialEq)]
pub struct JwksSettings {
    /// The authenticator that the keys are for.
    pub name: Name,
    /// The `iss` of tokens that they sign, if it must be a certain one.
    pub issuer: Option<Box<str>>,
    /// Where the set is.
    pub url: HttpUrl,
    /// How long a set may be kept at most.
    pub refresh: Duration,
    /// Who vouches for the server there; the system's authorities if nobody.
    pub authorities: Option<Authorities>,
    /// The algorithms that count, all if empty.
    pub algorithms: Vec<Algorithm>,
}

impl JwksSettings {
    /// Whether a set from there may have a key for an algorithm: one that counts, and no shared secret.
    pub fn may_bring(&self, algorithm: Algorithm) -> bool {
        let counts = self.algorithms.is_empty() || self.algorithms.contains(&algorithm);
        counts && algorithm.least_secret().is_none()
    }

    /// Whether keys from another source may count here until there are own ones: they come from the same address, or are
    /// the same issuer's by name. Who changes the issuer does not want the keys of the old one.
    pub fn may_begin_with(&self, other: &Self) -> bool {
        let same_issuer = self.name == other.name && self.issuer.is_some() && self.issuer == other.issuer;
        self.url == other.url || same_issuer
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
    /// From where they came, if it was not from where they are asked for now.
    pub from: Option<HttpUrl>,
    /// Since when attempts fail, if the latest has failed.
    pub since: Option<SystemTime>,
    /// Why it has.
    pub error: Option<String>,
    /// Keys of the latest set that cannot be used.
    pub left_out: Vec<LeftOut>,
    failures: u32,
}

/// What a document has brought.
struct Taken {
    /// How long it may be kept.
    lifetime: Duration,
    left_out: Vec<LeftOut>,
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
    /// Begins with the keys of the source that it takes the place of, as far as their algorithms count; or without.
    pub fn new(settings: JwksSettings, metrics: &AuthenticatorMetrics, before: Option<&Self>) -> Self {
        let kept = before.and_then(|before| Some((before, before.kept(&settings.algorithms)?)));
        let (keys, latest) = match kept {
            Some((before, keys)) => (Some(Arc::new(keys)), before.bequeathed(&settings.url)),
            None => (None, Latest::default()),
        };
        let jwks = Self {
            settings,
            keys: ArcSwapOption::new(keys),
            metrics: metrics.keys(),
            asking: Mutex::new(Asking { under_way: true, allowance: Allowance::new(Instant::now()) }),
            asked: Notify::new(),
            rounds: watch::Sender::new(0),
            latest: Mutex::new(latest),
        };
        jwks.show_keys();
        jwks
    }

    fn kept(&self, algorithms: &[Algorithm]) -> Option<KeySet> {
        let keys = self.now().get()?.only(algorithms);
        (keys.len() > 0).then_some(keys)
    }

    /// What is known of keys that another source begins with.
    fn bequeathed(&self, to: &HttpUrl) -> Latest {
        let Latest { fetched, from, .. } = self.latest();
        let from = from.unwrap_or_else(|| self.settings.url.clone());
        Latest { fetched, from: (from != *to).then_some(from), ..Latest::default() }
    }

    fn show_keys(&self) {
        let age = self.latest().fetched.and_then(|at| at.elapsed().ok()).unwrap_or_default();
        let count = self.now().get().map(KeySet::len);
        self.metrics.has(count.unwrap_or(0), count.and_then(|_| Instant::now().checked_sub(age)));
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

    /// Has them fetched at once, because the operator wants it so.
    pub fn fetch_now(&self) {
        // After an attempt that is under way another one is made: it may have begun before what the operator has changed.
        self.asked.notify_one();
    }

    /// Fetches again and again. Runs until it is dropped.
    pub async fn follow(self: Arc<Self>, client: Arc<Client>) {
        let _following = Following(&self.metrics);
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

    /// Takes over the keys of a document.
    fn take_over(&self, document: &Document) -> Result<Taken, String> {
        let read = read_jwks(&document.body, &self.settings.algorithms, false)?;
        if read.keys.len() == 0 {
            return Err(format!("none of its keys can be used: {}", list(&read.left_out)));
        }
        let same = self.now().get().is_some_and(|keys| *keys == read.keys);
        if !same {
            tracing::info!(authenticator = %self.settings.name, count = read.keys.len(), "the issuer has new keys");
            self.keys.store(Some(Arc::new(read.keys)));
        }
        let lifetime = lifetime(&document.headers, self.settings.refresh);
        Ok(Taken { lifetime, left_out: read.left_out })
    }

    /// Remembers and tells how an attempt has ended; gives the pause until the next.
    fn note(&self, fetched: Result<Taken, String>) -> Duration {
        match fetched {
            Ok(Taken { lifetime, left_out }) => {
                self.succeeded(left_out);
                self.metrics.attempted(0);
                self.show_keys();
                renewal(lifetime, fastrand::f64())
            }
            Err(error) => {
                let failures = self.failed(error);
                self.metrics.attempted(failures);
                retry(failures, fastrand::f64())
            }
        }
    }

    fn succeeded(&self, left_out: Vec<LeftOut>) {
        let mut latest = lock(&self.latest);
        let authenticator = &self.settings.name;
        if latest.failures > 0 {
            tracing::info!(%authenticator, "the issuer's keys can be fetched again");
        }
        let missed: Vec<_> = left_out.iter().filter(|left_out| left_out.is_missed()).cloned().collect();
        if latest.left_out != left_out && !missed.is_empty() {
            let (count, error) = (missed.len(), list(&missed));
            tracing::warn!(%authenticator, count, error, "some of the issuer's keys cannot be used");
        }
        *latest = Latest { fetched: Some(SystemTime::now()), left_out, ..Latest::default() };
    }

    /// Gives how many attempts have failed in a row.
    fn failed(&self, error: String) -> u32 {
        let mut latest = lock(&self.latest);
        if latest.failures == 0 {
            tell_failure(&self.settings.name, &latest, &error);
        }
        latest.failures = latest.failures.saturating_add(1);
        latest.since.get_or_insert_with(SystemTime::now);
        latest.error = Some(error);
        latest.failures
    }
}

/// While keys are fetched. Afterwards a source may live on with a request of long ago, and counts as down no more.
struct Following<'a>(&'a KeyMetrics);

impl Drop for Following<'_> {
    fn drop(&mut self) {
        self.0.given_up();
    }
}

/// Says what it means that keys cannot be fetched.
fn tell_failure(name: &Name, latest: &Latest, error: &str) {
    match latest {
        Latest { fetched: None, .. } => {
            tracing::error!(authenticator = %name, error, "the issuer's keys cannot be fetched, so nobody is let in by them")
        }
        Latest { from: Some(before), .. } => {
            tracing::error!(authenticator = %name, before = %before, error, "the issuer's keys cannot be fetched from its new address, those from the one before stay")
        }
        _ => {
            tracing::warn!(authenticator = %name, error, "the issuer's keys cannot be fetched, those of before stay")
        }
    }
}

fn list(left_out: &[LeftOut]) -> String {
    left_out.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // No code that holds the lock can leave it half-written.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
