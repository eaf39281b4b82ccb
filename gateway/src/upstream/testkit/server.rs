//! A server that speaks bytes: what well-behaved libraries would not send can be sent with it.

use std::{
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinSet,
};

/// A request as it arrived: head and body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// Number of its connection, from 0.
    pub connection: usize,
    /// Number on its connection, from 0.
    pub number: usize,
    /// Request line and fields, in lower case but for values.
    pub head: String,
    /// As long as `content-length` says.
    pub body: Vec<u8>,
}

impl Seen {
    /// The value of a field.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (field, value) = line.split_once(": ")?;
            field.eq_ignore_ascii_case(name).then_some(value)
        })
    }
}

/// A server on a free port of 127.0.0.1, until dropped.
pub struct Server {
    address: SocketAddr,
    connections: Arc<AtomicUsize>,
    open: Arc<AtomicUsize>,
    seen: Arc<Mutex<Vec<Seen>>>,
    _tasks: JoinSet<()>,
}

impl Server {
    /// Answers every request with what `answer` makes of it. An answer that is empty closes the connection. After
    /// one that ends with `...` (taken off), the connection stays open and silent.
    pub async fn start(answer: impl Fn(&Seen) -> Vec<u8> + Clone + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        Self::on(listener, answer)
    }

    /// The same on a listener that exists.
    pub fn on(
        listener: TcpListener,
        answer: impl Fn(&Seen) -> Vec<u8> + Clone + Send + Sync + 'static,
    ) -> Self {
        let address = listener.local_addr().unwrap();
        let (connections, open) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let seen = Arc::new(Mutex::new(Vec::new()));
        let mut tasks = JoinSet::new();
        tasks.spawn({
            let (connections, open, seen) = (connections.clone(), open.clone(), seen.clone());
            async move {
                let mut running = JoinSet::new();
                while let Ok((stream, _)) = listener.accept().await {
                    let connection = connections.fetch_add(1, Ordering::SeqCst);
                    open.fetch_add(1, Ordering::SeqCst);
                    let (open, seen, answer) = (open.clone(), seen.clone(), answer.clone());
                    running.spawn(async move {
                        serve(stream, connection, &seen, answer).await;
                        open.fetch_sub(1, Ordering::SeqCst);
                    });
                }
            }
        });
        Self { address, connections, open, seen, _tasks: tasks }
    }

    /// `http://127.0.0.1:port`.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// How many connections were ever accepted.
    pub fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    /// How many connections are open.
    pub fn open(&self) -> usize {
        self.open.load(Ordering::SeqCst)
    }

    /// Every request so far.
    pub fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }
}

/// A port of 127.0.0.1 that refuses connections.
pub async fn refused_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port()
}

/// `200` with this body and its length.
pub fn ok(body: &str) -> Vec<u8> {
    format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len()).into_bytes()
}

async fn serve(
    mut stream: TcpStream,
    connection: usize,
    seen: &Mutex<Vec<Seen>>,
    answer: impl Fn(&Seen) -> Vec<u8>,
) {
    for number in 0.. {
        let Some(request) = receive(&mut stream, connection, number).await else { return };
        seen.lock().unwrap().push(request.clone());
        let bytes = answer(&request);
        if bytes.is_empty() {
            return;
        }
        let silent = bytes.strip_suffix(b"...");
        if stream.write_all(silent.unwrap_or(&bytes)).await.is_err() {
            return;
        }
        if silent.is_some() {
            // Ends when the client hangs up.
            while stream.read(&mut [0; 1024]).await.is_ok_and(|read| read > 0) {}
            return;
        }
    }
}

async fn receive(stream: &mut TcpStream, connection: usize, number: usize) -> Option<Seen> {
    let mut bytes = Vec::new();
    let end = loop {
        if let Some(at) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            break at + 4;
        }
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    };
    let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
    let mut request = Seen { connection, number, head, body: bytes.split_off(end) };
    let length = request.header("content-length").map_or(0, |length| length.parse().unwrap());
    while request.body.len() < length {
        if stream.read_buf(&mut request.body).await.ok()? == 0 {
            return None;
        }
    }
    Some(request)
}
