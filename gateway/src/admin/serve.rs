//! Connections of operators: few and short, and bounded, because whoever reaches the socket may open any number.
//!
//! A connection on which nothing is asked ends, else idle ones would use up the descriptors that clients need. HTTP/1
//! only: to know HTTP/2 by its first bytes one would have to wait for them without a deadline.

use std::{sync::Arc, time::Duration};

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use socket2::SockRef;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
};

/// Connections at a time. More wait in the kernel's queue until one ends, so that probes get their turn.
pub const MOST: usize = 512;

/// How long a connection may take for a request's head, and be idle before it. Above the usual interval of scrapers (15
/// to 60 seconds), which keep their connection.
const HEAD: Duration = Duration::from_secs(90);

/// How long a client may take nothing of an answer; the kernel then ends the connection.
const WRITE: Duration = Duration::from_secs(30);

/// The pause after accept failed for lack of descriptors or memory.
const PAUSE: Duration = Duration::from_millis(100);

/// Serves as many connections at a time as there is room for, for ever.
pub async fn serve(socket: TcpListener, router: Router, room: Arc<Semaphore>) {
    loop {
        let place = room.clone().acquire_owned().await.expect("nobody closes it");
        match socket.accept().await {
            Ok((stream, _)) => {
                // Where the system does not know the option, the connection is bounded in number only.
                let _ = SockRef::from(&stream).set_tcp_user_timeout(Some(WRITE));
                drop(tokio::spawn(connection(stream, router.clone(), place)));
            }
            Err(error) => {
                // The public listeners say it louder, and count it.
                tracing::debug!(%error, "cannot accept operators' connections");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

async fn connection(stream: TcpStream, router: Router, _place: OwnedSemaphorePermit) {
    let service = TowerToHyperService::new(router);
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(HEAD);
    // A broken connection concerns its client alone.
    drop(http.serve_connection(TokioIo::new(stream), service).await);
}

#[cfg(test)]
mod tests {
    use axum::routing::get;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::time::timeout;

    use super::*;

    const GET: &[u8] = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n";

    async fn start(room: &Arc<Semaphore>) -> std::net::SocketAddr {
        let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = socket.local_addr().unwrap();
        tokio::spawn(serve(socket, Router::new().route("/", get(async || "ok")), room.clone()));
        address
    }

    async fn answer(client: &mut TcpStream) -> String {
        let mut text = Vec::new();
        while !text.ends_with(b"\r\n\r\nok") {
            assert!(client.read_buf(&mut text).await.unwrap() > 0, "closed after {text:?}");
        }
        String::from_utf8(text).unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_that_asks_for_nothing_is_closed() {
        let room = Arc::new(Semaphore::new(MOST));
        let address = start(&room).await;
        for sent in [&b""[..], b"GET / HT"] {
            let mut client = TcpStream::connect(address).await.unwrap();
            client.write_all(sent).await.unwrap();
            assert_eq!(client.read(&mut [0; 16]).await.unwrap_or(0), 0);
        }
        assert_eq!(room.available_permits(), MOST - 1, "their places are free again");
    }

    #[tokio::test(start_paused = true)]
    async fn one_connection_too_many_waits_until_another_ends() {
        let room = Arc::new(Semaphore::new(1));
        let address = start(&room).await;
        let mut first = TcpStream::connect(address).await.unwrap();
        first.write_all(GET).await.unwrap();
        assert!(answer(&mut first).await.starts_with("HTTP/1.1 200"));
        let mut second = TcpStream::connect(address).await.unwrap();
        second.write_all(GET).await.unwrap();
        let early = timeout(HEAD / 2, answer(&mut second)).await;
        assert!(early.is_err(), "there is one place only: {early:?}");
        drop(first);
        assert!(answer(&mut second).await.starts_with("HTTP/1.1 200"));
    }
}
