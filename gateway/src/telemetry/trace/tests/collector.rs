//! Collectors for tests: one that listens, in both protocols, and dead ones.

use std::net::SocketAddr;
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::routing::post;
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::{
    TraceService, TraceServiceServer,
};
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message;
use tokio::net::TcpListener;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::time::timeout;

use crate::telemetry::config::OtlpProtocol;

/// One export as it arrived.
#[derive(Debug)]
pub struct Export {
    pub request: ExportTraceServiceRequest,
    /// Value of the header `x-key`.
    pub key: Option<String>,
}

/// A collector that keeps what it is sent.
pub struct Collector {
    pub endpoint: String,
    exports: UnboundedReceiver<Export>,
}

type Arrived = UnboundedSender<Export>;

impl Collector {
    pub async fn start(protocol: OtlpProtocol) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("binds");
        let endpoint = format!("http://{}", listener.local_addr().expect("bound"));
        let (arrived, exports) = unbounded_channel();
        let service = match protocol {
            OtlpProtocol::Grpc => {
                tonic::service::Routes::new(TraceServiceServer::new(Grpc(arrived))).into_axum_router()
            }
            OtlpProtocol::HttpProtobuf => {
                axum::Router::new().route("/v1/traces", post(over_http)).with_state(arrived)
            }
        };
        tokio::spawn(async move { axum::serve(listener, service).await });
        Collector { endpoint, exports }
    }

    /// The next export, which must come soon.
    pub async fn next(&mut self) -> Export {
        timeout(Duration::from_secs(20), self.exports.recv()).await.expect("in time").expect("still there")
    }

    /// Spans until there are so many.
    pub async fn spans(&mut self, count: usize) -> Vec<Span> {
        let mut all = Vec::new();
        while all.len() < count {
            all.extend(spans(self.next().await.request));
        }
        all
    }
}

struct Grpc(Arrived);

#[tonic::async_trait]
impl TraceService for Grpc {
    async fn export(
        &self,
        request: tonic::Request<ExportTraceServiceRequest>,
    ) -> Result<tonic::Response<ExportTraceServiceResponse>, tonic::Status> {
        let key = request.metadata().get("x-key").and_then(|key| key.to_str().ok()).map(str::to_owned);
        self.0.send(Export { request: request.into_inner(), key }).expect("the test waits");
        Ok(tonic::Response::new(ExportTraceServiceResponse::default()))
    }
}

async fn over_http(State(arrived): State<Arrived>, headers: HeaderMap, body: Bytes) -> Vec<u8> {
    let key = headers.get("x-key").and_then(|key| key.to_str().ok()).map(str::to_owned);
    let request = ExportTraceServiceRequest::decode(body).expect("protobuf");
    arrived.send(Export { request, key }).expect("the test waits");
    ExportTraceServiceResponse::default().encode_to_vec()
}

/// All spans of an export.
pub fn spans(request: ExportTraceServiceRequest) -> Vec<Span> {
    let scopes = request.resource_spans.into_iter().flat_map(|resource| resource.scope_spans);
    scopes.flat_map(|scope| scope.spans).collect()
}

/// The text of an attribute.
pub fn text<'a>(attributes: &'a [KeyValue], key: &str) -> Option<&'a str> {
    let found = attributes.iter().find(|attribute| attribute.key == key)?;
    match &found.value {
        Some(AnyValue { value: Some(Value::StringValue(text)), .. }) => Some(text),
        _ => None,
    }
}

/// An address where nobody listens: connections are refused.
pub async fn refusing() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("binds");
    format!("http://{}", listener.local_addr().expect("bound"))
}

/// A collector that accepts connections and never says a word.
pub async fn silent() -> (String, TcpListener) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("binds");
    let address: SocketAddr = listener.local_addr().expect("bound");
    (format!("http://{address}"), listener)
}
