//! Accepts connections and shares them out.
//!
//! One task accepts for all workers and gives each connection to the one that
//! serves fewest, as Envoy does with `exact_balance`: the kernel's own ways
//! (several sockets on a port, several readers of a socket) leave workers idle
//! when clients are few and long-lived, as load balancers are, and lose
//! connections when a socket of several closes.

use std::io;
use std::net::{SocketAddr, TcpStream as StdStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use pingora_core::apps::HttpServerApp;
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Handle;
use tokio::task::JoinHandle;

use super::connection::Connection;
use super::drain::{Accepting, Drain};
use super::listener::{Bound, Listener};
use super::serve::{Departure, connection};

/// The first pause after accept failed for lack of resources, and the longest.
const PAUSE: (Duration, Duration) = (Duration::from_millis(5), Duration::from_secs(1));

/// A runtime that serves connections, and the app that answers on it.
pub struct Worker<A> {
    runtime: Handle,
    app: Arc<A>,
    connections: Arc<AtomicUsize>,
}

impl<A> Worker<A> {
    /// Connections are served on `runtime` by `app`. An app of its own gives a
    /// worker its own pool of upstream connections, which then never cross
    /// threads.
    pub fn new(runtime: Handle, app: Arc<A>) -> Self {
        Self { runtime, app, connections: Arc::new(AtomicUsize::new(0)) }
    }
}

/// The same worker: what it serves counts for both.
impl<A> Clone for Worker<A> {
    fn clone(&self) -> Self {
        Self { runtime: self.runtime.clone(), app: self.app.clone(), connections: self.connections.clone() }
    }
}

/// Accepts on a listener until the drain closes it. The accept loop runs on
/// the calling runtime, the connections on the workers', of which there must
/// be one at least. Workers may be shared by listeners: pass clones. The handle
/// ends when the socket is closed; connections may go on (see [`Drain::run`]).
pub fn serve<A>(bound: Bound, workers: Vec<Worker<A>>, drain: Arc<Drain>) -> io::Result<JoinHandle<()>>
where
    A: HttpServerApp + Send + Sync + 'static,
{
    let Bound { socket, listener } = bound;
    let socket = TcpListener::from_std(socket)?;
    let accepting = drain.accepting();
    let entrance = Entrance { listener, workers, drain };
    Ok(tokio::spawn(entrance.accept_loop(socket, accepting)))
}

struct Entrance<A> {
    listener: Arc<Listener>,
    workers: Vec<Worker<A>>,
    drain: Arc<Drain>,
}

impl<A: HttpServerApp + Send + Sync + 'static> Entrance<A> {
    async fn accept_loop(self, socket: TcpListener, _accepting: Accepting) {
        let mut closing = self.drain.shutdown_watch();
        let mut pause = PAUSE.0;
        loop {
            let accepted = tokio::select! {
                biased;
                // The sender lives in the drain, which this loop holds.
                _ = closing.wait_for(|closing| *closing) => break,
                accepted = socket.accept() => accepted,
            };
            match accepted {
                Ok((stream, peer)) => {
                    pause = PAUSE.0;
                    // Without a runtime: it is the worker's that will drive it.
                    if let Ok(stream) = stream.into_std() {
                        self.welcome(stream, peer);
                    }
                }
                Err(error) => {
                    self.listener.metrics().accept_failed();
                    if is_of_one_connection(&error) {
                        continue;
                    }
                    tracing::warn!(
                        listener = %self.listener.name(), %error,
                        "cannot accept connections; raise the limit of open files or lower max_connections"
                    );
                    tokio::time::sleep(pause).await;
                    pause = (pause * 2).min(PAUSE.1);
                }
            }
        }
        self.take_last(socket);
    }

    /// What the kernel has accepted for us is served, not reset.
    fn take_last(&self, socket: TcpListener) {
        let Ok(socket) = socket.into_std() else { return };
        while let Ok((stream, peer)) = socket.accept() {
            if stream.set_nonblocking(true).is_ok() {
                self.welcome(stream, peer);
            }
        }
    }

    fn welcome(&self, stream: StdStream, peer: SocketAddr) {
        // Over the limit: dropped here, which closes it. A queue would only
        // move the wait to where nobody sees it.
        let Some(place) = self.listener.admit(peer.ip()) else { return };
        let local = self.local(&stream);
        let connection = Connection::new(self.listener.clone(), self.drain.clone(), place, peer, local);
        self.hand_over(Departure(connection), stream);
    }

    /// Asks the kernel only where the listener has many addresses.
    fn local(&self, stream: &StdStream) -> SocketAddr {
        let bound = self.listener.local_addr();
        if bound.ip().is_unspecified() { stream.local_addr().unwrap_or(bound) } else { bound }
    }

    /// The departure signs off also what is dropped before it was served.
    fn hand_over(&self, departure: Departure, stream: StdStream) {
        let least = self.workers.iter().min_by_key(|worker| worker.connections.load(Ordering::Relaxed));
        let Some(worker) = least else { return };
        let load = Load::new(&worker.connections);
        let app = worker.app.clone();
        worker.runtime.spawn(async move {
            let _load = load;
            // Fails only if the system has no room for the registration.
            if let Ok(stream) = TcpStream::from_std(stream) {
                connection(departure, stream, app).await;
            }
        });
    }
}

/// Errors that concern the connection that was about to be accepted, not the socket.
fn is_of_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset | Interrupted)
}

/// A connection on a worker.
struct Load(Arc<AtomicUsize>);

impl Load {
    fn new(connections: &Arc<AtomicUsize>) -> Self {
        connections.fetch_add(1, Ordering::Relaxed);
        Self(connections.clone())
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
