//! Reading and writing the chain of addresses a request came along.

use std::net::{IpAddr, SocketAddr};

use http::{HeaderMap, HeaderName, HeaderValue, header::FORWARDED};

use super::{X_FORWARDED_FOR, X_FORWARDED_PROTO};

/// One station on the way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hop {
    /// `None` where it is no address (`unknown`, an obfuscated name).
    pub address: Option<IpAddr>,
    /// Whether it used `https`, where that is told.
    pub https: Option<bool>,
}

/// From the client to the nearest proxy.
pub fn x_forwarded_for(headers: &HeaderMap) -> Vec<Hop> {
    let values = headers.get_all(X_FORWARDED_FOR).iter();
    let hop =
        |bytes: &[u8]| Hop { address: str::from_utf8(bytes).ok().and_then(|t| parse(t.trim())), https: None };
    values.flat_map(|value| value.as_bytes().split(|byte| *byte == b',').map(hop)).collect()
}

/// From the client to the nearest proxy (RFC 7239 section 4).
pub fn forwarded(headers: &HeaderMap) -> Vec<Hop> {
    // What is not text is replaced and then cannot be read; dropping it would take its neighbours with it.
    let values = headers.get_all(FORWARDED).iter().map(|value| String::from_utf8_lossy(value.as_bytes()));
    values.flat_map(|value| split(&value, ',').into_iter().map(hop).collect::<Vec<_>>()).collect()
}

fn hop(element: &str) -> Hop {
    let mut hop = Hop { address: None, https: None };
    for pair in split(element, ';') {
        let Some((name, value)) = pair.split_once('=') else { continue };
        let value = value.trim().trim_matches('"');
        match name.trim().to_ascii_lowercase().as_str() {
            "for" => hop.address = parse(value),
            "proto" => hop.https = scheme(value),
            _ => {}
        }
    }
    hop
}

/// Splits at a separator that is not within quotes.
fn split(text: &str, separator: char) -> Vec<&str> {
    let mut quoted = false;
    let at = move |character: char| {
        quoted ^= character == '"';
        character == separator && !quoted
    };
    text.split(at).collect()
}

/// An address, which may have a port, and brackets if it is IPv6.
fn parse(text: &str) -> Option<IpAddr> {
    let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text);
    let address = bare.parse::<IpAddr>().or_else(|_| text.parse::<SocketAddr>().map(|address| address.ip()));
    address.ok().map(|address| address.to_canonical())
}

/// The scheme that a trusted proxy names; where there are several, the client's is the first.
pub fn proto(headers: &HeaderMap) -> Option<bool> {
    let value = headers.get(X_FORWARDED_PROTO)?.to_str().ok()?;
    scheme(value.split(',').next()?.trim())
}

fn scheme(text: &str) -> Option<bool> {
    match text {
        _ if text.eq_ignore_ascii_case("https") => Some(true),
        _ if text.eq_ignore_ascii_case("http") => Some(false),
        _ => None,
    }
}

/// All lines of a field as one; `None` if there is none.
pub fn joined(headers: &HeaderMap, name: &HeaderName) -> Option<HeaderValue> {
    let mut values = headers.get_all(name).iter();
    let first = values.next()?;
    let rest: Vec<&HeaderValue> = values.collect();
    if rest.is_empty() {
        return Some(first.clone());
    }
    let all: Vec<&[u8]> = std::iter::once(first).chain(rest).map(HeaderValue::as_bytes).collect();
    HeaderValue::from_bytes(&all.join(&b", "[..])).ok()
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
