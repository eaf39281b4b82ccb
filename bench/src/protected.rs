//! Glassgate with protection: tokens of a real issuer, two rate limits, CORS, and whatever the plain one has.

use std::fs;
use std::net::SocketAddr;
use std::process::Command;

use serde_json::Value;

use crate::process::{Failure, Process, exchange, free_address};
use crate::subjects::{Place, Subject};
use crate::wrk::Requests;

const ORIGIN: &str = "https://app.bench.test";

/// Where the rate limits are counted.
#[derive(Debug, Clone, Copy)]
pub enum Counting {
    /// In the gateway's memory.
    Memory,
    /// In Redis, each request.
    Exact,
    /// In Redis, ahead of need.
    Leased,
}

impl Place {
    /// The plain route with a remembered token, two limits that are never reached, and CORS.
    pub fn protected(&self, name: &str, counting: Counting) -> Result<Subject, Failure> {
        let mode = match counting {
            Counting::Memory => return self.guarded(name, ""),
            Counting::Exact => "exact",
            Counting::Leased => "leased",
        };
        let address = free_address()?;
        let redis = self.redis(mode, address)?;
        let mut subject = self.guarded(name, &counting_in(address, mode))?;
        subject.beside.push(redis);
        Ok(subject)
    }

    /// The floor for requests as those are, with a token and an origin.
    pub fn bare_pingora_sent_the_same(&self, name: &str) -> Result<Subject, Failure> {
        let (issuer, issuer_url) = self.issuer()?;
        let mut subject = self.bare_pingora_sent(name, true, requests(&issuer_url)?)?;
        subject.beside.push(issuer);
        Ok(subject)
    }

    /// The same with this section for Redis.
    pub fn guarded(&self, name: &str, redis: &str) -> Result<Subject, Failure> {
        let (issuer, issuer_url) = self.issuer()?;
        let more = format!(
            "authenticators:
  users:
    jwt:
      issuer: https://users.demo.glassgate.example
      audiences: [glassgate-demo]
      keys: {{ url: \"http://{issuer_url}/.well-known/jwks.json\" }}
{redis}"
        );
        let routes = format!(
            "  - name: api
    match: {{ host: bench.test, path: /api/** }}
    upstream: backend
    rewrite: {{ strip_prefix: /api }}
    request_headers: {{ set: {{ x-gateway: glassgate }} }}
    response_headers: {{ set: {{ x-served-by: glassgate }} }}
    cors: {{ origins: [\"{ORIGIN}\"] }}
    authentication: {{ by: [users], headers: {{ x-user-id: sub }} }}
    rate_limits:
      - {{ name: client, limit: 900000/s, by: [client_address] }}
      - {{ name: user, limit: 900000000/h, burst: 900000, by: [{{ claim: sub }}] }}
"
        );
        let mut subject = self.gateway(name, &routes, &more, requests(&issuer_url)?)?;
        subject.beside.push(issuer);
        Ok(subject)
    }

    /// The users service, and its address.
    fn issuer(&self) -> Result<(Process, String), Failure> {
        let address = free_address()?;
        let mut command = Command::new(self.binaries.join("stub-services"));
        command.args(["users", "--log-level", "off", "--users-address", &address.to_string()]);
        let log = self.folder.join(format!("issuer-{}.log", address.port()));
        Ok((Process::start(&mut command, &log, address, "/health")?, address.to_string()))
    }

    /// A Redis of its own.
    pub fn redis(&self, name: &str, address: SocketAddr) -> Result<Process, Failure> {
        let home = self.folder.join(format!("redis-{name}"));
        fs::create_dir_all(&home)?;
        let mut command = Command::new("redis-server");
        command.args(["--bind", "127.0.0.1", "--port", &address.port().to_string(), "--save", ""]);
        command.args(["--appendonly", "no", "--dir"]).arg(&home);
        let ready = || exchange(address, b"PING\r\nQUIT\r\n").is_ok_and(|answer| answer.starts_with("+PONG"));
        Process::start_until(&mut command, &home.join("log"), &address.to_string(), ready)
    }
}

fn requests(issuer: &str) -> Result<Requests, Failure> {
    Ok(Requests::Authorized { path: "/api/item", origin: ORIGIN, token: login(issuer)? })
}

/// The section that has limits counted in this Redis.
pub fn counting_in(redis: SocketAddr, mode: &str) -> String {
    format!("redis: {{ url: \"redis://{redis}\", rate_limits: {{ mode: {mode} }} }}\n")
}

/// A token of user 1.
fn login(issuer: &str) -> Result<String, Failure> {
    let address = issuer.parse()?;
    let post = |path: &str, body: &str| {
        let length = body.len();
        exchange(
            address,
            format!("POST {path} HTTP/1.1\r\nHost: {issuer}\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{body}")
                .as_bytes(),
        )
    };
    let answer = post("/login", r#"{"email": "alan.abel.1@example.com", "password": "demo"}"#)?;
    let json = answer.split_once("\r\n\r\n").map(|(_, body)| body).unwrap_or_default();
    let answer: Value = serde_json::from_str(json).map_err(|error| format!("no token: {error}: {answer}"))?;
    answer["access_token"].as_str().map(str::to_owned).ok_or_else(|| format!("no token: {answer}").into())
}
