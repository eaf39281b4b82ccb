//! Upstreams that do what a test tells them.
//!
//! [`Upstream`] is an HTTP server (HTTP/1.1 and h2c, or TLS) with the test's
//! own function as its answer; it remembers the heads it received.
//! [`TcpUpstream`] is a bare socket, for upstreams that break HTTP's rules.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use futures::{Stream, StreamExt};
use http::{HeaderMap, Method, Request, Response, StatusCode, Uri, Version};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Empty, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use rustls::ServerConfig;
use serde_json::json;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::{CancellationToken, DropGuard};

/// A body of any kind.
pub type Body = BoxBody<Bytes, io::Error>;

/// What a handler gets: the request with its body still to come.
pub type Received = Request<Incoming>;

/// What a handler answers; an error closes the connection without an answer.
pub type Reply = Result<Response<Body>, io::Error>;

/// A whole body.
pub fn full(body: impl Into<Bytes>) -> Body {
    Full::new(body.into()).map_err(|never: Infallible| match never {}).boxed()
}

/// No body.
pub fn empty() -> Body {
    Empty::new().map_err(|never: Infallible| match never {}).boxed()
}

/// A body that arrives bit by bit; an error cuts it off.
pub fn streaming(chunks: impl Stream<Item = io::Result<Bytes>> + Send + Sync + 'static) -> Body {
    BodyExt::boxed(StreamBody::new(chunks.map(|chunk| chunk.map(Frame::data))))
}

/// An answer with a body.
pub fn reply(status: u16, body: impl Into<Bytes>) -> Reply {
    let status = StatusCode::from_u16(status).expect("a status");
    let mut response = Response::new(full(body));
    *response.status_mut() = status;
    Ok(response)
}

/// The head of a request as the upstream received it.
#[derive(Debug, Clone)]
pub struct Seen {
    /// Its method.
    pub method: Method,
    /// Its target: path and query on HTTP/1, with scheme and authority on HTTP/2.
    pub uri: Uri,
    /// The version it came in.
    pub version: Version,
    /// Its header fields.
    pub headers: HeaderMap,
}

impl Seen {
    /// Path and query as received.
    pub fn target(&self) -> &str {
        self.uri.path_and_query().map_or("", |target| target.as_str())
    }

    /// A header field's first value; empty if there is none.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().expect("a readable header"))
    }
}

/// A programmable HTTP server on a free port; it ends when dropped.
#[derive(Debug)]
pub struct Upstream {
    address: SocketAddr,
    scheme: &'static str,
    seen: Arc<Mutex<Vec<Seen>>>,
    _stop: DropGuard,
}

impl Upstream {
    /// Answers each request with what `handler` makes of it.
    pub async fn start<F, R>(handler: F) -> Self
    where
        F: Fn(Received) -> R + Send + Sync + 'static,
        R: Future<Output = Reply> + Send + 'static,
    {
        Self::listen(None, handler).await
    }

    /// The same over TLS; what ALPN chooses is spoken.
    pub async fn start_tls<F, R>(config: Arc<ServerConfig>, handler: F) -> Self
    where
        F: Fn(Received) -> R + Send + Sync + 'static,
        R: Future<Output = Reply> + Send + 'static,
    {
        Self::listen(Some(config), handler).await
    }

    /// Answers 200 with a text.
    pub async fn saying(text: &'static str) -> Self {
        Self::start(move |_| async move { reply(200, text) }).await
    }

    /// Answers 200 with what it received, as JSON: `method`, `target`,
    /// `headers` (an object of lists), `body`.
    pub async fn echo() -> Self {
        Self::start(echo).await
    }

    async fn listen<F, R>(tls: Option<Arc<ServerConfig>>, handler: F) -> Self
    where
        F: Fn(Received) -> R + Send + Sync + 'static,
        R: Future<Output = Reply> + Send + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("a bound address");
        let seen = Arc::new(Mutex::new(Vec::new()));
        let stop = CancellationToken::new();
        let scheme = if tls.is_some() { "https" } else { "http" };
        let server =
            serve(listener, tls.map(TlsAcceptor::from), Arc::new(handler), seen.clone(), stop.clone());
        tokio::spawn(stop.clone().run_until_cancelled_owned(server));
        Self { address, scheme, seen, _stop: stop.drop_guard() }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its base URL.
    pub fn url(&self) -> String {
        format!("{}://{}", self.scheme, self.address)
    }

    /// The heads of all requests so far, health checks included.
    pub fn seen(&self) -> Vec<Seen> {
        self.seen.lock().expect("no handler panics with it").clone()
    }

    /// The head of the only request so far.
    #[track_caller]
    pub fn only(&self) -> Seen {
        let seen = self.seen();
        assert_eq!(seen.len(), 1, "{seen:?}");
        seen[0].clone()
    }
}

/// The answer of [`Upstream::echo`].
pub async fn echo(request: Received) -> Reply {
    let (head, body) = request.into_parts();
    let body = body.collect().await.map_err(io::Error::other)?.to_bytes();
    let mut headers = serde_json::Map::new();
    for name in head.headers.keys() {
        let values = head.headers.get_all(name).iter();
        let values: Vec<_> = values.map(|value| String::from_utf8_lossy(value.as_bytes())).collect();
        headers.insert(name.to_string(), json!(values));
    }
    let echo = json!({
        "method": head.method.as_str(),
        "target": head.uri.path_and_query().map_or("", |target| target.as_str()),
        "headers": headers,
        "body": String::from_utf8_lossy(&body),
    });
    reply(200, echo.to_string())
}

async fn serve<F, R>(
    listener: TcpListener,
    tls: Option<TlsAcceptor>,
    handler: Arc<F>,
    seen: Arc<Mutex<Vec<Seen>>>,
    stop: CancellationToken,
) where
    F: Fn(Received) -> R + Send + Sync + 'static,
    R: Future<Output = Reply> + Send + 'static,
{
    loop {
        let Ok((stream, _)) = listener.accept().await else { continue };
        stream.set_nodelay(true).expect("a socket option");
        let (tls, handler, seen) = (tls.clone(), handler.clone(), seen.clone());
        let connection = async move {
            // What becomes of a connection, the client on its other end tells.
            match tls {
                None => drop(speak(stream, handler, seen).await),
                Some(tls) => {
                    if let Ok(stream) = tls.accept(stream).await {
                        drop(speak(stream, handler, seen).await);
                    }
                }
            }
        };
        tokio::spawn(stop.clone().run_until_cancelled_owned(connection));
    }
}

async fn speak<S, F, R>(
    stream: S,
    handler: Arc<F>,
    seen: Arc<Mutex<Vec<Seen>>>,
) -> Result<(), Box<dyn std::error::Error + Send + Sync>>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    F: Fn(Received) -> R + Send + Sync + 'static,
    R: Future<Output = Reply> + Send + 'static,
{
    let service = service_fn(move |request: Received| {
        seen.lock().expect("no handler panics with it").push(Seen {
            method: request.method().clone(),
            uri: request.uri().clone(),
            version: request.version(),
            headers: request.headers().clone(),
        });
        handler(request)
    });
    auto::Builder::new(TokioExecutor::new())
        .serve_connection_with_upgrades(TokioIo::new(stream), service)
        .await
}

/// A socket on a free port whose connections go to the test; it ends when dropped.
#[derive(Debug)]
pub struct TcpUpstream {
    address: SocketAddr,
    _stop: DropGuard,
}

impl TcpUpstream {
    /// Hands each connection to `handler`.
    pub async fn start<F, R>(handler: F) -> Self
    where
        F: Fn(TcpStream) -> R + Send + Sync + 'static,
        R: Future<Output = ()> + Send + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("a bound address");
        let stop = CancellationToken::new();
        let stopped = stop.clone();
        let server = async move {
            loop {
                let Ok((stream, _)) = listener.accept().await else { continue };
                tokio::spawn(stopped.clone().run_until_cancelled_owned(handler(stream)));
            }
        };
        tokio::spawn(stop.clone().run_until_cancelled_owned(server));
        Self { address, _stop: stop.drop_guard() }
    }

    /// Its base URL.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

/// A port whose queue is full: connecting to it takes until one gives up. It ends when dropped.
#[derive(Debug)]
pub struct BusyPort {
    address: SocketAddr,
    _listener: TcpListener,
    _queued: Vec<TcpStream>,
}

impl BusyPort {
    /// Listens, accepts nothing, and fills its own queue. Linux then drops further requests for connections silently.
    pub async fn open() -> Self {
        let socket = TcpSocket::new_v4().expect("a socket");
        socket.bind("127.0.0.1:0".parse().expect("an address")).expect("a free port");
        let listener = socket.listen(1).expect("a listener");
        let address = listener.local_addr().expect("a bound address");
        let mut queued = Vec::new();
        let patience = Duration::from_millis(100);
        while let Ok(Ok(stream)) = tokio::time::timeout(patience, TcpStream::connect(address)).await {
            queued.push(stream);
        }
        Self { address, _listener: listener, _queued: queued }
    }

    /// Its base URL.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

/// Addresses on which nothing listens, all different; see [`closed_port`].
pub fn closed_ports<const COUNT: usize>() -> [SocketAddr; COUNT] {
    let listeners = [(); COUNT].map(|()| std::net::TcpListener::bind("127.0.0.1:0").expect("a free port"));
    listeners.each_ref().map(|listener| listener.local_addr().expect("a bound address"))
}

/// An address on which nothing listens: connections are refused.
///
/// The port was free a moment ago and the system does not hand it out again
/// soon, which is as good as it gets.
pub fn closed_port() -> SocketAddr {
    let [address] = closed_ports();
    address
}
