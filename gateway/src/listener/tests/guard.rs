//! How many writes an answer costs.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use serde_json::json;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};

use super::kit::{config, drain_config, numbers};
use crate::listener::connection::Connection;
use crate::listener::guard::Guarded;
use crate::listener::listener::Place;
use crate::listener::{Drain, bind};

/// A client that takes everything and says nothing.
struct Silent(Arc<Mutex<Vec<String>>>);

impl AsyncRead for Silent {
    fn poll_read(self: Pin<&mut Self>, _: &mut Context<'_>, _: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Poll::Pending
    }
}

impl AsyncWrite for Silent {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.0.lock().unwrap().push(String::from_utf8(buf.to_vec()).unwrap());
        Poll::Ready(Ok(buf.len()))
    }
    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

fn silent() -> (Guarded<Silent>, Arc<Mutex<Vec<String>>>) {
    let bound = bind(config(json!({})), numbers()).unwrap();
    let drain = Drain::new(drain_config(std::time::Duration::ZERO));
    let address = bound.local_addr();
    let connection = Connection::new(bound.listener().clone(), drain, Place::default(), address, address);
    let writes = Arc::default();
    (Guarded::new(Silent(Arc::clone(&writes)), connection, 0), writes)
}

#[tokio::test]
async fn head_and_small_body_leave_in_one_write() {
    let (mut stream, writes) = silent();
    stream.write_all(b"head ").await.unwrap();
    stream.write_all(b"body").await.unwrap();
    stream.flush().await.unwrap();
    drop(stream);
    assert_eq!(*writes.lock().unwrap(), ["head body"]);
}

#[tokio::test]
async fn a_head_leaves_when_its_body_is_waited_for() {
    let (mut stream, writes) = silent();
    stream.write_all(b"head ").await.unwrap();
    for _ in 0..2 {
        let mut probe = [0];
        let waited = tokio::time::timeout(std::time::Duration::ZERO, stream.read(&mut probe)).await;
        assert!(waited.is_err(), "a silent client has said something");
    }
    assert_eq!(*writes.lock().unwrap(), ["head "]);
    stream.write_all(b"body").await.unwrap();
    drop(stream);
    assert_eq!(*writes.lock().unwrap(), ["head ", "body"]);
}
