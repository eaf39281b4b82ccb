//! A request's way through the gateway. This file is its table of contents: every phase of Pingora is one line that
//! calls its stage, and the stages are files.
//!
//! | stage | does |
//! | --- | --- |
//! | `open` | pins the snapshot, begins clock, ids and trace |
//! | `admit` | checks the head, normalises the path, finds the route; refuses, redirects or answers |
//! | `pass` | within `admit`: asks the route's policies, in their order |
//! | `rate_limit` | within `pass`: what the request takes of its route's limits |
//! | `preflight` | within `admit`: answers a browser that asks what a page may send |
//! | `authenticate` | within `pass`: who calls, and what the service is told about that |
//! | `queue` | a place within the concurrency limits of the route and of the upstream, or a wait for it |
//! | `forward` | chooses an endpoint, tells the upstream who asks |
//! | `compose` | the composition layer in the place of an upstream |
//! | `receive` | what comes back |
//! | `recover` | an attempt failed: another one, or give up |
//! | `reply` | what the client gets; the one place where a reason becomes a response |
//! | `finish` | metrics, access log, spans; also after a panic |
//!
//! No decision is made here. Pingora answers by itself only what never gets here: heads it cannot read, CONNECT, and
//! contradictory authorities; on HTTP/1 the listener's guard replaces these answers.

mod admit;
mod authenticate;
mod authorize;
mod compose;
mod context;
mod finish;
mod forward;
mod open;
mod pass;
mod preflight;
mod probe;
mod queue;
mod rate_limit;
mod receive;
mod recover;
mod reply;
mod target;
mod verdict;

use std::{os::fd::RawFd, sync::Arc, time::Duration};

use async_trait::async_trait;
use bytes::Bytes;
use pingora_core::{modules::http::HttpModules, protocols::Digest, upstreams::peer::HttpPeer};
use pingora_error::{Error, Result};
use pingora_http::{RequestHeader, ResponseHeader};
use pingora_proxy::{FailToProxy, ProxyHttp, ProxyWarnLogContext, Session};

pub use context::RequestContext;
use probe::Probe;

use crate::{snapshot::Store, upstream::Pool};

/// The proxy of one serving thread.
pub struct Gateway {
    store: Arc<Store>,
    /// Connections of the composition layer; the proxy's own are inside of Pingora.
    pool: Pool,
    probe: Probe,
}

impl Gateway {
    /// Serves what the store holds.
    pub fn new(store: Arc<Store>) -> Self {
        Self { store, pool: Pool::new(), probe: Probe::from_environment() }
    }
}

#[async_trait]
impl ProxyHttp for Gateway {
    /// In a box: Pingora moves it several times, and keeps room for it in every future it is moved through.
    type CTX = Box<RequestContext>;

    fn new_ctx(&self) -> Self::CTX {
        Box::default()
    }

    /// None: each one costs every request.
    fn init_downstream_modules(&self, _: &mut HttpModules) {}

    async fn early_request_filter(&self, session: &mut Session, context: &mut Self::CTX) -> Result<()> {
        open::open(self, session, context)
    }

    async fn request_filter(&self, session: &mut Session, context: &mut Self::CTX) -> Result<bool> {
        admit::admit(self, session, context).await
    }

    async fn proxy_upstream_filter(&self, session: &mut Session, context: &mut Self::CTX) -> Result<bool> {
        queue::enter_upstream(session, context).await
    }

    async fn upstream_peer(&self, session: &mut Session, context: &mut Self::CTX) -> Result<Box<HttpPeer>> {
        forward::peer(self, session, context).await
    }

    async fn connected_to_upstream(
        &self,
        _: &mut Session,
        reused: bool,
        peer: &HttpPeer,
        _: RawFd,
        _: Option<&Digest>,
        context: &mut Self::CTX,
    ) -> Result<()> {
        forward::connected(reused, peer, context);
        Ok(())
    }

    async fn upstream_request_filter(
        &self,
        session: &mut Session,
        head: &mut RequestHeader,
        context: &mut Self::CTX,
    ) -> Result<()> {
        forward::head(session, head, context)
    }

    async fn request_body_filter(
        &self,
        session: &mut Session,
        piece: &mut Option<Bytes>,
        end: bool,
        context: &mut Self::CTX,
    ) -> Result<()> {
        forward::body(session, piece.as_ref(), end, context)
    }

    async fn upstream_response_filter(
        &self,
        _: &mut Session,
        head: &mut ResponseHeader,
        context: &mut Self::CTX,
    ) -> Result<()> {
        receive::head(head, context)
    }

    async fn response_filter(
        &self,
        session: &mut Session,
        head: &mut ResponseHeader,
        context: &mut Self::CTX,
    ) -> Result<()> {
        reply::head(self, session, head, context)
    }

    fn response_body_filter(
        &self,
        session: &mut Session,
        piece: &mut Option<Bytes>,
        end: bool,
        context: &mut Self::CTX,
    ) -> Result<Option<Duration>> {
        receive::body(session, piece.as_ref(), end, context)
    }

    fn fail_to_connect(
        &self,
        _: &mut Session,
        _: &HttpPeer,
        context: &mut Self::CTX,
        error: Box<Error>,
    ) -> Box<Error> {
        recover::unconnected(context, error)
    }

    fn error_while_proxy(
        &self,
        _: &HttpPeer,
        session: &mut Session,
        error: Box<Error>,
        context: &mut Self::CTX,
        reused: bool,
    ) -> Box<Error> {
        recover::broken(session, context, error, reused)
    }

    async fn fail_to_proxy(
        &self,
        session: &mut Session,
        error: &Error,
        context: &mut Self::CTX,
    ) -> FailToProxy {
        reply::fail(session, error, context).await
    }

    async fn logging(&self, session: &mut Session, error: Option<&Error>, context: &mut Self::CTX) {
        finish::finish(session, error, context);
    }

    /// The access log tells.
    fn suppress_error_log(&self, _: &Session, _: &Self::CTX, _: &Error) -> bool {
        true
    }

    /// So do the attempts on the span.
    fn suppress_proxy_warn_log(&self, _: &Session, _: &Self::CTX, _: &Error, _: ProxyWarnLogContext) -> bool {
        true
    }
}
