//! Reading and writing the chain of addresses a request came along.

use std::net::{IpAddr, SocketAddr};

use http::{HeaderMap, HeaderName, HeaderValue, header::FORWARDED};
use memchr::{memchr, memchr2};

use super::{X_FORWARDED_FOR, X_FORWARDED_HOST, X_FORWARDED_PROTO};
use crate::value::joined;

/// One station on the way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Hop {
    /// `None` where it is no address (`unknown`, an obfuscated name) or cannot be read.
    pub address: Option<IpAddr>,
    /// Whether it used `https`, where that is told.
    pub https: Option<bool>,
}

/// As many stations are looked at, from the nearest proxy on: nobody has more proxies of their own, and what strangers
/// write in front of them may be long.
pub const MOST_HOPS: usize = 64;

/// From the nearest proxy to the client, read one by one.
pub fn x_forwarded_for(headers: &HeaderMap) -> impl Iterator<Item = Hop> {
    let lines = headers.get_all(X_FORWARDED_FOR).iter().rev();
    let hop =
        |bytes: &[u8]| Hop { address: str::from_utf8(bytes).ok().and_then(|t| parse(t.trim())), https: None };
    lines.flat_map(|line| line.as_bytes().rsplit(|byte| *byte == b',')).map(hop).take(MOST_HOPS)
}

/// All of `Forwarded`, for [`forwarded`].
pub fn forwarded_list(headers: &HeaderMap) -> Option<HeaderValue> {
    joined(headers.get_all(FORWARDED), ", ")
}

/// From the nearest proxy to the client, read one by one (RFC 7239 section 4).
pub fn forwarded(list: &[u8]) -> impl Iterator<Item = Hop> {
    from_the_right(list, b',').map(|element| hop(element).unwrap_or_default()).take(MOST_HOPS)
}

/// What of `Forwarded` may be continued: the elements at its end that can be read, [`MOST_HOPS`] at most. A server that reads from the left
/// would take an unclosed quote before them for the beginning of something that hides them.
pub fn readable(headers: &HeaderMap) -> Option<HeaderValue> {
    let list = forwarded_list(headers)?;
    let bytes = list.as_bytes();
    let elements = from_the_right(bytes, b',').take(MOST_HOPS).take_while(|element| hop(element).is_some());
    // Each with the comma before it.
    let length: usize = elements.map(|element| element.len() + 1).sum();
    if length > bytes.len() {
        return Some(list);
    }
    HeaderValue::from_bytes(bytes[bytes.len() - length..].strip_prefix(b",")?.trim_ascii()).ok()
}

/// One element; `None` if it is not what RFC 7239 lets one be, and then nothing of it counts.
fn hop(element: &[u8]) -> Option<Hop> {
    let mut hop = Hop::default();
    let (mut names, mut schemes) = (0, 0);
    for pair in from_the_right(element, b';').map(<[u8]>::trim_ascii).filter(|pair| !pair.is_empty()) {
        let (name, value) = pair_of(pair)?;
        if name.eq_ignore_ascii_case(b"for") {
            names += 1;
            hop.address = parse(value);
        } else if name.eq_ignore_ascii_case(b"proto") {
            schemes += 1;
            hop.https = scheme(value);
        }
    }
    (names <= 1 && schemes <= 1).then_some(hop)
}

/// The name and the value without its quotes. A value without quotes may have more than a token's bytes: many proxies
/// write ports and IPv6 so.
fn pair_of(pair: &[u8]) -> Option<(&[u8], &str)> {
    let at = memchr(b'=', pair)?;
    let (name, value) = (&pair[..at], &pair[at + 1..]);
    let is_token = |byte: &u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(byte);
    let is_plain = |byte: &u8| byte.is_ascii_graphic() && !b"\"\\,;".contains(byte);
    let is_readable = match value.strip_prefix(b"\"") {
        Some(quoted) => is_rest_of_quoted(quoted),
        None => !value.is_empty() && value.iter().all(is_plain),
    };
    let is_named = !name.is_empty() && name.iter().all(is_token);
    let bare = value.strip_prefix(b"\"").and_then(|rest| rest.strip_suffix(b"\"")).unwrap_or(value);
    // What is escaped or no text stays as it is: it is no address and no scheme.
    (is_named && is_readable).then(|| (name, str::from_utf8(bare).unwrap_or_default()))
}

/// Whether this ends a quoted string (RFC 9110 section 5.6.4) with its last byte and not before.
fn is_rest_of_quoted(mut rest: &[u8]) -> bool {
    while let Some(at) = memchr2(b'"', b'\\', rest) {
        match (rest[at], rest.len() - at) {
            (b'"', left) => return left == 1,
            (_, 1) => return false,
            _ => rest = &rest[at + 2..],
        }
    }
    false
}

/// Splits at a separator that is not within quotes, from the last part to the first. What stands at the end a trusted
/// proxy has written, with quotes that are in pairs; so it is found whatever a stranger has written before it, be it a
/// quote that is never closed.
fn from_the_right(text: &[u8], separator: u8) -> impl Iterator<Item = &[u8]> {
    let mut left = Some(text);
    std::iter::from_fn(move || {
        let text = left?;
        let mut quoted = false;
        let at = (0..text.len()).rev().find(|at| {
            quoted ^= text[*at] == b'"' && !is_escaped(&text[..*at]);
            text[*at] == separator && !quoted
        });
        left = at.map(|at| &text[..at]);
        Some(&text[at.map_or(0, |at| at + 1)..])
    })
}

/// Whether the byte behind this is escaped: each pair of backslashes is one that is escaped itself.
fn is_escaped(before: &[u8]) -> bool {
    before.iter().rev().take_while(|byte| **byte == b'\\').count() % 2 == 1
}

/// An address, which may have a port, and brackets if it is IPv6.
fn parse(text: &str) -> Option<IpAddr> {
    let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text);
    let address = bare.parse::<IpAddr>().or_else(|_| text.parse::<SocketAddr>().map(|address| address.ip()));
    address.ok().map(|address| address.to_canonical())
}

/// The scheme that the peer names.
pub fn proto(headers: &HeaderMap) -> Option<bool> {
    scheme(str::from_utf8(last(headers, &X_FORWARDED_PROTO)?).ok()?)
}

/// The host that the peer names.
pub fn host(headers: &HeaderMap) -> Option<HeaderValue> {
    HeaderValue::from_bytes(last(headers, &X_FORWARDED_HOST)?).ok()
}

/// The last of all values of a field: the one that the peer has added. What stands before it a stranger may have
/// written.
fn last<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a [u8]> {
    let line = headers.get_all(name).iter().next_back()?.as_bytes();
    let value = line.rsplit(|byte| *byte == b',').next()?.trim_ascii();
    (!value.is_empty()).then_some(value)
}

fn scheme(text: &str) -> Option<bool> {
    match text {
        _ if text.eq_ignore_ascii_case("https") => Some(true),
        _ if text.eq_ignore_ascii_case("http") => Some(false),
        _ => None,
    }
}

/// The list with one more at its end.
pub fn appended(list: Option<HeaderValue>, last: HeaderValue) -> HeaderValue {
    let Some(list) = list.filter(|list| !list.is_empty()) else { return last };
    let all = [list.as_bytes(), b", ", last.as_bytes()].concat();
    // Both parts are valid, hence so is the whole.
    HeaderValue::from_bytes(&all).unwrap_or(last)
}

/// An address as a value.
pub fn address(address: IpAddr) -> HeaderValue {
    HeaderValue::from_str(&address.to_string()).expect("an address is ASCII")
}

/// One element of `Forwarded`.
pub fn element(peer: IpAddr, tls: bool, host: Option<&HeaderValue>) -> HeaderValue {
    let scheme = if tls { "https" } else { "http" };
    let mut text = match peer {
        IpAddr::V4(address) => format!("for={address};proto={scheme}"),
        IpAddr::V6(address) => format!("for=\"[{address}]\";proto={scheme}"),
    };
    if let Some(host) = host.and_then(|host| host.to_str().ok()).filter(|host| !host.contains(['"', '\\'])) {
        text += &format!(";host=\"{host}\"");
    }
    HeaderValue::from_str(&text).expect("addresses, schemes and readable values are ASCII")
}
