//! How Pingora is told to connect: the one place that makes an `HttpPeer`.
//!
//! What must be right here, because Pingora does not insist on it:
//! - The address is a socket address. `HttpPeer::new` with a name looks it up blocking, and panics without an answer.
//! - The server name is never empty: an empty one silently turns certificate verification off.
//! - The pool tells connections apart by address, scheme, server name and verification, but not by authorities or
//!   protocol: `group_key` carries those.
//! - `max_h2_streams` is 1 unless raised, which makes HTTP/2 as expensive as HTTP/1.1.
//! - With authorities of its own, a peer gets a new TLS configuration for each connection, hence no session
//!   resumption; connections are kept alive, so a handshake is rare.

use std::{net::SocketAddr, time::Duration};

use pingora_core::{protocols::TcpKeepalive, upstreams::peer::HttpPeer};
use pingora_timeout::fast_timeout::set_fast_timeout_to_tokio_threshold;

use super::{
    config::EndpointUrl,
    settings::{ConnectionSettings, Timeouts},
};

/// Requests that share one HTTP/2 connection; what most servers allow. A server that allows less is obeyed.
const H2_STREAMS: usize = 100;

/// Finds dead peers behind silent firewalls: after 60 s of silence, 3 probes 10 s apart.
const TCP_KEEPALIVE: TcpKeepalive = TcpKeepalive {
    idle: Duration::from_secs(60),
    interval: Duration::from_secs(10),
    count: 3,
    #[cfg(target_os = "linux")]
    user_timeout: Duration::ZERO,
};

/// How to connect to an endpoint, without timeouts.
pub(super) fn template(address: SocketAddr, url: &EndpointUrl, connection: &ConnectionSettings) -> HttpPeer {
    let server_name = if connection.https {
        connection.server_name.clone().unwrap_or_else(|| url.host.server_name())
    } else {
        String::new()
    };
    let mut peer = HttpPeer::new(address, connection.https, server_name);
    peer.group_key = connection.group;
    let options = &mut peer.options;
    options.idle_timeout = Some(connection.idle);
    options.tcp_keepalive = Some(TCP_KEEPALIVE);
    options.max_h2_streams = H2_STREAMS;
    options.verify_cert = connection.verify;
    options.verify_hostname = connection.verify;
    options.ca = connection.authorities.clone();
    match (connection.http2, connection.https) {
        (false, _) => options.set_http_version(1, 1),
        (true, true) => options.set_http_version(2, 1),
        (true, false) => options.set_http_version(2, 2),
    }
    peer
}

/// Has Pingora wait with the runtime's timers. Its own are fired every 10 ms by a thread for them, and each read and write
/// of an upstream looks at the clock to see whether that thread still runs. Where a timeout is below a second it keeps
/// them.
pub fn use_timers_of_runtime() {
    set_fast_timeout_to_tokio_threshold(Some(Duration::ZERO));
}

/// The peer for one attempt.
pub(super) fn timed(template: &HttpPeer, timeouts: Timeouts) -> Box<HttpPeer> {
    let mut peer = Box::new(template.clone());
    let options = &mut peer.options;
    // The first bounds TCP and TLS each, the second both together.
    options.connection_timeout = Some(timeouts.connect);
    options.total_connection_timeout = Some(timeouts.connect);
    options.read_timeout = timeouts.read;
    // A service that does not read its request is as stuck as one that does not answer.
    options.write_timeout = timeouts.read;
    peer
}

/// The peer for a health check: a connection of its own that nobody else gets.
pub(super) fn for_check(template: &HttpPeer, timeout: Duration) -> HttpPeer {
    let mut peer = template.clone();
    peer.group_key = !template.group_key;
    let options = &mut peer.options;
    options.total_connection_timeout = Some(timeout);
    options.read_timeout = Some(timeout);
    options.write_timeout = Some(timeout);
    // With more than one stream, Pingora would keep the connection for the next.
    options.max_h2_streams = 1;
    peer
}

#[cfg(test)]
mod tests;
