//! An OTLP collector that remembers spans: protobuf over HTTP, and gRPC, which
//! is the same message in a five-byte frame.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use axum::routing::post;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue};
use http_body_util::{BodyExt, Full};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message;

/// A received span and the service it came from.
#[derive(Debug, Clone)]
pub struct Received {
    pub service: String,
    pub span: Span,
}

/// A collector on a free port.
pub struct Collector {
    pub endpoint: String,
    spans: Spans,
}

type Spans = Arc<Mutex<Vec<Received>>>;

const GRPC: &str = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";

impl Collector {
    pub async fn start() -> Collector {
        let spans = Spans::default();
        let routes =
            Router::new().route("/v1/traces", post(http)).route(GRPC, post(grpc)).with_state(spans.clone());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, routes).await });
        Collector { endpoint, spans }
    }

    pub fn spans(&self) -> Vec<Received> {
        self.spans.lock().unwrap().clone()
    }
}

async fn http(State(spans): State<Spans>, body: Bytes) -> Response {
    keep(&spans, &body);
    Response::new(Body::empty())
}

async fn grpc(State(spans): State<Spans>, body: Bytes) -> Response {
    keep(&spans, &body[5..]);
    let mut trailers = HeaderMap::new();
    trailers.insert("grpc-status", HeaderValue::from_static("0"));
    let empty_message = Full::new(Bytes::from_static(&[0; 5]));
    let body = empty_message.with_trailers(std::future::ready(Some(Ok(trailers))));
    let mut response = Response::new(Body::new(body));
    let kind = HeaderValue::from_static("application/grpc");
    response.headers_mut().insert("content-type", kind);
    response
}

fn keep(spans: &Spans, message: &[u8]) {
    let request = ExportTraceServiceRequest::decode(message).unwrap();
    for batch in request.resource_spans {
        let attributes = batch.resource.unwrap().attributes;
        let name = attributes.iter().find(|pair| pair.key == "service.name");
        let value = name.and_then(|pair| pair.value.clone()?.value);
        let Some(Value::StringValue(service)) = value else {
            panic!("no service.name in {attributes:?}");
        };
        let received = batch.scope_spans.into_iter().flat_map(|scope| scope.spans);
        spans.lock().unwrap().extend(received.map(|span| Received { service: service.clone(), span }));
    }
}
