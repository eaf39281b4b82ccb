//! What is measured: each subject is a process with its configuration, and
//! the requests that are sent to it.

use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

use crate::process::{Failure, Process, exchange, free_address};
use crate::wrk::Requests;

/// Idle connections to the upstream that every subject keeps.
const POOL: usize = 128;

/// A process under load.
pub struct Subject {
    /// As shown in the table.
    pub name: String,
    /// Where it listens.
    pub address: SocketAddr,
    /// The process.
    pub process: Process,
    /// What it needs beside the upstream. Not measured.
    pub beside: Vec<Process>,
    /// What is requested of it.
    pub requests: Requests,
    /// wrk's script for it.
    pub script: PathBuf,
}

/// Where things are and how large they are to be.
pub struct Place {
    /// Configurations, logs and scripts go here.
    pub folder: PathBuf,
    /// The folder of the release binaries.
    pub binaries: PathBuf,
    /// Threads of each proxy.
    pub threads: usize,
    /// The upstream of all.
    pub upstream: SocketAddr,
}

impl Place {
    /// Writes a file of the benchmark's own.
    pub fn file(&self, name: &str, contents: &str) -> Result<PathBuf, Failure> {
        let path = self.folder.join(name);
        fs::write(&path, contents)?;
        Ok(path)
    }

    fn subject(
        &self,
        name: &str,
        command: &mut Command,
        address: SocketAddr,
        requests: Requests,
        ready: (SocketAddr, &str),
    ) -> Result<Subject, Failure> {
        let word: String =
            name.chars().map(|letter| if letter.is_ascii_alphanumeric() { letter } else { '-' }).collect();
        let process = Process::start(command, &self.folder.join(format!("{word}.log")), ready.0, ready.1)?;
        let script = requests.script(&self.folder, &word)?;
        Ok(Subject { name: name.to_owned(), address, process, beside: Vec::new(), requests, script })
    }

    /// The floor, as Pingora comes or with a runtime for each thread.
    pub fn bare_pingora(&self, name: &str, work_stealing: bool) -> Result<Subject, Failure> {
        self.bare_pingora_sent(name, work_stealing, Requests::Get("/api/item"))
    }

    /// The same with other requests.
    pub fn bare_pingora_sent(
        &self,
        name: &str,
        work_stealing: bool,
        requests: Requests,
    ) -> Result<Subject, Failure> {
        let address = free_address()?;
        let mut command = Command::new(self.binaries.join("bare-pingora"));
        command.args(["--listen", &address.to_string(), "--upstream", &self.upstream.to_string()]);
        command.args(["--threads", &self.threads.to_string(), "--pool", &POOL.to_string()]);
        if !work_stealing {
            command.arg("--no-work-stealing");
        }
        self.subject(name, &mut command, address, requests, (address, "/api/item"))
    }

    /// nginx as a plain proxy.
    pub fn nginx(&self, name: &str) -> Result<Subject, Failure> {
        let address = free_address()?;
        let upstream = self.upstream;
        let http = format!(
            "upstream backend {{ server {upstream}; keepalive {POOL}; keepalive_requests 100000000; }}
             server {{
               listen {address} backlog=4096;
               location / {{
                 proxy_pass http://backend;
                 proxy_http_version 1.1;
                 proxy_set_header Connection \"\";
                 proxy_set_header Host $host;
               }}
             }}"
        );
        let mut command = self.nginx_command("nginx-proxy", self.threads, &http)?;
        self.subject(name, &mut command, address, Requests::Get("/api/item"), (address, "/api/item"))
    }

    /// Glassgate with everything switched on and this many routes.
    pub fn glassgate(&self, name: &str, routes: usize) -> Result<Subject, Failure> {
        let requests = if routes == 0 { Requests::Get("/api/item") } else { Requests::Spread(routes) };
        let mut list = String::from(
            "  - name: api
    match: { host: bench.test, path: /api/** }
    upstream: backend
    rewrite: { strip_prefix: /api }
    request_headers: { set: { x-gateway: glassgate } }
    response_headers: { set: { x-served-by: glassgate } }
",
        );
        for route in 0..routes {
            list += &format!(
                "  - {{ name: svc{route}, match: {{ path: \"/svc{route}/items/{{id}}\" }}, upstream: backend }}\n"
            );
        }
        self.gateway(name, &list, "", requests)
    }

    /// Glassgate composing two calls into one answer.
    pub fn graphql(&self, name: &str) -> Result<Subject, Failure> {
        self.file("posts.graphql", POSTS)?;
        let routes = "  - { name: graphql, match: { path: /graphql }, graphql: main }\n";
        let more = "graphql: { main: { schema: [posts.graphql] } }\n";
        let subject = self.gateway(name, routes, more, Requests::GraphQl(QUERY))?;
        check_answer(subject.address)?;
        Ok(subject)
    }

    /// The engine that composes, behind a plain HTTP server.
    pub fn engine(&self, name: &str) -> Result<Subject, Failure> {
        let schema = self.file("posts.graphql", POSTS)?;
        let address = free_address()?;
        let mut command = Command::new(self.binaries.join("graphql-engine"));
        command.args(["--listen", &address.to_string(), "--upstream", &self.upstream.to_string()]);
        command.args(["--source", "backend", "--pool", &POOL.to_string()]).arg("--schema").arg(schema);
        let ready = (address, "/graphql?query=%7B__typename%7D");
        let subject = self.subject(name, &mut command, address, Requests::GraphQl(QUERY), ready)?;
        check_answer(subject.address)?;
        Ok(subject)
    }

    /// Where every gateway writes its access log.
    pub fn access_log(&self) -> PathBuf {
        self.folder.join("logs/access.log")
    }

    /// Glassgate with these routes and these other sections.
    pub fn gateway(
        &self,
        name: &str,
        routes: &str,
        more: &str,
        requests: Requests,
    ) -> Result<Subject, Failure> {
        let (address, admin) = (free_address()?, free_address()?);
        let log = self.access_log();
        let log = log.display();
        let upstream = self.upstream;
        let yaml = format!(
            "listeners: [{{ name: public, address: \"{address}\" }}]
admin: {{ address: \"{admin}\" }}
telemetry:
  traces:
    otlp: {{ endpoint: \"http://{upstream}\", protocol: http/protobuf }}
    sample: 1%
    keep: {{ errors: true, slower_than: 1s, per_second: 100 }}
  access_log: {{ output: \"file:{log}\" }}
upstreams:
  backend:
    endpoints: [\"http://{upstream}\"]
    balance: least_request
    timeouts: {{ connect: 2s, read: 30s, total: 60s }}
    keepalive: {{ idle: 60s }}
    health: {{ path: /health, interval: 1s, timeout: 1s }}
routes:
{routes}{more}"
        );
        let config = self.file(&format!("glassgate-{}.yaml", address.port()), &yaml)?;
        let mut command = Command::new(self.binaries.join("glassgate"));
        command.arg("run").arg("--config").arg(config).args(["--threads", &self.threads.to_string()]);
        self.subject(name, &mut command, address, requests, (admin, "/health/ready"))
    }

    fn nginx_command(&self, name: &str, workers: usize, http: &str) -> Result<Command, Failure> {
        nginx_command(&self.folder, name, workers, http)
    }
}

/// The upstream of all: nginx with small answers from memory.
pub fn upstream(folder: &Path, address: SocketAddr) -> Result<Process, Failure> {
    let users: Vec<Value> = (1..=10).map(user).collect();
    let posts: Vec<Value> = (1..=100).map(post).collect();
    fs::write(folder.join("posts.json"), json!(posts).to_string())?;
    fs::write(folder.join("users.json"), json!(users).to_string())?;
    let item = json!({ "id": 42, "name": "A thing worth having", "price": 1999, "currency": "EUR" });
    let folder_shown = folder.display();
    let http = format!(
        "open_file_cache max=10;
         server {{
           listen {address} backlog=4096;
           default_type application/json;
           location / {{ return 200 '{item}'; }}
           location = /posts {{ alias {folder_shown}/posts.json; }}
           location = /users {{ alias {folder_shown}/users.json; }}
           location = /v1/traces {{ return 200; }}
         }}"
    );
    let mut command = nginx_command(folder, "upstream", 1, &http)?;
    Process::start(&mut command, &folder.join("upstream.log"), address, "/")
}

fn nginx_command(folder: &Path, name: &str, workers: usize, http: &str) -> Result<Command, Failure> {
    let home = folder.join(name);
    fs::create_dir_all(&home)?;
    // As root nginx would give its workers to another user, who may not read this folder.
    let is_root = fs::metadata("/proc/self")?.uid() == 0;
    let user = if is_root { "user root;" } else { "" };
    let home_shown = home.display();
    let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .iter()
        .map(|kind| format!("{kind}_temp_path {home_shown}/{kind};\n"))
        .collect();
    let config = format!(
        "{user}
         daemon off; worker_processes {workers}; pid {home_shown}/nginx.pid; error_log stderr warn;
         events {{ worker_connections 4096; }}
         http {{
           access_log off;
           {temporary}
           keepalive_requests 100000000;
           {http}
         }}"
    );
    let path = home.join("nginx.conf");
    fs::write(&path, config)?;
    let mut command = Command::new("nginx");
    command.arg("-e").arg("stderr").arg("-p").arg(&home).arg("-c").arg(path);
    Ok(command)
}

const POSTS: &str = r#"type Query {
  posts: [Post!]! @rest(source: "backend", GET: "/posts")
}
type Post {
  id: Int!
  userId: Int!
  title: String!
  user: User @rest(source: "backend", GET: "/users{?id*}", batch: { key: "userId", param: "id", match: "id" })
}
type User {
  id: Int!
  name: String!
  email: String!
}
"#;

const QUERY: &str = r#"{"query":"{posts{id userId title user{id name email}}}"}"#;

fn user(id: u32) -> Value {
    json!({
        "id": id, "name": format!("Person {id}"), "username": format!("person{id}"),
        "email": format!("person{id}@example.com"), "phone": "+49 30 1234567", "website": "example.com",
    })
}

fn post(id: u32) -> Value {
    json!({
        "userId": (id - 1) % 10 + 1, "id": id, "title": format!("What post number {id} is about"),
        "body": "Quia et suscipit suscipit recusandae consequuntur expedita et cum.",
    })
}

/// A fast wrong answer would win every benchmark.
fn check_answer(address: SocketAddr) -> Result<(), Failure> {
    let request = format!(
        "POST /graphql HTTP/1.1\r\nHost: bench.test\r\nConnection: close\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\n\r\n{QUERY}",
        QUERY.len()
    );
    let answer = exchange(address, request.as_bytes())?;
    let expected: Vec<Value> = (1..=100)
        .map(|id| {
            let (post, user) = (post(id), user((id - 1) % 10 + 1));
            json!({
                "id": post["id"], "userId": post["userId"], "title": post["title"],
                "user": { "id": user["id"], "name": user["name"], "email": user["email"] },
            })
        })
        .collect();
    // Found by its braces: the answer may be chunked, and short enough for one chunk.
    let json = answer.find('{').zip(answer.rfind('}')).map(|(begin, end)| &answer[begin..=end]);
    let found: Value = serde_json::from_str(json.unwrap_or("null")).unwrap_or_default();
    if found == json!({ "data": { "posts": expected } }) {
        Ok(())
    } else {
        Err(format!("the GraphQL answer is not the expected one: {answer:.400}").into())
    }
}
