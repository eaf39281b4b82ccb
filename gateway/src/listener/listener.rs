//! A bound listener: its socket, its settings of the moment, its TLS.
//!
//! The socket lives as long as the process: a reload replaces what hangs on
//! it (deadlines, limits, certificates), never the socket itself, so that no
//! connection is refused meanwhile.

use std::io;
use std::net::{IpAddr, SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use arc_swap::{ArcSwap, ArcSwapOption, Guard};
use socket2::{Domain, Protocol, Socket, TcpKeepalive, Type};

use super::Ending;
use super::clients::{Client, Clients};
use super::config::ListenerConfig;
use super::tls::{self, TlsError};
use crate::telemetry::metrics::{ListenerMetrics, Rejected};

/// Connections the kernel holds for us until they are accepted. Linux cuts it
/// to `net.core.somaxconn`.
const BACKLOG: i32 = 4096;

/// What the kernel takes of an answer at a time beyond what is on its way. Its buffers grow to megabytes otherwise, for
/// every slow client, and a client that reads steadily looks as if it took nothing until a third of that is gone.
#[cfg(target_os = "linux")]
const UNSENT: u32 = 128 * 1024;

/// When a silent client is probed, how often, and how many probes may be lost.
const KEEPALIVE: (Duration, Duration, u32) = (Duration::from_secs(60), Duration::from_secs(15), 4);

/// Why a listener could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// Another socket has the address.
    #[error(
        "listener `{name}`: the address {address} is in use; stop the process that holds it \
         (`ss -ltnp 'sport = :{port}'` names it) or choose another port", port = address.port()
    )]
    InUse {
        /// The listener.
        name: String,
        /// The address asked for.
        address: SocketAddr,
    },
    /// The process may not have the port.
    #[error(
        "listener `{name}`: the address {address} needs a privilege; choose a port above 1023, \
         or grant CAP_NET_BIND_SERVICE"
    )]
    Denied {
        /// The listener.
        name: String,
        /// The address asked for.
        address: SocketAddr,
    },
    /// The machine has no such address.
    #[error(
        "listener `{name}`: this machine has no address {ip}; listen on one that `ip address` shows, \
         or on 0.0.0.0 or [::] for all", ip = address.ip()
    )]
    NoSuchAddress {
        /// The listener.
        name: String,
        /// The address asked for.
        address: SocketAddr,
    },
    /// The system refused for another cause.
    #[error("listener `{name}`: cannot listen on {address}: {source}")]
    Failed {
        /// The listener.
        name: String,
        /// The address asked for.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// The certificates cannot be used.
    #[error(transparent)]
    Tls(#[from] TlsError),
}

impl BindError {
    fn new(name: &str, address: SocketAddr, source: io::Error) -> Self {
        let name = name.to_owned();
        match source.kind() {
            io::ErrorKind::AddrInUse => Self::InUse { name, address },
            io::ErrorKind::PermissionDenied => Self::Denied { name, address },
            io::ErrorKind::AddrNotAvailable => Self::NoSuchAddress { name, address },
            _ => Self::Failed { name, address, source },
        }
    }
}

/// A socket that listens but does not accept yet: give it to [`serve`](super::serve).
#[derive(Debug)]
pub struct Bound {
    pub(super) socket: TcpListener,
    pub(super) listener: Arc<Listener>,
}

impl Bound {
    /// The address with the port the system chose.
    pub fn local_addr(&self) -> SocketAddr {
        self.listener.local
    }

    /// The listener's lasting half, for reloads and status.
    pub fn listener(&self) -> &Arc<Listener> {
        &self.listener
    }
}

/// Opens the socket and loads the certificates.
///
/// `[::]` takes IPv4 as well, whatever the system's default.
pub fn bind(config: ListenerConfig, metrics: Arc<ListenerMetrics>) -> Result<Bound, BindError> {
    let resumption = tls::Resumption::new()?;
    let tls = config.tls.as_ref().map(|tls| tls::load(tls, config.http2, &resumption)).transpose()?;
    let socket = open(&config.name, config.address.get())?;
    let local =
        socket.local_addr().map_err(|error| BindError::new(&config.name, config.address.get(), error))?;
    let listener = Listener {
        name: config.name.to_arc(),
        local,
        settings: ArcSwap::from_pointee(config),
        tls: ArcSwapOption::from(tls),
        resumption,
        metrics,
        open: AtomicU32::new(0),
        clients: Clients::default(),
    };
    Ok(Bound { socket, listener: Arc::new(listener) })
}

/// Opens a socket that listens; `name` is what an error calls it.
pub fn open(name: &str, address: SocketAddr) -> Result<TcpListener, BindError> {
    listen(address).map_err(|error| BindError::new(name, address, error))
}

fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    if address.is_ipv6() {
        socket.set_only_v6(false)?;
    }
    // Without it a restart would wait for the old connections' TIME_WAIT.
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    // Accepted sockets inherit all three, which saves five system calls on each.
    socket.set_tcp_nodelay(true)?;
    let (time, interval, retries) = KEEPALIVE;
    let keepalive = TcpKeepalive::new().with_time(time).with_interval(interval).with_retries(retries);
    socket.set_tcp_keepalive(&keepalive)?;
    #[cfg(target_os = "linux")]
    socket.set_tcp_notsent_lowat(UNSENT)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

/// What lasts of a listener while its settings come and go.
pub struct Listener {
    name: Arc<str>,
    local: SocketAddr,
    settings: ArcSwap<ListenerConfig>,
    tls: ArcSwapOption<rustls::ServerConfig>,
    resumption: tls::Resumption,
    metrics: Arc<ListenerMetrics>,
    open: AtomicU32,
    clients: Clients,
}

/// A connection that was counted in.
#[derive(Debug, Default)]
pub(super) struct Place {
    /// Whose it is, where that is counted.
    client: Option<Client>,
}

impl Listener {
    /// Its name in the configuration.
    pub fn name(&self) -> &Arc<str> {
        &self.name
    }

    /// The address with the port the system chose.
    pub fn local_addr(&self) -> SocketAddr {
        self.local
    }

    /// The settings of this moment.
    pub fn settings(&self) -> Guard<Arc<ListenerConfig>> {
        self.settings.load()
    }

    /// Connections open on it.
    pub fn connections(&self) -> u32 {
        self.open.load(Ordering::Relaxed)
    }

    /// Reads what a new configuration needs without changing anything, so
    /// that a reload can fail before it has begun.
    pub fn prepare(&self, config: ListenerConfig) -> Result<Change, TlsError> {
        let tls = config.tls.as_ref().map(|tls| tls::load(tls, config.http2, &self.resumption));
        Ok(Change { tls: tls.transpose()?, config: Arc::new(config) })
    }

    /// Takes a prepared change over. Open connections follow with their next
    /// request, handshakes with the next connection.
    pub fn apply(&self, change: Change) {
        self.settings.store(change.config);
        self.tls.store(change.tls);
    }

    pub(super) fn tls(&self) -> Option<Arc<rustls::ServerConfig>> {
        self.tls.load_full()
    }

    pub(super) fn metrics(&self) -> &ListenerMetrics {
        &self.metrics
    }

    /// Counts one more connection in, unless the listener is full or the client has as many as it may.
    pub(super) fn admit(&self, peer: IpAddr) -> Option<Place> {
        let settings = self.settings();
        // Only the accept loop adds, so nothing can slip between the two.
        if self.open.load(Ordering::Relaxed) >= settings.max_connections.get() {
            self.metrics.rejected(Rejected::ConnectionLimit);
            return None;
        }
        let is_trusted = || settings.trusted_proxies.iter().any(|network| network.contains(peer));
        let client = match settings.max_connections_per_client.filter(|_| !is_trusted()) {
            None => None,
            Some(most) => match self.clients.enter(peer, most) {
                Ok(client) => Some(client),
                Err(client) => {
                    tracing::debug!(listener = %self.name, %client, "too many connections of one client");
                    self.metrics.rejected(Rejected::ClientConnectionLimit);
                    return None;
                }
            },
        };
        self.open.fetch_add(1, Ordering::Relaxed);
        self.metrics.opened();
        Some(Place { client })
    }

    pub(super) fn departed(&self, place: &Place, ending: Ending) {
        self.open.fetch_sub(1, Ordering::Relaxed);
        if let Some(client) = place.client {
            self.clients.leave(client);
        }
        self.metrics.closed(ending);
    }
}

impl std::fmt::Debug for Listener {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Listener")
            .field("name", &self.name)
            .field("local", &self.local)
            .finish_non_exhaustive()
    }
}

/// A reload of one listener, read and checked.
pub struct Change {
    config: Arc<ListenerConfig>,
    tls: Option<Arc<rustls::ServerConfig>>,
}
