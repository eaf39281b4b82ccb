//! Sockets: bind with a message one can act on, serve until told to stop.

use std::io;
use std::net::SocketAddr;

use axum::Router;
use axum::serve::ListenerExt;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

/// A socket that could not be had.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// Somebody else listens there.
    #[error(
        "{address} is taken, so {service} cannot listen there; \
         stop what listens on it, or choose another with --{service}-address"
    )]
    Taken {
        /// Which service wanted it.
        service: &'static str,
        /// What it wanted.
        address: SocketAddr,
    },
    /// Anything else.
    #[error("{service} cannot listen on {address}: {error}")]
    Other {
        /// Which service wanted it.
        service: &'static str,
        /// What it wanted.
        address: SocketAddr,
        /// What the system says.
        error: io::Error,
    },
}

/// A socket that listens already; connections wait until it is served.
#[derive(Debug)]
pub struct Bound {
    listener: TcpListener,
    /// Where it listens, with the port that port 0 became.
    pub address: SocketAddr,
}

/// Takes the socket for `service`.
pub async fn bind(service: &'static str, address: SocketAddr) -> Result<Bound, BindError> {
    let bound = async {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        Ok(Bound { listener, address })
    };
    bound.await.map_err(|error: io::Error| match error.kind() {
        io::ErrorKind::AddrInUse => BindError::Taken { service, address },
        _ => BindError::Other { service, address, error },
    })
}

/// Serves HTTP/1.1 and, by prior knowledge, HTTP/2, until `stop`; then
/// finishes what is under way.
pub async fn serve(bound: Bound, routes: Router, stop: CancellationToken) {
    let listener = bound.listener.tap_io(|stream| {
        // Only costs latency if refused, and the connection may be gone already.
        let _ = stream.set_nodelay(true);
    });
    let served = axum::serve(listener, routes).with_graceful_shutdown(stop.cancelled_owned());
    if let Err(error) = served.await {
        tracing::error!(%error, "serving ended");
    }
}
