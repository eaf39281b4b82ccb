//! A listener with a small app behind it, and clients that say exactly what they are told to.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use pingora_core::apps::{HttpPersistentSettings, HttpServerApp, ReusedHttpStream};
use pingora_core::protocols::http::ServerSession;
use pingora_core::server::ShutdownWatch;
use pingora_http::ResponseHeader;
use serde_json::{Value, json};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::Notify;

use crate::listener::config::{DrainConfig, ListenerConfig};
use crate::listener::{Connection, Drain, Ending, Listener, Worker, bind, serve};
use crate::telemetry::metrics::{ListenerMetrics, Metrics};

/// Longer than anything here takes; only a failing test waits for it.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// `/` answers; `/wait` answers when released; `/panic` does not; `/facts` tells of the
/// connection; `/early` answers without reading the body; `/upgrade` switches protocols;
/// `/big` answers without end; `/drip` answers one half, and when released the other; `/broken`
/// gives up after one half.
pub struct App {
    pub release: Notify,
    pub entered: Notify,
}

#[async_trait]
impl HttpServerApp for App {
    async fn process_new_http(
        self: &Arc<Self>,
        mut session: ServerSession,
        shutdown: &ShutdownWatch,
    ) -> Option<ReusedHttpStream> {
        match session.read_request().await {
            Ok(true) => {}
            Ok(false) => return None,
            Err(error) => {
                // As Pingora's proxy does.
                if error.etype == pingora_error::ErrorType::InvalidHTTPHeader {
                    let _ = session.respond_error(400).await;
                }
                session.shutdown().await;
                return None;
            }
        }
        if *shutdown.borrow() {
            session.set_keepalive(None);
        }
        let connection = Connection::of(session.digest()?).expect("made by the listener").clone();
        let mut request = connection.open_request(!session.is_body_empty());
        let path = session.req_header().uri.path().to_owned();
        let mut body = Bytes::from("ok");
        match path.as_str() {
            "/wait" => {
                self.entered.notify_one();
                self.release.notified().await;
            }
            "/panic" => panic!("asked to"),
            "/facts" => body = facts(&connection).into(),
            "/upgrade" => return upgrade(session, request).await,
            "/big" => return pour(session).await,
            "/drip" | "/broken" => {
                half(&mut session).await?;
                let is_left = path == "/drip" && self.is_released(&mut session).await;
                return if is_left { rest_of_it(session).await } else { None };
            }
            "/early" => {}
            _ => {
                let mut read = 0;
                while let Ok(Some(chunk)) = session.read_request_body().await {
                    read += chunk.len();
                }
                request.body_done();
                if read > 0 {
                    body = format!("read {read}").into();
                }
            }
        }
        let mut head = ResponseHeader::build(200, None).unwrap();
        head.insert_header("content-length", body.len().to_string()).unwrap();
        session.write_response_header(Box::new(head)).await.ok()?;
        session.write_response_body(body, true).await.ok()?;
        let settings = HttpPersistentSettings::for_session(&session);
        let reusable = session.finish().await.ok()??;
        Some(ReusedHttpStream::from_reusable_stream(reusable, settings))
    }
}

async fn upgrade(
    mut session: ServerSession,
    mut request: crate::listener::RequestGuard,
) -> Option<ReusedHttpStream> {
    let mut head = ResponseHeader::build(101, None).unwrap();
    head.insert_header("connection", "upgrade").unwrap();
    head.insert_header("upgrade", "websocket").unwrap();
    session.write_response_header(Box::new(head)).await.ok()?;
    request.upgraded();
    while let Ok(Some(chunk)) = session.read_request_body().await {
        session.write_response_body(chunk, false).await.ok()?;
        session.finish_body().await.ok();
    }
    None
}

impl App {
    /// Waits like Pingora's proxy does for an upstream: with an eye on the client.
    async fn is_released(&self, session: &mut ServerSession) -> bool {
        self.entered.notify_one();
        tokio::select! {
            () = self.release.notified() => true,
            _ = session.read_body_or_idle(true) => false,
        }
    }
}

async fn half(session: &mut ServerSession) -> Option<()> {
    let mut head = ResponseHeader::build(200, None).unwrap();
    head.insert_header("content-length", "4").unwrap();
    session.write_response_header(Box::new(head)).await.ok()?;
    session.write_response_body(Bytes::from("ab"), false).await.ok()
}

async fn rest_of_it(mut session: ServerSession) -> Option<ReusedHttpStream> {
    session.write_response_body(Bytes::from("cd"), true).await.ok()?;
    let settings = HttpPersistentSettings::for_session(&session);
    let reusable = session.finish().await.ok()??;
    Some(ReusedHttpStream::from_reusable_stream(reusable, settings))
}

async fn pour(mut session: ServerSession) -> Option<ReusedHttpStream> {
    let mut head = ResponseHeader::build(200, None).unwrap();
    head.insert_header("transfer-encoding", "chunked").unwrap();
    session.write_response_header(Box::new(head)).await.ok()?;
    loop {
        session.write_response_body(Bytes::from(vec![b'x'; 64 * 1024]), false).await.ok()?;
    }
}

fn facts(connection: &Connection) -> String {
    let tls = connection.tls();
    json!({
        "listener": &**connection.listener().name(),
        "peer": connection.peer().to_string(),
        "requests": connection.requests(),
        "thread": std::thread::current().name(),
        "tls": tls.map(|tls| tls.version),
    })
    .to_string()
}

pub struct Server {
    pub address: SocketAddr,
    pub metrics: Arc<Metrics>,
    pub app: Arc<App>,
    pub drain: Arc<Drain>,
    pub listener: Arc<Listener>,
}

pub fn config(changes: Value) -> ListenerConfig {
    let mut whole = json!({ "name": "public", "address": "127.0.0.1:0" });
    let fields = whole.as_object_mut().unwrap();
    fields.extend(changes.as_object().unwrap().clone());
    serde_json::from_value(whole).unwrap()
}

pub fn drain_config(grace: Duration) -> DrainConfig {
    let grace = format!("{}ms", grace.as_millis());
    serde_json::from_value(json!({ "grace": grace })).unwrap()
}

pub async fn start(changes: Value) -> Server {
    start_with(config(changes), drain_config(Duration::from_secs(10))).await
}

pub async fn start_with(config: ListenerConfig, drain: DrainConfig) -> Server {
    let metrics = Metrics::new();
    let bound = bind(config, metrics.listener("public")).unwrap();
    let (address, listener) = (bound.local_addr(), bound.listener().clone());
    let app = Arc::new(App { release: Notify::new(), entered: Notify::new() });
    let drain = Drain::new(drain);
    let worker = Worker::new(tokio::runtime::Handle::current(), app.clone());
    serve(bound, vec![worker], drain.clone()).unwrap();
    Server { address, metrics, app, drain, listener }
}

impl Server {
    pub async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    /// Waits until a connection has ended so.
    pub async fn ended(&self, ending: Ending) {
        eventually(|| self.closed(ending) > 0, || format!("{ending:?} in {}", self.metrics.render())).await;
    }

    /// How many connections have ended so.
    pub fn closed(&self, ending: Ending) -> u64 {
        self.count("gateway_listener_connections_closed_total", ending.as_str())
    }

    /// What the series with this reason says.
    pub fn count(&self, name: &str, reason: &str) -> u64 {
        let reason = format!("reason=\"{reason}\"");
        let text = self.metrics.render();
        let mut lines = text.lines().filter(|line| line.starts_with(name) && line.contains(&reason));
        lines.next().map_or(0, |line| line.rsplit_once(' ').unwrap().1.parse().unwrap())
    }

    /// The one connection that is open, as the listener sees it.
    pub async fn only_connection(&self) -> Arc<Connection> {
        eventually(|| self.drain.connections() == 1, || "one connection".into()).await;
        self.drain.open().remove(0)
    }
}

/// For listeners of which nobody wants to know.
pub fn numbers() -> Arc<ListenerMetrics> {
    Metrics::new().listener("public")
}

/// Lets time pass for the listener without taking any.
pub async fn pass(time: Duration) {
    tokio::time::pause();
    tokio::time::sleep(time).await;
    tokio::time::resume();
}

pub async fn eventually(mut reached: impl FnMut() -> bool, what: impl Fn() -> String) {
    let deadline = tokio::time::Instant::now() + PATIENCE;
    while !reached() {
        assert!(tokio::time::Instant::now() < deadline, "never: {}", what());
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

pub const GET: &[u8] = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n";

/// Sends, then reads until the other side closes.
pub async fn talk(stream: &mut TcpStream, data: &[u8]) -> String {
    // The server may have closed before taking all of it.
    let _ = stream.write_all(data).await;
    rest(stream).await
}

/// Everything until the other side closes; a reset ends it as well.
pub async fn rest(stream: &mut (impl AsyncRead + Unpin)) -> String {
    let mut all = Vec::new();
    let read = tokio::time::timeout(PATIENCE, async {
        let mut piece = [0; 4096];
        while let Ok(n @ 1..) = stream.read(&mut piece).await {
            all.extend_from_slice(&piece[..n]);
        }
    });
    read.await.expect("the server closes");
    String::from_utf8_lossy(&all).into_owned()
}

/// Sends a request and reads its answer of a known length; the connection stays.
pub async fn exchange<S: AsyncRead + tokio::io::AsyncWrite + Unpin>(stream: &mut S, data: &[u8]) -> String {
    stream.write_all(data).await.unwrap();
    stream.flush().await.unwrap();
    answer(stream).await
}

pub async fn answer<S: AsyncRead + Unpin>(stream: &mut S) -> String {
    let read = async {
        let mut all = Vec::new();
        loop {
            let text = String::from_utf8_lossy(&all).into_owned();
            if let Some((head, body)) = text.split_once("\r\n\r\n") {
                let length = head.lines().find_map(|line| {
                    line.to_ascii_lowercase()
                        .strip_prefix("content-length: ")
                        .map(|n| n.parse::<usize>().unwrap())
                });
                if body.len() >= length.unwrap_or(0) {
                    return text;
                }
            }
            let mut piece = [0; 4096];
            let n = stream.read(&mut piece).await.expect("an answer");
            assert!(n > 0, "closed after {text:?}");
            all.extend_from_slice(&piece[..n]);
        }
    };
    tokio::time::timeout(PATIENCE, read).await.expect("an answer in time")
}
