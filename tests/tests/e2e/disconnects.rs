//! Clients that leave half-way: the upstream is let go, and it is written down.

use bytes::Bytes;
use futures::{StreamExt, stream};
use http::Response;
use http_body_util::BodyExt;
use tests::client::{Connection, Protocol};
use tests::raw::RawClient;
use tests::{DEADLINE, Gateway, Upstream, client, empty, reply, streaming, within};
use tokio::sync::mpsc;

use super::proxy_to;

/// Tells when it is dropped.
struct Gone(mpsc::UnboundedSender<()>);

impl Drop for Gone {
    fn drop(&mut self) {
        // Nobody may be listening any more when a test is over.
        let _ = self.0.send(());
    }
}

#[tokio::test]
async fn an_answer_nobody_reads_is_given_up() {
    for protocol in [Protocol::H1, Protocol::H2c] {
        let (gone, mut left) = mpsc::unbounded_channel();
        let upstream = Upstream::start(move |_| {
            let gone = Gone(gone.clone());
            async move {
                let chunk = Bytes::from(vec![b'x'; 64 * 1024]);
                let endless = stream::repeat_with(move || Ok(chunk.clone()));
                Ok(Response::new(streaming(endless.inspect(move |_| _ = &gone))))
            }
        })
        .await;
        let gateway = Gateway::start(proxy_to(&upstream)).await;
        let mut connection = Connection::open(gateway.address(), protocol).await;
        let request = client::request("GET", "http://a.test/endless").body(empty()).unwrap();
        let mut body = connection.begin(request).await.unwrap().into_body();
        within("the answer begins", DEADLINE, body.frame()).await.unwrap().unwrap();
        drop((body, connection));
        within("the upstream is let go", DEADLINE, left.recv()).await;
        let line = gateway.access_log("the request's line", |line| line["path"] == "/endless").await;
        assert_eq!(line["reason"], "client_disconnected", "{protocol:?}: {line}");
    }
}

#[tokio::test]
async fn a_request_cut_short_is_no_request_for_the_upstream() {
    let (ended, mut how) = mpsc::unbounded_channel();
    let upstream = Upstream::start(move |request| {
        let ended = ended.clone();
        async move {
            let body = request.into_body().collect().await;
            ended.send(body.is_ok()).expect("the test listens");
            reply(200, "thanks")
        }
    })
    .await;
    let gateway = Gateway::start(proxy_to(&upstream)).await;
    for head in [
        "POST /cut HTTP/1.1\r\nHost: a.test\r\nContent-Length: 1000\r\n\r\nhalf of it",
        "POST /cut HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
    ] {
        let asked = upstream.seen().len();
        let mut client = RawClient::connect(gateway.address()).await;
        client.send(head).await;
        tests::eventually("it reaches the upstream", DEADLINE, async || {
            (upstream.seen().len() > asked).then_some(())
        })
        .await;
        drop(client);
        let whole = within("the upstream hears of the end", DEADLINE, how.recv()).await.unwrap();
        assert!(!whole, "half a body passed as a whole one");
    }
    let line = gateway.access_log("the request's line", |line| line["path"] == "/cut").await;
    assert_eq!((line["status"].as_u64(), line["reason"].as_str()), (Some(499), Some("client_disconnected")));
}

#[tokio::test]
async fn a_client_that_leaves_while_waiting_is_logged_as_499() {
    let upstream = Upstream::start(|_| std::future::pending()).await;
    let gateway = Gateway::start(proxy_to(&upstream)).await;
    let mut client = RawClient::connect(gateway.address()).await;
    client.send("GET /wait HTTP/1.1\r\nHost: a.test\r\n\r\n").await;
    tests::eventually("it reaches the upstream", DEADLINE, async || {
        (!upstream.seen().is_empty()).then_some(())
    })
    .await;
    drop(client);
    let line = gateway.access_log("the request's line", |line| line["path"] == "/wait").await;
    assert_eq!((line["status"].as_u64(), line["reason"].as_str()), (Some(499), Some("client_disconnected")));
    let idle = |metrics: &tests::Metrics| metrics.value("http_server_active_requests", &[]) == 0.0;
    tests::eventually("nothing is in flight", DEADLINE, async || {
        idle(&gateway.metrics().await).then_some(())
    })
    .await;
}
