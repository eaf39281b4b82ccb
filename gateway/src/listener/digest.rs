//! What Pingora asks a stream about itself.
//!
//! The answers are made once per connection and cloned per request. The
//! [`Connection`] travels in the place where Pingora keeps the state of a
//! CONNECT proxy: the one piece of a stream's digest that takes a value of
//! ours, on HTTP/1 and HTTP/2 alike.

use std::os::fd::RawFd;
use std::sync::Arc;

use async_trait::async_trait;
use pingora_core::protocols::l4::socket::SocketAddr;
use pingora_core::protocols::raw_connect::ProxyDigest;
use pingora_core::protocols::tls::SslDigest;
use pingora_core::protocols::{
    ALPN, GetProxyDigest, GetSocketDigest, GetTimingDigest, Peek, Shutdown, SocketDigest, Ssl, TimingDigest,
    UniqueID, UniqueIDType,
};
use pingora_http::ResponseHeader;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};

use super::connection::Connection;
use super::guard::Guarded;

/// The answers.
pub(super) struct Digests {
    descriptor: RawFd,
    proxy: Option<Arc<ProxyDigest>>,
    socket: Arc<SocketDigest>,
    tls: Option<Arc<SslDigest>>,
    multiplexed: bool,
}

impl Digests {
    pub(super) fn new(connection: &Arc<Connection>, descriptor: RawFd) -> Self {
        let socket = SocketDigest::from_raw_fd(descriptor);
        // Known from accept; asking the kernel again would cost two calls. A fresh cell cannot be full.
        let _ = socket.peer_addr.set(Some(SocketAddr::Inet(connection.peer())));
        let _ = socket.local_addr.set(Some(SocketAddr::Inet(connection.local())));
        let tls = connection
            .tls()
            .map(|facts| Arc::new(SslDigest::new(facts.cipher, facts.version, None, None, Vec::new())));
        // Building a response of a known status cannot fail.
        let proxy = ResponseHeader::build(200, Some(0)).ok().map(|response| {
            Arc::new(ProxyDigest::new(Box::new(response), Some(Box::new(connection.clone()))))
        });
        let socket = Arc::new(socket);
        connection.set_socket(socket.clone());
        Self { descriptor, proxy, socket, tls, multiplexed: false }
    }

    pub(super) fn set_multiplexed(&mut self) {
        self.multiplexed = true;
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> UniqueID for Guarded<S> {
    fn id(&self) -> UniqueIDType {
        self.digests.descriptor
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Ssl for Guarded<S> {
    fn get_ssl_digest(&self) -> Option<Arc<SslDigest>> {
        self.digests.tls.clone()
    }

    /// Also for HTTP/2 by prior knowledge: it keeps Pingora from looking for
    /// the preface itself, which would wait for 24 bytes without a deadline.
    fn selected_alpn_proto(&self) -> Option<ALPN> {
        self.digests.multiplexed.then_some(ALPN::H2)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> GetTimingDigest for Guarded<S> {
    /// Empty: Pingora only hands it on, and asks with every request.
    fn get_timing_digest(&self) -> Vec<Option<TimingDigest>> {
        Vec::new()
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> GetProxyDigest for Guarded<S> {
    fn get_proxy_digest(&self) -> Option<Arc<ProxyDigest>> {
        self.digests.proxy.clone()
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> GetSocketDigest for Guarded<S> {
    fn get_socket_digest(&self) -> Option<Arc<SocketDigest>> {
        Some(self.digests.socket.clone())
    }
}

#[async_trait]
impl<S: AsyncRead + AsyncWrite + Unpin + Send> Peek for Guarded<S> {}

#[async_trait]
impl<S: AsyncRead + AsyncWrite + Unpin + Send> Shutdown for Guarded<S> {
    async fn shutdown(&mut self) {
        // The client may have gone already; there is nobody left to tell.
        let _ = AsyncWriteExt::shutdown(self).await;
    }
}
