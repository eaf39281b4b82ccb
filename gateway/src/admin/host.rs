//! By which names the admin listener is asked for on loopback.
//!
//! A browser lets a page read answers of the host that the page came from. A page whose own name is made to point to
//! 127.0.0.1 (DNS rebinding) is such a page for the admin listener of whoever looks at it, and would read the whole
//! configuration. But it cannot change the name: the browser sends it as `Host`. What this machine calls itself no
//! stranger can register, and an address is no name.
//!
//! Only on loopback. On any other address probes and scrapers come by names of any kind.

use std::net::IpAddr;

use axum::{
    Json,
    extract::Request,
    http::{HeaderValue, StatusCode, header::HOST, uri::Authority},
    middleware::Next,
    response::{IntoResponse, Response},
};
use serde_json::json;

/// Answers 403 to requests by a name of another machine.
pub async fn guard(request: Request, next: Next) -> Response {
    if request.headers().get_all(HOST).iter().all(is_own) {
        return next.run(request).await;
    }
    let error = "on a loopback address the admin listener answers to an IP address and to `localhost` only, \
                 lest a web page reads it by a name of its own; ask by one of these, or send it as `Host`";
    (StatusCode::FORBIDDEN, Json(json!({ "error": error }))).into_response()
}

/// Whether this is an address or a name that never leaves the machine (RFC 6761 section 6.3).
fn is_own(host: &HeaderValue) -> bool {
    let Ok(authority) = Authority::try_from(host.as_bytes()) else { return false };
    let host = authority.host();
    let bare = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host);
    let last = bare.strip_suffix('.').unwrap_or(bare).rsplit('.').next().unwrap_or_default();
    bare.parse::<IpAddr>().is_ok() || last.eq_ignore_ascii_case("localhost")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_anybody_could_own_is_not_this_machines() {
        for own in [
            "127.0.0.1",
            "127.0.0.1:9090",
            "[::1]:9090",
            "10.1.2.3:80",
            "localhost",
            "LOCALHOST:9090",
            "localhost.:9090",
            "gateway.localhost:9090",
        ] {
            assert!(is_own(&HeaderValue::from_static(own)), "{own}");
        }
        for foreign in [
            "rebound.test",
            "rebound.test:9090",
            "localhost.rebound.test",
            "notlocalhost",
            "127.0.0.1.rebound.test",
            "localhost@rebound.test",
            "127.0.0.1, rebound.test",
            "",
        ] {
            assert!(!is_own(&HeaderValue::from_static(foreign)), "{foreign}");
        }
    }
}
