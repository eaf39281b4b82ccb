//! One try to get an answer: an endpoint is chosen, the clock runs, and in the end there is a verdict.
//!
//! The proxy and the composition layer's calls both work through an [`Attempt`], so an endpoint's load, the metrics
//! and the CLIENT spans mean the same for both. An attempt that is dropped without a verdict (the client left, a
//! panic) counts as given up and frees its endpoint.
//!
//! A span is only made where it is kept: until then a [`Finished`] attempt is a few plain values.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use http::Method;
use pingora_core::upstreams::peer::HttpPeer;

use super::{
    classify::is_connect_failure,
    endpoint::{Chosen, Endpoint, EndpointId},
    gate::Place,
    settings::Timeouts,
    state::Upstream,
};
use crate::{
    reason::Reason,
    telemetry::{
        metrics::AttemptRecord,
        names::spans::attr,
        trace::{Epoch, Span, SpanId, SpanKind, method_name},
    },
};

/// A running attempt.
#[derive(Debug)]
pub struct Attempt(
    /// Taken by whoever ends it.
    Option<Running>,
);

#[derive(Debug)]
struct Running {
    upstream: Arc<Upstream>,
    /// Within the upstream's concurrency limit, if it has one.
    place: Option<Place>,
    chosen: Chosen,
    method: Method,
    number: u32,
    span_id: SpanId,
    started: Instant,
    waited: Option<Duration>,
    connection: Option<Connection>,
    status: Option<u16>,
}

/// What an attempt talked over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Connection {
    /// It came from the pool.
    pub reused: bool,
    /// HTTP/2, else HTTP/1.1.
    pub http2: bool,
}

impl Attempt {
    /// Chooses an endpoint. `place` comes from [`Upstream::enter`]. `tried` are those that no connection could be made
    /// to: none of them is chosen again. `number` is 1 for the first attempt of a request.
    pub fn begin(
        upstream: &Arc<Upstream>,
        place: Option<Place>,
        method: &Method,
        tried: &[EndpointId],
        number: u32,
        started: Instant,
    ) -> Result<Self, Reason> {
        let chosen = upstream.choose(tried)?;
        upstream.metrics().attempt_began();
        Ok(Self(Some(Running {
            upstream: upstream.clone(),
            waited: place.as_ref().and_then(Place::waited),
            place,
            chosen,
            method: method.clone(),
            number,
            span_id: SpanId::random(),
            started,
            connection: None,
            status: None,
        })))
    }

    /// It is made because the one directly before got no connection.
    pub fn count_connect_retry(&self) {
        self.running().upstream.metrics().connect_retried();
    }

    fn running(&self) -> &Running {
        self.0.as_ref().expect("an attempt runs until it is consumed")
    }

    fn running_mut(&mut self) -> &mut Running {
        self.0.as_mut().expect("an attempt runs until it is consumed")
    }

    /// Where it goes.
    pub fn endpoint(&self) -> &Endpoint {
        &self.running().chosen
    }

    /// Id of the attempt's CLIENT span, which the upstream is told as its parent.
    pub fn span_id(&self) -> SpanId {
        self.running().span_id
    }

    /// How Pingora connects.
    pub fn peer(&self, timeouts: Timeouts) -> Box<HttpPeer> {
        let running = self.running();
        running.upstream.peer(&running.chosen, timeouts)
    }

    /// A connection stands.
    pub fn connected(&mut self, connection: Connection) {
        let running = self.running_mut();
        running.connection = Some(connection);
        if connection.reused {
            running.upstream.metrics().connection_reused();
        } else {
            running.upstream.metrics().connection_opened(running.started.elapsed());
        }
    }

    /// The client has sent its last byte.
    pub fn request_ended(&mut self) {
        if let Some(place) = &mut self.running_mut().place {
            place.request_ended();
        }
    }

    /// The head of the final answer came, by this protocol: what the configuration wants may not be what the service
    /// agreed to.
    pub fn answered(&mut self, status: u16, http2: bool) {
        let running = self.running_mut();
        running.status = Some(status);
        if let Some(place) = &mut running.place {
            place.answered(status);
        }
        if let Some(connection) = &mut running.connection {
            connection.http2 = http2;
        }
    }

    /// The answer has been read to its end: the upstream is done with it, though the client is not.
    pub fn read(&mut self) {
        self.running_mut().place = None;
    }

    /// The attempt is over: the answer is complete, or there will be none because of `error`.
    pub fn finish(mut self, error: Option<Reason>, now: Instant) -> Finished {
        self.0.take().expect("an attempt runs until it is consumed").finish(error, now)
    }
}

impl Drop for Attempt {
    fn drop(&mut self) {
        if let Some(running) = self.0.take() {
            running.finish(Some(Reason::ClientDisconnected), Instant::now());
        }
    }
}

impl Running {
    /// Nothing is copied that can be moved: names and addresses stay with their owners.
    fn finish(self, error: Option<Reason>, now: Instant) -> Finished {
        let duration = now.saturating_duration_since(self.started);
        // First: whoever sees in the metrics that it is over may count on its place being free.
        let endpoint = self.chosen.release();
        if let Some(place) = self.place {
            place.finish(error, now);
        }
        let metrics = self.upstream.metrics();
        metrics.record_attempt(&AttemptRecord { method: &self.method, status: self.status, error, duration });
        if let Some(reason) = connect_failure(self.connection, error) {
            metrics.connect_failed(reason);
        }
        Finished {
            upstream: self.upstream,
            endpoint,
            method: self.method,
            number: self.number,
            span_id: self.span_id,
            started: self.started,
            waited: self.waited,
            duration,
            connection: self.connection,
            status: self.status,
            error,
        }
    }
}

/// A finished attempt, for logs and spans.
#[derive(Debug, Clone)]
pub struct Finished {
    /// The service.
    pub upstream: Arc<Upstream>,
    /// Where it went.
    pub endpoint: Arc<Endpoint>,
    /// The request's method.
    pub method: Method,
    /// 1 for the first attempt of a request.
    pub number: u32,
    /// Id of the CLIENT span.
    pub span_id: SpanId,
    /// When it began.
    pub started: Instant,
    /// How long it had waited before for a place within the upstream's concurrency limit, where it had to.
    pub waited: Option<Duration>,
    /// From choosing an endpoint to the end.
    pub duration: Duration,
    /// What it talked over, where a connection stood.
    pub connection: Option<Connection>,
    /// Status of the answer, where its head came.
    pub status: Option<u16>,
    /// Why there was no complete answer.
    pub error: Option<Reason>,
}

/// Why no connection could be made, where that is what went wrong.
fn connect_failure(connection: Option<Connection>, error: Option<Reason>) -> Option<Reason> {
    error.filter(|reason| connection.is_none() && is_connect_failure(*reason))
}

impl Finished {
    /// Whether it got no connection.
    pub fn is_unconnected(&self) -> bool {
        connect_failure(self.connection, self.error).is_some()
    }

    /// The CLIENT span. `path` is what was asked for, without the query: that may hold secrets.
    pub fn span(&self, parent: SpanId, path: &str, epoch: &Epoch) -> Span {
        let https = self.upstream.settings().connection.https;
        let scheme = if https { "https" } else { "http" };
        let (authority, address) = (self.endpoint.authority(), self.endpoint.address());
        let (host, port) = split_authority(authority, https);
        let error = self.error.map(Reason::code).map(std::borrow::Cow::Borrowed);
        let error =
            error.or_else(|| self.status.filter(|status| *status >= 400).map(|s| s.to_string().into()));
        Span::new(
            self.span_id,
            SpanKind::Client,
            format!("{} {}", method_name(&self.method), self.upstream.name()),
            epoch.at(self.started),
            self.duration,
        )
        .within(Some(parent))
        .with_method(&self.method)
        .with(attr::URL_FULL, format!("{scheme}://{authority}{path}"))
        .with(attr::SERVER_ADDRESS, host.to_owned())
        .with(attr::SERVER_PORT, i64::from(port))
        .with(attr::NETWORK_PEER_ADDRESS, address.ip().to_string())
        .with(attr::NETWORK_PEER_PORT, i64::from(address.port()))
        .with(attr::UPSTREAM, self.upstream.name().to_string())
        .with_some(attr::HTTP_RESPONSE_STATUS_CODE, self.status.map(i64::from))
        .with_some(attr::NETWORK_PROTOCOL_VERSION, self.connection.map(|c| if c.http2 { "2" } else { "1.1" }))
        .with_some(attr::CONNECTION_REUSED, self.connection.map(|connection| connection.reused))
        .with_some(attr::HTTP_REQUEST_RESEND_COUNT, self.resends())
        .with_some(attr::QUEUE_WAIT, self.waited.map(|waited| waited.as_secs_f64()))
        .failed(error)
    }

    fn resends(&self) -> Option<i64> {
        Some(i64::from(self.number) - 1).filter(|resends| *resends > 0)
    }
}

fn split_authority(authority: &str, https: bool) -> (&str, u16) {
    let with_port = authority.rsplit_once(':').and_then(|(host, port)| Some((host, port.parse().ok()?)));
    with_port.unwrap_or((authority, if https { 443 } else { 80 }))
}

#[cfg(test)]
mod tests;
