use serde_json::json;

use super::kit::*;
use crate::listener::{BindError, bind};

#[tokio::test]
async fn a_taken_port_is_named_with_what_to_do() {
    let server = start(json!({})).await;
    let again = config(json!({ "address": server.address.to_string() }));
    let error = bind(again, numbers()).unwrap_err();
    assert!(matches!(error, BindError::InUse { .. }));
    let text = error.to_string();
    let port = server.address.port();
    assert_eq!(
        text,
        format!(
            "listener `public`: the address 127.0.0.1:{port} is in use; stop the process that holds it \
             (`ss -ltnp 'sport = :{port}'` names it) or choose another port"
        )
    );
}

#[tokio::test]
async fn an_address_of_another_machine_is_named() {
    let error = bind(config(json!({ "address": "192.0.2.1:0" })), numbers()).unwrap_err();
    assert!(error.to_string().contains("this machine has no address 192.0.2.1"), "{error}");
}

#[tokio::test]
async fn a_dual_stack_socket_shows_ipv4_clients_as_ipv4() {
    // A machine without IPv6 has nothing to show.
    let Ok(_) = std::net::TcpListener::bind("[::1]:0") else { return };
    let server = start(json!({ "address": "[::]:0" })).await;
    let mut client = tokio::net::TcpStream::connect(("127.0.0.1", server.address.port())).await.unwrap();
    let answer = exchange(&mut client, b"GET /facts HTTP/1.1\r\nHost: a\r\n\r\n").await;
    assert!(answer.contains("\"peer\":\"127.0.0.1:"), "{answer}");
    let mut client = tokio::net::TcpStream::connect(("::1", server.address.port())).await.unwrap();
    let answer = exchange(&mut client, b"GET /facts HTTP/1.1\r\nHost: a\r\n\r\n").await;
    assert!(answer.contains("\"peer\":\"[::1]:"), "{answer}");
}

#[test]
fn a_section_without_limits_has_safe_ones() {
    let config = config(json!({}));
    assert_eq!(config.max_connections.get(), 10_000);
    assert_eq!(config.limits.head.bytes(), 60 * 1024);
    assert_eq!(config.deadlines.head.get().as_secs(), 10);
    assert!(config.http2);
}

#[test]
fn unknown_keys_are_refused() {
    let wrong = json!({ "name": "a", "address": "127.0.0.1:0", "deadlines": { "header": "1s" } });
    let error = serde_json::from_value::<crate::listener::config::ListenerConfig>(wrong).unwrap_err();
    assert!(error.to_string().contains("unknown field `header`"), "{error}");
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn an_accepted_socket_has_what_was_set_on_the_listening_one() {
    let bound = bind(config(json!({})), numbers()).unwrap();
    let _client = std::net::TcpStream::connect(bound.local_addr()).unwrap();
    bound.socket.set_nonblocking(false).unwrap();
    let (accepted, _) = bound.socket.accept().unwrap();
    let accepted = socket2::SockRef::from(&accepted);
    assert_eq!(accepted.tcp_notsent_lowat().unwrap(), 128 * 1024, "what a slow client may hold");
    assert!(accepted.tcp_nodelay().unwrap());
    assert!(accepted.keepalive().unwrap());
}
