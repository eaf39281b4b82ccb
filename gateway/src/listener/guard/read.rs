//! Reading: what arrives is counted and judged, and what belongs to a later request waits.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::super::Ending;
use super::super::ahead::HeadEnd;
use super::super::connection::Phase;
use super::super::head::RequestLine;
use super::super::preface::{self, Verdict};
use super::Guarded;

/// What is read at a time before anybody has asked for it.
const READ_AHEAD: usize = 4096;

impl<S: AsyncRead + AsyncWrite + Unpin> Guarded<S> {
    /// Reads until it is clear whether the client speaks HTTP/2 by prior
    /// knowledge. One byte is enough to know that it does not. `None` if the
    /// client has gone.
    pub(in crate::listener) async fn speaks_http2(&mut self) -> Option<bool> {
        poll_fn(|cx| self.poll_decide(cx)).await
    }

    fn poll_decide(&mut self, cx: &mut Context<'_>) -> Poll<Option<bool>> {
        loop {
            match preface::decide(self.ahead.bytes()) {
                Verdict::Http1 => return Poll::Ready(Some(false)),
                Verdict::Http2 => return Poll::Ready(Some(true)),
                Verdict::Undecided => {}
            }
            match ready!(self.poll_more_ahead(cx)) {
                Ok(0) | Err(_) => return Poll::Ready(None),
                // What it says is judged when the protocol is known.
                Ok(_) if self.connection.phase() == Phase::Quiet => self.connection.enter(Phase::Head),
                Ok(_) => {}
            }
        }
    }

    fn poll_more_ahead(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let room = self.ahead.room(READ_AHEAD);
        let read = ready!(tokio_util::io::poll_read_buf(Pin::new(&mut self.io), cx, room));
        self.arrived(*read.as_ref().unwrap_or(&0));
        Poll::Ready(read)
    }

    /// Gives the reader what was read before.
    fn give_ahead(&mut self, buf: &mut ReadBuf<'_>) -> Result<(), Ending> {
        let ahead = std::mem::take(&mut self.ahead);
        let judged = self.judge(&ahead.bytes()[..ahead.bytes().len().min(buf.remaining())]);
        self.ahead = ahead;
        buf.put_slice(&self.ahead.take(judged?));
        Ok(())
    }

    /// Gives the reader what comes from the client.
    fn poll_client(
        &mut self,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<Result<(), Ending>>> {
        let before = buf.filled().len();
        if let Err(error) = ready!(Pin::new(&mut self.io).poll_read(cx, buf)) {
            self.connection.set_client_gone();
            return Poll::Ready(Err(error));
        }
        let data = &buf.filled()[before..];
        self.arrived(data.len());
        let judged = self.judge(data);
        if let Ok(size) = judged {
            self.ahead.push(&data[size..]);
            buf.set_filled(before + size);
        }
        Poll::Ready(Ok(judged.map(drop)))
    }

    /// A request is being answered, and the reader only wants to know whether the client is still there. What comes
    /// now is a later request, which waits for its turn.
    fn poll_still_there(&mut self, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if self.ahead.is_empty() {
            let before = buf.filled().len();
            // The reader's buffer spares nearly all requests one of ours.
            let _judged = ready!(self.poll_client(cx, buf))?;
            if buf.filled().len() == before {
                return Poll::Ready(Ok(()));
            }
            self.ahead.push(&buf.filled()[before..]);
            buf.set_filled(before);
        }
        // When full, it is the end of the answer that goes on.
        while !self.ahead.is_full() {
            if ready!(self.poll_more_ahead(cx))? == 0 {
                return Poll::Ready(Ok(()));
            }
        }
        Poll::Pending
    }

    /// Notes what arrived from the client.
    fn arrived(&self, size: usize) {
        if size == 0 {
            self.connection.set_client_gone();
            return;
        }
        self.connection.add_in(size);
        if self.multiplexed {
            self.note_frames();
        }
    }

    /// How much of `data` the reader may have now; `Err` if the head is to be refused.
    fn judge(&mut self, data: &[u8]) -> Result<usize, Ending> {
        if self.multiplexed || data.is_empty() {
            return Ok(data.len());
        }
        if self.connection.phase() == Phase::Quiet {
            self.connection.enter(Phase::Head);
            self.head_bytes = 0;
            self.line = RequestLine::default();
            self.end = HeadEnd::default();
        }
        if self.connection.phase() != Phase::Head {
            return Ok(data.len());
        }
        let head = self.end.find(data).unwrap_or(data.len());
        self.head_bytes += head as u64;
        if !self.line.feed(&data[..head]) {
            return Err(Ending::MalformedHead);
        }
        if head < data.len() && self.is_followed() { Ok(head) } else { Ok(data.len()) }
    }

    /// Whether another request may follow a head of this kind.
    fn is_followed(&self) -> bool {
        let most = self.connection.listener().settings().limits.headers;
        self.line.is_usual() && self.end.fields() <= usize::from(most)
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
        if this.unflushed && !this.multiplexed {
            // Whoever waits for the client has nothing more to write now. Pending or failed, the read goes on.
            let _ = Pin::new(&mut *this).poll_flush(cx);
        }
        if this.connection.phase() == Phase::Open {
            if this.connection.overdue().is() {
                return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
            }
            return this.poll_still_there(cx, buf);
        }
        let judged =
            if this.ahead.is_empty() { ready!(this.poll_client(cx, buf))? } else { this.give_ahead(buf) };
        match judged {
            Ok(()) => Poll::Ready(Ok(())),
            Err(ending) => {
                this.refuse(ending);
                this.poll_refused(cx)
            }
        }
    }
}
