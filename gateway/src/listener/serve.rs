//! Serves one connection.
//!
//! HTTP is Pingora's: an HTTP/1 connection is handed over request by request
//! (`process_new_http`), so that the listener knows when it is between two; an
//! HTTP/2 connection is handed over whole (`process_new`).

use std::os::fd::AsRawFd;
use std::sync::Arc;

use async_trait::async_trait;
use pingora_core::apps::{HttpServerApp, HttpServerOptions, ReusedHttpStream, ServerApp};
use pingora_core::protocols::http::ServerSession;
use pingora_core::protocols::http::v2::server::{H2Options, default_h2_options};
use pingora_core::server::ShutdownWatch;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;

use super::Ending;
use super::connection::{Connection, Phase};
use super::guard::Guarded;
use super::tls;
use super::watch::watch;

/// HTTP/2 settings for clients: Pingora's bounds (64 KiB of fields), and Envoy's
/// windows for the edge (64 KiB a stream, 1 MiB together). How many streams is
/// each listener's own.
pub fn h2_options() -> H2Options {
    let mut options = default_h2_options();
    options.initial_window_size(64 * 1024);
    options.initial_connection_window_size(1024 * 1024);
    options
}

/// Serves a connection until it ends, one way or the other.
pub(super) async fn connection<A>(departure: Departure, stream: TcpStream, app: Arc<A>)
where
    A: HttpServerApp + Send + Sync + 'static,
{
    watch(&departure.0, Box::pin(run(&departure.0, stream, app))).await;
}

/// Signs a connection off, also when its task panics or the runtime goes.
pub(super) struct Departure(pub(super) Arc<Connection>);

impl Drop for Departure {
    fn drop(&mut self) {
        self.0.depart();
    }
}

async fn run<A>(connection: &Arc<Connection>, stream: TcpStream, app: Arc<A>)
where
    A: HttpServerApp + Send + Sync + 'static,
{
    let descriptor = stream.as_raw_fd();
    let Some(config) = connection.listener().tls() else {
        let mut guarded = Guarded::new(stream, connection.clone(), descriptor);
        let may_multiplex = connection.listener().settings().http2;
        let http2 = if may_multiplex { guarded.speaks_http2().await } else { Some(false) };
        if let Some(http2) = http2 {
            speak(connection, guarded, http2, app).await;
        }
        return;
    };
    connection.enter(Phase::Handshake);
    match tls::handshake(config, stream).await {
        Ok((stream, facts)) => {
            connection.set_tls(facts);
            connection.enter(Phase::Quiet);
            let http2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
            speak(connection, Guarded::new(stream, connection.clone(), descriptor), http2, app).await;
        }
        Err(ending) => connection.rule(ending),
    }
}

async fn speak<A, S>(connection: &Arc<Connection>, mut stream: Guarded<S>, http2: bool, app: Arc<A>)
where
    A: HttpServerApp + Send + Sync + 'static,
    S: AsyncRead + AsyncWrite + Unpin + Send + Sync + 'static,
{
    if http2 {
        let shutdown = connection.multiplex();
        stream.multiplex();
        let streams = connection.listener().settings().max_streams_per_connection.get();
        Arc::new(Streams { app, streams }).process_new(Box::new(stream), &shutdown).await;
    } else {
        one_by_one(connection, stream, app).await;
    }
}

/// An app with a number of streams for one connection.
struct Streams<A> {
    app: Arc<A>,
    streams: u32,
}

#[async_trait]
impl<A> HttpServerApp for Streams<A>
where
    A: HttpServerApp + Send + Sync + 'static,
{
    async fn process_new_http(
        self: &Arc<Self>,
        session: ServerSession,
        shutdown: &ShutdownWatch,
    ) -> Option<ReusedHttpStream> {
        self.app.process_new_http(session, shutdown).await
    }

    fn h2_options(&self) -> Option<H2Options> {
        let mut options = self.app.h2_options().unwrap_or_else(h2_options);
        options.max_concurrent_streams(self.streams);
        Some(options)
    }

    fn server_options(&self) -> Option<&HttpServerOptions> {
        self.app.server_options()
    }

    async fn http_cleanup(&self) {
        self.app.http_cleanup().await;
    }
}

/// HTTP/1: one request after the other.
///
/// A drain does not end the loop: a client that had its answer without
/// `Connection: close` may already be sending the next request, which is
/// answered with it. The watchdog ends the connection if nothing comes.
async fn one_by_one<A, S>(connection: &Arc<Connection>, stream: Guarded<S>, app: Arc<A>)
where
    A: HttpServerApp + Send + Sync + 'static,
    S: AsyncRead + AsyncWrite + Unpin + Send + Sync + 'static,
{
    let shutdown = connection.drain().shutdown_watch();
    let mut session = ServerSession::new_http1(Box::new(stream));
    // Kept for ever as far as Pingora is concerned: the deadlines are ours.
    session.set_keepalive(Some(0));
    session.set_keepalive_reuses_remaining(connection.limit().map(|limit| (limit - 1) as u32));
    while let Some(reused) = app.process_new_http(session, &shutdown).await {
        let (stream, settings) = reused.consume();
        connection.enter(Phase::Quiet);
        session = ServerSession::new_http1(stream);
        if let Some(settings) = settings {
            settings.apply_to_session(&mut session);
        }
    }
    if connection.drain().is_closing() {
        connection.rule(Ending::Drained);
    } else if connection.limit().is_some_and(|limit| connection.requests() >= limit) {
        connection.rule(Ending::RequestLimit);
    }
}
