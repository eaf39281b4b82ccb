//! The gateway: the real binary with the test's own configuration.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use http::Request;
use rustix::process::Signal;
use serde_json::Value;

use crate::answer::Answer;
use crate::binary::binary;
use crate::client;
use crate::home::{Home, dedent};
use crate::metrics::Metrics;
use crate::process::{Exit, Line, Process, Stream};
use crate::upstream::{Body, empty};
use crate::usage::Usage;
use crate::wait::{DEADLINE, eventually};

const CONFIG: &str = "glassgate.yaml";

/// A gateway about to be started.
///
/// The YAML may be indented as a whole. A configuration without `listeners:`
/// gets one called `public` on a free port, one without `admin:` gets a free
/// port too: a test shows only what it is about.
#[derive(Debug)]
pub struct Launch {
    home: Home,
    environment: Vec<(String, String)>,
}

impl Launch {
    /// With this configuration.
    pub fn new(yaml: &str) -> Self {
        let home = Home::new();
        home.write(CONFIG, complete(yaml));
        Self { home, environment: Vec::new() }
    }

    /// With a file beside the configuration, as the configuration names it.
    pub fn file(self, name: &str, contents: impl AsRef<[u8]>) -> Self {
        self.home.write(name, contents);
        self
    }

    /// With a variable in its environment.
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The folder of the configuration.
    pub fn home(&self) -> &Home {
        &self.home
    }

    /// Starts it and waits until it is ready.
    pub async fn start(self) -> Gateway {
        let process = self.spawn();
        let what = "the admin listener's address";
        let admin = process.output(what, DEADLINE, |lines| address(lines, "admin")).await;
        let gateway = Gateway { process, admin, home: self.home };
        let ready = format!("{}/health/ready", gateway.admin_url());
        let is_ready = async || (client::get(&ready).await.status == 200).then_some(());
        eventually("the gateway is ready", DEADLINE, is_ready).await;
        gateway
    }

    /// Starts it and waits until it ends by itself, as it should with a bad configuration.
    pub async fn fail(self) -> Exit {
        self.spawn().exit(DEADLINE).await
    }

    /// Starts it and waits for nothing.
    pub fn spawn(&self) -> Process {
        let mut command = binary("glassgate");
        command.args(["run", "--config"]).arg(self.home.path(CONFIG));
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        Process::start("glassgate", &mut command)
    }
}

/// A running gateway; it ends with the test.
#[derive(Debug)]
pub struct Gateway {
    process: Process,
    admin: SocketAddr,
    home: Home,
}

impl Gateway {
    /// Starts the gateway with this configuration and waits until it is ready.
    pub async fn start(yaml: impl AsRef<str>) -> Self {
        Launch::new(yaml.as_ref()).start().await
    }

    /// Where the listener called `public` is.
    pub fn address(&self) -> SocketAddr {
        self.listener("public")
    }

    /// Where a listener is.
    pub fn listener(&self, name: &str) -> SocketAddr {
        address(&self.process.lines(), name).unwrap_or_else(|| panic!("no listener called {name} is logged"))
    }

    /// A URL on the listener called `public`.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address())
    }

    /// The admin listener's base URL.
    pub fn admin_url(&self) -> String {
        format!("http://{}", self.admin)
    }

    /// Gets a path on the listener called `public`.
    pub async fn get(&self, path: &str) -> Answer {
        client::get(&self.url(path)).await
    }

    /// Sends a request with these header fields and no body.
    pub async fn request(&self, method: &str, path: &str, headers: &[(&str, &str)]) -> Answer {
        let mut request = client::request(method, &self.url(path));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.send(request.body(empty()).expect("a request")).await
    }

    /// Sends a request made by the test.
    pub async fn send(&self, request: Request<Body>) -> Answer {
        client::send(request).await
    }

    /// Asks a GraphQL query at `/graphql`.
    pub async fn graphql(&self, query: &str, variables: Value) -> Answer {
        let body = serde_json::json!({ "query": query, "variables": variables });
        client::send_json("POST", &self.url("/graphql"), &body).await
    }

    /// Gets a path on the admin listener.
    pub async fn admin(&self, path: &str) -> Answer {
        client::get(&format!("{}{path}", self.admin_url())).await
    }

    /// Scrapes the metrics.
    pub async fn metrics(&self) -> Metrics {
        let answer = self.admin("/metrics").await;
        assert_eq!(answer.status, 200);
        Metrics::parse(&answer.text())
    }

    /// Waits until a metric has a value that `enough` accepts, and returns it.
    pub async fn metric(&self, name: &str, labels: &[(&str, &str)], enough: impl Fn(f64) -> bool) -> f64 {
        let what = format!("{name}{labels:?} as expected");
        eventually(&what, DEADLINE, async || {
            Some(self.metrics().await.value(name, labels)).filter(|value| enough(*value))
        })
        .await
    }

    /// Writes a new configuration; the gateway notices by itself.
    pub fn configure(&self, yaml: &str) -> PathBuf {
        self.home.write(CONFIG, complete(yaml))
    }

    /// Writes a new configuration and has it loaded.
    pub async fn reload(&self, yaml: &str) -> Answer {
        self.configure(yaml);
        self.reload_now().await
    }

    /// Has the configuration loaded again.
    pub async fn reload_now(&self) -> Answer {
        let request = client::request("POST", &format!("{}/config/reload", self.admin_url()));
        client::send(request.body(empty()).expect("a request")).await
    }

    /// The folder of the configuration.
    pub fn home(&self) -> &Home {
        &self.home
    }

    /// What it uses now.
    pub fn usage(&self) -> Usage {
        Usage::of(self.process.id())
    }

    /// Sends a signal.
    pub fn signal(&self, signal: Signal) {
        self.process.signal(signal);
    }

    /// Reads no more of what it writes, neither standard output nor standard error, until it has ended.
    pub fn stop_reading(&self) {
        self.process.stop_reading();
    }

    /// Waits for its end, without causing it.
    pub async fn exit(self, deadline: Duration) -> Exit {
        self.process.exit(deadline).await
    }

    /// Waits for a line of the access log that `find` accepts.
    pub async fn access_log(&self, what: &str, find: impl Fn(&Value) -> bool) -> Value {
        self.output(Stream::Out, what, find).await
    }

    /// Waits for a line of the application log that `find` accepts.
    pub async fn log(&self, what: &str, find: impl Fn(&Value) -> bool) -> Value {
        self.output(Stream::Err, what, find).await
    }

    async fn output(&self, stream: Stream, what: &str, find: impl Fn(&Value) -> bool) -> Value {
        let search = |lines: &[Line]| {
            let mut of_it = lines.iter().filter(|line| line.stream == stream).filter_map(Line::json);
            of_it.find(|line| find(line))
        };
        self.process.output(what, DEADLINE, search).await
    }

    /// All lines it wrote so far.
    pub fn lines(&self) -> Vec<Line> {
        self.process.lines()
    }
}

/// Runs `glassgate` with these arguments to its end.
pub async fn glassgate(arguments: &[&str]) -> Exit {
    let process = Process::start("glassgate", binary("glassgate").args(arguments));
    process.exit(DEADLINE).await
}

fn address(lines: &[Line], listener: &str) -> Option<SocketAddr> {
    lines.iter().filter_map(Line::json).find_map(|line| {
        let is_it = line["message"] == "listening" && line["listener"] == listener;
        is_it.then(|| line["address"].as_str()?.parse().ok())?
    })
}

fn complete(yaml: &str) -> String {
    let mut yaml = dedent(yaml);
    let has = |yaml: &str, section: &str| yaml.lines().any(|line| line.starts_with(section));
    if !has(&yaml, "listeners:") {
        yaml += "listeners: [{ name: public, address: \"127.0.0.1:0\" }]\n";
    }
    if !has(&yaml, "admin:") {
        yaml += "admin: { address: \"127.0.0.1:0\" }\n";
    }
    yaml
}
