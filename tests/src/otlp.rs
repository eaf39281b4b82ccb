//! An OTLP receiver that keeps spans for a test to look at.
//!
//! One port takes both ways of OTLP: gRPC, and HTTP with protobuf bodies.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, Response};
use http_body_util::{BodyExt, Full};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::{
    TraceService, TraceServiceServer,
};
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue, any_value};
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use prost::Message;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio_util::sync::{CancellationToken, DropGuard};
use tower::Service;

use crate::upstream::Received;

/// A span as received.
#[derive(Debug, Clone)]
pub struct Span {
    /// The resource's `service.name`.
    pub service: String,
    /// Its name.
    pub name: String,
    /// `SERVER`, `CLIENT`, `INTERNAL` ...
    pub kind: SpanKind,
    /// The trace, in hexadecimal.
    pub trace_id: String,
    /// The span, in hexadecimal.
    pub span_id: String,
    /// The parent, in hexadecimal; empty for a root.
    pub parent_id: String,
    /// Nanoseconds since 1970.
    pub start: u64,
    /// Nanoseconds since 1970.
    pub end: u64,
    /// Attributes, values as text.
    pub attributes: BTreeMap<String, String>,
    /// Whether its status is an error.
    pub is_error: bool,
    /// How it came: the export request's header fields or gRPC metadata.
    pub carried_by: Arc<HeaderMap>,
}

impl Span {
    /// An attribute as text; empty if there is none.
    pub fn attribute(&self, name: &str) -> &str {
        self.attributes.get(name).map_or("", String::as_str)
    }
}

/// The receiver; it ends when dropped.
#[derive(Debug)]
pub struct Collector {
    address: SocketAddr,
    spans: watch::Receiver<Vec<Span>>,
    _stop: DropGuard,
}

impl Collector {
    /// Starts on a free port.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("a bound address");
        let (sender, spans) = watch::channel(Vec::new());
        let stop = CancellationToken::new();
        tokio::spawn(stop.clone().run_until_cancelled_owned(serve(listener, Arc::new(sender), stop.clone())));
        Self { address, spans, _stop: stop.drop_guard() }
    }

    /// Its base URL.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// All spans so far.
    pub fn spans(&self) -> Vec<Span> {
        self.spans.borrow().clone()
    }

    /// Waits until `find` finds something in all spans so far.
    pub async fn await_spans<T>(&self, what: &str, find: impl Fn(&[Span]) -> Option<T>) -> T {
        let mut spans = self.spans.clone();
        let search = async {
            loop {
                if let Some(found) = find(&spans.borrow_and_update()) {
                    return found;
                }
                spans.changed().await.expect("the receiver runs as long as this");
            }
        };
        let deadline = crate::wait::DEADLINE;
        match tokio::time::timeout(deadline, search).await {
            Ok(found) => found,
            Err(_) => panic!("not within {deadline:?}: {what}; received: {:#?}", self.spans()),
        }
    }

    /// Waits for `count` spans of one trace, and returns all of that trace.
    pub async fn trace(&self, trace_id: &str, count: usize) -> Vec<Span> {
        let of_trace = |spans: &[Span]| -> Vec<Span> {
            spans.iter().filter(|span| span.trace_id == trace_id).cloned().collect()
        };
        self.await_spans(&format!("{count} spans of trace {trace_id}"), |spans| {
            Some(of_trace(spans)).filter(|spans| spans.len() >= count)
        })
        .await
    }
}

async fn serve(listener: TcpListener, spans: Arc<watch::Sender<Vec<Span>>>, stop: CancellationToken) {
    loop {
        let Ok((stream, _)) = listener.accept().await else { continue };
        let spans = spans.clone();
        let service = service_fn(move |request: Received| receive(request, spans.clone()));
        let connection = async move {
            let builder = auto::Builder::new(TokioExecutor::new());
            // A broken export is the exporter's to notice.
            let _ = builder.serve_connection(TokioIo::new(stream), service).await;
        };
        tokio::spawn(stop.clone().run_until_cancelled_owned(connection));
    }
}

async fn receive(
    request: Received,
    spans: Arc<watch::Sender<Vec<Span>>>,
) -> Result<Response<tonic::body::Body>, Infallible> {
    let kind = request.headers().get("content-type").map_or("", |kind| kind.to_str().unwrap_or(""));
    if kind.starts_with("application/grpc") {
        return TraceServiceServer::new(Grpc(spans)).call(request).await;
    }
    let headers = request.headers().clone();
    let path = request.uri().path().to_owned();
    let body = request.into_body().collect().await.map(|body| body.to_bytes()).unwrap_or_default();
    let export = ExportTraceServiceRequest::decode(body);
    let (status, answer) = match export {
        Ok(export) if path == "/v1/traces" => {
            keep(&spans, export, headers);
            (200, ExportTraceServiceResponse::default().encode_to_vec())
        }
        _ => (400, Vec::new()),
    };
    let response = Response::builder().status(status).header("content-type", "application/x-protobuf");
    let body = tonic::body::Body::new(Full::new(Bytes::from(answer)));
    Ok(response.body(body).expect("a response"))
}

struct Grpc(Arc<watch::Sender<Vec<Span>>>);

#[tonic::async_trait]
impl TraceService for Grpc {
    async fn export(
        &self,
        request: tonic::Request<ExportTraceServiceRequest>,
    ) -> Result<tonic::Response<ExportTraceServiceResponse>, tonic::Status> {
        let headers = request.metadata().clone().into_headers();
        keep(&self.0, request.into_inner(), headers);
        Ok(tonic::Response::new(ExportTraceServiceResponse::default()))
    }
}

fn keep(spans: &watch::Sender<Vec<Span>>, export: ExportTraceServiceRequest, headers: HeaderMap) {
    let carried_by = Arc::new(headers);
    let mut received = Vec::new();
    for of_resource in export.resource_spans {
        let resource = attributes(of_resource.resource.unwrap_or_default().attributes);
        let service = resource.get("service.name").cloned().unwrap_or_default();
        for span in of_resource.scope_spans.into_iter().flat_map(|scope| scope.spans) {
            received.push(Span {
                service: service.clone(),
                kind: span.kind(),
                trace_id: hex(&span.trace_id),
                span_id: hex(&span.span_id),
                parent_id: hex(&span.parent_span_id),
                start: span.start_time_unix_nano,
                end: span.end_time_unix_nano,
                is_error: span.status.as_ref().is_some_and(|status| status.code == 2),
                attributes: attributes(span.attributes),
                name: span.name,
                carried_by: carried_by.clone(),
            });
        }
    }
    spans.send_modify(|spans| spans.extend(received));
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn attributes(list: Vec<KeyValue>) -> BTreeMap<String, String> {
    list.into_iter().map(|attribute| (attribute.key, text(attribute.value))).collect()
}

fn text(value: Option<AnyValue>) -> String {
    use any_value::Value;
    match value.and_then(|value| value.value) {
        Some(Value::StringValue(value)) => value,
        Some(Value::IntValue(value)) => value.to_string(),
        Some(Value::DoubleValue(value)) => value.to_string(),
        Some(Value::BoolValue(value)) => value.to_string(),
        Some(Value::ArrayValue(list)) => {
            let values: Vec<_> = list.values.into_iter().map(|value| text(Some(value))).collect();
            values.join(",")
        }
        other => format!("{other:?}"),
    }
}
