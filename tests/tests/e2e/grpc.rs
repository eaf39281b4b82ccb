//! gRPC over h2c: streams of messages, trailers at the end.

use bytes::Bytes;
use futures::stream;
use http::{HeaderMap, Response};
use http_body_util::{BodyExt, StreamBody};
use hyper::body::Frame;
use tests::client::{Connection, Protocol};
use tests::{Gateway, Upstream, client, full};

use super::proxy_with;

fn message(text: &str) -> Bytes {
    let length = u32::try_from(text.len()).unwrap().to_be_bytes();
    [&[0][..], &length, text.as_bytes()].concat().into()
}

#[tokio::test]
async fn messages_and_trailers_pass_through() {
    let upstream = Upstream::start(|request| async move {
        assert_eq!(request.headers()["te"], "trailers", "a gRPC server refuses without it");
        let body = request.into_body().collect().await.map_err(std::io::Error::other)?.to_bytes();
        let mut trailers = HeaderMap::new();
        trailers.insert("grpc-status", "0".parse().unwrap());
        trailers.insert("grpc-message", "fine".parse().unwrap());
        let frames = [Ok(Frame::data(body)), Ok(Frame::trailers(trailers))];
        let response = Response::builder().header("content-type", "application/grpc");
        Ok(response.body(BodyExt::boxed(StreamBody::new(stream::iter(frames)))).unwrap())
    })
    .await;
    let gateway = Gateway::start(proxy_with(&upstream.url(), ", http2: true")).await;
    let mut connection = Connection::open(gateway.address(), Protocol::H2c).await;
    for text in ["hello", "again"] {
        let request = client::request("POST", "http://a.test/pkg.Greeter/Hello")
            .header("content-type", "application/grpc")
            .header("te", "trailers");
        let answer = connection.send(request.body(full(message(text))).unwrap()).await.unwrap();
        assert_eq!(answer.body, message(text));
        let trailers = answer.trailers.expect("trailers");
        assert_eq!(
            (&trailers["grpc-status"], &trailers["grpc-message"]),
            (&"0".parse().unwrap(), &"fine".parse().unwrap())
        );
    }
    assert_eq!(upstream.seen()[0].target(), "/pkg.Greeter/Hello");
}

#[tokio::test]
async fn an_upstream_that_is_gone_is_unavailable_in_grpc_words() {
    let closed = tests::closed_port();
    let gateway = Gateway::start(proxy_with(&format!("http://{closed}"), ", http2: true")).await;
    let mut connection = Connection::open(gateway.address(), Protocol::H2c).await;
    let request = client::request("POST", "http://a.test/pkg.Greeter/Hello")
        .header("content-type", "application/grpc")
        .header("te", "trailers");
    let answer = connection.send(request.body(full(message("hello"))).unwrap()).await.unwrap();
    assert_eq!((answer.status.as_u16(), answer.header("grpc-status")), (200, "14"));
}
