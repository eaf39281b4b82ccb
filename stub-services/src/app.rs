//! From options to running services, and back down again.

use std::io::{self, Write};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use http::Uri;
use opentelemetry_otlp::ExporterBuildError;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::cli::{Options, Selection};
use crate::orders::Neighbours;
use crate::service::Core;
use crate::service::chaos::Trouble;
use crate::service::server::{self, BindError, Bound};
use crate::service::trace::{Collector, Tracing};
use crate::{orders, payments, products, users};

/// How long requests under way may take once we are told to stop.
const GRACE: Duration = Duration::from_secs(5);

/// How long the last spans may take to be sent.
const LAST_SPANS: Duration = Duration::from_secs(2);

/// Why nothing runs.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A socket that could not be had.
    #[error(transparent)]
    Bind(#[from] BindError),
    /// A collector that cannot be spoken with.
    #[error("cannot send spans to {endpoint}: {error}; say --otlp-endpoint http://HOST:PORT")]
    Collector {
        /// As given.
        endpoint: String,
        /// What the exporter says.
        error: ExporterBuildError,
    },
    /// The system does not let us hear signals, or write to stdout.
    #[error("{0}")]
    System(#[from] io::Error),
}

/// Runs the selected services until SIGTERM or SIGINT; a second signal does not
/// wait for requests under way.
pub async fn run(options: Options) -> Result<(), StartError> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let sockets = Sockets::bind(&options).await?;
    let neighbours = sockets.neighbours(&options);
    let collector = collector(&options);
    let stop = CancellationToken::new();
    let (mut cores, mut serving) = (Vec::new(), JoinSet::new());
    for (name, bound) in sockets.0 {
        let core = core(name, options.trouble(), collector.as_ref())?;
        announce(name, bound.address)?;
        let routes = routes(core.clone(), &neighbours);
        serving.spawn(server::serve(bound, routes, stop.clone()));
        cores.push(core);
    }
    either(&mut terminate, &mut interrupt).await;
    stop.cancel();
    // Requests that hang may go on, or they would use up the grace period.
    cores.iter().for_each(|core| core.chaos.set(Trouble::default()));
    tokio::select! {
        () = async { while serving.join_next().await.is_some() {} } => {}
        () = tokio::time::sleep(GRACE) => {}
        () = either(&mut terminate, &mut interrupt) => {}
    }
    send_last_spans(cores).await;
    Ok(())
}

/// The sockets of the selected services: all are taken before any is served.
struct Sockets(Vec<(&'static str, Bound)>);

impl Sockets {
    async fn bind(options: &Options) -> Result<Sockets, BindError> {
        let services = [
            (Selection::Users, "users", options.users_address),
            (Selection::Orders, "orders", options.orders_address),
            (Selection::Products, "products", options.products_address),
            (Selection::Payments, "payments", options.payments_address),
        ];
        let mut sockets = Vec::new();
        for (selection, name, address) in services {
            if [Selection::All, selection].contains(&options.service) {
                sockets.push((name, server::bind(name, address).await?));
            }
        }
        Ok(Sockets(sockets))
    }

    /// Where each neighbour of orders is: as told, else here, else where it is
    /// by default.
    fn neighbours(&self, options: &Options) -> Neighbours {
        let find = |name: &str, told: &Option<Uri>, default: SocketAddr| {
            let here = self.0.iter().find(|(other, _)| *other == name);
            let address = here.map_or(default, |(_, bound)| bound.address);
            told.clone().unwrap_or_else(|| base(address))
        };
        Neighbours {
            users: find("users", &options.users_url, options.users_address),
            products: find("products", &options.products_url, options.products_address),
            payments: find("payments", &options.payments_url, options.payments_address),
        }
    }
}

/// The URL of a service that listens on `address`; one that listens on every
/// interface is reached through the loopback one.
fn base(mut address: SocketAddr) -> Uri {
    if address.ip().is_unspecified() {
        address.set_ip(match address {
            SocketAddr::V4(_) => std::net::Ipv4Addr::LOCALHOST.into(),
            SocketAddr::V6(_) => std::net::Ipv6Addr::LOCALHOST.into(),
        });
    }
    format!("http://{address}").parse().expect("a socket address is a valid authority")
}

fn collector(options: &Options) -> Option<Collector> {
    let endpoint = options.otlp_endpoint.clone();
    endpoint
        .filter(|endpoint| !endpoint.is_empty())
        .map(|endpoint| Collector { endpoint, protocol: options.otlp_protocol })
}

fn core(
    name: &'static str,
    trouble: Trouble,
    collector: Option<&Collector>,
) -> Result<Arc<Core>, StartError> {
    let tracing = Tracing::new(name, collector).map_err(|error| StartError::Collector {
        endpoint: collector.map_or_else(String::new, |collector| collector.endpoint.clone()),
        error,
    })?;
    Ok(Core::new(name, trouble, tracing))
}

fn routes(core: Arc<Core>, neighbours: &Neighbours) -> Router {
    match core.name {
        "users" => users::routes(core),
        "orders" => orders::routes(core, neighbours),
        "products" => products::routes(core),
        _ => payments::routes(core),
    }
}

/// Tells on stdout where a service listens, one JSON line each.
fn announce(service: &str, address: SocketAddr) -> io::Result<()> {
    #[derive(serde::Serialize)]
    struct Announcement<'a> {
        service: &'a str,
        address: SocketAddr,
    }
    let line = serde_json::to_string(&Announcement { service, address })?;
    let mut stdout = io::stdout().lock();
    writeln!(stdout, "{line}")?;
    stdout.flush()
}

async fn either(one: &mut Signal, other: &mut Signal) {
    tokio::select! {
        _ = one.recv() => {}
        _ = other.recv() => {}
    }
}

/// Flushing blocks, and the exports it waits for need the runtime.
async fn send_last_spans(cores: Vec<Arc<Core>>) {
    let mut flushing = JoinSet::new();
    for core in cores {
        flushing.spawn_blocking(move || {
            if let Err(error) = core.tracing.shutdown(LAST_SPANS) {
                tracing::warn!(service = core.name, %error, "the last spans were not sent");
            }
        });
    }
    while flushing.join_next().await.is_some() {}
}
