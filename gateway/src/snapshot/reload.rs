//! Replaces what runs: on a changed file, on a signal, on request.
//!
//! A reload is all or nothing. Everything that can fail comes first (reading and checking the files, certificates,
//! the access log's output), then the next snapshot is built completely, new upstreams get a moment to resolve their
//! names, and only then one pointer is exchanged. One reload runs at a time.
//!
//! All of it runs beside the control thread, which goes on to accept connections: files may be on a disk that hangs,
//! and ten thousand routes take their time to build.

use std::{path::PathBuf, sync::Arc, time::Duration, time::SystemTime};

use tokio::{sync::Mutex, sync::watch, task, time};

use super::{Failure, Status, Store, build, build::Parts, retire::retire, split};
use crate::{
    config::{self, Checked, Config, ConfigErrors, Inputs, Problem, Watch},
    issuer::Issuers,
    listener::{Change, Drain, Listener, config::ListenerConfig},
    redis,
    telemetry::{Telemetry, access_log, log::Log, metrics::Reload},
    upstream::Upstreams,
    value::{ListenAddress, Located},
};

/// How long new upstreams may take to resolve names and check health, and new issuers to send keys, before the first
/// request meets them.
const PATIENCE: Duration = Duration::from_secs(5);

/// Until a load that broke off is tried again without anybody asking.
const AFTER_PANIC: Duration = Duration::from_secs(10);

/// Warnings of one load that are logged, each in a line: a generated file makes the same mistake thousands of times.
const MOST_WARNINGS: usize = 20;

/// Who asked for a reload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// A file has changed.
    File,
    /// SIGHUP.
    Signal,
    /// `POST /config/reload`.
    Request,
}

impl Cause {
    fn as_str(self) -> &'static str {
        match self {
            Self::File => "file",
            Self::Signal => "signal",
            Self::Request => "request",
        }
    }
}

/// How a reload ended.
#[derive(Debug, Clone)]
pub enum Outcome {
    /// Something new runs.
    Applied(Status),
    /// The files say what runs already.
    Unchanged(Status),
    /// The old configuration runs on.
    Refused(Failure),
}

/// What a reload works on.
pub struct Running {
    /// What runs.
    pub store: Arc<Store>,
    /// The configuration's file.
    pub path: PathBuf,
    /// Everything that is shown.
    pub telemetry: Telemetry,
    /// The application log; `None` where the process has another.
    pub log: Option<Log>,
    /// The bound listeners.
    pub listeners: Vec<Arc<Listener>>,
    /// The address of the admin listener, as configured.
    pub admin: Located<ListenAddress>,
    /// Follows its section.
    pub drain: Arc<Drain>,
    /// Where a store is connected to.
    pub serving: redis::Threads,
}

/// Reloads the configuration.
pub struct Reloader {
    running: Running,
    turn: Mutex<()>,
    /// What the latest load has read, in vain or not.
    inputs: watch::Sender<Inputs>,
}

/// What the next configuration changes of that which outlives it: opened and read, so that nothing can fail any more.
struct Changes {
    listeners: Vec<(Arc<Listener>, Change)>,
    access_log: access_log::Change,
}

/// A configuration with all that could have failed.
struct Prepared {
    checked: Checked,
    changes: Changes,
    needs_restart: Vec<String>,
}

/// The next configuration, whose upstreams have begun to resolve names and to check health, and whose issuers were asked
/// for keys.
struct Begun {
    config: Arc<Config>,
    parts: Parts,
    upstreams: Upstreams,
    redis: Option<Arc<redis::Client>>,
    issuers: Issuers,
    changes: Changes,
    status: Status,
}

/// Runs what computes or blocks where it holds up nobody. A panic becomes an error for the operator.
async fn aside<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, String> {
    let done = task::spawn_blocking(work).await;
    done.map_err(|panic| format!("the reload broke off: {panic}; a fault of the gateway, please report it"))
}

/// Reloads whenever a file differs from what was read last.
async fn follow<F: Future<Output = ()>>(mut inputs: watch::Receiver<Inputs>, reload: impl Fn() -> F) {
    let first = inputs.borrow_and_update().clone();
    let mut watch = Watch::new(first).await;
    loop {
        tokio::select! {
            () = watch.changed() => {
                reload().await;
                // A load that broke off has left nothing to compare with: the same change would be seen at once again.
                if !inputs.has_changed().unwrap_or(false) {
                    let _ = time::timeout(AFTER_PANIC, inputs.changed()).await;
                }
            }
            // The sender outlives us.
            _ = inputs.changed() => {}
        }
        let latest = inputs.borrow_and_update().clone();
        watch.look_at(latest).await;
    }
}

impl Reloader {
    /// `inputs` are those of the configuration that runs.
    pub fn new(running: Running, inputs: Inputs) -> Arc<Self> {
        Arc::new(Self { running, turn: Mutex::new(()), inputs: watch::Sender::new(inputs) })
    }

    /// Reloads whenever a file has changed. Runs until it is dropped.
    pub async fn follow(self: Arc<Self>) {
        let reload = || async { drop(self.reload(Cause::File).await) };
        follow(self.inputs.subscribe(), reload).await;
    }

    /// Reloads now; returns when it is done.
    pub async fn reload(self: &Arc<Self>, cause: Cause) -> Outcome {
        let _turn = self.turn.lock().await;
        let outcome = self.attempt(cause).await;
        self.tell(cause, &outcome);
        outcome
    }

    async fn attempt(self: &Arc<Self>, cause: Cause) -> Outcome {
        if cause != Cause::File {
            self.running.telemetry.access_log.reopen();
            // An issuer may have withdrawn a key, and the operator not want to wait until it would be asked again.
            self.running.store.issuers().fetch_now();
        }
        let path = self.running.path.clone();
        let loaded = aside(move || config::load(&path)).await;
        let now = SystemTime::now();
        let checked = match loaded {
            Ok(Ok(checked)) => checked,
            Ok(Err(errors)) => return self.refuse_files(&errors, now),
            Err(panic) => return self.refuse(Failure::outside(panic, now)),
        };
        self.inputs.send_replace(checked.inputs.clone());
        let store = &self.running.store;
        if *checked.version == *store.snapshot().version {
            let status = Status { failure: None, ..Status::clone(&store.status()) };
            store.note(status.clone());
            return Outcome::Unchanged(status);
        }
        match self.replace(checked, now).await {
            Ok(status) => Outcome::Applied(status),
            Err(text) => self.refuse(Failure::outside(text, now)),
        }
    }

    async fn replace(self: &Arc<Self>, checked: Checked, now: SystemTime) -> Result<Status, String> {
        let this = self.clone();
        let begin = move || this.prepare(checked).map(|prepared| this.begin(prepared));
        let begun = aside(begin).await??;
        // Requests go on with the old ones meanwhile. What is not settled then would not be settled later either.
        let _ = tokio::join!(begun.upstreams.settled(PATIENCE), begun.issuers.settled(PATIENCE));
        if let Some(redis) = &begun.redis {
            redis.settled().await;
        }
        let this = self.clone();
        aside(move || this.apply(begun, now)).await
    }

    fn refuse_files(&self, errors: &ConfigErrors, now: SystemTime) -> Outcome {
        self.inputs.send_replace(errors.inputs().clone());
        self.refuse(Failure::of(errors, now))
    }

    fn refuse(&self, failure: Failure) -> Outcome {
        let store = &self.running.store;
        store.note(Status { failure: Some(failure.clone()), ..Status::clone(&store.status()) });
        Outcome::Refused(failure)
    }

    /// What can fail but for the files; changes nothing that anybody sees if it does.
    fn prepare(&self, checked: Checked) -> Result<Prepared, String> {
        let mut needs_restart = Vec::new();
        let mut listeners = Vec::new();
        for listener in &self.running.listeners {
            let wanted = checked.config.listeners.iter().find(|wanted| **wanted.name == **listener.name());
            let Some(wanted) = wanted else {
                needs_restart.push(format!("the listener `{}` was removed", listener.name()));
                continue;
            };
            let next = keep_what_is_fixed(wanted.clone(), listener, &mut needs_restart);
            let change = listener.prepare(next).map_err(|error| error.to_string())?;
            listeners.push((listener.clone(), change));
        }
        needs_restart.extend(self.added(&checked.config));
        if *checked.config.admin.address != *self.running.admin {
            needs_restart.push(format!("`admin.address` is now {}", *checked.config.admin.address));
        }
        let access_log = &self.running.telemetry.access_log;
        let access_log = access_log.prepare(&checked.config.telemetry.access_log).map_err(|error| {
            format!("cannot open the access log's output: {error}; check telemetry.access_log.output")
        })?;
        Ok(Prepared { checked, changes: Changes { listeners, access_log }, needs_restart })
    }

    fn added(&self, config: &Config) -> Vec<String> {
        let is_bound =
            |wanted: &&ListenerConfig| self.running.listeners.iter().any(|l| **l.name() == **wanted.name);
        let added = config.listeners.iter().filter(|wanted| !is_bound(wanted));
        added.map(|wanted| format!("the listener `{}` was added", *wanted.name)).collect()
    }

    fn begin(&self, prepared: Prepared) -> Begun {
        let Prepared { checked, changes, needs_restart } = prepared;
        let config = checked.config.clone();
        let status = Status { failure: None, needs_restart, warnings: checked.warnings.clone() };
        let (mut parts, settings, issuers) = split(checked);
        let Running { store, telemetry, serving, .. } = &self.running;
        let redis = parts.redis(store.snapshot().redis.as_ref(), serving, telemetry);
        let upstreams = self.running.store.upstreams().next(settings);
        let issuers = self.running.store.issuers().next(issuers);
        Begun { config, parts, upstreams, redis, issuers, changes, status }
    }

    fn apply(&self, begun: Begun, now: SystemTime) -> Status {
        let Begun { config, parts, upstreams, redis, issuers, changes, status } = begun;
        let Running { store, telemetry, log, drain, .. } = &self.running;
        let before = store.snapshot();
        let snapshot = build(parts, &upstreams, &issuers, redis, telemetry, now, Some(&before));
        telemetry.metrics.gateway().config_in_use(&snapshot.version, now);
        let redis = snapshot.redis.clone();
        store.replace(snapshot, upstreams, issuers, status.clone());
        if let Some(old) =
            before.redis.as_ref().filter(|old| !redis.as_ref().is_some_and(|new| Arc::ptr_eq(old, new)))
        {
            old.retire(redis.as_deref());
        }
        for (listener, change) in changes.listeners {
            listener.apply(change);
        }
        telemetry.access_log.apply(changes.access_log);
        telemetry.tracer.apply(&config.telemetry);
        if let Some(log) = log {
            log.apply(&config.telemetry.log);
        }
        drain.configure(config.drain);
        tokio::spawn(retire(before));
        status
    }

    fn tell(&self, cause: Cause, outcome: &Outcome) {
        let Running { store, telemetry, path, .. } = &self.running;
        let (cause, file, version) = (cause.as_str(), path.display(), &*store.snapshot().version);
        let counted = match outcome {
            Outcome::Applied(status) => {
                tracing::info!(cause, %file, config_version = version, "configuration reloaded");
                warn_about(&status.warnings);
                warn_of_restart(&status.needs_restart);
                Reload::Applied
            }
            Outcome::Unchanged(_) => {
                tracing::info!(cause, %file, config_version = version, "configuration is unchanged");
                Reload::Unchanged
            }
            Outcome::Refused(failure) => {
                let error = config::render_all(&failure.problems, false);
                let errors = failure.errors();
                tracing::error!(
                    cause, %file, config_version = version, count = errors, error,
                    "configuration refused, the old one runs on"
                );
                Reload::Refused
            }
        };
        telemetry.metrics.gateway().reloaded(counted);
    }
}

/// Logs what is allowed but suspicious.
pub fn warn_about(warnings: &[Problem]) {
    for warning in warnings.iter().take(MOST_WARNINGS) {
        tracing::warn!(error = warning.render(false), "configuration is suspicious");
    }
    if let Some(more) = warnings.get(MOST_WARNINGS..).filter(|more| !more.is_empty()) {
        tracing::warn!(count = more.len(), "more is suspicious, `glassgate check --format json` shows all");
    }
}

fn warn_of_restart(changes: &[String]) {
    if !changes.is_empty() {
        tracing::warn!(changes = changes.join("; "), "some changes need a restart");
    }
}

/// The socket and TLS as such stay as they are until a restart.
fn keep_what_is_fixed(
    mut wanted: ListenerConfig,
    listener: &Listener,
    needs_restart: &mut Vec<String>,
) -> ListenerConfig {
    let name = listener.name();
    let running = listener.settings();
    if wanted.address.get() != running.address.get() {
        needs_restart.push(format!("the listener `{name}` has the address {}", *wanted.address));
        wanted.address = running.address.clone();
    }
    if wanted.tls.is_some() != running.tls.is_some() {
        let now = if wanted.tls.is_some() { "speaks TLS" } else { "speaks no TLS" };
        needs_restart.push(format!("the listener `{name}` {now}"));
        wanted.tls = running.tls.clone();
    }
    wanted
}

#[cfg(test)]
mod tests;
