//! The GraphQL engine behind a plain HTTP server: what composing costs, without
//! a gateway around it.
//!
//! One thread, hyper on both sides, connections to the upstream kept alive.
//! Every source of the schema is the one upstream. No logs, metrics or traces.

use std::convert::Infallible;
use std::error::Error;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use clap::Parser;
use futures::FutureExt;
use futures::future::BoxFuture;
use glassgate_graphql::fetch::{Fetch, FetchError, FetchRequest, FetchResponse};
use glassgate_graphql::http::{Caller, Csrf, handle};
use glassgate_graphql::schema::{Schema, SchemaOptions, SdlFile, Sources};
use glassgate_graphql::{Engine, Limits};
use http::{Request, Response, Uri};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout_at;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

type Failure = Box<dyn Error + Send + Sync>;

/// The GraphQL engine of Glassgate behind a plain HTTP server, to measure it.
#[derive(Parser)]
struct Options {
    /// Where to listen.
    #[arg(long)]
    listen: SocketAddr,
    /// Where every source of the schema is.
    #[arg(long)]
    upstream: SocketAddr,
    /// The source's name in the schema.
    #[arg(long)]
    source: String,
    /// The schema.
    #[arg(long)]
    schema: PathBuf,
    /// Idle connections kept to the upstream.
    #[arg(long)]
    pool: usize,
}

/// The way to the upstream.
struct Calls {
    upstream: SocketAddr,
    client: Client<HttpConnector, Full<Bytes>>,
}

impl Calls {
    fn new(options: &Options) -> Self {
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        let client =
            Client::builder(TokioExecutor::new()).pool_max_idle_per_host(options.pool).build(connector);
        Self { upstream: options.upstream, client }
    }

    async fn exchange(&self, request: FetchRequest) -> Result<FetchResponse, Failure> {
        let uri = Uri::builder().scheme("http").authority(self.upstream.to_string());
        let uri = uri.path_and_query(request.path_and_query).build()?;
        let mut call = Request::new(Full::new(request.body.unwrap_or_default()));
        *call.method_mut() = request.method;
        *call.uri_mut() = uri;
        *call.headers_mut() = request.headers;
        let (head, body) = self.client.request(call).await?.into_parts();
        let body = Limited::new(body, request.max_body_bytes).collect().await?.to_bytes();
        Ok(FetchResponse { status: head.status, headers: head.headers, body })
    }
}

impl Fetch for Calls {
    fn fetch<'a>(&'a self, request: FetchRequest) -> BoxFuture<'a, Result<FetchResponse, FetchError>> {
        async move {
            match timeout_at(request.deadline.into(), self.exchange(request)).await {
                Ok(answer) => answer.map_err(|_| FetchError::Failed("upstream_failed")),
                Err(_) => Err(FetchError::TimedOut("upstream_timeout")),
            }
        }
        .boxed()
    }
}

struct Server {
    engine: Engine,
    calls: Arc<Calls>,
}

impl Server {
    fn new(options: &Options) -> Result<Self, Failure> {
        let text = std::fs::read_to_string(&options.schema)?;
        let file = SdlFile { name: options.schema.display().to_string(), text };
        let sources = Sources::named([options.source.as_str()]);
        let loaded = Schema::load(&[file], &sources, &SchemaOptions::default());
        let problems = |problems: Vec<_>| format!("the schema cannot be used: {problems:?}");
        let schema = loaded.map_err(problems)?.schema;
        Ok(Self { engine: Engine::new(schema, Limits::default(), 100), calls: Arc::new(Calls::new(options)) })
    }

    async fn answer(&self, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
        let caller =
            Caller { identity: None, budget: None, timeout: Duration::from_secs(30), csrf: Csrf::Auto };
        let (response, _) = handle(&self.engine, request, caller, self.calls.clone()).await;
        Ok(response.map(Full::new))
    }
}

async fn serve(server: Arc<Server>, stream: TcpStream) {
    let service = service_fn(|request| server.answer(request));
    // A client that goes away is no failure of the server's.
    let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Failure> {
    let options = Options::parse();
    let server = Arc::new(Server::new(&options)?);
    let listener = TcpListener::bind(options.listen).await?;
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        tokio::spawn(serve(server.clone(), stream));
    }
}
