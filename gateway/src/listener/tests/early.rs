//! What is sent before its turn: halves of answers, and requests behind others.

use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::kit::*;
use crate::listener::Ending;

/// Reads until the text ends so.
async fn read_to(client: &mut TcpStream, end: &str) -> String {
    let mut all = String::new();
    let read = async {
        while !all.ends_with(end) {
            let mut piece = [0; 4096];
            let n = client.read(&mut piece).await.unwrap();
            assert!(n > 0, "closed after {all:?}");
            all += std::str::from_utf8(&piece[..n]).unwrap();
        }
    };
    let in_time = tokio::time::timeout(PATIENCE, read).await;
    assert!(in_time.is_ok(), "waits for {end:?} after {all:?}");
    all
}

fn get(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n")
}

#[tokio::test]
async fn what_there_is_of_an_answer_does_not_wait_for_the_rest() {
    let server = start(json!({})).await;
    let mut client = server.connect().await;
    client.write_all(get("/drip").as_bytes()).await.unwrap();
    let head = read_to(&mut client, "\r\n\r\nab").await;
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
    server.app.release.notify_one();
    assert_eq!(read_to(&mut client, "cd").await, "cd");
    assert!(exchange(&mut client, GET).await.ends_with("ok"));
}

#[tokio::test]
async fn a_broken_answer_is_seen_as_far_as_it_goes() {
    let server = start(json!({})).await;
    let answer = talk(&mut server.connect().await, get("/broken").as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with("\r\n\r\nab"), "{answer:?}");
}

#[tokio::test]
async fn requests_in_one_piece_are_answered_in_order() {
    let server = start(json!({})).await;
    let mut client = server.connect().await;
    let many =
        get("/facts") + &get("/facts") + "HEAD / HTTP/1.1\r\nHost: a\r\n\r\n" + &get("/facts") + &get("/");
    client.write_all(many.as_bytes()).await.unwrap();
    let answers = read_to(&mut client, "\r\n\r\nok").await;
    assert_eq!(answers.matches("HTTP/1.1 200 OK").count(), 5, "{answers}");
    let order = ["\"requests\":1", "\"requests\":2", "\"requests\":4"].map(|of| answers.find(of).unwrap());
    assert!(order.is_sorted(), "{answers}");
    assert!(exchange(&mut client, GET).await.ends_with("ok"), "the connection stays");
}

#[tokio::test]
async fn a_request_sent_during_an_answer_waits_and_harms_none() {
    let server = start(json!({})).await;
    let mut client = server.connect().await;
    client.write_all(get("/drip").as_bytes()).await.unwrap();
    read_to(&mut client, "ab").await;
    let connection = server.only_connection().await;
    // In pieces, and the last one is incomplete.
    for piece in [&GET[..1], &GET[1..], b"GET /fa"] {
        let taken = connection.bytes_in() + piece.len() as u64;
        client.write_all(piece).await.unwrap();
        eventually(|| connection.bytes_in() == taken, || "the piece is taken".into()).await;
    }
    server.app.release.notify_one();
    assert!(read_to(&mut client, "ok").await.starts_with("cdHTTP/1.1 200"));
    client.write_all(b"cts HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
    assert!(answer(&mut client).await.contains("\"requests\":3"));
}

#[tokio::test]
async fn a_later_request_is_judged_like_a_first_one() {
    for bad in ["GET /a b HTTP/1.1\r\nHost: a\r\n\r\n", "nonsense\r\n\r\n"] {
        let server = start(json!({})).await;
        let answers = talk(&mut server.connect().await, (get("/") + bad).as_bytes()).await;
        assert!(answers.starts_with("HTTP/1.1 200") && answers.contains("HTTP/1.1 400"), "{answers}");
        server.ended(Ending::MalformedHead).await;
    }
    let server = start(json!({ "limits": { "head": "8KiB" } })).await;
    let large = format!("GET / HTTP/1.1\r\nX: {}", "x".repeat(1 << 20));
    let answers = talk(&mut server.connect().await, (get("/") + &large).as_bytes()).await;
    assert!(answers.starts_with("HTTP/1.1 200") && answers.contains("HTTP/1.1 431"), "{answers}");
}

#[tokio::test]
async fn many_requests_are_answered_wherever_reads_cut_them() {
    let server = start(json!({})).await;
    let mut client = server.connect().await;
    let many: String = (0..500).map(|n| get(&format!("/?{}", "x".repeat(n % 50)))).collect();
    client.write_all(many.as_bytes()).await.unwrap();
    client.write_all(get("/facts").as_bytes()).await.unwrap();
    let answers = read_to(&mut client, "}").await;
    assert_eq!(answers.matches("HTTP/1.1 200 OK").count(), 501);
}

#[tokio::test]
async fn nothing_is_read_behind_a_head_that_is_refused() {
    let fields = "X: y\r\n".repeat(11);
    for head in
        ["GET admin HTTP/1.1\r\nHost: a\r\n\r\n", &format!("GET / HTTP/1.1\r\nHost: a\r\n{fields}\r\n")]
    {
        let server = start(json!({ "limits": { "headers": 10 } })).await;
        // Which of them is refused is the proxy's decision; here they are only answered.
        let answers = talk(&mut server.connect().await, (head.to_owned() + &get("/facts")).as_bytes()).await;
        assert!(!answers.contains("\"requests\":2"), "{answers}");
    }
}

#[tokio::test]
async fn a_client_that_leaves_is_noticed_behind_what_it_sent() {
    let server = start(json!({})).await;
    let mut client = server.connect().await;
    client.write_all((get("/drip") + &get("/")).as_bytes()).await.unwrap();
    server.app.entered.notified().await;
    drop(client);
    server.ended(Ending::Client).await;
}

#[tokio::test]
async fn the_body_of_a_get_is_its_own() {
    let server = start(json!({})).await;
    let mut client = server.connect().await;
    let with_body = "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello";
    assert!(exchange(&mut client, with_body.as_bytes()).await.ends_with("read 5"));
    assert!(exchange(&mut client, GET).await.ends_with("ok"));
}

#[tokio::test]
async fn what_a_client_says_before_the_protocol_is_switched_is_kept() {
    let server = start(json!({})).await;
    let mut client = server.connect().await;
    let head = "GET /upgrade HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n";
    client.write_all((head.to_owned() + "hello").as_bytes()).await.unwrap();
    assert!(read_to(&mut client, "hello").await.starts_with("HTTP/1.1 101"));
}
