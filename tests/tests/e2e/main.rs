//! End to end: the real gateway between real clients and real upstreams.
//!
//! One file per feature; each test says in its name what it promises. One
//! binary for all of them, so that they are linked once.

#![allow(clippy::unwrap_used, reason = "all of it is a test: a panic is its way to fail")]

mod access_log;
mod admin;
mod api_keys;
mod authentication;
mod authorization;
mod basic;
mod cli;
mod concurrency;
mod connections;
mod cors;
mod credentials;
mod csrf;
mod demo;
mod disconnects;
mod graphql;
mod graphql_access;
mod grpc;
mod headers;
mod heads;
mod health;
mod introspection;
mod ip_filter;
mod jose;
mod jwks;
mod jwt;
mod lifecycle;
mod limits;
mod log;
mod metrics;
mod panics;
mod paths;
mod rate_limits;
mod redis;
mod refusals;
mod reload;
mod routing;
mod semantics;
mod streaming;
mod tls;
mod traces;
mod trust;
mod upstreams;

use tests::Upstream;

/// A configuration with one upstream, called `up`, that gets everything.
fn proxy_to(upstream: &Upstream) -> String {
    proxy_to_url(&upstream.url())
}

/// The same for an upstream known by its URL.
fn proxy_to_url(url: &str) -> String {
    proxy_with(url, "")
}

/// The same with more settings for the upstream, in YAML's flow style: `, http2: true`.
fn proxy_with(url: &str, settings: &str) -> String {
    format!(
        "upstreams: {{ up: {{ endpoints: [\"{url}\"]{settings} }} }}\n\
         routes: [{{ name: all, match: {{ path: /** }}, upstream: up }}]\n"
    )
}
