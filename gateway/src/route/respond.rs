//! An answer that the configuration gives, without a service.

use bytes::Bytes;
use http::{HeaderMap, StatusCode};

/// An answer made by the gateway.
#[derive(Debug, Clone)]
pub struct Respond {
    /// 200 to 599.
    pub status: StatusCode,
    /// Without `Content-Length`.
    pub headers: HeaderMap,
    /// May be empty.
    pub body: Bytes,
}
