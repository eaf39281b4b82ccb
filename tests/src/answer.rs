//! An answer, read to its end.

use bytes::Bytes;
use http::{HeaderMap, StatusCode, Version};
use serde::Deserialize;
use serde_json::Value;

/// An answer with its whole body.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The status.
    pub status: StatusCode,
    /// The version it came in.
    pub version: Version,
    /// Its header fields.
    pub headers: HeaderMap,
    /// Its body.
    pub body: Bytes,
    /// Its trailer fields, if it had any.
    pub trailers: Option<HeaderMap>,
}

/// An answer made by the gateway itself (RFC 9457).
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Problem {
    /// A URI that names the kind of problem.
    pub r#type: String,
    /// A sentence for people.
    pub title: String,
    /// The status once more.
    pub status: u16,
    /// The reason code.
    pub reason: String,
    /// The request's id.
    pub request_id: String,
    /// The request's trace.
    pub trace_id: String,
}

impl Answer {
    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("not JSON ({error}), status {}: {}", self.status, self.text()))
    }

    /// A header field's first value; empty if there is none.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().expect("a readable header"))
    }

    /// The body as a problem document; checks all that every refusal promises.
    #[track_caller]
    pub fn problem(&self) -> Problem {
        assert_eq!(self.header("content-type"), "application/problem+json", "{self:?}");
        let problem: Problem = serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("not a problem document ({error}): {}", self.text()));
        assert_eq!(problem.status, self.status.as_u16(), "{self:?}");
        assert!(!problem.title.is_empty(), "{self:?}");
        assert!(problem.r#type.ends_with(&problem.reason), "{self:?}");
        assert_eq!(self.header("x-request-id"), problem.request_id, "{self:?}");
        assert!(
            problem.trace_id.len() == 32 && problem.trace_id.bytes().all(|byte| byte.is_ascii_hexdigit()),
            "{self:?}"
        );
        let proxy_status = self.header("proxy-status");
        assert!(
            proxy_status.starts_with("glassgate; error=") && proxy_status.contains(&problem.reason),
            "Proxy-Status: {proxy_status}"
        );
        problem
    }

    /// The reason of a refusal with this status; panics on any other answer.
    #[track_caller]
    pub fn refused(&self, status: u16) -> String {
        assert_eq!(self.status.as_u16(), status, "{self:?}");
        self.problem().reason
    }
}
