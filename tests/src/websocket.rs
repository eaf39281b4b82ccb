//! WebSocket: an upstream that echoes, a client that talks.

use std::net::SocketAddr;

use futures::{SinkExt, StreamExt};
use http::Response;
use tokio::net::TcpStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::Role;
use tokio_tungstenite::tungstenite::{self, Message};

use crate::client::connect;
use crate::upstream::{Received, Reply, empty};
use crate::wait::{DEADLINE, within};

/// The client's end of a WebSocket.
pub type Client = WebSocketStream<TcpStream>;

/// Opens a WebSocket.
pub async fn open(address: SocketAddr, path: &str) -> Result<Client, tungstenite::Error> {
    open_with(address, path, &[]).await
}

/// Opens a WebSocket with further header fields.
pub async fn open_with(
    address: SocketAddr,
    path: &str,
    headers: &[(&'static str, &str)],
) -> Result<Client, tungstenite::Error> {
    let mut request = format!("ws://{address}{path}").into_client_request()?;
    for (name, value) in headers {
        request.headers_mut().append(*name, value.parse().expect("a header's value"));
    }
    let handshake = tokio_tungstenite::client_async(request, connect(address).await);
    Ok(within("a WebSocket handshake", DEADLINE, handshake).await?.0)
}

/// Sends a text and waits for the next message.
pub async fn ask(client: &mut Client, text: &str) -> Message {
    let exchange = async {
        client.send(Message::text(text)).await.expect("the message is taken");
        client.next().await.expect("the WebSocket is open").expect("a message")
    };
    within("a WebSocket message", DEADLINE, exchange).await
}

/// A handler for [`crate::Upstream`]: accepts a WebSocket and sends every
/// message back, until it is closed.
pub async fn echo(mut request: Received) -> Reply {
    let key = request.headers().get("sec-websocket-key").map(|key| derive_accept_key(key.as_bytes()));
    let Some(key) = key else {
        return crate::upstream::reply(400, "not a WebSocket handshake");
    };
    let upgrade = hyper::upgrade::on(&mut request);
    tokio::spawn(async move {
        let Ok(upgraded) = upgrade.await else { return };
        let stream = hyper_util::rt::TokioIo::new(upgraded);
        let (sink, stream) = WebSocketStream::from_raw_socket(stream, Role::Server, None).await.split();
        // Ends with the connection; pings and the closing handshake are the library's.
        let _ = stream
            .filter(|message| {
                futures::future::ready(
                    matches!(message, Ok(message) if message.is_text() || message.is_binary()),
                )
            })
            .forward(sink)
            .await;
    });
    let response = Response::builder()
        .status(101)
        .header("connection", "upgrade")
        .header("upgrade", "websocket")
        .header("sec-websocket-accept", key);
    Ok(response.body(empty()).expect("a response"))
}
