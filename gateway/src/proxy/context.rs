//! What is known of a request on its way: one part per stage, each written once.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use http::{HeaderValue, Method, Uri};
use pingora_error::{Error, ErrorType, Result};

use super::{compose::Exchange, pass::Passed};
use crate::{
    listener::{RequestGuard, config::Limits},
    policy::forwarding::{ChainHeader, Origin, Peer},
    reason::Reason,
    snapshot::{Route, Snapshot},
    telemetry::{
        request_id::RequestId,
        trace::{Epoch, TraceContext},
    },
    upstream::{Attempt, EndpointId, Finished, Place},
    value::EncodedSlashes,
};

/// A request on its way.
///
/// Dropping it finishes it: a request that ends by a panic or with its connection is counted and logged like any
/// other.
#[derive(Debug, Default)]
pub struct RequestContext {
    pub(super) opened: Option<Box<Opened>>,
    pub(super) admitted: Option<Admitted>,
    pub(super) attempts: Attempts,
    pub(super) outcome: Outcome,
}

/// What `open` has found out.
#[derive(Debug)]
pub struct Opened {
    /// The configuration of this request, from beginning to end.
    pub snapshot: Arc<Snapshot>,
    /// When it began.
    pub epoch: Epoch,
    /// Shown in headers, logs and spans.
    pub id: RequestId,
    /// The id as a header's value.
    pub id_value: HeaderValue,
    /// Its place in a trace.
    pub trace: TraceContext,
    /// Keeps the connection informed.
    pub guard: RequestGuard,
    /// How large its head may be.
    pub limits: Limits,
    /// What an encoded slash in its path is worth.
    pub slashes: EncodedSlashes,
    /// The other end of the connection.
    pub peer: Peer,
    /// Where it comes from.
    pub origin: Origin,
    /// In which header proxies name the client, here and where it is sent on.
    pub chain: ChainHeader,
    /// As the client sent it.
    pub method: Method,
    /// As the client sent it.
    pub uri: Uri,
    /// The authority the client asked for.
    pub host: Option<HeaderValue>,
    /// What the client calls itself.
    pub user_agent: Option<HeaderValue>,
    /// The client speaks HTTP/2.
    pub http2: bool,
    /// The client asks for a WebSocket.
    pub websocket: bool,
    /// `HTTP/1.1`, as the log shows it.
    pub protocol: &'static str,
    /// The caller understands gRPC statuses better than problem documents.
    pub grpc: bool,
}

/// What `admit` has decided, for a request that goes on.
#[derive(Debug)]
pub struct Admitted {
    /// The route it takes.
    pub route: Arc<Route>,
    /// Path and query to forward; `None` where they are those that came.
    pub target: Option<Uri>,
    /// How long the upstream may take in all.
    pub total: Option<Duration>,
    /// When it must be done: `total` after the request's last byte. While the client sends, the clock does not run.
    pub deadline: Option<Instant>,
    /// What the route's policies have found out.
    pub passed: Passed,
    /// The composition layer's part, where the route leads there.
    pub exchange: Option<Arc<Exchange>>,
}

/// The attempts to get an answer from an upstream.
#[derive(Debug, Default)]
pub struct Attempts {
    /// For the next one, within the upstream's concurrency limit.
    pub place: Option<Place>,
    /// The one that runs.
    pub running: Option<Attempt>,
    /// Those that are over, bounded by `connect_retries` and [`super::recover::MOST_RESENDS`].
    pub finished: Vec<Finished>,
    /// Endpoints that no connection could be made to.
    pub tried: Vec<EndpointId>,
}

/// What it has come to so far.
#[derive(Debug, Default)]
pub struct Outcome {
    /// Status of the answer, once it was sent.
    pub status: Option<u16>,
    /// Why the gateway answered itself or gave up.
    pub reason: Option<Reason>,
    /// The cause in the words of those who know it, for the operator only.
    pub error: Option<Box<str>>,
    /// Bytes of the request's body.
    pub request_bytes: u64,
    /// Bytes of the answer's body.
    pub response_bytes: u64,
    /// The request's body has arrived to its end.
    pub request_complete: bool,
    /// The upstream's answer has arrived to its end.
    pub response_complete: bool,
    /// It was counted and logged.
    pub finished: bool,
}

impl Outcome {
    /// Whether the connection speaks another protocol since the answer (WebSocket).
    pub fn is_upgraded(&self) -> bool {
        self.status == Some(101)
    }
}

impl RequestContext {
    /// What `open` has found out. It runs before everything else, so that an error means a bug.
    pub fn opened(&self) -> Result<&Opened> {
        self.opened.as_deref().ok_or_else(|| Error::new_in(ErrorType::InternalError))
    }

    /// What `admit` has decided; an error means a bug.
    pub fn admitted(&self) -> Result<&Admitted> {
        self.admitted.as_ref().ok_or_else(|| Error::new_in(ErrorType::InternalError))
    }

    /// Gives up for this reason: `reply` answers with it.
    pub fn give_up(&mut self, reason: Reason) -> Box<Error> {
        self.outcome.reason = Some(reason);
        Error::new_in(ErrorType::Custom("refused"))
    }

    /// How much time is left; `None` without a limit.
    pub fn remaining(&self, now: Instant) -> Option<Duration> {
        Some(self.admitted.as_ref()?.deadline?.saturating_duration_since(now))
    }

    /// Whether the total time has passed.
    pub fn is_out_of_time(&self) -> bool {
        let deadline = self.admitted.as_ref().and_then(|admitted| admitted.deadline);
        deadline.is_some_and(|deadline| deadline <= Instant::now())
    }

    /// The client has sent its last byte: the total time begins.
    pub fn request_ended(&mut self) {
        if self.outcome.request_complete {
            return;
        }
        self.outcome.request_complete = true;
        if let Some(opened) = &mut self.opened {
            opened.guard.body_done();
        }
        if let Some(attempt) = &mut self.attempts.running {
            attempt.request_ended();
        }
        let Some(admitted) = &mut self.admitted else { return };
        if let Some(place) = &mut admitted.passed.place {
            place.request_ended();
        }
        if admitted.deadline.is_none() {
            admitted.deadline = admitted.total.and_then(|total| Instant::now().checked_add(total));
        }
    }

    /// Nothing more is to be done for the request but to send what is there: its places within concurrency limits are
    /// free, before the client can know.
    pub fn leave(&mut self) {
        self.attempts.place = None;
        if let Some(attempt) = &mut self.attempts.running {
            attempt.read();
        }
        let place = self.admitted.as_mut().and_then(|admitted| admitted.passed.place.take());
        if let Some(place) = place {
            place.finish(self.outcome.reason, Instant::now());
        }
    }

    /// The attempt that runs is over.
    pub fn end_attempt(&mut self, error: Option<Reason>, now: Instant) {
        if let Some(attempt) = self.attempts.running.take() {
            // Nearly always the only one.
            self.attempts.finished.reserve_exact(1);
            self.attempts.finished.push(attempt.finish(error, now));
        }
    }
}
