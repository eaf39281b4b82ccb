//! A service inside of this process that the proxy reaches like any upstream, without a socket.
//!
//! The composition layer is mounted this way: to Pingora it is a peer, so every policy, timeout and log that applies
//! to an upstream applies to it. A peer is made for a single request. Its connector answers Pingora's connect with one
//! end of an in-memory pipe and serves exactly one HTTP/1.1 request at the other, by a closure that owns the context of
//! that request. Identity therefore travels by construction, not in headers that a client could forge; and since a
//! connection carries the context of one request, it must never carry a second: keep-alive is off, Pingora does not
//! pool connections without a file descriptor, and each peer has a group of its own.

mod pipe;

use std::{
    convert::Infallible,
    error::Error,
    fmt,
    net::{Ipv4Addr, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use async_trait::async_trait;
use futures::FutureExt;
use http::{Request, Response};
use http_body::Body;
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use pingora_core::{
    connectors::L4Connect,
    protocols::l4::{socket, stream::Stream, virt::VirtualSocketStream},
    upstreams::peer::HttpPeer,
};
use tokio::io::{DuplexStream, duplex};

use super::settings::Timeouts;
use pipe::Pipe;

/// Bytes that wait in each direction before the writer has to.
const PIPE: usize = 64 << 10;

/// The peer by which Pingora reaches a service that answers one request.
pub fn peer<F, A, B>(answer: F, timeouts: Timeouts) -> Box<HttpPeer>
where
    F: Fn(Request<Incoming>) -> A + Clone + Send + Sync + 'static,
    A: Future<Output = Response<B>> + Send + 'static,
    B: Body<Data: Send, Error: Into<Box<dyn Error + Send + Sync>>> + Send + 'static,
{
    static GROUPS: AtomicU64 = AtomicU64::new(0);
    // Nobody connects to this address; Pingora shows it in its errors.
    let nowhere = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let mut peer = Box::new(HttpPeer::new(nowhere, false, String::new()));
    peer.group_key = GROUPS.fetch_add(1, Ordering::Relaxed);
    peer.options.read_timeout = timeouts.read;
    peer.options.write_timeout = timeouts.read;
    let serve = move |stream| drop(tokio::spawn(serve(stream, answer.clone())));
    peer.options.custom_l4 = Some(Arc::new(Mount(serve)));
    peer
}

/// Serves the one request of a connection.
async fn serve<F, A, B>(stream: DuplexStream, answer: F)
where
    F: Fn(Request<Incoming>) -> A,
    A: Future<Output = Response<B>>,
    B: Body<Error: Into<Box<dyn Error + Send + Sync>>> + 'static,
{
    let service = service_fn(|request| answer(request).map(Ok::<_, Infallible>));
    let connection = http1::Builder::new().keep_alive(false).serve_connection(TokioIo::new(stream), service);
    // Ends with an error when the proxy hangs up, because its client did. The proxy has recorded that.
    if let Err(error) = connection.with_upgrades().await {
        tracing::debug!(%error, "in-process connection ended early");
    }
}

/// Begins to serve the other end of each connection.
struct Mount<F>(F);

#[async_trait]
impl<F: Fn(DuplexStream) + Send + Sync> L4Connect for Mount<F> {
    async fn connect(&self, _: &socket::SocketAddr) -> pingora_error::Result<Stream> {
        let (ours, theirs) = duplex(PIPE);
        (self.0)(theirs);
        Ok(VirtualSocketStream::new(Box::new(Pipe(ours))).into())
    }
}

impl<F> fmt::Debug for Mount<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("in-process service")
    }
}

#[cfg(test)]
mod tests;
