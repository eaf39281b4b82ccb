//! The stream that Pingora reads and writes: counts, notes phases, refuses
//! heads that Pingora would let grow or repair.
//!
//! It stands above TLS, so bytes and phases are those of HTTP. Reads go
//! straight into the reader's buffer, but for bytes of a later request
//! (`ahead.rs`). Writes are gathered until a flush, like in Pingora's own
//! stream, but a body larger than the buffer leaves together with the head in
//! one vectored write instead of two calls. Pingora does not flush an answer of
//! known length before its end; what is gathered also leaves when it comes to
//! wait (it then reads from the client), and when it gives up.
//!
//! Three things it does for the head of a request, because nobody above can:
//! - a request line with control bytes or a number of spaces other than two is
//!   refused (Pingora percent-encodes the target and forwards it),
//! - a head over the limit is answered 431 while it arrives (Pingora reads up
//!   to 1 MiB), so memory is bounded by the configured limit,
//! - Pingora's own bare 400 is replaced by a problem document and counted.

mod read;
mod write;

use std::fmt;
use std::io;
use std::os::fd::RawFd;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::BytesMut;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::Ending;
use super::ahead::{Ahead, HeadEnd};
use super::answer;
use super::connection::{Connection, Phase};
use super::digest::Digests;
use super::head::RequestLine;
use super::preface;

/// A frame header after the preface: the client has begun to speak HTTP/2.
const FIRST_FRAME: u64 = preface::PREFACE.len() as u64 + 9;

/// What of a refused client's bytes is read at most.
const LINGER_BYTES: usize = 1 << 20;

/// A client's stream under watch.
pub(super) struct Guarded<S: AsyncRead + AsyncWrite + Unpin> {
    io: S,
    connection: Arc<Connection>,
    pub(super) digests: Digests,
    /// Bytes that were read and not yet given to the reader: those that decided the protocol, and later requests.
    ahead: Ahead,
    gathered: BytesMut,
    /// Something was written since the last flush.
    unflushed: bool,
    /// Nothing is gathered for HTTP/2, whose codec does so itself.
    multiplexed: bool,
    head_bytes: u64,
    line: RequestLine,
    end: HeadEnd,
    refused: bool,
    lingered: usize,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Guarded<S> {
    pub(super) fn new(io: S, connection: Arc<Connection>, descriptor: RawFd) -> Self {
        Self {
            io,
            digests: Digests::new(&connection, descriptor),
            connection,
            ahead: Ahead::default(),
            gathered: BytesMut::new(),
            unflushed: false,
            multiplexed: false,
            head_bytes: 0,
            line: RequestLine::default(),
            end: HeadEnd::default(),
            refused: false,
            lingered: 0,
        }
    }

    /// From here on Pingora speaks HTTP/2 on it.
    pub(super) fn multiplex(&mut self) {
        self.multiplexed = true;
        self.digests.set_multiplexed();
        if self.connection.phase() == Phase::Quiet {
            self.connection.enter(Phase::Head);
        }
        self.note_frames();
    }

    fn note_frames(&self) {
        if self.connection.phase() == Phase::Head && self.connection.bytes_in() >= FIRST_FRAME {
            self.connection.enter(Phase::Multiplexed);
        }
    }

    /// Whether the head has outgrown the limit: asked when more of it is wanted.
    fn is_too_large(&self) -> bool {
        !self.multiplexed
            && self.connection.phase() == Phase::Head
            && self.head_bytes > self.connection.listener().settings().limits.head.bytes()
    }

    /// Answers in Pingora's place; what it still reads or writes goes nowhere.
    fn refuse(&mut self, ending: Ending) {
        self.refused = true;
        self.gathered.clear();
        self.gathered.extend_from_slice(&answer::refusal(ending, self.connection.peer()));
        self.unflushed = true;
        self.connection.rule(ending);
        self.connection.enter(Phase::Lingering);
    }

    /// Pingora answers a head that no filter has seen.
    fn unseen_answer(&self, data: &[u8]) -> Option<Ending> {
        if self.multiplexed || self.connection.phase() != Phase::Head {
            return None;
        }
        match data.get(..12)? {
            b"HTTP/1.1 400" => Some(Ending::MalformedHead),
            b"HTTP/1.1 405" => Some(Ending::ConnectRefused),
            _ => None,
        }
    }

    /// Reads and forgets what a refused client still sends.
    fn poll_linger(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let mut scratch = [std::mem::MaybeUninit::<u8>::uninit(); 8192];
        while self.lingered < LINGER_BYTES {
            let mut buf = ReadBuf::uninit(&mut scratch);
            match ready!(Pin::new(&mut self.io).poll_read(cx, &mut buf)) {
                Ok(()) if !buf.filled().is_empty() => self.lingered += buf.filled().len(),
                _ => break,
            }
        }
        Poll::Ready(())
    }

    /// Sends the refusal and waits for the client to take it. Never ready:
    /// the watchdog ends the connection instead of Pingora.
    fn poll_refused(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let _gone = ready!(Pin::new(&mut *self).poll_shutdown(cx));
        self.connection.finish();
        Poll::Pending
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> fmt::Debug for Guarded<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Guarded").field(&self.connection).finish()
    }
}
