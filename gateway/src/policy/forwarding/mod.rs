//! Where a request comes from, and what the next server is told about it.
//!
//! Forwarding headers are claims. A claim counts only if the peer that makes it is a trusted proxy; from anybody
//! else the headers are replaced by what the gateway itself has seen. Of a chain of addresses the rightmost that is
//! not a trusted proxy is the client: everything left of it a stranger may have written.
//!
//! One of `X-Forwarded-For` and `Forwarded` (RFC 7239) is read, never both: a proxy that maintains one passes the
//! other on as its client sent it. For the same reason nothing else that only a proxy can know is believed even of a
//! trusted one, unless the operator says that it maintains it.

mod chain;

use std::net::IpAddr;

use http::{HeaderMap, HeaderName, HeaderValue, header::FORWARDED};

use crate::value::{Cidr, TrustedHeader, alike, joined};
use chain::Hop;

/// The addresses on the way, as lists.
pub const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
/// The scheme the client used.
pub const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
/// The host the client asked for.
pub const X_FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");

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
    /// What else they write; of anybody else it is removed.
    pub others: &'a [TrustedHeader],
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
    /// The peer is a trusted proxy: what it says about sampling and in `baggage` counts too.
    pub trusted: bool,
    /// The client used `https`.
    pub https: bool,
}

/// Decides where a request comes from. Without trusted proxies it reads no header.
pub fn origin(headers: &HeaderMap, peer: Peer, trust: &Trust<'_>) -> Origin {
    if !trust.covers(peer.address) {
        return Origin { client: peer.address, trusted: false, https: peer.tls };
    }
    let (client, https) = match trust.header {
        ChainHeader::XForwardedFor => {
            let (client, _) = follow(chain::x_forwarded_for(headers), peer, trust);
            (client, chain::proto(headers))
        }
        ChainHeader::Forwarded => {
            let list = chain::forwarded_list(headers);
            let list = list.as_ref().map(HeaderValue::as_bytes).unwrap_or_default();
            follow(chain::forwarded(list), peer, trust)
        }
    };
    Origin { client, trusted: true, https: https.unwrap_or(peer.tls) }
}

/// The client at the end of a chain that begins at the peer, and whether it used `https`, where that is told. Nothing is
/// read behind it.
fn follow(hops: impl Iterator<Item = Hop>, peer: Peer, trust: &Trust<'_>) -> (IpAddr, Option<bool>) {
    let (mut client, mut https) = (peer.address, None);
    for hop in hops {
        https = hop.https.or(https);
        // What cannot be read ends the chain: nothing left of it can be placed.
        let Some(address) = hop.address else { break };
        client = address;
        if !trust.covers(address) {
            break;
        }
    }
    (client, https)
}

/// The host that the client asked for, where a trusted proxy tells it in a header of its own. After [`claims`] have gone.
pub fn asked_host(headers: &HeaderMap, origin: &Origin, chain: ChainHeader) -> Option<HeaderValue> {
    let told = origin.trusted && chain == ChainHeader::XForwardedFor;
    Some(headers).filter(|_| told).and_then(chain::host)
}

/// What of a request claims to come from a proxy and does not, to be taken away before anything is decided by it:
/// what was matched is what is forwarded. Of a trusted peer there remain the chain that [`tell`] continues, and what
/// the operator has named.
///
/// One pass over the names; most requests have none of them.
pub fn claims(headers: &HeaderMap, origin: &Origin, trust: &Trust<'_>) -> Vec<HeaderName> {
    let continued = |name: &HeaderName| match trust.header {
        ChainHeader::XForwardedFor => [X_FORWARDED_FOR, X_FORWARDED_PROTO, X_FORWARDED_HOST].contains(name),
        ChainHeader::Forwarded => name == FORWARDED,
    };
    let goes = |name: &&HeaderName| match name.as_str() {
        // The second becomes the environment's `HTTP_PROXY` in CGI (httpoxy).
        "forwarded" | "proxy" => !(origin.trusted && continued(name)),
        // A proxy writes what the operator has named; any other spelling of it is a stranger's.
        _ if trust.others.iter().any(|other| other.get() == *name) => !origin.trusted,
        // Made by the gateway, and the same to CGI.
        "x_request_id" | "x_request-id" | "x-request_id" => true,
        text if is_claim(text) => !(origin.trusted && continued(name)),
        text => trust.others.iter().any(|other| alike(text, other.get().as_str())),
    };
    headers.keys().filter(goes).cloned().collect()
}

/// Writes into the head of a request what the next server is told about where it came from, after [`claims`] have
/// gone.
///
/// `X-Forwarded-For` is the chain with the peer at its end, `X-Forwarded-Proto` the client's scheme,
/// `X-Forwarded-Host` the host it asked for; `Forwarded` is continued where the listener goes by it, as far as it can
/// be read.
pub fn tell(
    headers: &mut HeaderMap,
    peer: Peer,
    peer_text: &HeaderValue,
    origin: &Origin,
    chain: ChainHeader,
    host: Option<&HeaderValue>,
) {
    let believed = Some(&*headers).filter(|_| origin.trusted);
    let own = peer_text.clone();
    let (addresses, forwarded, asked) = match chain {
        ChainHeader::XForwardedFor => {
            let list = believed.and_then(|headers| joined(headers.get_all(X_FORWARDED_FOR), ", "));
            (chain::appended(list, own), None, believed.and_then(chain::host))
        }
        ChainHeader::Forwarded => {
            // The chain is in the other header; here is what it comes to.
            let client = (origin.client != peer.address).then(|| chain::address(origin.client));
            let element = chain::element(peer.address, peer.tls, host);
            let list = believed.and_then(chain::readable);
            (chain::appended(client, own), Some(chain::appended(list, element)), None)
        }
    };
    headers.insert(X_FORWARDED_FOR, addresses);
    headers.insert(X_FORWARDED_PROTO, HeaderValue::from_static(if origin.https { "https" } else { "http" }));
    match asked.or_else(|| host.cloned()) {
        Some(host) => headers.insert(X_FORWARDED_HOST, host),
        None => headers.remove(X_FORWARDED_HOST),
    };
    if let Some(forwarded) = forwarded {
        headers.insert(FORWARDED, forwarded);
    }
}

/// Names by which proxies and content networks pass on addresses, and paths past routing.
const CLAIMS: [&str; 10] = [
    "x-real-ip",
    "x-client-ip",
    "x-cluster-client-ip",
    "x-original-forwarded-for",
    "x-original-url",
    "x-rewrite-url",
    "true-client-ip",
    "cf-connecting-ip",
    "fastly-client-ip",
    "x-envoy-external-address",
];

/// Whether a name claims something that only a proxy can know: addresses, and identities such as
/// `x-forwarded-user` or `x-forwarded-client-cert`.
fn is_claim(name: &str) -> bool {
    let prefix = "x-forwarded";
    name.get(..prefix.len()).is_some_and(|start| alike(start, prefix))
        || CLAIMS.iter().any(|claim| alike(name, claim))
}

#[cfg(test)]
mod tests;
