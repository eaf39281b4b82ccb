//! The stream that Pingora reads and writes: counts, notes phases, refuses
//! heads that Pingora would let grow or repair.
//!
//! It stands above TLS, so bytes and phases are those of HTTP. Reads go
//! straight into the reader's buffer. Writes are gathered until a flush, like
//! in Pingora's own stream, but a body larger than the buffer leaves together
//! with the head in one vectored write instead of two calls.
//!
//! Three things it does for the head of a request, because nobody above can:
//! - a request line with control bytes or a number of spaces other than two is
//!   refused (Pingora percent-encodes the target and forwards it),
//! - a head over the limit is answered 431 while it arrives (Pingora reads up
//!   to 1 MiB), so memory is bounded by the configured limit,
//! - Pingora's own bare 400 is replaced by a problem document and counted.

use std::fmt;
use std::io::{self, IoSlice};
use std::os::fd::RawFd;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::{Buf, BytesMut};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::answer;
use super::connection::{Connection, Phase};
use super::digest::Digests;
use super::ending::Ending;
use super::head::RequestLine;
use super::preface::{self, Verdict};

/// Writes up to this size wait for more or a flush: a head and a small body
/// leave as one segment.
const GATHER: usize = 2048;

/// What a first read takes in when the protocol is still to be decided.
const FIRST_READ: usize = 4096;

/// A frame header after the preface: the client has begun to speak HTTP/2.
const FIRST_FRAME: u64 = preface::PREFACE.len() as u64 + 9;

/// What of a refused client's bytes is read at most.
const LINGER_BYTES: usize = 1 << 20;

/// A client's stream under watch.
pub(super) struct Guarded<S> {
    io: S,
    connection: Arc<Connection>,
    pub(super) digests: Digests,
    /// Bytes read while deciding the protocol, not yet given to the reader.
    early: BytesMut,
    gathered: BytesMut,
    /// Nothing is gathered for HTTP/2, whose codec does so itself.
    multiplexed: bool,
    head_bytes: u64,
    line: RequestLine,
    refused: bool,
    lingered: usize,
}

impl<S> Guarded<S> {
    pub(super) fn new(io: S, connection: Arc<Connection>, descriptor: RawFd) -> Self {
        Self {
            io,
            digests: Digests::new(&connection, descriptor),
            connection,
            early: BytesMut::new(),
            gathered: BytesMut::new(),
            multiplexed: false,
            head_bytes: 0,
            line: RequestLine::default(),
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

    /// Notes what arrived; `Err` if the head is to be refused.
    fn arrived(&mut self, data: &[u8]) -> Result<(), Ending> {
        if data.is_empty() {
            self.connection.set_client_gone();
            return Ok(());
        }
        self.connection.add_in(data.len());
        if self.multiplexed {
            self.note_frames();
            return Ok(());
        }
        if self.connection.phase() == Phase::Quiet {
            self.connection.enter(Phase::Head);
            self.head_bytes = 0;
            self.line = RequestLine::default();
        }
        if self.connection.phase() == Phase::Head {
            self.head_bytes += data.len() as u64;
            if !self.line.feed(data) {
                return Err(Ending::MalformedHead);
            }
        }
        Ok(())
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
        self.gathered.extend_from_slice(&answer::refusal(ending));
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
}

impl<S: AsyncRead + AsyncWrite + Unpin> Guarded<S> {
    /// Reads until it is clear whether the client speaks HTTP/2 by prior
    /// knowledge. One byte is enough to know that it does not. `None` if the
    /// client has gone.
    pub(super) async fn speaks_http2(&mut self) -> Option<bool> {
        std::future::poll_fn(|cx| self.poll_decide(cx)).await
    }

    fn poll_decide(&mut self, cx: &mut Context<'_>) -> Poll<Option<bool>> {
        loop {
            match preface::decide(&self.early) {
                Verdict::Http1 => return Poll::Ready(Some(false)),
                Verdict::Http2 => return Poll::Ready(Some(true)),
                Verdict::Undecided => {}
            }
            self.early.reserve(FIRST_READ);
            let mut early = std::mem::take(&mut self.early);
            let read = tokio_util::io::poll_read_buf(Pin::new(&mut self.io), cx, &mut early);
            self.early = early;
            match ready!(read) {
                Ok(0) | Err(_) => return Poll::Ready(None),
                Ok(n) => {
                    // What it says is judged when the protocol is known.
                    self.connection.add_in(n);
                    if self.connection.phase() == Phase::Quiet {
                        self.connection.enter(Phase::Head);
                    }
                }
            }
        }
    }

    fn poll_early(&mut self, buf: &mut ReadBuf<'_>) -> Result<(), Ending> {
        let n = self.early.len().min(buf.remaining());
        let data = self.early.split_to(n);
        buf.put_slice(&data);
        if self.early.is_empty() {
            self.early = BytesMut::new();
        }
        if self.multiplexed {
            return Ok(());
        }
        // Counted when they were read.
        self.head_bytes += n as u64;
        if self.line.feed(&data) { Ok(()) } else { Err(Ending::MalformedHead) }
    }

    /// Writes what is gathered.
    fn poll_gathered(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.gathered.is_empty() {
            let written = Pin::new(&mut self.io).poll_write(cx, &self.gathered);
            let n = ready!(self.sent(written))?;
            self.forget(n);
        }
        Poll::Ready(Ok(()))
    }

    /// Takes what was sent off the gathered bytes, keeping their memory.
    fn forget(&mut self, sent: usize) {
        if sent == self.gathered.len() {
            self.gathered.clear();
        } else {
            self.gathered.advance(sent);
        }
    }

    /// Notes what was written, and whether the client takes nothing.
    fn sent(&mut self, written: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        self.connection.set_stalled(written.is_pending());
        match written {
            Poll::Ready(Ok(0)) => Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
            Poll::Ready(Ok(n)) => {
                self.connection.add_out(n);
                Poll::Ready(Ok(n))
            }
            Poll::Ready(Err(error)) => {
                self.connection.set_client_gone();
                Poll::Ready(Err(error))
            }
            Poll::Pending => Poll::Pending,
        }
    }

    /// Writes what is gathered and `bufs` in one call; says how much of `bufs` went.
    fn poll_with_gathered(&mut self, cx: &mut Context<'_>, bufs: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        loop {
            let before = self.gathered.len();
            let mut slices = [IoSlice::new(&[]); 8];
            slices[0] = IoSlice::new(&self.gathered);
            let take = bufs.len().min(slices.len() - 1);
            slices[1..=take].copy_from_slice(&bufs[..take]);
            let written = Pin::new(&mut self.io).poll_write_vectored(cx, &slices[..=take]);
            let n = ready!(self.sent(written))?;
            self.forget(n.min(before));
            if n > before {
                return Poll::Ready(Ok(n - before));
            }
        }
    }

    fn poll_send(&mut self, cx: &mut Context<'_>, bufs: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        let total = bufs.iter().map(|buf| buf.len()).sum::<usize>();
        if self.refused || total == 0 {
            return Poll::Ready(Ok(total));
        }
        if let Some(ending) = bufs.first().and_then(|first| self.unseen_answer(first)) {
            self.refuse(ending);
            return Poll::Ready(Ok(total));
        }
        if !self.multiplexed && self.gathered.len() + total <= GATHER {
            bufs.iter().for_each(|buf| self.gathered.extend_from_slice(buf));
            return Poll::Ready(Ok(total));
        }
        if self.gathered.is_empty() {
            let written = match bufs {
                [one] => Pin::new(&mut self.io).poll_write(cx, one),
                many => Pin::new(&mut self.io).poll_write_vectored(cx, many),
            };
            return self.sent(written);
        }
        self.poll_with_gathered(cx, bufs)
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

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for Guarded<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        if this.refused {
            return this.poll_refused(cx);
        }
        if this.is_too_large() {
            this.refuse(Ending::HeadTooLarge);
            return this.poll_refused(cx);
        }
        let judged = if this.early.is_empty() {
            let before = buf.filled().len();
            if let Err(error) = ready!(Pin::new(&mut this.io).poll_read(cx, buf)) {
                this.connection.set_client_gone();
                return Poll::Ready(Err(error));
            }
            this.arrived(&buf.filled()[before..])
        } else {
            this.poll_early(buf)
        };
        match judged {
            Ok(()) => Poll::Ready(Ok(())),
            Err(ending) => {
                this.refuse(ending);
                this.poll_refused(cx)
            }
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Guarded<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.poll_send(cx, &[IoSlice::new(buf)])
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.poll_send(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_gathered(cx))?;
        let flushed = Pin::new(&mut self.io).poll_flush(cx);
        self.connection.set_stalled(flushed.is_pending());
        flushed
    }

    /// Closes our side. A client whose request is not read to its end is
    /// heard out for a while first: unread bytes would turn the close into a
    /// reset, and the reset would take our answer with it.
    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_gathered(cx))?;
        ready!(Pin::new(&mut self.io).poll_shutdown(cx))?;
        if self.connection.phase() == Phase::Body {
            self.connection.enter(Phase::Lingering);
        }
        if self.connection.phase() == Phase::Lingering {
            ready!(self.poll_linger(cx));
        }
        Poll::Ready(Ok(()))
    }
}

impl<S> fmt::Debug for Guarded<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Guarded").field(&self.connection).finish()
    }
}
