//! A real Redis: one server, or a cluster of them, that a test stops, kills and starts again.

use std::path::PathBuf;
use std::process::Stdio;

use rustix::process::Signal;

use crate::binary::command;
use crate::home::Home;
use crate::process::Process;
use crate::tls::Authority;
use crate::upstream::closed_ports;
use crate::wait::{DEADLINE, eventually};

/// A Redis about to be started, without anything on disk.
#[derive(Debug, Default)]
pub struct LaunchRedis {
    password: Option<String>,
    acl: Option<(String, String, String)>,
    tls: bool,
    cluster: bool,
}

/// A running Redis on a port of loopback; it ends with the test.
#[derive(Debug)]
pub struct Redis {
    launch: LaunchRedis,
    port: u16,
    home: Home,
    process: Option<Process>,
}

/// Nodes of a Redis Cluster, between which all slots are shared out.
#[derive(Debug)]
pub struct RedisCluster {
    nodes: Vec<Redis>,
}

impl LaunchRedis {
    /// The default user needs this password.
    pub fn password(mut self, password: &str) -> Self {
        self.password = Some(password.to_owned());
        self
    }

    /// There is no user but this one, who may do what the rules of the ACL say: `~glassgate:* +@all`.
    pub fn user(mut self, name: &str, password: &str, rules: &str) -> Self {
        self.acl = Some((name.to_owned(), password.to_owned(), rules.to_owned()));
        self
    }

    /// It speaks TLS, with a certificate for `localhost` and 127.0.0.1 of an authority of its own: [`Redis::authority`].
    pub fn tls(mut self) -> Self {
        self.tls = true;
        self
    }

    /// Starts it and waits until it answers.
    pub async fn start(self) -> Redis {
        let port = closed_ports::<1>()[0].port();
        self.start_on(port).await
    }

    async fn start_on(self, port: u16) -> Redis {
        let home = Home::new();
        if self.tls {
            let authority = Authority::new();
            let identity = authority.issue(&["localhost", "127.0.0.1"]);
            home.write("ca.pem", authority.certificate());
            home.write("redis.pem", identity.certificate);
            home.write("redis.key", identity.key);
        }
        let mut redis = Redis { launch: self, port, home, process: None };
        redis.start().await;
        redis
    }
}

impl Redis {
    /// One that needs no password and speaks no TLS.
    pub async fn start_plain() -> Self {
        LaunchRedis::default().start().await
    }

    /// Its address, without user and password.
    pub fn url(&self) -> String {
        format!("{}://127.0.0.1:{}", if self.launch.tls { "rediss" } else { "redis" }, self.port)
    }

    /// Its port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The certificate of the authority that signed its own.
    pub fn authority(&self) -> PathBuf {
        self.home.path("ca.pem")
    }

    /// Starts it (again), on the same port and with nothing in it, and waits until it takes connections.
    pub async fn start(&mut self) {
        let process = self.spawn();
        process
            .output("redis is ready", DEADLINE, |lines| {
                lines.iter().any(|line| line.text.contains("Ready to accept connections")).then_some(())
            })
            .await;
        self.process = Some(process);
    }

    fn spawn(&self) -> Process {
        let mut redis = command("redis-server");
        let home = |name: &str| self.home.path(name).display().to_string();
        let port = self.port.to_string();
        redis.args(["--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--daemonize", "no"]);
        redis.args(["--dir", &home(""), "--protected-mode", "no"]);
        if self.launch.tls {
            redis.args(["--port", "0", "--tls-port", &port, "--tls-auth-clients", "no"]);
            redis.args(["--tls-cert-file", &home("redis.pem"), "--tls-key-file", &home("redis.key")]);
            redis.args(["--tls-ca-cert-file", &home("ca.pem")]);
        } else {
            redis.args(["--port", &port]);
        }
        if self.launch.cluster {
            redis.args(["--cluster-enabled", "yes", "--cluster-config-file", "nodes.conf"]);
            redis.args(["--cluster-node-timeout", "2000"]);
        }
        if let Some(password) = &self.launch.password {
            redis.args(["--requirepass", password]);
        }
        if let Some((name, password, rules)) = &self.launch.acl {
            let acl = format!("user default off\nuser {name} on >{password} {rules}\n");
            redis.args(["--aclfile", &self.home.write("users.acl", acl).display().to_string()]);
        }
        Process::start("redis", &mut redis)
    }

    /// Resumes or starts it, whichever it needs.
    pub async fn bring_back(&mut self) {
        match &self.process {
            Some(_) => self.resume(),
            None => self.start().await,
        }
    }

    /// Ends it at once. [`start`](Self::start) brings it back.
    pub fn kill(&mut self) {
        drop(self.process.take().expect("redis runs"));
    }

    /// It answers nothing from now on, but its connections stay.
    pub fn stop(&self) {
        self.signal(Signal::STOP);
    }

    /// It goes on where it was stopped.
    pub fn resume(&self) {
        self.signal(Signal::CONT);
    }

    fn signal(&self, signal: Signal) {
        self.process.as_ref().expect("redis runs").signal(signal);
    }

    /// What Redis' own client prints for a command.
    pub fn cli(&self, command: &[&str]) -> String {
        self.try_cli(command).unwrap_or_else(|| panic!("redis refuses {command:?}"))
    }

    fn try_cli(&self, arguments: &[&str]) -> Option<String> {
        let mut cli = command("redis-cli");
        cli.args(["-h", "127.0.0.1", "-p", &self.port.to_string(), "--no-auth-warning"]);
        if self.launch.tls {
            cli.arg("--tls").arg("--cacert").arg(self.authority());
        }
        if let Some((name, password, _)) = &self.launch.acl {
            cli.args(["--user", name, "--pass", password]);
        }
        if let Some(password) = &self.launch.password {
            cli.args(["--pass", password]);
        }
        let output = cli.args(arguments).stdin(Stdio::null()).output().expect("redis-cli runs");
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        output.status.success().then_some(text)
    }
}

impl RedisCluster {
    /// So many nodes, each with the same part of the slots and without replicas.
    pub async fn start(nodes: usize) -> Self {
        let ports = loop {
            // A node talks to others on a second port, 10,000 above.
            let ports = closed_ports::<3>().map(|address| address.port());
            if ports.iter().all(|port| *port < 55_000) {
                break ports;
            }
        };
        let mut started = Vec::new();
        for port in &ports[..nodes] {
            started.push(LaunchRedis { cluster: true, ..LaunchRedis::default() }.start_on(*port).await);
        }
        let cluster = Self { nodes: started };
        cluster.join().await;
        cluster
    }

    async fn join(&self) {
        let count = self.nodes.len();
        for (number, node) in self.nodes.iter().enumerate() {
            let (first, last) = (number * 16_384 / count, (number + 1) * 16_384 / count - 1);
            node.cli(&["CLUSTER", "ADDSLOTSRANGE", &first.to_string(), &last.to_string()]);
            node.cli(&["CLUSTER", "SET-CONFIG-EPOCH", &(number + 1).to_string()]);
        }
        for node in &self.nodes[1..] {
            node.cli(&["CLUSTER", "MEET", "127.0.0.1", &self.nodes[0].port.to_string()]);
        }
        let known = format!("cluster_known_nodes:{count}");
        let is_ready = |node: &Redis| {
            let info = node.cli(&["CLUSTER", "INFO"]);
            info.contains("cluster_state:ok") && info.contains(&known)
        };
        let all = async || self.nodes.iter().all(is_ready).then_some(());
        eventually("all nodes of the cluster know each other", DEADLINE, all).await;
    }

    /// Its nodes.
    pub fn nodes(&self) -> &[Redis] {
        &self.nodes
    }
}
