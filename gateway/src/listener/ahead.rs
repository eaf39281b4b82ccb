//! What a client has sent before its turn.
//!
//! A client may send requests without waiting for answers (pipelining, RFC 9112 section 9.3.2), and they are to be
//! answered in order. Pingora takes bytes that follow a request for a fault of it: it breaks the request off, or
//! closes the connection after an answer that said `keep-alive`. So it is never shown any. What follows a head in the
//! same read, and what comes while a request is being answered, waits here until the next head is asked for.
//!
//! Pingora has a switch of its own for this (`set_pipelining_enabled`), which is not used: it hands later requests
//! from one session to the next inside of itself, past the stream below it, and there they would be neither held to the
//! rules of a request line, nor to the limit of a head, nor to a deadline. And it stops reading with the first byte that
//! comes early, so that a client that leaves after it is not noticed before the answer is written.
//!
//! Behind a head that is to be refused nothing waits: Pingora closes its connection then.
//!
//! Nothing is framed here. Where a request ends is Pingora's decision; bytes only reach it later, in their order.

use std::sync::LazyLock;

use bytes::BytesMut;
use memchr::{memchr_iter, memmem::Finder};

const BLANK_LINE: &[u8] = b"\r\n\r\n";

static FINDER: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(BLANK_LINE));

/// More than that stays in the socket, which holds the client back.
const MOST: usize = 64 * 1024;

/// Bytes that wait.
#[derive(Debug, Default)]
pub(super) struct Ahead(BytesMut);

impl Ahead {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn is_full(&self) -> bool {
        self.0.len() >= MOST
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// Takes more in, behind what waits.
    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }

    /// Where to read into, with room for `size` bytes more.
    pub(super) fn room(&mut self, size: usize) -> &mut BytesMut {
        self.0.reserve(size);
        &mut self.0
    }

    /// The first bytes. Nearly all connections wait for nothing, so the memory goes with the last of them.
    pub(super) fn take(&mut self, size: usize) -> BytesMut {
        let taken = self.0.split_to(size);
        if self.0.is_empty() {
            self.0 = BytesMut::new();
        }
        taken
    }
}

/// Looks for the end of a head as it arrives, in whatever pieces.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct HeadEnd {
    /// The last bytes of what came before: the blank line may lie across two reads.
    last: [u8; 3],
    first: Option<u8>,
    lines: usize,
}

impl HeadEnd {
    /// How much of `data` belongs to the head, if it ends here and what follows may wait.
    ///
    /// The body of a `POST`, `PUT` or `PATCH` mostly comes with its head, and Pingora takes both from one buffer;
    /// holding it back would cost a copy. Nobody pipelines behind them, since they cannot be sent again safely.
    pub(super) fn find(&mut self, data: &[u8]) -> Option<usize> {
        let first = *self.first.get_or_insert(*data.first()?);
        if first == b'P' {
            return None;
        }
        let end = self.across(data).or_else(|| FINDER.find(data).map(|at| at + BLANK_LINE.len()));
        if end != Some(data.len()) {
            // Else nothing follows, and nobody asks how long the head was.
            self.lines += memchr_iter(b'\n', &data[..end.unwrap_or(data.len())]).count();
        }
        for byte in &data[data.len().saturating_sub(3)..] {
            self.last = [self.last[1], self.last[2], *byte];
        }
        end
    }

    /// Header fields so far; of a whole head that something follows without its request line and its empty line.
    pub(super) fn fields(&self) -> usize {
        self.lines.saturating_sub(2)
    }

    fn across(&self, data: &[u8]) -> Option<usize> {
        let mut joint = [0; 6];
        let more = data.len().min(3);
        joint[..3].copy_from_slice(&self.last);
        joint[3..3 + more].copy_from_slice(&data[..more]);
        let at = joint.windows(BLANK_LINE.len()).position(|window| window == BLANK_LINE)?;
        Some(at + BLANK_LINE.len() - 3)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_heads_end_is_found_however_it_is_cut() {
        let whole = b"GET / HTTP/1.1\r\nHost: a\r\n\r\nGET /b HTTP/1.1\r\n\r\n";
        let expected = 27;
        for one in 0..=whole.len() {
            for two in one..=whole.len() {
                let mut end = HeadEnd::default();
                let mut before = 0;
                let found = [&whole[..one], &whole[one..two], &whole[two..]].into_iter().find_map(|piece| {
                    let found = end.find(piece).map(|at| before + at);
                    before += piece.len();
                    found
                });
                assert_eq!(found, Some(expected), "cut at {one} and {two}");
            }
        }
    }

    #[test]
    fn a_body_that_comes_with_its_head_stays_with_it() {
        assert_eq!(HeadEnd::default().find(b"POST / HTTP/1.1\r\nContent-Length: 1\r\n\r\na"), None);
    }
}
