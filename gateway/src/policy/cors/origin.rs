//! An origin as browsers write it (RFC 6454 section 6.2, the Fetch standard's `Origin`).
//!
//! Read strictly: scheme, host and perhaps a port, in lower case and nothing else. What no browser would write (a user,
//! a path, an upper-case letter, a dot at the end, a list) is no origin, and so none that could be allowed; a reader
//! that repairs is how look-alikes get in.

use std::net::Ipv6Addr;

/// The longest origin, in bytes: a name has 253 at most, and nothing else in an origin is long.
const LONGEST: usize = 512;

/// An origin that can be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Origin<'a> {
    /// All of it, without a port that its scheme has anyway.
    pub text: &'a str,
    /// `https`
    pub scheme: &'a str,
    /// A name, an address of IPv4, or one of IPv6 in brackets.
    pub host: &'a str,
    /// `None` is the scheme's usual port.
    pub port: Option<u16>,
}

impl<'a> Origin<'a> {
    /// Reads the value of `Origin`. `null` is no origin.
    pub fn parse(value: &'a [u8]) -> Option<Self> {
        let text = str::from_utf8(value).ok().filter(|text| text.len() <= LONGEST)?;
        let (scheme, authority) = text.split_once("://")?;
        let (host, port) = split_port(authority)?;
        if !is_scheme(scheme) || !(is_name(host) || is_ipv6(host)) {
            return None;
        }
        let written = port.map(port_number);
        let port = match written {
            None => None,
            // A port that is no number makes it no origin.
            Some(number) => Some(number?).filter(|port| usual_port(scheme) != Some(*port)),
        };
        let end = if port.is_some() { text.len() } else { scheme.len() + 3 + host.len() };
        Some(Self { text: &text[..end], scheme, host, port })
    }

    /// Whether it has the host and the port that a request asks for. `https`: the client is known to use TLS, so that a
    /// page without has another origin. The other way round nothing is known: a proxy may have ended TLS.
    pub fn is_at(&self, host: &[u8], https: bool) -> bool {
        if https && !matches!(self.scheme, "https" | "wss") {
            return false;
        }
        let Ok(host) = str::from_utf8(host) else { return false };
        let Some((name, port)) = split_port(host) else { return false };
        let usual = usual_port(self.scheme);
        let port = match port.map(port_number) {
            None => usual,
            Some(None) => return false,
            Some(port) => port,
        };
        name.eq_ignore_ascii_case(self.host) && port == self.port.or(usual)
    }
}

/// Host and port; brackets belong to the host.
fn split_port(authority: &str) -> Option<(&str, Option<&str>)> {
    if authority.starts_with('[') {
        let (host, rest) = authority.split_at(authority.find(']')? + 1);
        return match rest {
            "" => Some((host, None)),
            _ => Some((host, Some(rest.strip_prefix(':')?))),
        };
    }
    Some(match authority.split_once(':') {
        Some((host, port)) => (host, Some(port)),
        None => (authority, None),
    })
}

/// A port as browsers write it: `080` is none.
fn port_number(text: &str) -> Option<u16> {
    let digits = !text.starts_with('0') && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|_| digits)
}

fn usual_port(scheme: &str) -> Option<u16> {
    match scheme {
        "http" | "ws" => Some(80),
        "https" | "wss" => Some(443),
        _ => None,
    }
}

fn is_scheme(text: &str) -> bool {
    let rest = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"+-.".contains(&byte);
    text.starts_with(|first: char| first.is_ascii_lowercase()) && text.bytes().all(rest)
}

/// Labels with dots between them, none of them empty.
fn is_name(host: &str) -> bool {
    let usual = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-_".contains(&byte);
    host.split('.').all(|label| !label.is_empty() && label.bytes().all(usual))
}

fn is_ipv6(host: &str) -> bool {
    let address = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    let lower = !host.bytes().any(|byte| byte.is_ascii_uppercase());
    lower && address.is_some_and(|address| address.parse::<Ipv6Addr>().is_ok())
}
