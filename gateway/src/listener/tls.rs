//! TLS on our side of the connection: certificates, their choice, the handshake.
//!
//! rustls with ring. Certificates are read into a new `ServerConfig`, which a
//! reload swaps whole; session tickets are made by a ticketer that outlives
//! the swap, so clients resume across it. The name a client asks for (SNI)
//! picks the certificate by the names in the certificates themselves; without
//! one, or with an unknown one, the first certificate answers, as in nginx and
//! Envoy.

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ProducesTickets, ResolvesServerCert, ServerSessionMemoryCache};
use rustls::server::{ServerConfig, StoresServerSessions};
use rustls::sign::CertifiedKey;
use tokio::io::{AsyncRead, AsyncWrite, BufReader};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::Ending;
use super::config::{CertificateConfig, TlsConfig, TlsVersion, resolve};
use crate::value::{Located, Place};

/// Bytes read from the socket at a time: a TLS record and a bit. rustls alone reads 4 KiB.
const READ_BUFFER: usize = 20 * 1024;

/// Sessions of TLS 1.2 clients without tickets.
const SESSIONS: usize = 4096;

/// Why certificates cannot be used: `what is wrong; what to do`.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct TlsError {
    /// Where the offending file is named.
    pub place: Place,
    /// What is wrong and what to do.
    pub message: String,
}

impl TlsError {
    fn at(path: &Located<PathBuf>, message: String) -> Self {
        Self { place: path.place().clone(), message }
    }

    fn general(message: String) -> Self {
        Self { place: Place::unknown(), message }
    }
}

/// What lets clients resume their sessions; outlives reloads.
pub(super) struct Resumption {
    tickets: Arc<dyn ProducesTickets>,
    sessions: Arc<dyn StoresServerSessions>,
}

impl Resumption {
    pub(super) fn new() -> Result<Self, TlsError> {
        let tickets = ring::Ticketer::new()
            .map_err(|error| TlsError::general(format!("no randomness for session tickets: {error}")))?;
        Ok(Self { tickets, sessions: ServerSessionMemoryCache::new(SESSIONS) })
    }
}

/// Whether the section's files can be used; what `glassgate check` asks.
pub fn check(config: &TlsConfig) -> Result<(), TlsError> {
    Choice::load(config, &ring::default_provider()).map(drop)
}

/// Reads the certificates into a configuration for handshakes.
pub(super) fn load(
    config: &TlsConfig,
    http2: bool,
    resumption: &Resumption,
) -> Result<Arc<ServerConfig>, TlsError> {
    let provider = ring::default_provider();
    let choice = Choice::load(config, &provider)?;
    let versions = match config.min_version {
        TlsVersion::Tls12 => rustls::ALL_VERSIONS,
        TlsVersion::Tls13 => &[&rustls::version::TLS13],
    };
    let mut server = ServerConfig::builder_with_provider(Arc::new(provider))
        .with_protocol_versions(versions)
        .map_err(|error| TlsError::general(format!("TLS cannot be set up: {error}")))?
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(choice));
    server.alpn_protocols = match http2 {
        true => vec![b"h2".to_vec(), b"http/1.1".to_vec()],
        false => vec![b"http/1.1".to_vec()],
    };
    server.ticketer = resumption.tickets.clone();
    server.session_storage = resumption.sessions.clone();
    Ok(Arc::new(server))
}

/// The certificates by the names in them.
#[derive(Debug)]
struct Choice {
    exact: HashMap<String, Arc<CertifiedKey>>,
    /// By what follows the `*` of a wildcard.
    wildcard: HashMap<String, Arc<CertifiedKey>>,
    default: Arc<CertifiedKey>,
}

impl Choice {
    fn load(config: &TlsConfig, provider: &CryptoProvider) -> Result<Self, TlsError> {
        let mut keys = Vec::with_capacity(config.certificates.len());
        for pair in &config.certificates {
            keys.push((pair, Arc::new(certified_key(pair, provider)?)));
        }
        let Some((_, default)) = keys.first() else {
            return Err(TlsError::general("`tls` names no certificate; add one to `certificates`".into()));
        };
        let mut choice = Self { exact: HashMap::new(), wildcard: HashMap::new(), default: default.clone() };
        for (pair, key) in &keys {
            choice.add(pair, key)?;
        }
        Ok(choice)
    }

    fn add(&mut self, pair: &CertificateConfig, key: &Arc<CertifiedKey>) -> Result<(), TlsError> {
        let end_entity = key.end_entity_cert().map_err(|error| bad_certificate(pair, &error))?;
        let parsed =
            webpki::EndEntityCert::try_from(end_entity).map_err(|error| bad_certificate(pair, &error))?;
        for name in parsed.valid_dns_names() {
            let name = name.to_ascii_lowercase();
            let (map, name) = match name.strip_prefix('*') {
                Some(rest) => (&mut self.wildcard, rest.to_owned()),
                None => (&mut self.exact, name),
            };
            // The first certificate with a name keeps it, as written.
            map.entry(name).or_insert_with(|| key.clone());
        }
        Ok(())
    }

    fn pick(&self, name: Option<&str>) -> &Arc<CertifiedKey> {
        let by_name = |name: &str| {
            let name = name.to_ascii_lowercase();
            self.exact.get(&name).or_else(|| self.wildcard.get(&name[name.find('.')?..]))
        };
        name.and_then(by_name).unwrap_or(&self.default)
    }
}

impl ResolvesServerCert for Choice {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.pick(hello.server_name()).clone())
    }
}

fn bad_certificate(pair: &CertificateConfig, error: &dyn std::fmt::Display) -> TlsError {
    let path = resolve(&pair.certificate);
    TlsError::at(
        &pair.certificate,
        format!(
            "`{}` holds no certificate that can be served ({error}); use an X.509 v3 one",
            path.display()
        ),
    )
}

fn certified_key(pair: &CertificateConfig, provider: &CryptoProvider) -> Result<CertifiedKey, TlsError> {
    let chain = certificates(&pair.certificate)?;
    let key_path = resolve(&pair.key);
    let key = PrivateKeyDer::from_pem_file(&key_path)
        .map_err(|error| unreadable(&pair.key, &key_path, "a private key", &error))?;
    let key = provider.key_provider.load_private_key(key).map_err(|error| {
        TlsError::at(
            &pair.key,
            format!(
                "the private key in `{}` cannot be used ({error}); use RSA of 2048 bits or more, ECDSA P-256 or P-384, or Ed25519",
                key_path.display()
            ),
        )
    })?;
    let certified = CertifiedKey::new(chain, key);
    match certified.keys_match() {
        Ok(()) | Err(rustls::Error::InconsistentKeys(rustls::InconsistentKeys::Unknown)) => Ok(certified),
        Err(rustls::Error::InconsistentKeys(_)) => Err(TlsError::at(
            &pair.key,
            format!(
                "the private key in `{}` does not belong to the certificate in `{}`; the first certificate in the file must be the server's own",
                key_path.display(),
                resolve(&pair.certificate).display()
            ),
        )),
        Err(error) => Err(bad_certificate(pair, &error)),
    }
}

fn certificates(file: &Located<PathBuf>) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let path = resolve(file);
    let chain = CertificateDer::pem_file_iter(&path)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|error| unreadable(file, &path, "a certificate", &error))?;
    match chain.is_empty() {
        true => Err(unreadable(file, &path, "a certificate", &pem::Error::NoItemsFound)),
        false => Ok(chain),
    }
}

fn unreadable(file: &Located<PathBuf>, path: &Path, what: &str, error: &pem::Error) -> TlsError {
    let path = path.display();
    let message = match error {
        pem::Error::Io(error) => format!("cannot read `{path}`: {error}; check the path and its permissions"),
        pem::Error::NoItemsFound => format!("`{path}` does not hold {what}; it must be a PEM file with one"),
        error => format!("`{path}` is not a valid PEM file ({error}); it must hold {what}"),
    };
    TlsError::at(file, message)
}

/// What TLS agreed on.
#[derive(Debug, Clone)]
pub struct TlsFacts {
    /// `TLSv1_3` or `TLSv1_2`.
    pub version: &'static str,
    /// The cipher suite's IANA name.
    pub cipher: &'static str,
}

/// A TLS connection as served: reads from the socket in whole records.
pub(super) type Encrypted<S> = TlsStream<BufReader<S>>;

/// Does the handshake; an error is the connection's ending.
pub(super) async fn handshake<S>(
    config: Arc<ServerConfig>,
    stream: S,
) -> Result<(Encrypted<S>, TlsFacts), Ending>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let stream = BufReader::with_capacity(READ_BUFFER, stream);
    let stream = TlsAcceptor::from(config).accept(stream).await.map_err(|error| classify(&error))?;
    let session = stream.get_ref().1;
    let facts = TlsFacts {
        version: session.protocol_version().and_then(|version| version.as_str()).unwrap_or("unknown"),
        cipher: session
            .negotiated_cipher_suite()
            .and_then(|suite| suite.suite().as_str())
            .unwrap_or("unknown"),
    };
    Ok((stream, facts))
}

fn classify(error: &io::Error) -> Ending {
    use rustls::Error;
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<Error>());
    match inner {
        Some(Error::InvalidMessage(_)) => Ending::TlsNotTls,
        Some(Error::PeerIncompatible(_) | Error::NoApplicationProtocol) => Ending::TlsIncompatible,
        Some(Error::AlertReceived(_)) => Ending::TlsAlert,
        Some(_) => Ending::TlsFailed,
        None => Ending::TlsAborted,
    }
}
