//! Starting the binary and asking it.

use std::collections::HashMap;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::time::{Instant, timeout};

/// Nothing here takes longer unless it is broken.
pub const DEADLINE: Duration = Duration::from_secs(20);

/// A running process; killed when dropped.
pub struct Process {
    child: Child,
    addresses: HashMap<String, String>,
    client: Client<HttpConnector, Full<Bytes>>,
}

/// An answer, completely read.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Bytes,
}

/// How a process ended, and what it wrote to stderr.
#[derive(Debug)]
pub struct Ended {
    pub status: ExitStatus,
    pub stderr: String,
}

/// The binary with `arguments`, every service on a free port.
pub fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_stub-services"));
    command.args(arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    // A collector that the developer's own shell names is none of the tests'.
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("OTEL_") {
            command.env_remove(name);
        }
    }
    for service in ["users", "orders", "products", "payments"] {
        if !arguments.contains(&&*format!("--{service}-address")) {
            command.args([&format!("--{service}-address"), "127.0.0.1:0"]);
        }
    }
    command
}

impl Process {
    /// All four services.
    pub async fn all() -> Process {
        Process::start(&["all"]).await
    }

    /// Started once every service has told its address.
    pub async fn start(arguments: &[&str]) -> Process {
        let mut child = command(arguments).spawn().unwrap();
        let stdout = child.stdout.take().unwrap();
        let mut lines = BufReader::new(stdout).lines();
        let count = if arguments[0] == "all" { 4 } else { 1 };
        let mut addresses = HashMap::new();
        while addresses.len() < count {
            let line = timeout(DEADLINE, lines.next_line()).await.unwrap().unwrap();
            let line: Value = serde_json::from_str(&line.expect("it ended early")).unwrap();
            let text = |name: &str| line[name].as_str().unwrap().to_owned();
            addresses.insert(text("service"), text("address"));
        }
        Process { child, addresses, client: Client::builder(TokioExecutor::new()).build_http() }
    }

    /// The base URL of a service.
    pub fn url(&self, service: &str) -> String {
        format!("http://{}", self.addresses[service])
    }

    pub async fn get(&self, service: &str, path: &str) -> Answer {
        self.ask(service, Method::GET, path, &[], Value::Null).await
    }

    pub async fn post(&self, service: &str, path: &str, body: Value) -> Answer {
        self.ask(service, Method::POST, path, &[], body).await
    }

    pub async fn trouble(&self, service: &str, trouble: Value) {
        let answer = self.ask(service, Method::PUT, "/chaos", &[], trouble).await;
        assert_eq!(answer.status, 200, "{answer:?}");
    }

    pub async fn end_trouble(&self, service: &str) {
        let answer = self.ask(service, Method::DELETE, "/chaos", &[], Value::Null).await;
        assert_eq!(answer.status, 204);
    }

    /// How often a route was asked since the start.
    pub async fn count(&self, service: &str, route: &str) -> u64 {
        let stats = self.get(service, "/stats").await.json();
        stats["requests"][route].as_u64().unwrap_or(0)
    }

    pub async fn ask(
        &self,
        service: &str,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: Value,
    ) -> Answer {
        let body = match body {
            Value::Null => Bytes::new(),
            body => body.to_string().into(),
        };
        let mut request = Request::builder().method(method).uri(format!("{}{path}", self.url(service)));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Full::new(body)).unwrap();
        let answer = timeout(DEADLINE, async {
            let response = self.client.request(request).await.unwrap();
            let (head, body) = response.into_parts();
            Answer {
                status: head.status,
                headers: head.headers,
                body: body.collect().await.unwrap().to_bytes(),
            }
        });
        answer.await.expect("no answer")
    }

    /// Sends SIGTERM.
    pub async fn terminate(&self) {
        let pid = self.child.id().expect("it runs").to_string();
        let killed = Command::new("kill").args(["-TERM", &pid]).status().await;
        assert!(killed.unwrap().success());
    }

    /// Waits for the end.
    pub async fn ended(mut self) -> Ended {
        ended(&mut self.child).await
    }
}

/// Waits for the end of a process.
pub async fn ended(child: &mut Child) -> Ended {
    let mut stderr = String::new();
    let mut pipe = child.stderr.take().unwrap();
    let (status, _) =
        timeout(DEADLINE, async { tokio::join!(child.wait(), pipe.read_to_string(&mut stderr)) })
            .await
            .expect("it does not end");
    Ended { status: status.unwrap(), stderr }
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("not JSON: {self:?}"))
    }

    /// The names of the fields that were refused.
    pub fn fields(&self) -> Vec<String> {
        let errors = self.json()["errors"].as_array().cloned().unwrap_or_default();
        errors.iter().map(|error| error["field"].as_str().unwrap().to_owned()).collect()
    }
}

/// Asks until the answer is yes.
pub async fn eventually<F: Future<Output = bool>>(what: &str, mut is_so: impl FnMut() -> F) {
    let deadline = Instant::now() + DEADLINE;
    while !is_so().await {
        assert!(Instant::now() < deadline, "never: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
