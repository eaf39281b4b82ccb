//! HTTP clients: one connection at a time, every step with a deadline.
//!
//! The functions open a connection for each request. A test that needs to keep
//! one holds a [`Connection`].

use std::net::SocketAddr;
use std::sync::Arc;

use http::{Method, Request, Response, Uri};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use serde_json::Value;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::answer::Answer;
use crate::upstream::{Body, full};
use crate::wait::{DEADLINE, within};

/// Which HTTP a cleartext connection speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// HTTP/1.1.
    H1,
    /// HTTP/2 by prior knowledge.
    H2c,
}

/// An open connection.
#[derive(Debug)]
pub enum Connection {
    /// HTTP/1.1.
    H1(http1::SendRequest<Body>),
    /// HTTP/2.
    H2(http2::SendRequest<Body>),
}

impl Connection {
    /// Connects in clear text.
    pub async fn open(address: SocketAddr, protocol: Protocol) -> Self {
        let stream = connect(address).await;
        match protocol {
            Protocol::H1 => Self::h1(stream).await,
            Protocol::H2c => Self::h2(stream).await,
        }
    }

    /// Connects by TLS, and speaks what ALPN chose.
    pub async fn open_tls(
        address: SocketAddr,
        name: &str,
        config: Arc<ClientConfig>,
    ) -> std::io::Result<(Self, Vec<u8>)> {
        let name = ServerName::try_from(name.to_owned()).expect("a server name");
        let handshake = TlsConnector::from(config).connect(name, connect(address).await);
        let stream = within("a TLS handshake", DEADLINE, handshake).await?;
        let session = stream.get_ref().1;
        let leaf = session.peer_certificates().and_then(|chain| chain.first()).expect("a certificate");
        let leaf = leaf.to_vec();
        let h2 = session.alpn_protocol() == Some(b"h2".as_slice());
        let connection = if h2 { Self::h2(stream).await } else { Self::h1(stream).await };
        Ok((connection, leaf))
    }

    async fn h1(stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static) -> Self {
        let (send, connection) = http1::handshake(TokioIo::new(stream)).await.expect("an HTTP/1 connection");
        // The connection's end is seen by the requests on it.
        tokio::spawn(async { connection.with_upgrades().await.ok() });
        Self::H1(send)
    }

    async fn h2(stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static) -> Self {
        let handshake = http2::handshake(TokioExecutor::new(), TokioIo::new(stream));
        let (send, connection) = handshake.await.expect("an HTTP/2 connection");
        tokio::spawn(async { connection.await.ok() });
        Self::H2(send)
    }

    /// Sends a request and returns the answer's head with its body still to come.
    ///
    /// HTTP/1 needs a `Host`, which is taken from the request's URI where it
    /// has no header of its own; HTTP/2 sends the URI as it is.
    pub async fn begin(&mut self, request: Request<Body>) -> hyper::Result<Response<Incoming>> {
        match self {
            Self::H1(send) => {
                send.ready().await?;
                send.send_request(origin_form(request)).await
            }
            Self::H2(send) => {
                send.ready().await?;
                send.send_request(request).await
            }
        }
    }

    /// Sends a request and reads the whole answer.
    pub async fn send(&mut self, request: Request<Body>) -> hyper::Result<Answer> {
        let exchange = async {
            let response = self.begin(request).await?;
            read(response).await
        };
        within("an answer", DEADLINE, exchange).await
    }

    /// Whether the other side has closed it.
    pub fn is_closed(&self) -> bool {
        match self {
            Self::H1(send) => send.is_closed(),
            Self::H2(send) => send.is_closed(),
        }
    }
}

fn origin_form(mut request: Request<Body>) -> Request<Body> {
    let uri = request.uri().clone();
    if let Some(authority) = uri.authority() {
        let host = authority.as_str().parse().expect("an authority is a header value");
        request.headers_mut().entry(http::header::HOST).or_insert(host);
    }
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    *request.uri_mut() = path.parse::<Uri>().expect("the path of a URI is a URI");
    request
}

/// Connects a socket.
pub async fn connect(address: SocketAddr) -> TcpStream {
    let stream = within("a connection", DEADLINE, TcpStream::connect(address)).await;
    let stream = stream.unwrap_or_else(|error| panic!("no connection to {address}: {error}"));
    stream.set_nodelay(true).expect("a socket option");
    stream
}

/// Reads an answer to its end.
pub async fn read(response: Response<Incoming>) -> hyper::Result<Answer> {
    let (head, body) = response.into_parts();
    let body = body.collect().await?;
    let trailers = body.trailers().cloned();
    let body = body.to_bytes();
    Ok(Answer { status: head.status, version: head.version, headers: head.headers, body, trailers })
}

/// The socket address in a URL of the form `http://127.0.0.1:port/...`.
pub fn address_of(uri: &Uri) -> SocketAddr {
    let authority = uri.authority().unwrap_or_else(|| panic!("{uri} names no host"));
    authority.as_str().parse().unwrap_or_else(|_| panic!("{uri} names no address"))
}

/// A request without a body.
pub fn request(method: &str, url: &str) -> http::request::Builder {
    Request::builder().method(Method::from_bytes(method.as_bytes()).expect("a method")).uri(url)
}

/// Sends a request on a connection of its own.
pub async fn try_send(request: Request<Body>) -> hyper::Result<Answer> {
    let mut connection = Connection::open(address_of(request.uri()), Protocol::H1).await;
    connection.send(request).await
}

/// Sends a request on a connection of its own; the answer must come.
pub async fn send(request: Request<Body>) -> Answer {
    let what = format!("{} {}", request.method(), request.uri());
    try_send(request).await.unwrap_or_else(|error| panic!("{what}: no answer: {error:?}"))
}

/// Gets a URL.
pub async fn get(url: &str) -> Answer {
    send(request("GET", url).body(crate::upstream::empty()).expect("a request")).await
}

/// Sends JSON.
pub async fn send_json(method: &str, url: &str, body: &Value) -> Answer {
    let request = request(method, url).header("content-type", "application/json");
    send(request.body(full(body.to_string())).expect("a request")).await
}
