//! One health check of one endpoint: a `GET` over a connection of its own, or just the connection.
//!
//! Every check connects anew. A pooled connection could be held open by a process that accepts nothing any more.

use std::net::SocketAddr;

use http::header::{CONNECTION, HOST, USER_AGENT};
use pingora_core::{
    connectors::http::Connector, protocols::http::client::HttpSession, upstreams::peer::HttpPeer,
};
use pingora_http::RequestHeader;
use tokio::{net::TcpStream, time::timeout};

use crate::upstream::{classify::describe, endpoint::Endpoint, peer, settings::HealthSettings};

/// Checks the endpoint once. What was found is text for the operator: `status 200`, or why the check failed.
pub async fn check(
    connector: &Connector,
    endpoint: &Endpoint,
    settings: &HealthSettings,
) -> Result<String, String> {
    let run = async {
        match &settings.path {
            Some(path) => get(connector, endpoint, path, settings).await,
            None => connect(endpoint.address()).await,
        }
    };
    timeout(settings.timeout, run)
        .await
        .unwrap_or_else(|_| Err(format!("no answer within {:?}", settings.timeout)))
}

async fn connect(address: SocketAddr) -> Result<String, String> {
    TcpStream::connect(address)
        .await
        .map(|_| "connected".into())
        .map_err(|error| format!("cannot connect: {error}"))
}

async fn get(
    connector: &Connector,
    endpoint: &Endpoint,
    path: &str,
    settings: &HealthSettings,
) -> Result<String, String> {
    let host = settings.host.as_deref().unwrap_or(endpoint.authority());
    let request = request(path, host).map_err(|error| error.to_string())?;
    let peer = peer::for_check(endpoint.peer(), settings.timeout);
    let status = exchange(connector, &peer, request).await.map_err(|error| describe(&error).into_string())?;
    if settings.expect.iter().any(|range| range.contains(status)) {
        return Ok(format!("status {status}"));
    }
    let expected = settings.expect.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    Err(format!("status {status}, expected {expected}"))
}

fn request(path: &str, host: &str) -> pingora_error::Result<RequestHeader> {
    let mut request = RequestHeader::build(http::Method::GET, path.as_bytes(), Some(3))?;
    request.insert_header(HOST, host)?;
    request.insert_header(USER_AGENT, concat!("glassgate/", env!("CARGO_PKG_VERSION"), " health-check"))?;
    Ok(request)
}

/// The status of the answer. Its body is not read: dropping the session closes the connection.
async fn exchange(
    connector: &Connector,
    peer: &HttpPeer,
    mut request: RequestHeader,
) -> pingora_error::Result<u16> {
    let (mut session, _) = connector.get_http_session(peer).await?;
    if matches!(session, HttpSession::H1(_)) {
        request.insert_header(CONNECTION, "close")?;
    }
    session.write_request_header(Box::new(request)).await?;
    session.finish_request_body().await?;
    loop {
        session.read_response_header().await?;
        let status = session.response_header().map_or(0, |head| head.status.as_u16());
        if status >= 200 {
            return Ok(status);
        }
    }
}
