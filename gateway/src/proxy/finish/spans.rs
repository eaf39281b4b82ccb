//! The spans of a request. Only built for requests whose spans are kept.

use std::{collections::HashMap, sync::Arc};

use http::HeaderValue;

use super::{Operation, Summary};
use crate::{
    reason::Reason,
    telemetry::{
        names::spans::{GRAPHQL_OPERATION, attr},
        trace::{Epoch, MAX_SPANS, Span, SpanId, SpanKind, method_name},
    },
    upstream::CallLog,
};

/// Fetches that are shown; the other half is for their attempts.
const MAX_FETCHES: usize = MAX_SPANS / 2;

/// Refused fields that are named.
const MAX_REFUSED: usize = 10;

/// The request's own span first.
pub(super) fn build(summary: &Summary<'_>) -> Vec<Span> {
    let server = summary.opened.trace.span_id();
    let path = forwarded_path(summary);
    let mut spans = vec![request(summary)];
    let epoch = &summary.opened.epoch;
    spans.extend(summary.attempts.finished.iter().map(|attempt| attempt.span(server, path, epoch)));
    if let Some(exchange) = summary.exchange() {
        let (parents, unshown) = match &summary.operation {
            Some(operation) => of_operation(operation, &exchange.api().name, server, &mut spans),
            None => (HashMap::new(), 0),
        };
        let lost = unshown + of_calls(exchange.calls(), &parents, server, epoch, &mut spans);
        summary.opened.snapshot.telemetry.tracer.lost_to_limit(lost);
    }
    spans
}

fn forwarded_path<'a>(summary: &'a Summary<'_>) -> &'a str {
    let target = summary.admitted.and_then(|admitted| admitted.target.as_ref());
    target.unwrap_or(&summary.opened.uri).path()
}

fn request(summary: &Summary<'_>) -> Span {
    let Summary { opened, .. } = summary;
    let connection = opened.guard.connection();
    let method = method_name(&opened.method);
    let name = match summary.route() {
        Some(route) => format!("{method} {route}").into(),
        None => std::borrow::Cow::Borrowed(method),
    };
    let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    let host = opened.host.as_ref().map(text);
    let error = summary.outcome.reason.map(Reason::code).map(std::borrow::Cow::Borrowed);
    // Statuses below 500 are the client's affair (semantic conventions, SERVER spans).
    let is_error =
        summary.status >= 500 || summary.outcome.status.is_some_and(|_| summary.outcome.reason.is_some());
    let error = error.or_else(|| Some(summary.status.to_string().into())).filter(|_| is_error);
    Span::new(opened.trace.span_id(), SpanKind::Server, name, opened.epoch.system, summary.duration)
        .within(opened.trace.parent())
        .with_method(&opened.method)
        .with_some(attr::HTTP_ROUTE, summary.route().map(str::to_owned))
        .with(attr::HTTP_RESPONSE_STATUS_CODE, i64::from(summary.status))
        .with(attr::HTTP_REQUEST_BODY_SIZE, count(summary.outcome.request_bytes))
        .with(attr::HTTP_RESPONSE_BODY_SIZE, count(summary.outcome.response_bytes))
        .with(attr::URL_PATH, opened.uri.path().to_owned())
        .with(attr::URL_SCHEME, if opened.origin.https { "https" } else { "http" })
        .with_some(attr::SERVER_ADDRESS, host.as_deref().map(without_port).map(str::to_owned))
        .with(attr::SERVER_PORT, i64::from(connection.local().port()))
        .with(attr::CLIENT_ADDRESS, opened.origin.client.to_string())
        .with(attr::NETWORK_PEER_ADDRESS, connection.peer().ip().to_string())
        .with(attr::NETWORK_PEER_PORT, i64::from(connection.peer().port()))
        .with(attr::NETWORK_PROTOCOL_VERSION, version(opened.protocol))
        .with_some(attr::USER_AGENT_ORIGINAL, opened.user_agent.as_ref().map(text))
        .with(attr::REQUEST_ID, opened.id.to_string())
        .with_some(attr::AUTHENTICATOR, summary.identity().map(|identity| identity.authenticator.to_string()))
        .with(attr::LISTENER, connection.listener().name().to_string())
        .with_some(attr::RATE_LIMIT, summary.rate_limit().map(str::to_owned))
        .with_some(attr::RATE_LIMIT_FALLBACK, summary.fell_back().then_some(true))
        .with_some(attr::ERROR, summary.error().map(str::to_owned))
        .with_some(attr::QUEUE_WAIT, summary.waited().map(|waited| waited.as_secs_f64()))
        .with(attr::CONFIG_VERSION, opened.snapshot.version.to_string())
        .failed(error)
}

/// `1.1` of `HTTP/1.1`.
fn version(protocol: &'static str) -> &'static str {
    protocol.strip_prefix("HTTP/").unwrap_or(protocol)
}

/// `host` of `host:port`, brackets of IPv6 included.
fn without_port(authority: &str) -> &str {
    match authority.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => host,
        _ => authority,
    }
}

/// The operation, and its fetches within it; gives the spans of the fetches by their numbers, and how many more fetches
/// there were than may be shown.
fn of_operation(
    operation: &Operation,
    api: &str,
    server: SpanId,
    spans: &mut Vec<Span>,
) -> (HashMap<u32, SpanId>, u64) {
    let report = &operation.report;
    let id = SpanId::random();
    let name = report.operation_type.unwrap_or(GRAPHQL_OPERATION);
    spans.push(
        Span::new(id, SpanKind::Internal, name, operation.started_at, operation.duration)
            .within(Some(server))
            .with(attr::GRAPHQL_API, api.to_owned())
            .with_some(attr::GRAPHQL_OPERATION_TYPE, report.operation_type)
            .with_some(attr::GRAPHQL_OPERATION_NAME, report.operation_name.as_deref().map(str::to_owned))
            .with(attr::GRAPHQL_PLAN_CACHED, report.plan_cached)
            .with(attr::GRAPHQL_COST, i64::from(report.cost))
            .with(attr::GRAPHQL_FETCHES, count(report.fetches.len() as u64))
            .with(attr::GRAPHQL_ERRORS, i64::from(report.errors))
            .with_some(attr::GRAPHQL_REFUSED, refused(&report.refused_fields))
            .failed(report.first_error),
    );
    let (shown, over) = report.fetches.split_at(report.fetches.len().min(MAX_FETCHES));
    let mut ids = HashMap::with_capacity(shown.len());
    for fetch in shown {
        let own = SpanId::random();
        ids.insert(fetch.id, own);
        spans.push(
            Span::new(own, SpanKind::Internal, fetch.field.to_string(), fetch.started, fetch.duration)
                .within(Some(id))
                .with(attr::GRAPHQL_FIELD, fetch.field.to_string())
                .with(attr::GRAPHQL_SOURCE, fetch.source.to_string())
                .with(attr::GRAPHQL_BATCH_SIZE, i64::from(fetch.batch_size))
                .with_some(attr::HTTP_RESPONSE_STATUS_CODE, fetch.status.map(i64::from))
                .failed(fetch.error),
        );
    }
    (ids, over.len() as u64)
}

fn refused(fields: &[Arc<str>]) -> Option<String> {
    let named: Vec<&str> = fields.iter().take(MAX_REFUSED).map(|field| &**field).collect();
    (!named.is_empty()).then(|| named.join(","))
}

/// The attempts of the fetches; gives how many more there were than may be shown.
fn of_calls(
    calls: &CallLog,
    parents: &HashMap<u32, SpanId>,
    server: SpanId,
    epoch: &Epoch,
    spans: &mut Vec<Span>,
) -> u64 {
    let (calls, lost) = calls.take();
    let room = MAX_SPANS.saturating_sub(spans.len());
    let over = calls.len().saturating_sub(room) as u64;
    for call in calls.into_iter().take(room) {
        spans.push(call.span(parents.get(&call.fetch).copied().unwrap_or(server), epoch));
    }
    lost + over
}

fn count(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use glassgate_graphql::report::{FetchReport, Report};

    use super::*;

    fn fetch(id: u32) -> FetchReport {
        FetchReport {
            id,
            source: "users".into(),
            field: "Query.users".into(),
            batch_size: 1,
            started: SystemTime::UNIX_EPOCH,
            duration: Duration::ZERO,
            status: Some(200),
            error: None,
        }
    }

    #[test]
    fn fetches_beyond_the_limit_are_counted() {
        let all = u32::try_from(MAX_FETCHES).unwrap() + 7;
        let report = Report { fetches: (0..all).map(fetch).collect(), ..Report::default() };
        let operation =
            Operation { report, started_at: SystemTime::UNIX_EPOCH, duration: Duration::from_millis(1) };
        let mut spans = Vec::new();
        let (parents, over) = of_operation(&operation, "main", SpanId::random(), &mut spans);
        assert_eq!((parents.len(), over), (MAX_FETCHES, 7));
        assert_eq!(spans.len(), 1 + MAX_FETCHES);
    }

    #[test]
    fn the_protocol_s_version_is_the_one_that_was_spoken() {
        let versions = ["HTTP/1.0", "HTTP/1.1", "HTTP/2"].map(version);
        assert_eq!(versions, ["1.0", "1.1", "2"]);
    }
}
