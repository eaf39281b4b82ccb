//! A service inside of this process that the proxy reaches like any upstream, without a socket.
//!
//! The composition layer is mounted this way: to Pingora it is a peer, so every policy, timeout and log that applies
//! to an upstream applies to it. A [`Mount`] is made for a single request. Its connector answers Pingora's connect
//! with one end of an in-memory pipe and serves exactly one HTTP/1.1 request at the other, with the typed context of
//! that request as an extension. Identity therefore travels by construction, not in headers that a client could
//! forge; and since a connection carries the context of one request, it must never carry a second: keep-alive is off,
//! Pingora does not pool connections without a file descriptor, and each peer has a group of its own.

mod pipe;

use std::{
    convert::Infallible,
    fmt,
    net::{Ipv4Addr, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use async_trait::async_trait;
use http::{Request, Response};
use http_body::Body;
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use pingora_core::{
    connectors::L4Connect,
    protocols::l4::{socket, stream::Stream, virt::VirtualSocketStream},
    upstreams::peer::HttpPeer,
};
use tokio::io::duplex;
use tower::{Service, ServiceExt};

use super::settings::Timeouts;
use pipe::Pipe;

/// Bytes that wait in each direction before the writer has to.
const PIPE: usize = 64 << 10;

/// A service for one request, with that request's context.
pub struct Mount<S, C> {
    service: S,
    context: C,
}

impl<S, C, B> Mount<S, C>
where
    S: Service<Request<Incoming>, Response = Response<B>, Error = Infallible> + Clone + Send + Sync + 'static,
    S::Future: Send,
    B: Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    C: Clone + Send + Sync + 'static,
{
    /// The service finds `context` among its request's extensions.
    pub fn new(service: S, context: C) -> Self {
        Self { service, context }
    }

    /// The peer by which Pingora reaches the service.
    pub fn peer(self, timeouts: Timeouts) -> Box<HttpPeer> {
        static GROUPS: AtomicU64 = AtomicU64::new(0);
        // Nobody connects to this address; Pingora shows it in its errors.
        let nowhere = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let mut peer = Box::new(HttpPeer::new(nowhere, false, String::new()));
        peer.group_key = GROUPS.fetch_add(1, Ordering::Relaxed);
        peer.options.read_timeout = timeouts.read;
        peer.options.write_timeout = timeouts.read;
        peer.options.custom_l4 = Some(Arc::new(self));
        peer
    }
}

#[async_trait]
impl<S, C, B> L4Connect for Mount<S, C>
where
    S: Service<Request<Incoming>, Response = Response<B>, Error = Infallible> + Clone + Send + Sync + 'static,
    S::Future: Send,
    B: Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    C: Clone + Send + Sync + 'static,
{
    async fn connect(&self, _: &socket::SocketAddr) -> pingora_error::Result<Stream> {
        let (ours, theirs) = duplex(PIPE);
        let (service, context) = (self.service.clone(), self.context.clone());
        let once = service_fn(move |mut request: Request<Incoming>| {
            request.extensions_mut().insert(context.clone());
            service.clone().oneshot(request)
        });
        let serve = http1::Builder::new()
            .keep_alive(false)
            .serve_connection(TokioIo::new(theirs), once)
            .with_upgrades();
        tokio::spawn(async move {
            // Ends with an error when the proxy hangs up, because its client did. The proxy has recorded that.
            if let Err(error) = serve.await {
                tracing::debug!(%error, "in-process connection ended early");
            }
        });
        Ok(VirtualSocketStream::new(Box::new(Pipe(ours))).into())
    }
}

impl<S, C> fmt::Debug for Mount<S, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("in-process service")
    }
}

#[cfg(test)]
mod tests;
