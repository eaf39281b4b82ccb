//! The composition layer's way to services: its [`Fetch`], with the same upstreams as the proxy.
//!
//! Endpoints, health, limits, metrics and spans are shared with the proxy; only the pool of connections is another
//! one, since Pingora's proxy keeps its own to itself. A [`FetchClient`] belongs to a configuration, an
//! [`UpstreamFetch`] to one request.

mod exchange;
mod log;

use std::{collections::HashMap, sync::Arc, time::Instant};

use futures::future::BoxFuture;
use glassgate_graphql::fetch::{Fetch, FetchError, FetchRequest, FetchResponse};
use http::HeaderValue;
use pingora_core::connectors::{ConnectorOptions, http::Connector};
use tokio::time::timeout_at;

use super::{
    attempt::{Attempt, Finished},
    classify::is_timeout,
    endpoint::EndpointId,
    gate::Place,
    settings::Timeouts,
    state::Upstream,
};
use crate::{policy::concurrency::Priority, reason::Reason, telemetry::trace::TraceContext};
use exchange::{Failure, Retry, exchange};
pub use log::{Call, CallLog};

/// Idle connections kept by one [`Pool`], over all upstreams.
const POOL_SIZE: usize = 1024;

/// Connections to services. One for each serving thread, so that no connection is driven by two.
#[derive(Clone)]
pub struct Pool(Arc<Connector>);

impl Pool {
    /// An empty pool.
    pub fn new() -> Self {
        Self(Arc::new(Connector::new(Some(ConnectorOptions::new(POOL_SIZE)))))
    }
}

impl Default for Pool {
    fn default() -> Self {
        Self::new()
    }
}

/// The services a composed API may call.
#[derive(Debug, Clone)]
pub struct FetchClient {
    sources: Arc<HashMap<Arc<str>, Arc<Upstream>>>,
}

/// What calls on behalf of one request pass on.
#[derive(Debug, Clone)]
pub struct CallContext {
    /// The request's trace. Its span is the parent of the calls'.
    pub trace: TraceContext,
    /// That of the request's route.
    pub priority: Priority,
    /// The request's id, passed on as `x-request-id`.
    pub request_id: Option<HeaderValue>,
    /// Takes the calls' attempts.
    pub calls: Arc<CallLog>,
}

impl FetchClient {
    /// Calls go to these upstreams, by source name.
    pub fn new(sources: impl IntoIterator<Item = (Arc<str>, Arc<Upstream>)>) -> Self {
        Self { sources: Arc::new(sources.into_iter().collect()) }
    }

    /// The calls of one request, over connections of this pool.
    pub fn on_behalf_of(&self, context: CallContext, pool: Pool) -> UpstreamFetch {
        UpstreamFetch { client: self.clone(), context, pool }
    }
}

/// Calls services on behalf of one request.
pub struct UpstreamFetch {
    client: FetchClient,
    context: CallContext,
    pool: Pool,
}

impl Fetch for UpstreamFetch {
    fn fetch<'a>(&'a self, request: FetchRequest) -> BoxFuture<'a, Result<FetchResponse, FetchError>> {
        Box::pin(async move { self.call(&request).await.map_err(to_fetch_error) })
    }
}

fn to_fetch_error(reason: Reason) -> FetchError {
    match reason {
        Reason::UpstreamBodyTooLarge => FetchError::BodyTooLarge,
        reason if is_timeout(reason) => FetchError::TimedOut(reason.code()),
        reason => FetchError::Failed(reason.code()),
    }
}

impl UpstreamFetch {
    async fn call(&self, request: &FetchRequest) -> Result<FetchResponse, Reason> {
        let upstream = self.client.sources.get(&request.source).ok_or(Reason::InternalError)?;
        let timeouts = upstream.settings().timeouts;
        let deadline =
            timeouts.deadline(Instant::now()).map_or(request.deadline, |d| d.min(request.deadline));
        let mut retries = Retries::new(upstream, request);
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let place = upstream.enter(self.context.priority, Some(left)).await;
            let mut place = place.map_err(|refused| {
                self.context.calls.refuse(upstream.name(), &refused);
                retries.or_first(Reason::UpstreamOverloaded)
            })?;
            if let Some(place) = &mut place {
                place.request_ended();
            }
            let attempt = retries.begin(upstream, place, request)?;
            let (failure, endpoint) = match self.run(attempt, request, timeouts, deadline).await {
                Ok(response) => return Ok(response),
                Err(failed) => failed,
            };
            if !retries.allow(&failure, endpoint) {
                return Err(failure.reason);
            }
        }
    }

    /// Runs one attempt to its end and records it.
    async fn run(
        &self,
        mut attempt: Attempt,
        request: &FetchRequest,
        timeouts: Timeouts,
        deadline: Instant,
    ) -> Result<FetchResponse, (Failure, EndpointId)> {
        let peer = attempt.peer(timeouts);
        let exchange = exchange(&self.pool.0, &peer, &mut attempt, request, &self.context);
        let result = timeout_at(deadline.into(), exchange)
            .await
            .unwrap_or(Err(Failure { reason: Reason::UpstreamTotalTimeout, retry: Retry::Never }));
        let finished = attempt.finish(result.as_ref().err().map(|failure| failure.reason), Instant::now());
        let endpoint = finished.endpoint.id();
        self.record(finished, request);
        result.map_err(|failure| (failure, endpoint))
    }

    fn record(&self, finished: Finished, request: &FetchRequest) {
        let path = request.path_and_query.split('?').next().unwrap_or_default().to_owned();
        let (field, batch_size) = (request.field.clone(), request.batch_size);
        self.context.calls.push(Call { fetch: request.id, attempt: finished, path, field, batch_size });
    }
}

/// What may still be tried for one call.
struct Retries {
    tried: Vec<EndpointId>,
    attempts: u32,
    /// The last attempt got no connection.
    unconnected: bool,
    /// Other endpoints, after no connection could be made.
    connect: u8,
    /// The same again, after a connection from the pool turned out to be closed.
    again: u8,
    idempotent: bool,
    first_reason: Option<Reason>,
}

impl Retries {
    fn new(upstream: &Upstream, request: &FetchRequest) -> Self {
        Self {
            tried: Vec::new(),
            attempts: 0,
            unconnected: false,
            connect: upstream.settings().connect_retries,
            again: 1,
            idempotent: request.method.is_idempotent(),
            first_reason: None,
        }
    }

    /// Where there is nothing else to try, the first failure says more than that.
    fn or_first(&self, reason: Reason) -> Reason {
        self.first_reason.unwrap_or(reason)
    }

    fn begin(
        &mut self,
        upstream: &Arc<Upstream>,
        place: Option<Place>,
        request: &FetchRequest,
    ) -> Result<Attempt, Reason> {
        self.attempts += 1;
        let (method, now) = (&request.method, Instant::now());
        let attempt = Attempt::begin(upstream, place, method, &self.tried, self.attempts, now)
            .map_err(|reason| self.or_first(reason))?;
        if self.unconnected {
            attempt.count_connect_retry();
        }
        Ok(attempt)
    }

    fn allow(&mut self, failure: &Failure, endpoint: EndpointId) -> bool {
        self.first_reason.get_or_insert(failure.reason);
        self.unconnected = failure.retry == Retry::Elsewhere;
        match failure.retry {
            Retry::Elsewhere if self.connect > 0 => {
                self.connect -= 1;
                self.tried.push(endpoint);
                true
            }
            Retry::Again { any_method } if self.again > 0 && (any_method || self.idempotent) => {
                self.again -= 1;
                true
            }
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests;
