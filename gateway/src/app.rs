//! The composition root: puts everything together, runs it, and takes it apart in order.
//!
//! Two kinds of threads. The control thread accepts connections, checks health, resolves names, reloads and answers
//! operators. The serving threads, one per core, do nothing but requests: each has its own runtime, its own proxy and
//! its own upstream connections, so that no request crosses threads.

mod files;
mod signals;

use std::{
    io,
    num::NonZeroUsize,
    panic,
    path::PathBuf,
    sync::Arc,
    thread,
    time::{Duration, Instant, SystemTime},
};

use pingora_core::server::configuration::ServerConf;
use pingora_proxy::HttpProxy;
use tokio::{
    runtime::{Builder, Handle},
    sync::Notify,
    task,
};

use crate::{
    admin::{self, Admin, Readiness},
    config::{self, Checked, ConfigErrors},
    issuer::{self, Issuers},
    listener::{self, BindError, Bound, Drain, Drained, Threads, Worker, h2_options},
    proxy::Gateway,
    redis,
    snapshot::{self, Reloader, Running, Status, Store},
    telemetry::{
        Telemetry,
        access_log::AccessLog,
        log::{self, Log},
        metrics::Metrics,
        trace::Tracer,
    },
    upstream::{Environment, Upstreams, resolve::SystemResolver, use_timers_of_runtime},
};
use signals::{Signal, Signals};

/// How long readiness waits for the first health checks.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long the end waits for spans and for lines of the access log.
const FLUSH: Duration = Duration::from_secs(3);

/// Idle connections to upstreams, over all threads.
const POOL_SIZE: usize = 4096;

/// Pingora counts attempts; `proxy::recover` decides about them, and stops long before.
const MOST_ATTEMPTS: usize = 16;

/// Why the gateway did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The configuration cannot be used.
    #[error("{0}")]
    Config(ConfigErrors),
    /// A socket or certificate cannot be had.
    #[error(transparent)]
    Bind(#[from] BindError),
    /// The access log cannot be written.
    #[error("cannot open the access log's output: {0}; check telemetry.access_log.output")]
    AccessLog(io::Error),
    /// The system refuses threads, timers or signals.
    #[error("the system refuses what the gateway needs: {0}; check its limits")]
    System(#[from] io::Error),
}

/// How the gateway ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// Drained; nothing was lost.
    Drained,
    /// The grace period was over before the last request was.
    Cut,
    /// Interrupted.
    Interrupted,
}

/// Runs the gateway until a signal ends it, on so many serving threads, or one per core.
///
/// # Errors
/// Where it cannot start.
pub fn run(path: PathBuf, threads: Option<NonZeroUsize>) -> Result<Ended, StartError> {
    let started = Instant::now();
    // Dropped last: whatever is said on the way is written before the process ends.
    let (lines, _flush) = log::start()?;
    let control = Builder::new_current_thread().enable_all().thread_name("control").build()?;
    let ended = control.block_on(live(path, threads, started, lines));
    // Dropping it would wait for whatever hangs beside it, such as a file on a server that is gone.
    control.shutdown_background();
    ended
}

async fn live(
    path: PathBuf,
    threads: Option<NonZeroUsize>,
    started: Instant,
    lines: log::Queue,
) -> Result<Ended, StartError> {
    // Before anything that takes time: a SIGHUP that comes too early ends a process that does not know it.
    let mut signals = Signals::new()?;
    let starting = task::spawn_blocking(move || start(path, threads, started, lines));
    tokio::select! {
        app = starting => match app {
            // Served from this thread, which hears the signals: one that finds the gateway serving is not lost, nor
            // taken for one that comes before the start is done and ends it at once.
            Ok(prepared) => Ok(prepared?.serve()?.until_signal(signals).await),
            Err(error) => panic::resume_unwind(error.into_panic()),
        },
        signal = signals.end() => match signal {
            Signal::Interrupt => Ok(Ended::Interrupted),
            _ => Ok(Ended::Drained),
        }
    }
}

fn start(
    path: PathBuf,
    threads: Option<NonZeroUsize>,
    started: Instant,
    lines: log::Queue,
) -> Result<Prepared, StartError> {
    let checked = config::load(&path).map_err(StartError::Config)?;
    let log = Log::init(&checked.config.telemetry.log, lines.clone()).ok();
    report_panics(lines);
    files::raise_limit();
    use_timers_of_runtime();
    // Before the metrics, which have a part for each of them.
    let threads = Threads::start(threads.unwrap_or_else(cores))?;
    Prepared::new(path, checked, log, threads, started)
}

/// What runs.
struct App {
    telemetry: Telemetry,
    reloader: Arc<Reloader>,
    drain: Arc<Drain>,
    /// Dropping it ends the serving threads.
    threads: Threads,
}

/// All that takes time is done; nobody is served yet.
struct Prepared {
    app: App,
    bound: Vec<Bound>,
    admin: Admin,
    admin_socket: std::net::TcpListener,
}

impl Prepared {
    fn new(
        path: PathBuf,
        checked: Checked,
        log: Option<Log>,
        threads: Threads,
        started: Instant,
    ) -> Result<Self, StartError> {
        let config = checked.config.clone();
        let inputs = checked.inputs.clone();
        let metrics = Metrics::new();
        if let Some(log) = &log {
            metrics.telemetry().watch_log(log.queue().dropped().clone());
        }
        // Sockets first: a port that is taken is the likeliest reason not to start.
        let mut bound = Vec::new();
        for listener in &config.listeners {
            bound.push(listener::bind(listener.clone(), metrics.listener(listener.name.as_str()))?);
        }
        let admin_socket = listener::open("admin", config.admin.address.get())?;
        let telemetry = Telemetry {
            tracer: Tracer::new(&config.telemetry, &metrics),
            access_log: AccessLog::start(&config.telemetry.access_log, &metrics)
                .map_err(StartError::AccessLog)?,
            metrics,
        };
        let drain = Drain::new(config.drain);
        let serving = redis::Threads::new(threads.runtimes());
        let store = store(checked, &telemetry, &serving);
        let listeners: Vec<_> = bound.iter().map(|bound| bound.listener().clone()).collect();
        let reloader = Reloader::new(
            Running {
                store: store.clone(),
                path,
                telemetry: telemetry.clone(),
                log,
                listeners: listeners.clone(),
                admin: config.admin.address.clone(),
                drain: drain.clone(),
                serving,
            },
            inputs,
        );
        let admin = Admin {
            store: store.clone(),
            reloader: reloader.clone(),
            telemetry: telemetry.clone(),
            listeners,
            drain: drain.clone(),
            readiness: Readiness::default(),
            started,
        };
        let app = App { telemetry, reloader, drain, threads };
        Ok(Self { app, bound, admin, admin_socket })
    }

    fn serve(self) -> io::Result<App> {
        let Self { app, bound, admin, admin_socket } = self;
        let (store, readiness) = (admin.store.clone(), admin.readiness.clone());
        serve(bound, &app.threads, &store, &app.telemetry, &app.drain)?;
        serve_admin(admin_socket, admin)?;
        tokio::spawn(app.reloader.clone().follow());
        tokio::spawn(snapshot::sweep(store.clone()));
        tokio::spawn(become_ready(store, readiness));
        Ok(app)
    }
}

impl App {
    async fn until_signal(self, mut signals: Signals) -> Ended {
        // A task of its own, since a reload takes seconds where new upstreams do not answer, and the end cannot wait.
        let reload = Arc::new(Notify::new());
        tokio::spawn(reload_when(reload.clone(), self.reloader.clone()));
        let ended = loop {
            match signals.next().await {
                Signal::Reload => reload.notify_one(),
                Signal::Terminate => break self.stop(&mut signals).await,
                Signal::Interrupt => {
                    tracing::info!("interrupted, stopping at once");
                    self.drain.stop().await;
                    break Ended::Interrupted;
                }
            }
        };
        self.flush().await;
        ended
    }

    /// Drains; a second signal cuts what is left.
    async fn stop(&self, signals: &mut Signals) -> Ended {
        tracing::info!(count = self.drain.in_flight(), "stopping when the last request is done");
        let mut drained = std::pin::pin!(self.drain.run());
        loop {
            tokio::select! {
                result = &mut drained => return self.told(result),
                signal = signals.next() => if signal != Signal::Reload { self.drain.cut() },
            }
        }
    }

    fn told(&self, drained: Drained) -> Ended {
        let Drained { cut_requests, cut_connections } = drained;
        if cut_requests > 0 {
            tracing::warn!(
                requests = cut_requests,
                connections = cut_connections,
                "stopped, some were cut off"
            );
            return Ended::Cut;
        }
        tracing::info!("stopped");
        Ended::Drained
    }

    /// What was said last is not lost.
    async fn flush(self) {
        let access_log = self.telemetry.access_log.clone();
        let lines = task::spawn_blocking(move || access_log.shutdown(FLUSH));
        self.telemetry.tracer.shutdown(FLUSH).await;
        if !lines.await.unwrap_or(false) {
            tracing::warn!("some lines of the access log were lost, its output is too slow");
        }
    }
}

/// What is asked for during a reload is done once after it.
async fn reload_when(asked: Arc<Notify>, reloader: Arc<Reloader>) {
    loop {
        asked.notified().await;
        drop(reloader.reload(snapshot::Cause::Signal).await);
    }
}

fn store(checked: Checked, telemetry: &Telemetry, serving: &redis::Threads) -> Arc<Store> {
    let now = SystemTime::now();
    snapshot::warn_about(&checked.warnings);
    let status = Status { warnings: checked.warnings.clone(), ..Status::default() };
    let (mut parts, settings, issuers) = snapshot::split(checked);
    let environment = Environment::new(telemetry.metrics.clone(), Arc::new(SystemResolver::default()));
    let upstreams = Upstreams::new(environment).next(settings);
    let environment = issuer::Environment::new(telemetry.metrics.clone());
    let issuers = Issuers::new(environment).next(issuers);
    let redis = parts.redis(None, serving, telemetry);
    let first = snapshot::build(parts, &upstreams, &issuers, redis, telemetry, now, None);
    telemetry.metrics.gateway().config_in_use(&first.version, now);
    Arc::new(Store::new(first, upstreams, issuers, status))
}

fn serve(
    bound: Vec<Bound>,
    threads: &Threads,
    store: &Arc<Store>,
    telemetry: &Telemetry,
    drain: &Arc<Drain>,
) -> io::Result<()> {
    let settings = Arc::new(ServerConf {
        threads: 1,
        upstream_keepalive_pool_size: POOL_SIZE.div_ceil(threads.runtimes().count()),
        max_retries: MOST_ATTEMPTS,
        ..ServerConf::default()
    });
    telemetry.metrics.watch_runtime("control", Handle::current());
    let workers: Vec<_> = threads
        .runtimes()
        .enumerate()
        .map(|(number, runtime)| {
            telemetry.metrics.watch_runtime(&format!("serve-{number}"), runtime.clone());
            Worker::new(runtime.clone(), proxy(store, &settings))
        })
        .collect();
    for bound in bound {
        announce(bound.listener().name(), bound.local_addr());
        listener::serve(bound, workers.clone(), drain.clone())?;
    }
    Ok(())
}

fn proxy(store: &Arc<Store>, settings: &Arc<ServerConf>) -> Arc<HttpProxy<Gateway>> {
    let mut proxy = HttpProxy::new(Gateway::new(store.clone()), settings.clone());
    proxy.h2_options = Some(h2_options());
    proxy.handle_init_modules();
    Arc::new(proxy)
}

fn serve_admin(socket: std::net::TcpListener, admin: Admin) -> io::Result<()> {
    let socket = tokio::net::TcpListener::from_std(socket)?;
    announce("admin", socket.local_addr()?);
    tokio::spawn(async move {
        if let Err(error) = admin::serve(socket, Arc::new(admin)).await {
            tracing::error!(%error, "the admin listener has ended");
        }
    });
    Ok(())
}

fn announce(name: &str, address: std::net::SocketAddr) {
    tracing::info!(listener = name, %address, "listening");
}

/// Ready with the first health checks and the keys of issuers; a service that never answers must not keep the gateway from starting.
async fn become_ready(store: Arc<Store>, readiness: Readiness) {
    let upstreams = store.upstreams().clone();
    let issuers = store.issuers().clone();
    let (checked, asked) = tokio::join!(upstreams.settled(PATIENCE), issuers.settled(PATIENCE));
    if !checked {
        tracing::warn!(
            "some upstreams are not resolved or checked yet, going on without; /health shows which"
        );
    }
    if !asked {
        tracing::warn!("some issuers have sent no keys yet, going on without; /health shows which");
    }
    if let Some(redis) = &store.snapshot().redis {
        redis.settled().await;
    }
    readiness.begin();
    tracing::info!(config_version = &*store.snapshot().version, "ready");
}

fn cores() -> NonZeroUsize {
    thread::available_parallelism().unwrap_or(NonZeroUsize::MIN)
}

/// A panic loses one request; here it is told, with its place, in the form of everything else.
fn report_panics(lines: log::Queue) {
    panic::set_hook(Box::new(move |panic| {
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        let text = panic.payload_as_str().unwrap_or("no text");
        let thread = thread::current();
        tracing::error!(
            error = text,
            place,
            thread = thread.name().unwrap_or("unnamed"),
            "panic: a fault of the gateway, please report it"
        );
        lines.after_panic();
    }));
}
