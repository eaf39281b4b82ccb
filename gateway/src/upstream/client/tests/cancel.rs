//! A call that nobody waits for any more leaves nothing behind.

use super::*;
use crate::upstream::testkit::eventually;

#[tokio::test]
async fn giving_up_closes_the_connection_and_frees_the_endpoint() {
    let server = Server::start(|_| b"...".to_vec()).await;
    let calls = Calls::to(json!({ "endpoints": [server.url()] }));
    let endpoint = calls.upstream.endpoints()[0].clone();
    {
        let call = calls.get("/");
        tokio::pin!(call);
        let sent = eventually(|| server.seen().len() == 1);
        tokio::select! {
            _ = &mut call => panic!("the server does not answer"),
            () = sent => {}
        }
        assert_eq!(endpoint.in_flight(), 1);
    }
    eventually(|| server.open() == 0).await;
    assert_eq!(endpoint.in_flight(), 0);
    assert!(calls.metrics().contains(r#"http_client_active_requests{upstream="service"} 0"#));
}
