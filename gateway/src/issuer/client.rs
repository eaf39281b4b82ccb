//! A client for documents of issuers.
//!
//! Redirects are not followed: keys come from the address that was configured, or not at all.

use std::{sync::OnceLock, time::Duration};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request, StatusCode, header};
use http_body_util::{BodyExt, Empty, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{self, connect::HttpConnector},
    rt::TokioExecutor,
};
use tokio::time;

use crate::value::HttpUrl;

/// A set of keys has some KiB.
const MOST_BYTES: usize = 256 << 10;

/// For all of it: name, connection, TLS, answer.
const TIMEOUT: Duration = Duration::from_secs(5);

/// What came back.
#[derive(Debug)]
pub struct Document {
    /// The fields of the answer.
    pub headers: HeaderMap,
    /// The whole body.
    pub body: Bytes,
}

/// Fetches documents. Made when it is first used: reading the system's certificate authorities takes time and memory.
#[derive(Debug, Default)]
pub struct Client(OnceLock<legacy::Client<HttpsConnector<HttpConnector>, Empty<Bytes>>>);

impl Client {
    /// A document, or why there is none.
    pub async fn get(&self, url: &HttpUrl) -> Result<Document, String> {
        match time::timeout(TIMEOUT, self.ask(url)).await {
            Ok(result) => result,
            Err(_) => Err(format!("no whole answer within {} seconds", TIMEOUT.as_secs())),
        }
    }

    async fn ask(&self, url: &HttpUrl) -> Result<Document, String> {
        let mut request = Request::new(Empty::new());
        *request.uri_mut() = url.uri().clone();
        let headers = request.headers_mut();
        headers
            .insert(header::ACCEPT, HeaderValue::from_static("application/jwk-set+json, application/json"));
        headers.insert(
            header::USER_AGENT,
            HeaderValue::from_static(concat!("glassgate/", env!("CARGO_PKG_VERSION"))),
        );
        let response =
            self.0.get_or_init(connect).request(request).await.map_err(|error| with_causes(&error))?;
        let (head, body) = response.into_parts();
        if head.status != StatusCode::OK {
            return Err(format!("the answer has status {}", head.status.as_u16()));
        }
        let body = Limited::new(body, MOST_BYTES).collect().await;
        let body = body.map_err(|error| format!("the answer cannot be read to its end: {error}"))?;
        Ok(Document { headers: head.headers, body: body.to_bytes() })
    }
}

fn connect() -> legacy::Client<HttpsConnector<HttpConnector>, Empty<Bytes>> {
    let provider = rustls::crypto::ring::default_provider;
    let builder = HttpsConnectorBuilder::new().with_provider_and_native_roots(provider());
    let builder = builder.unwrap_or_else(|error| {
        // Without authorities nobody is believed over TLS; what is fetched in clear text goes on.
        tracing::warn!(%error, "the system's certificate authorities cannot be read, so no issuer is believed over TLS");
        let nobody = rustls::ClientConfig::builder_with_provider(provider().into())
            .with_safe_default_protocol_versions()
            .expect("ring knows the default versions of TLS")
            .with_root_certificates(rustls::RootCertStore::empty())
            .with_no_client_auth();
        HttpsConnectorBuilder::new().with_tls_config(nobody)
    });
    let connector = builder.https_or_http().enable_http1().build();
    // Minutes pass between two questions.
    legacy::Client::builder(TokioExecutor::new()).pool_max_idle_per_host(0).build(connector)
}

/// The library's own words say little without what caused them.
fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(next) = cause {
        let words = next.to_string();
        if !text.contains(&words) {
            text.push_str(": ");
            text.push_str(&words);
        }
        cause = next.source();
    }
    text
}
