//! A client for documents of issuers.
//!
//! Redirects are not followed: keys come from the address that was configured, or not at all.

use std::{sync::OnceLock, time::Duration};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request, StatusCode, header};
use http_body_util::Full;

use super::http::{Answer, Bounds, Client as Http};
use crate::value::{Authorities, HttpUrl};

/// A set of keys has some KiB; the time is for all of it: name, connection, TLS, answer.
const BOUNDS: Bounds = Bounds { time: Duration::from_secs(5), body: 256 << 10 };

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
pub struct Client {
    made: OnceLock<Http>,
    authorities: Option<Authorities>,
}

impl Client {
    /// One that trusts nobody but these; the default trusts those of the system.
    pub fn trusting(authorities: Authorities) -> Self {
        Self { made: OnceLock::new(), authorities: Some(authorities) }
    }

    /// A document, or why there is none.
    pub async fn get(&self, url: &HttpUrl) -> Result<Document, String> {
        let mut request = Request::new(Full::default());
        *request.uri_mut() = url.uri().clone();
        let fields = request.headers_mut();
        fields.insert(header::ACCEPT, HeaderValue::from_static("application/jwk-set+json, application/json"));
        let agent = HeaderValue::from_static(concat!("glassgate/", env!("CARGO_PKG_VERSION")));
        fields.insert(header::USER_AGENT, agent);
        let client = self.made.get_or_init(|| Http::new(self.authorities.as_ref()));
        let answer = client.exchange(request, BOUNDS).await;
        let Answer { status, headers, body } = answer.map_err(|failed| failed.to_string())?;
        match status {
            StatusCode::OK => Ok(Document { headers, body }),
            _ => Err(format!("the answer has status {}", status.as_u16())),
        }
    }
}
