//! Where a request comes from, and what the next server is told about it.
//!
//! Forwarding headers are claims. A claim counts only if the peer that makes it is a trusted proxy; from anybody
//! else the headers are replaced by what the gateway itself has seen. Of a chain of addresses the rightmost that is
//! not a trusted proxy is the client: everything left of it a stranger may have written.
//!
//! One of `X-Forwarded-For` and `Forwarded` (RFC 7239) is read, never both: a proxy that maintains one passes the
//! other on as its client sent it.

mod chain;

use std::net::IpAddr;

use http::{HeaderMap, HeaderName, HeaderValue, header::FORWARDED};

use crate::value::Cidr;

/// The addresses on the way, as lists.
pub const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
/// The scheme the client used.
pub const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
/// The host the client asked for.
pub const X_FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");

/// Headers by which strangers could claim something. All of them are removed before those of [`Told`] are set.
pub const CLAIMS: [HeaderName; 9] = [
    FORWARDED,
    X_FORWARDED_FOR,
    X_FORWARDED_PROTO,
    X_FORWARDED_HOST,
    HeaderName::from_static("x-forwarded-port"),
    HeaderName::from_static("x-forwarded-prefix"),
    HeaderName::from_static("x-forwarded-server"),
    HeaderName::from_static("x-forwarded-ssl"),
    HeaderName::from_static("x-real-ip"),
];

/// The header in which trusted proxies name the client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChainHeader {
    /// `X-Forwarded-For`.
    XForwardedFor,
    /// `Forwarded`.
    Forwarded,
}

/// Whom to believe, and what they write.
#[derive(Debug, Clone, Copy)]
pub struct Trust<'a> {
    /// Peers whose claims count.
    pub proxies: &'a [Cidr],
    /// What they write.
    pub header: ChainHeader,
}

impl Trust<'_> {
    fn covers(&self, address: IpAddr) -> bool {
        self.proxies.iter().any(|range| range.contains(address))
    }
}

/// The other end of the connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Peer {
    /// Its address.
    pub address: IpAddr,
    /// Whether it came over TLS.
    pub tls: bool,
}

/// Where a request comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Origin {
    /// The client, as far as anybody trustworthy knows.
    pub client: IpAddr,
    /// The peer is a trusted proxy: its trace context and request id count too.
    pub trusted: bool,
    /// The client used `https`.
    pub https: bool,
}

/// Decides where a request comes from. Without trusted proxies it reads no header.
pub fn origin(headers: &HeaderMap, peer: Peer, trust: &Trust<'_>) -> Origin {
    if !trust.covers(peer.address) {
        return Origin { client: peer.address, trusted: false, https: peer.tls };
    }
    let hops = match trust.header {
        ChainHeader::XForwardedFor => chain::x_forwarded_for(headers),
        ChainHeader::Forwarded => chain::forwarded(headers),
    };
    let mut client = peer.address;
    let mut https = None;
    for hop in hops.iter().rev() {
        https = hop.https.or(https);
        // What cannot be read ends the chain: nothing left of it can be placed.
        let Some(address) = hop.address else { break };
        client = address;
        if !trust.covers(address) {
            break;
        }
    }
    let https = match trust.header {
        ChainHeader::XForwardedFor => chain::proto(headers),
        ChainHeader::Forwarded => https,
    };
    Origin { client, trusted: true, https: https.unwrap_or(peer.tls) }
}

/// What the next server is told in place of [`CLAIMS`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// `X-Forwarded-For`: the chain, with the peer at its end.
    pub addresses: HeaderValue,
    /// `X-Forwarded-Proto`.
    pub proto: HeaderValue,
    /// `X-Forwarded-Host`, where the client named a host.
    pub host: Option<HeaderValue>,
    /// `Forwarded`, where the listener goes by it.
    pub forwarded: Option<HeaderValue>,
}

/// What to tell about a request that came from `origin` and asked for `host`.
pub fn tell(
    headers: &HeaderMap,
    peer: Peer,
    origin: &Origin,
    trust: &Trust<'_>,
    host: Option<&HeaderValue>,
) -> Told {
    let own = chain::address(peer.address);
    let believed = |name: &HeaderName| if origin.trusted { chain::joined(headers, name) } else { None };
    let forwarded = || chain::element(peer.address, peer.tls, host);
    let (addresses, forwarded) = match trust.header {
        ChainHeader::XForwardedFor => (chain::appended(believed(&X_FORWARDED_FOR), own), None),
        // The chain is in the other header; here is what it comes to.
        ChainHeader::Forwarded if origin.client == peer.address => {
            (own, Some(chain::appended(believed(&FORWARDED), forwarded())))
        }
        ChainHeader::Forwarded => (
            chain::appended(Some(chain::address(origin.client)), own),
            Some(chain::appended(believed(&FORWARDED), forwarded())),
        ),
    };
    Told {
        addresses,
        proto: HeaderValue::from_static(if origin.https { "https" } else { "http" }),
        host: match trust.header {
            ChainHeader::XForwardedFor => believed(&X_FORWARDED_HOST).or_else(|| host.cloned()),
            ChainHeader::Forwarded => host.cloned(),
        },
        forwarded,
    }
}

#[cfg(test)]
mod tests;
