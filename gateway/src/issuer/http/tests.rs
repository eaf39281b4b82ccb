use std::{convert::Infallible, net::SocketAddr};

use http::Response;
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;

use super::*;

const BOUNDS: Bounds = Bounds { time: Duration::from_secs(10), body: 100 };

/// A server that answers with what it got, `/large` with 101 bytes, and `/late` never.
async fn server() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service_fn(answer)));
        }
    });
    address
}

async fn answer(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let (head, body) = request.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    let text = match head.uri.path() {
        "/large" => "x".repeat(101),
        "/late" => std::future::pending().await,
        path => format!("{} {path} {}", head.method, String::from_utf8_lossy(&body)),
    };
    Ok(Response::builder().status(203).body(Full::new(text.into())).unwrap())
}

fn request(method: &str, address: SocketAddr, path: &str, body: &'static str) -> Request<Full<Bytes>> {
    let request = Request::builder().method(method).uri(format!("http://{address}{path}"));
    request.body(Full::new(Bytes::from_static(body.as_bytes()))).unwrap()
}

#[tokio::test]
async fn an_answer_is_read_whole() {
    let (address, client) = (server().await, Client::new(None));
    for (method, body) in [("GET", ""), ("POST", "token=1")] {
        let answer = client.exchange(request(method, address, "/a", body), BOUNDS).await.unwrap();
        assert_eq!(answer.status, StatusCode::NON_AUTHORITATIVE_INFORMATION);
        assert_eq!(answer.body, format!("{method} /a {body}"));
    }
}

#[tokio::test]
async fn an_answer_that_is_too_large_or_too_late_is_none() {
    let (address, client) = (server().await, Client::new(None));
    let large = client.exchange(request("GET", address, "/large", ""), BOUNDS).await.unwrap_err();
    assert_eq!(large, Failed::Large(100));
    let bounds = Bounds { time: Duration::from_millis(20), ..BOUNDS };
    let late = client.exchange(request("GET", address, "/late", ""), bounds).await.unwrap_err();
    assert_eq!(late.to_string(), "no answer within 20 ms");
}

#[tokio::test]
async fn a_broken_connection_says_why() {
    let unused = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let error = Client::new(None).exchange(request("GET", unused, "/", ""), BOUNDS).await.unwrap_err();
    assert!(error.to_string().contains("refused"), "{error}");
}
