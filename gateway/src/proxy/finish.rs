//! The last stage: a request becomes numbers, a line, and spans if anybody wants them.
//!
//! It runs exactly once for every request, however it ends: by `logging` where Pingora gets that far, else when the
//! context is dropped, because its task panicked or its connection was ended.

mod spans;

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use glassgate_graphql::report::Report;
use http::HeaderValue;
use pingora_error::Error;
use pingora_proxy::Session;

use super::{
    RequestContext,
    compose::{Exchange, Operation},
    context::{Admitted, Attempts, Opened, Outcome},
    rate_limit, verdict,
};
use crate::{
    policy::authentication::Identity,
    reason::Reason,
    telemetry::{
        access_log::{Entry, GraphqlEntry},
        metrics::{FetchRecord, GraphqlMetrics, OperationRecord, OperationResult, RequestRecord},
        trace::Ended,
    },
};

/// Pingora's last phase.
pub fn finish(session: &Session, error: Option<&Error>, context: &mut RequestContext) {
    if let Some(error) = error {
        context.outcome.reason = verdict::reason(context, error);
    }
    context.outcome.request_bytes = session.body_bytes_read() as u64;
    context.outcome.response_bytes = session.body_bytes_sent() as u64;
    conclude(context);
}

impl Drop for RequestContext {
    fn drop(&mut self) {
        let Some(opened) = self.opened.as_ref().filter(|_| !self.outcome.finished) else { return };
        if std::thread::panicking() {
            opened.snapshot.telemetry.metrics.gateway().panicked();
            // The panic's own line, with its place, came just before; this one says whose request it was.
            tracing::error!(request_id = &*opened.id, "a request was lost to a panic");
            self.outcome.reason = Some(Reason::InternalError);
        } else {
            self.outcome.reason.get_or_insert(opened.guard.abandoned());
        }
        conclude(self);
    }
}

fn conclude(context: &mut RequestContext) {
    context.outcome.finished = true;
    let now = Instant::now();
    context.end_attempt(context.outcome.reason, now);
    context.leave();
    let RequestContext { opened, admitted, attempts, outcome } = context;
    let Some(opened) = opened else { return };
    let exchange = admitted.as_ref().and_then(|admitted| admitted.exchange.as_ref());
    let summary = Summary {
        opened,
        admitted: admitted.as_ref(),
        attempts,
        outcome,
        operation: exchange.and_then(|exchange| exchange.take_operation()),
        refused_call: exchange.and_then(|exchange| exchange.calls().refused()),
        status: outcome.status.or(outcome.reason.map(|reason| reason.row().status)).unwrap_or(499),
        duration: now.saturating_duration_since(opened.epoch.instant),
        now,
    };
    summary.count();
    summary.log();
    summary.trace();
}

/// A request that has ended, seen as a whole.
struct Summary<'a> {
    opened: &'a Opened,
    admitted: Option<&'a Admitted>,
    attempts: &'a Attempts,
    outcome: &'a Outcome,
    operation: Option<Operation>,
    /// Why a call of a composed API got no place at its upstream.
    refused_call: Option<Box<str>>,
    status: u16,
    duration: Duration,
    now: Instant,
}

impl Summary<'_> {
    fn exchange(&self) -> Option<&Arc<Exchange>> {
        self.admitted?.exchange.as_ref()
    }

    fn identity(&self) -> Option<&Identity> {
        self.admitted?.passed.identity.as_deref()
    }

    fn route(&self) -> Option<&str> {
        self.admitted.map(|admitted| &*admitted.route.name)
    }

    /// The limit that refused it.
    fn rate_limit(&self) -> Option<&str> {
        rate_limit::refused_by(self.admitted?)
    }

    /// The API key that the request was sent with, if it is known here.
    fn key_id(&self) -> Option<&str> {
        let refused = self.admitted.and_then(|admitted| admitted.passed.refused_key.as_deref());
        self.identity().and_then(|identity| identity.api_key.as_deref()).or(refused)
    }

    /// Whether a limit could not ask where several gateways count.
    fn fell_back(&self) -> bool {
        self.admitted.is_some_and(|admitted| admitted.passed.rate_limits.fell_back())
    }

    /// Why it was refused or failed, or one of its calls, where there is more to say than the reason.
    fn error(&self) -> Option<&str> {
        self.outcome.reason.and(self.outcome.error.as_deref()).or(self.refused_call.as_deref())
    }

    /// In queues of concurrency limits, if at all.
    fn waited(&self) -> Option<Duration> {
        self.admitted.map(|admitted| admitted.passed.waited).filter(|waited| !waited.is_zero())
    }

    fn count(&self) {
        let metrics = match self.admitted {
            Some(admitted) => {
                admitted.route.metrics.ended(&self.opened.method);
                &admitted.route.metrics
            }
            None => self.opened.snapshot.telemetry.metrics.unmatched(),
        };
        metrics.record(&RequestRecord {
            method: &self.opened.method,
            status: self.status,
            duration: self.duration,
            request_bytes: self.outcome.request_bytes,
            response_bytes: self.outcome.response_bytes,
            reason: self.outcome.reason,
        });
        if let (Some(operation), Some(exchange)) = (&self.operation, self.exchange()) {
            count_operation(operation, &exchange.api().metrics);
        }
    }

    fn log(&self) {
        let opened = self.opened;
        let last = self.attempts.finished.last();
        let upstream = self.admitted.and_then(|admitted| admitted.route.action.upstream());
        opened.snapshot.telemetry.access_log.write(&Entry {
            time: opened.epoch.system,
            request_id: &opened.id,
            trace_id: opened.trace.trace_id(),
            client: Some(opened.origin.client),
            listener: opened.guard.connection().listener().name(),
            protocol: opened.protocol,
            method: opened.method.as_str(),
            host: opened.host.as_ref().map(HeaderValue::as_bytes),
            path: opened.uri.path().as_bytes(),
            route: self.route(),
            status: self.status,
            reason: self.outcome.reason,
            error: self.error(),
            rate_limit: self.rate_limit(),
            request_bytes: self.outcome.request_bytes,
            response_bytes: self.outcome.response_bytes,
            duration: self.duration,
            queue_wait: self.waited(),
            upstream: upstream.map(|upstream| &**upstream.name()),
            endpoint: last.map(|finished| &**finished.endpoint.label()),
            authenticator: self.identity().map(|identity| &*identity.authenticator),
            subject: self.identity().and_then(Identity::subject),
            key_id: self.key_id(),
            attempts: u32::try_from(self.attempts.finished.len()).unwrap_or(u32::MAX),
            user_agent: opened.user_agent.as_ref().map(HeaderValue::as_bytes),
            graphql: self.operation.as_ref().map(|operation| GraphqlEntry {
                operation_type: operation.report.operation_type,
                operation_name: operation.report.operation_name.as_deref(),
                cost: cost(&operation.report),
                fetches: operation.report.fetches.len() as u64,
                errors: u64::from(operation.report.errors),
                first_error: operation.report.first_error,
                refused_fields: operation.report.refused_fields.len() as u64,
            }),
        });
    }

    fn trace(&self) {
        let tracer = &self.opened.snapshot.telemetry.tracer;
        // What was answered with 200 may have failed all the same: a call of gRPC, a body that broke off.
        let failure = self.outcome.reason.map_or(0, |reason| reason.row().status);
        let status = self.status.max(failure);
        let ended = Ended { status, duration: self.duration, now: self.now };
        tracer.finish(&self.opened.trace, &ended, || spans::build(self));
    }
}

fn count_operation(operation: &Operation, metrics: &GraphqlMetrics) {
    let report = &operation.report;
    metrics.record_operation(&OperationRecord {
        operation_type: report.operation_type,
        result: result(report),
        duration: operation.duration,
        planning: (!report.plan_cached).then_some(report.planning),
        fetches: report.fetches.len() as u64,
        cost: cost(report),
        error: report.first_error,
        unmatched_rows: u64::from(report.unmatched_rows),
        surplus_rows: u64::from(report.surplus_rows),
    });
    for field in &report.refused_fields {
        metrics.refused(field);
    }
    for fetch in &report.fetches {
        metrics.record_fetch(&FetchRecord {
            source: &fetch.source,
            duration: fetch.duration,
            keys: u64::from(fetch.batch_size),
            failed: fetch.error.is_some(),
        });
    }
}

/// `None` where it was refused before anybody knew.
fn cost(report: &Report) -> Option<u64> {
    Some(u64::from(report.cost)).filter(|cost| *cost > 0)
}

fn result(report: &Report) -> OperationResult {
    match (report.has_data, report.errors) {
        (true, 0) => OperationResult::Ok,
        (true, _) => OperationResult::Partial,
        (false, _) => OperationResult::Failed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_operation_is_partial_only_where_it_has_data_besides_errors() {
        let report = |has_data, errors| Report { has_data, errors, ..Report::default() };
        assert_eq!(result(&report(true, 0)), OperationResult::Ok);
        assert_eq!(result(&report(true, 2)), OperationResult::Partial);
        assert_eq!(result(&report(false, 2)), OperationResult::Failed);
    }
}
