//! Writing: small pieces gather, and leave with a flush, with something large, or when nothing more comes at once.

use std::future::poll_fn;
use std::io::{self, IoSlice};
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker, ready};

use bytes::Buf;
use tokio::io::{AsyncRead, AsyncWrite};

use super::super::connection::Phase;
use super::Guarded;

/// Writes up to this size wait for more or a flush: a head and a small body
/// leave as one segment.
const GATHER: usize = 2048;

impl<S: AsyncRead + AsyncWrite + Unpin> Guarded<S> {
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
            Poll::Ready(Err(error)) => {
                self.connection.set_client_gone();
                Poll::Ready(Err(error))
            }
            written => written,
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
        self.unflushed = true;
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
        self.unflushed = flushed.is_pending();
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

/// A session that fails is dropped without another word; what it has written is the client's all the same.
impl<S: AsyncRead + AsyncWrite + Unpin> Drop for Guarded<S> {
    fn drop(&mut self) {
        if self.unflushed {
            // Without the task's budget, which may be spent: there is no second try.
            let flush = tokio::task::unconstrained(poll_fn(|cx| Pin::new(&mut *self).poll_flush(cx)));
            // A client that takes nothing now gets nothing more.
            let _ = pin!(flush).poll(&mut Context::from_waker(Waker::noop()));
        }
    }
}
