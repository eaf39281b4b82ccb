//! The stub services, as a real process on free ports.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use serde_json::{Value, json};

use crate::binary::binary;
use crate::client;
use crate::process::Process;
use crate::wait::DEADLINE;

/// All four services in one process.
#[derive(Debug)]
pub struct Stubs {
    process: Process,
    addresses: BTreeMap<String, SocketAddr>,
}

const NAMES: [&str; 4] = ["users", "orders", "products", "payments"];

impl Stubs {
    /// Starts the four services, wired to each other.
    pub async fn start() -> Self {
        Self::start_with(&[]).await
    }

    /// Starts them with more arguments, for example `--otlp-endpoint`.
    pub async fn start_with(arguments: &[&str]) -> Self {
        let mut command = binary("stub-services");
        command.arg("all").args(arguments);
        for name in NAMES {
            command.args([format!("--{name}-address"), "127.0.0.1:0".to_owned()]);
        }
        let process = Process::start("stub-services", &mut command);
        let addresses = process
            .output("the addresses of all services", DEADLINE, |lines| {
                let found: BTreeMap<String, SocketAddr> =
                    lines.iter().filter_map(|line| address(&line.json()?)).collect();
                NAMES.iter().all(|name| found.contains_key(*name)).then_some(found)
            })
            .await;
        Self { process, addresses }
    }

    /// Where a service listens.
    pub fn address(&self, name: &str) -> SocketAddr {
        self.addresses[name]
    }

    /// A service's base URL.
    pub fn url(&self, name: &str) -> String {
        format!("http://{}", self.address(name))
    }

    /// An `upstreams:` section that names the four.
    pub fn upstreams(&self) -> String {
        let mut yaml = "upstreams:\n".to_owned();
        for name in NAMES {
            yaml += &format!("  {name}: {{ endpoints: [\"{}\"] }}\n", self.url(name));
        }
        yaml
    }

    /// How often each `METHOD /route` of a service was asked, the routes of its operation left out.
    pub async fn calls(&self, name: &str) -> BTreeMap<String, u64> {
        let stats = client::get(&format!("{}/stats", self.url(name))).await.json();
        let requests = stats["requests"].as_object().expect("/stats tells requests").clone();
        let operation = ["/health", "/metrics", "/stats", "/chaos"];
        requests
            .into_iter()
            .filter(|(route, _)| !operation.iter().any(|path| route.ends_with(path)))
            .map(|(route, count)| (route, count.as_u64().expect("a count")))
            .collect()
    }

    /// Makes a service fail as told, for example `{"error_rate": 1}`.
    pub async fn trouble(&self, name: &str, chaos: Value) {
        let answer = client::send_json("PUT", &format!("{}/chaos", self.url(name)), &chaos).await;
        assert!(answer.status.is_success(), "chaos refused: {}", answer.text());
    }

    /// Ends all trouble of a service.
    pub async fn peace(&self, name: &str) {
        let answer = client::send_json("DELETE", &format!("{}/chaos", self.url(name)), &json!({})).await;
        assert!(answer.status.is_success(), "chaos not ended: {}", answer.text());
    }

    /// The process, for its output and its id.
    pub fn process(&self) -> &Process {
        &self.process
    }
}

fn address(line: &Value) -> Option<(String, SocketAddr)> {
    let name = line["service"].as_str()?;
    let address = line["address"].as_str()?.parse().ok()?;
    Some((name.to_owned(), address))
}
