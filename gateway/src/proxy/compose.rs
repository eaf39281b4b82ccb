//! The composition layer in the place of an upstream.
//!
//! To Pingora it is a peer like any other (see `upstream::in_process`), so timeouts, logs and policies apply to it
//! unchanged. An [`Exchange`] is the part of one request: the service owns it, and what the engine reports comes back
//! in it.

use std::{
    panic::AssertUnwindSafe,
    sync::{
        Arc, Mutex, OnceLock, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant, SystemTime},
};

use bytes::Bytes;
use futures::FutureExt;
use glassgate_graphql::{
    budget::Budget,
    http::{Caller, handle},
    report::Report,
};
use http::{HeaderValue, Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use pingora_core::upstreams::peer::HttpPeer;

use super::{context::Opened, rate_limit::Payment};
use crate::{
    policy::authentication::Identity,
    policy::concurrency::Priority,
    snapshot::Api,
    telemetry::{Telemetry, trace::TraceContext},
    upstream::{CallContext, CallLog, Pool, Timeouts, in_process},
};

/// The engine answers at its own deadline; the proxy waits so much longer for it.
const SLACK: Duration = Duration::from_secs(1);

/// A request to a composed API.
pub struct Exchange {
    api: Arc<Api>,
    priority: Priority,
    pool: Pool,
    telemetry: Telemetry,
    trace: TraceContext,
    request_id: HeaderValue,
    calls: Arc<CallLog>,
    identity: OnceLock<Arc<Identity>>,
    payment: OnceLock<Arc<Payment>>,
    operation: Mutex<Option<Operation>>,
    panicked: AtomicBool,
}

/// What the engine has done.
#[derive(Debug)]
pub struct Operation {
    /// What it says itself.
    pub report: Report,
    /// When the request reached it.
    pub started_at: SystemTime,
    /// From there to its answer.
    pub duration: Duration,
}

impl Exchange {
    /// For a request that is about to be forwarded to this API.
    pub fn new(api: Arc<Api>, priority: Priority, opened: &Opened, pool: Pool) -> Arc<Self> {
        Arc::new(Self {
            api,
            priority,
            pool,
            telemetry: opened.snapshot.telemetry.clone(),
            trace: opened.trace.clone(),
            request_id: opened.id_value.clone(),
            calls: Arc::default(),
            identity: OnceLock::new(),
            payment: OnceLock::new(),
            operation: Mutex::default(),
            panicked: AtomicBool::new(false),
        })
    }

    /// Says who calls, which is known only once the request was admitted.
    pub fn identify(&self, identity: Arc<Identity>) {
        // Asked once, so nobody is taken for somebody else.
        let _ = self.identity.set(identity);
    }

    /// How Pingora reaches it.
    pub fn peer(self: Arc<Self>) -> Box<HttpPeer> {
        let patience = self.api.timeout + SLACK;
        let timeouts = Timeouts { connect: patience, read: Some(patience), total: None };
        in_process::peer(move |request| serve(self.clone(), request), timeouts)
    }

    /// Has the operation paid for. Before the request is forwarded.
    pub fn pay_with(&self, payment: Arc<Payment>) {
        // Set at most once: a request is admitted once.
        let _ = self.payment.set(payment);
    }

    /// Who pays for the operation.
    pub fn payment(&self) -> Option<&Payment> {
        self.payment.get().map(|payment| &**payment)
    }

    /// The API that is asked.
    pub fn api(&self) -> &Api {
        &self.api
    }

    /// What the engine has done, if it came to an end.
    pub fn take_operation(&self) -> Option<Operation> {
        self.operation.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// The calls it made.
    pub fn calls(&self) -> &CallLog {
        &self.calls
    }

    /// Whether the engine has failed by its own fault.
    pub fn has_panicked(&self) -> bool {
        self.panicked.load(Ordering::Acquire)
    }

    async fn answer(&self, request: Request<Incoming>) -> Response<Bytes> {
        let (started, started_at) = (Instant::now(), SystemTime::now());
        let context = CallContext {
            trace: self.trace.clone(),
            priority: self.priority,
            request_id: Some(self.request_id.clone()),
            calls: self.calls.clone(),
        };
        let fetch = Arc::new(self.api.client.on_behalf_of(context, self.pool.clone()));
        let identity =
            self.identity.get().cloned().map(|identity| identity as Arc<dyn glassgate_graphql::Identity>);
        let budget = self.payment.get().map(|payment| payment.clone() as Arc<dyn Budget>);
        let caller = Caller { identity, budget, timeout: self.api.timeout, csrf: self.api.csrf };
        let (response, report) = handle(&self.api.engine, request, caller, fetch).await;
        let operation = Operation { report, started_at, duration: started.elapsed() };
        *self.operation.lock().unwrap_or_else(PoisonError::into_inner) = Some(operation);
        response
    }
}

impl glassgate_graphql::Identity for Identity {
    fn claim(&self, path: &str) -> Option<&serde_json::Value> {
        Identity::claim(self, path)
    }

    fn has_scope(&self, scope: &str) -> bool {
        Identity::has_scope(self, scope)
    }
}

/// Answers the one request of a connection.
async fn serve(exchange: Arc<Exchange>, request: Request<Incoming>) -> Response<Full<Bytes>> {
    let answer = AssertUnwindSafe(exchange.answer(request)).catch_unwind().await;
    let answer = answer.unwrap_or_else(|_| {
        exchange.panicked.store(true, Ordering::Release);
        exchange.telemetry.metrics.gateway().panicked();
        // Never seen: `receive` answers in its place.
        let mut failed = Response::new(Bytes::new());
        *failed.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
        failed
    });
    answer.map(Full::new)
}

impl std::fmt::Debug for Exchange {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Exchange").field("api", &self.api.name).finish_non_exhaustive()
    }
}
