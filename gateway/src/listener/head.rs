//! What a request head must be before anything is decided by it.
//!
//! Pingora parses leniently where a gateway must not: what it repairs or
//! passes on, the next server may read differently, and that difference is
//! request smuggling. These rules look at the raw bytes, so that they see what
//! the client sent and not what the parser made of it:
//!
//! | head | answer |
//! | --- | --- |
//! | a line that ends in a bare LF | `malformed_request` |
//! | a request line with control bytes, or without exactly two spaces | `malformed_request` |
//! | `Transfer-Encoding` with `Content-Length`, more than one of either, any coding but `chunked`, a length that is not one number | `ambiguous_framing` |
//! | more than one `Host` | `malformed_request` |
//! | no `Host` or an empty one (HTTP/1.0 may leave it out), or one with bytes no host has | `missing_host` |
//! | more bytes or fields than the listener allows | `head_too_large`, `too_many_headers` |
//!
//! RFC 9112 section 6.3 lets a recipient collapse equal `Content-Length`s; no
//! honest client sends two, so they are refused. NUL and other control bytes
//! in fields, folding, and a space before the colon never get here: the parser
//! refuses them. An absolute-form target must agree with `Host`, and on HTTP/2
//! `:authority` must; Pingora compares them. Routing goes by `Host`, and by the
//! other one where there is no `Host`.

use http::{HeaderMap, header::HOST};
use memchr::memchr_iter;

use super::config::Limits;
use crate::reason::Reason;

/// Checks the raw head of an HTTP/1 request, from the request line to the
/// empty line (`get_headers_raw_bytes`). One pass over the line ends; fields
/// other than the three that matter cost a comparison each.
pub fn check(head: &[u8], limits: &Limits) -> Result<(), Reason> {
    if head.len() as u64 > limits.head.bytes() {
        return Err(Reason::HeadTooLarge);
    }
    let mut seen = Seen::default();
    let mut start = 0;
    for end in memchr_iter(b'\n', head) {
        let line = head[start..end].strip_suffix(b"\r").ok_or(Reason::MalformedRequest)?;
        seen.line(line)?;
        start = end + 1;
    }
    seen.verdict(limits)
}

/// Checks a head that was not sent as text (HTTP/2): its target of so many bytes, names and values against
/// the same limits, and `Host`, which becomes the upstream's, by the same rule.
/// Its framing cannot be ambiguous; no authority at all, and a `Host` that
/// differs from `:authority`, are refused by the HTTP/2 layer.
pub fn check_fields(target: usize, fields: &HeaderMap, limits: &Limits) -> Result<(), Reason> {
    if fields.len() > usize::from(limits.headers) {
        return Err(Reason::TooManyHeaders);
    }
    // Four bytes are what `: ` and the line end would add.
    let bytes: usize = fields.iter().map(|(name, value)| name.as_str().len() + value.len() + 4).sum();
    if (target + bytes) as u64 > limits.head.bytes() {
        return Err(Reason::HeadTooLarge);
    }
    let mut hosts = fields.get_all(HOST).iter();
    match (hosts.next(), hosts.next()) {
        (_, Some(_)) => Err(Reason::MalformedRequest),
        (Some(host), None) if !is_host(host.as_bytes()) => Err(Reason::MissingHost),
        _ => Ok(()),
    }
}

#[derive(Default)]
struct Seen {
    /// HTTP/1.0 may do without `Host`. `None` until the request line was read.
    old: Option<bool>,
    fields: usize,
    hosts: usize,
    lengths: usize,
    codings: usize,
    host_is_usable: bool,
}

impl Seen {
    fn line(&mut self, line: &[u8]) -> Result<(), Reason> {
        if self.old.is_none() {
            // Empty lines before the request line are allowed (RFC 9112 section 2.2).
            if !line.is_empty() {
                self.old = Some(line.ends_with(b" HTTP/1.0"));
            }
            return Ok(());
        }
        if line.is_empty() {
            return Ok(());
        }
        self.fields += 1;
        if let Some(value) = value_of(line, b"host") {
            self.hosts += 1;
            self.host_is_usable = is_host(value);
        } else if let Some(value) = value_of(line, b"content-length") {
            self.lengths += 1;
            return framing(!value.is_empty() && value.iter().all(u8::is_ascii_digit));
        } else if let Some(value) = value_of(line, b"transfer-encoding") {
            self.codings += 1;
            return framing(value.eq_ignore_ascii_case(b"chunked"));
        }
        Ok(())
    }

    fn verdict(&self, limits: &Limits) -> Result<(), Reason> {
        framing(self.lengths + self.codings <= 1)?;
        if self.hosts > 1 {
            return Err(Reason::MalformedRequest);
        }
        let may_lack_host = self.old == Some(true) && self.hosts == 0;
        if !may_lack_host && !self.host_is_usable {
            return Err(Reason::MissingHost);
        }
        if self.fields > usize::from(limits.headers) { Err(Reason::TooManyHeaders) } else { Ok(()) }
    }
}

fn framing(is_clear: bool) -> Result<(), Reason> {
    if is_clear { Ok(()) } else { Err(Reason::AmbiguousFraming) }
}

/// The value if the line is the field `name` (given in lower case).
fn value_of<'a>(line: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    let is_it = line.get(name.len()) == Some(&b':') && line[..name.len()].eq_ignore_ascii_case(name);
    is_it.then(|| line[name.len() + 1..].trim_ascii())
}

/// `host[:port]` by its bytes (RFC 3986 section 3.2.2): enough to be sure that
/// it is one name and nothing else. User information is no part of it.
pub fn is_host(value: &[u8]) -> bool {
    let allowed = |b: &u8| b.is_ascii_alphanumeric() || b"-._~!$&'()*+;=%:[]".contains(b);
    !value.is_empty() && value.iter().all(allowed)
}

/// Watches a request line as it arrives, in whatever pieces.
///
/// Needed below the parser: a target with a space or a control byte is
/// percent-encoded there and forwarded, and the raw head then shows the
/// repaired line.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct RequestLine {
    at: At,
    spaces: u8,
    /// The target's first byte.
    target: u8,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum At {
    /// Before the line, where empty lines may come.
    #[default]
    Before,
    In,
    /// After CR, where only LF may come.
    End,
    Done,
}

impl RequestLine {
    /// False if the line cannot be one.
    pub(super) fn feed(&mut self, data: &[u8]) -> bool {
        for byte in data {
            if self.at == At::Done {
                break;
            }
            if !self.byte(*byte) {
                return false;
            }
        }
        true
    }

    /// Whether the target is a path, or a URL whose scheme is likely one of HTTP.
    pub(super) fn is_usual(&self) -> bool {
        matches!(self.target, b'/' | b'h' | b'H')
    }

    fn byte(&mut self, byte: u8) -> bool {
        self.at = match (self.at, byte) {
            (At::Before, b'\r' | b'\n') => At::Before,
            (At::In, b'\r') => At::End,
            (At::End, b'\n') => At::Done,
            (At::End, _) | (_, 0..=0x1f | 0x7f) => return false,
            (_, b' ') => {
                self.spaces += 1;
                At::In
            }
            _ => {
                if self.spaces == 1 && self.target == 0 {
                    self.target = byte;
                }
                At::In
            }
        };
        match self.at {
            At::Done => self.spaces == 2,
            _ => self.spaces <= 2,
        }
    }
}

#[cfg(test)]
mod tests;
