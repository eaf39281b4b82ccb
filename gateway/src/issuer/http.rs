//! HTTP to issuers: a request, and its answer within bounds of time and size.
//!
//! A connection belongs to the runtime on which it was made: a client is used on one only, the control thread's, which
//! outlives all others. Certificates are checked against the authorities that are configured, or else those of the system;
//! `SSL_CERT_FILE` and `SSL_CERT_DIR` name others. Redirects are not followed: an issuer that moves is configured anew.

use std::{
    error::Error,
    sync::{Arc, LazyLock},
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderMap, Request, StatusCode};
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper_rustls::{ConfigBuilderExt, HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{Client as Pooled, connect::HttpConnector},
    rt::{TokioExecutor, TokioTimer},
};
use rustls::{ClientConfig, ConfigBuilder, RootCertStore, WantsVerifier};
use tokio::time::timeout;

use crate::value::Authorities;

/// Until an idle connection is closed: less than most servers wait.
const IDLE: Duration = Duration::from_secs(30);

/// Idle connections to one issuer.
const MOST_IDLE: usize = 16;

type Connector = HttpsConnector<HttpConnector>;

/// Asks issuers. Clones share their connections.
#[derive(Debug, Clone)]
pub struct Client(Pooled<Connector, Full<Bytes>>);

/// How far an exchange may go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// From the beginning to the answer's last byte.
    pub time: Duration,
    /// Bytes of the answer's body.
    pub body: usize,
}

/// An answer, complete.
#[derive(Debug)]
pub struct Answer {
    /// Its status.
    pub status: StatusCode,
    /// Its fields.
    pub headers: HeaderMap,
    /// Its body.
    pub body: Bytes,
}

/// Why there is no answer. For the operator: it may name addresses, but nothing of what was sent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Failed {
    /// It took too long.
    #[error("no answer within {} ms", .0.as_millis())]
    Late(Duration),
    /// It is too large.
    #[error("the answer is larger than {0} bytes")]
    Large(usize),
    /// The connection could not be made, or broke.
    #[error("{0}")]
    Broken(Box<str>),
}

impl Client {
    /// A client without connections, that trusts some authorities or else the system's, which it reads the first time.
    pub fn new(authorities: Option<&Authorities>) -> Self {
        let mut builder = Pooled::builder(TokioExecutor::new());
        builder.pool_timer(TokioTimer::new()).pool_idle_timeout(IDLE).pool_max_idle_per_host(MOST_IDLE);
        Self(builder.build(connector(authorities)))
    }

    /// Sends a request and reads the whole answer.
    ///
    /// # Errors
    /// There was none within the bounds.
    pub async fn exchange(&self, request: Request<Full<Bytes>>, bounds: Bounds) -> Result<Answer, Failed> {
        let exchange = async {
            let answer = self.0.request(request).await.map_err(|error| Failed::Broken(chain(&error)))?;
            let (head, body) = answer.into_parts();
            let body = read(Limited::new(body, bounds.body), bounds.body).await?;
            Ok(Answer { status: head.status, headers: head.headers, body })
        };
        timeout(bounds.time, exchange).await.unwrap_or(Err(Failed::Late(bounds.time)))
    }
}

async fn read(body: Limited<hyper::body::Incoming>, most: usize) -> Result<Bytes, Failed> {
    match body.collect().await {
        Ok(body) => Ok(body.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => Err(Failed::Large(most)),
        Err(error) => Err(Failed::Broken(chain(&*error))),
    }
}

fn connector(authorities: Option<&Authorities>) -> Connector {
    /// Reading the system's certificates takes a while, so they are read once.
    static TLS: LazyLock<ClientConfig> = LazyLock::new(|| match tls().with_native_roots() {
        Ok(trusting) => trusting.with_no_client_auth(),
        Err(error) => {
            tracing::warn!(%error, "the system has no certificates to check issuers by, so TLS to them fails");
            tls().with_root_certificates(RootCertStore::empty()).with_no_client_auth()
        }
    });
    let mut tcp = HttpConnector::new();
    tcp.set_nodelay(true);
    tcp.enforce_http(false);
    let config = match authorities {
        Some(authorities) => tls().with_root_certificates(authorities.roots()).with_no_client_auth(),
        None => TLS.clone(),
    };
    let builder = HttpsConnectorBuilder::new().with_tls_config(config);
    builder.https_or_http().enable_http1().wrap_connector(tcp)
}

fn tls() -> ConfigBuilder<ClientConfig, WantsVerifier> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    builder.expect("the provider knows the default versions of TLS")
}

/// An error with all its causes: the first alone says hardly anything.
fn chain(error: &(dyn Error + 'static)) -> Box<str> {
    let causes = std::iter::successors(Some(error), |error| (*error).source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ").into()
}

#[cfg(test)]
mod tests;
