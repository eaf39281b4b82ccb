//! The one door through which the composition layer reaches services.
//!
//! The executor says *what* to send; whoever embeds it says *how*: connection
//! pools, retries, spans and metrics are the embedder's. Nothing here knows a
//! socket.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Instant;

use bytes::Bytes;
use futures::future::BoxFuture;
use http::{HeaderMap, Method, StatusCode};

/// Sends one request to a service and reads its whole answer.
pub trait Fetch: Send + Sync {
    /// Resolves when the body has been read to its end, or failed.
    ///
    /// Dropping the future cancels the call.
    fn fetch<'a>(&'a self, request: FetchRequest) -> BoxFuture<'a, Result<FetchResponse, FetchError>>;
}

/// One call to a service, completely expanded.
#[derive(Debug, Clone)]
pub struct FetchRequest {
    /// Number of the fetch within its operation; the same as [`crate::report::FetchReport::id`].
    pub id: u32,
    /// The source's name, as the schema's `@rest(source:)` says it.
    pub source: Arc<str>,
    /// Name of the operation's fetch for spans: `Type.field`.
    pub field: Arc<str>,
    /// How many keys a batched call carries; 1 for a call that is not batched.
    pub batch_size: u32,
    /// The request method.
    pub method: Method,
    /// Path and query in origin form, percent-encoded, beginning with `/`.
    pub path_and_query: String,
    /// Headers from the schema's templates and the source's forward list.
    pub headers: HeaderMap,
    /// A JSON body, for methods that have one.
    pub body: Option<Bytes>,
    /// The answer must be complete by then.
    pub deadline: Instant,
    /// A longer body is an error ([`FetchError::BodyTooLarge`]).
    pub max_body_bytes: usize,
    /// What the operation may still hold. Whoever reads a body takes its room
    /// while it arrives; where there is none left, the body is too large.
    pub room: Room,
}

/// Room for the bytes of an operation's answers, those on their way included.
#[derive(Debug, Clone)]
pub struct Room(Arc<Left>);

#[derive(Debug)]
struct Left {
    bytes: AtomicUsize,
    exhausted: AtomicBool,
}

/// Room for an answer that is arriving; dropping it gives it back, and the
/// executor takes it again for the whole answer.
#[derive(Debug)]
pub struct Taken<'r> {
    room: &'r Room,
    bytes: usize,
}

impl Room {
    /// Room for so many bytes.
    pub fn of(bytes: usize) -> Self {
        Self(Arc::new(Left { bytes: AtomicUsize::new(bytes), exhausted: AtomicBool::new(false) }))
    }

    /// Begins an answer.
    pub fn begin(&self) -> Taken<'_> {
        Taken { room: self, bytes: 0 }
    }

    /// Takes room for good; `false` where there is too little.
    pub(crate) fn take(&self, bytes: usize) -> bool {
        let left = |left: usize| left.checked_sub(bytes);
        let taken = self.0.bytes.fetch_update(Ordering::Relaxed, Ordering::Relaxed, left).is_ok();
        if !taken {
            self.0.exhausted.store(true, Ordering::Relaxed);
        }
        taken
    }

    /// Whether there was too little once.
    pub(crate) fn is_exhausted(&self) -> bool {
        self.0.exhausted.load(Ordering::Relaxed)
    }
}

impl Taken<'_> {
    /// Takes room for a further piece; `false` where there is too little.
    #[must_use]
    pub fn more(&mut self, bytes: usize) -> bool {
        let taken = self.room.take(bytes);
        self.bytes += if taken { bytes } else { 0 };
        taken
    }
}

impl Drop for Taken<'_> {
    fn drop(&mut self) {
        self.room.0.bytes.fetch_add(self.bytes, Ordering::Relaxed);
    }
}

/// A service's answer, whatever its status.
#[derive(Debug, Clone)]
pub struct FetchResponse {
    /// The status code.
    pub status: StatusCode,
    /// The answer's headers.
    pub headers: HeaderMap,
    /// The whole body, already decoded from any transfer or content coding.
    pub body: Bytes,
}

/// Why no answer came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FetchError {
    /// No endpoint could be reached or the connection broke; the embedder's
    /// reason code, safe to show to a client.
    Failed(&'static str),
    /// The deadline passed.
    TimedOut(&'static str),
    /// The body is longer than [`FetchRequest::max_body_bytes`], or than what is
    /// left of [`FetchRequest::room`].
    BodyTooLarge,
}

impl fmt::Display for FetchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            FetchError::Failed(code) | FetchError::TimedOut(code) => f.write_str(code),
            FetchError::BodyTooLarge => f.write_str("upstream_body_too_large"),
        }
    }
}

impl std::error::Error for FetchError {}
