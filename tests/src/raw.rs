//! A client that sends any bytes: for heads that no HTTP library would write.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::client::connect;
use crate::wait::{DEADLINE, within};

/// A connection on which bytes are sent as they are.
#[derive(Debug)]
pub struct RawClient {
    stream: TcpStream,
    read: Vec<u8>,
}

/// An answer as text, with its head taken apart as far as tests need it.
#[derive(Debug, Clone)]
pub struct RawAnswer {
    /// The status.
    pub status: u16,
    /// The head, status line included, without the empty line.
    pub head: String,
    /// The body.
    pub body: String,
}

impl RawAnswer {
    /// A header field's first value.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().skip(1).find_map(|line| {
            let (field, value) = line.split_once(':')?;
            field.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }
}

impl RawClient {
    /// Connects.
    pub async fn connect(address: SocketAddr) -> Self {
        Self { stream: connect(address).await, read: Vec::new() }
    }

    /// Sends bytes; that the other side has already closed is no error.
    pub async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        // An early refusal may close the connection under our feet: the answer tells.
        let _ = within("bytes are taken", DEADLINE, self.stream.write_all(bytes.as_ref())).await;
    }

    /// Says that nothing more will be sent.
    pub async fn finish(&mut self) {
        // As above.
        let _ = self.stream.shutdown().await;
    }

    /// Reads one answer; `None` if the connection ends without one.
    ///
    /// The body's length is taken from `Content-Length`, or from the
    /// connection's end; chunked bodies are returned with their framing.
    pub async fn answer(&mut self) -> Option<RawAnswer> {
        within("an answer", DEADLINE, self.next_answer()).await
    }

    async fn next_answer(&mut self) -> Option<RawAnswer> {
        let end = loop {
            if let Some(end) = find(&self.read, b"\r\n\r\n") {
                break end;
            }
            if !self.more().await {
                return None;
            }
        };
        let head = String::from_utf8_lossy(&self.read[..end]).into_owned();
        self.read.drain(..end + 4);
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
        let status = status.unwrap_or_else(|| panic!("not a status line: {head}"));
        let mut answer = RawAnswer { status, head, body: String::new() };
        let body = self.body(&answer).await;
        answer.body = String::from_utf8_lossy(&body).into_owned();
        Some(answer)
    }

    async fn body(&mut self, answer: &RawAnswer) -> Vec<u8> {
        if answer.status < 200 || answer.status == 204 || answer.status == 304 {
            return Vec::new();
        }
        let length = answer.header("content-length").map(|length| length.parse().expect("a length"));
        if let Some(length) = length {
            while self.read.len() < length && self.more().await {}
            return self.read.drain(..length.min(self.read.len())).collect();
        }
        let chunked = answer.header("transfer-encoding").is_some();
        while !(chunked && self.read.ends_with(b"0\r\n\r\n")) && self.more().await {}
        std::mem::take(&mut self.read)
    }

    /// Reads until what came ends so, and returns all of it.
    pub async fn until(&mut self, end: &str) -> String {
        let read = async { while !self.read.ends_with(end.as_bytes()) && self.more().await {} };
        within(&format!("the bytes {end:?}"), DEADLINE, read).await;
        let text = String::from_utf8_lossy(&std::mem::take(&mut self.read)).into_owned();
        assert!(text.ends_with(end), "closed before {end:?}: {text:?}");
        text
    }

    /// Whether the other side closes the connection, without another byte, in time.
    pub async fn closes_within(&mut self, deadline: Duration) -> bool {
        self.read.is_empty() && matches!(tokio::time::timeout(deadline, self.more()).await, Ok(false))
    }

    /// Reads whatever comes next, up to the end of the connection.
    pub async fn rest(&mut self) -> Vec<u8> {
        within("the connection's end", DEADLINE, async { while self.more().await {} }).await;
        std::mem::take(&mut self.read)
    }

    async fn more(&mut self) -> bool {
        // A reset is an end like any other.
        self.stream.read_buf(&mut self.read).await.is_ok_and(|count| count > 0)
    }
}

fn find(within: &[u8], what: &[u8]) -> Option<usize> {
    within.windows(what.len()).position(|window| window == what)
}

/// Sends `bytes` on a connection of its own and reads one answer.
pub async fn exchange(address: SocketAddr, bytes: impl AsRef<[u8]>) -> Option<RawAnswer> {
    let mut client = RawClient::connect(address).await;
    client.send(bytes).await;
    client.answer().await
}
