//! The `listeners:` and `drain:` sections.

use std::num::NonZeroU32;
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::value::{ByteSize, Cidr, Duration, EncodedSlashes, ListenAddress, Located, Name, TrustedHeader};

/// One address on which clients are served.
///
/// The address and whether there is `tls` are fixed for the process's life; everything
/// else, certificates included, follows a reload.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ListenerConfig {
    /// What the listener is called in logs and metrics. Unique among the listeners.
    pub name: Located<Name>,
    /// Where to listen; a change needs a restart. Port 0 lets the system choose.
    pub address: Located<ListenAddress>,
    /// Speak HTTP/2: by ALPN on TLS, by prior knowledge (h2c) on cleartext.
    #[serde(default = "yes")]
    pub http2: bool,
    /// Serve TLS; absent: cleartext.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls: Option<TlsConfig>,
    /// Connections held at a time; one more is closed at once and counted.
    #[serde(default = "default_connections")]
    pub max_connections: NonZeroU32,
    /// Connections held at a time by one client: one address of IPv4, one network of 64 bits of IPv6. One more is closed at
    /// once and counted. `trusted_proxies` are free of it. Absent: no limit but `max_connections`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_connections_per_client: Option<NonZeroU32>,
    /// How long clients may take.
    #[serde(default)]
    pub deadlines: Deadlines,
    /// Requests after which a connection is closed in order (`Connection: close`, GOAWAY); absent: no limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_requests_per_connection: Option<NonZeroU32>,
    /// Requests that a connection of HTTP/2 may have open at a time. Holds for new connections after a reload.
    #[serde(default = "default_streams")]
    pub max_streams_per_connection: NonZeroU32,
    /// How large a request's head may be; a larger one is answered with 431.
    #[serde(default)]
    pub limits: Limits,
    /// Proxies and load balancers in front of the gateway. What they say about the client, about sampling (`traceparent`)
    /// and in `baggage` is believed; of anybody else it is replaced by what the gateway sees itself.
    #[serde(default)]
    pub trusted_proxies: Vec<Cidr>,
    /// Other headers that trusted proxies maintain, such as `x-forwarded-client-cert`. They are passed on from trusted
    /// proxies and removed from anybody else's requests. List only what every one of your proxies sets or removes.
    #[serde(default)]
    pub trusted_headers: Vec<TrustedHeader>,
    /// The header in which trusted proxies name the client; the other one is not read.
    #[serde(default)]
    pub client_address: ClientAddress,
    /// What to do with `%2F` and `%5C` in a path. `%00` and a bare `\` are refused in any case.
    #[serde(default)]
    pub encoded_slashes: EncodedSlashes,
}

/// TLS on a listener.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TlsConfig {
    /// The name the client asks for (SNI) picks one; the first is the default.
    #[schemars(length(min = 1))]
    pub certificates: Vec<CertificateConfig>,
    /// The oldest version accepted.
    #[serde(default)]
    pub min_version: TlsVersion,
}

/// A certificate chain and its private key.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CertificateConfig {
    /// PEM file: the certificate, then its intermediates.
    pub certificate: Located<PathBuf>,
    /// PEM file: the private key (PKCS#8, PKCS#1 or SEC1).
    pub key: Located<PathBuf>,
}

/// A path relative to the file that names it.
pub(super) fn resolve(path: &Located<PathBuf>) -> PathBuf {
    path.place().resolve(path)
}

/// A version of TLS.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum TlsVersion {
    /// TLS 1.2 and 1.3.
    #[default]
    #[serde(rename = "1.2")]
    Tls12,
    /// TLS 1.3 only.
    #[serde(rename = "1.3")]
    Tls13,
}

/// How long clients may take.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Deadlines {
    /// For the TLS handshake, from accept.
    pub tls_handshake: Duration,
    /// For a request's head, from its first byte.
    pub head: Duration,
    /// For a request's body, from the end of the head. Upgraded connections are free of it.
    pub body: Duration,
    /// How long a connection may be without a request (from accept or from the last answer), and a client take
    /// nothing of an answer.
    pub idle: Duration,
}

impl Default for Deadlines {
    fn default() -> Self {
        Self {
            tls_handshake: Duration::from_secs(10),
            head: Duration::from_secs(10),
            body: Duration::from_secs(300),
            idle: Duration::from_secs(60),
        }
    }
}

/// How large a request's head may be.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Bytes of request line and headers together, at most `1MiB`. HTTP/2 carries at most 64 KiB of headers, whatever
    /// stands here.
    pub head: ByteSize,
    /// How many headers; at most 256, which is what the HTTP/1 parser reads.
    #[schemars(range(min = 1, max = 256))]
    pub headers: u16,
}

impl Default for Limits {
    fn default() -> Self {
        Self { head: ByteSize::from_kib(60), headers: 100 }
    }
}

/// The header in which trusted proxies name the client.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ClientAddress {
    /// `X-Forwarded-For`.
    #[default]
    XForwardedFor,
    /// `Forwarded` (RFC 7239).
    Forwarded,
}

/// How the gateway stops on SIGTERM.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct DrainConfig {
    /// Keep accepting for so long after readiness has gone, until load balancers have noticed.
    pub delay: Duration,
    /// Then let requests in flight take so long before they are cut.
    pub grace: Duration,
}

impl Default for DrainConfig {
    fn default() -> Self {
        Self { delay: Duration::from_secs(0), grace: Duration::from_secs(30) }
    }
}

fn yes() -> bool {
    true
}

fn default_streams() -> NonZeroU32 {
    NonZeroU32::new(100).unwrap_or(NonZeroU32::MIN)
}

fn default_connections() -> NonZeroU32 {
    NonZeroU32::new(10_000).unwrap_or(NonZeroU32::MIN)
}
