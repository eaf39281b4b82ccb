//! The floor: the least that a proxy built on Pingora can be.
//!
//! Everything that costs time for reasons other than proxying is as in
//! Glassgate: allocator, profile, number of threads, size of the pool. It has
//! one upstream, and no routes, headers, logs, metrics or traces.

use std::net::SocketAddr;
use std::sync::Arc;

use async_trait::async_trait;
use clap::Parser;
use pingora_core::prelude::{HttpPeer, Opt, Result, Server};
use pingora_core::server::configuration::ServerConf;
use pingora_proxy::{ProxyHttp, Session, http_proxy_service};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// A bare Pingora proxy, to compare with.
#[derive(Parser)]
struct Options {
    /// Where to listen.
    #[arg(long)]
    listen: SocketAddr,
    /// Where to forward to.
    #[arg(long)]
    upstream: SocketAddr,
    /// Worker threads.
    #[arg(long)]
    threads: usize,
    /// Idle connections kept to the upstream.
    #[arg(long)]
    pool: usize,
    /// Give each thread a runtime of its own, as Glassgate does.
    #[arg(long)]
    no_work_stealing: bool,
}

struct Bare {
    upstream: SocketAddr,
}

#[async_trait]
impl ProxyHttp for Bare {
    type CTX = ();

    fn new_ctx(&self) {}

    async fn upstream_peer(&self, _: &mut Session, _: &mut ()) -> Result<Box<HttpPeer>> {
        Ok(Box::new(HttpPeer::new(self.upstream, false, String::new())))
    }
}

fn main() {
    let options = Options::parse();
    let settings = ServerConf {
        threads: options.threads,
        work_stealing: !options.no_work_stealing,
        upstream_keepalive_pool_size: options.pool,
        // Ends at once: nobody waits for answers when the benchmark is over.
        grace_period_seconds: Some(0),
        graceful_shutdown_timeout_seconds: Some(0),
        ..ServerConf::default()
    };
    let mut server = Server::new_with_opt_and_conf(None::<Opt>, settings);
    server.bootstrap();
    let settings: Arc<ServerConf> = server.configuration.clone();
    let mut proxy = http_proxy_service(&settings, Bare { upstream: options.upstream });
    proxy.add_tcp(&options.listen.to_string());
    server.add_service(proxy);
    server.run_forever();
}
