use std::collections::HashMap;
use std::num::NonZeroUsize;
use std::sync::Arc;

use serde_json::json;
use tokio::sync::Notify;

use super::kit::*;
use crate::listener::{Drain, Ending, Threads, Worker, bind, serve};
use crate::telemetry::metrics::Metrics;

async fn start_on(threads: &Threads) -> Server {
    let metrics = Metrics::new();
    let bound = bind(config(json!({})), metrics.listener("public")).unwrap();
    let (address, listener) = (bound.local_addr(), bound.listener().clone());
    let drain = Drain::new(Default::default());
    let app = Arc::new(App { release: Notify::new(), entered: Notify::new() });
    let workers = threads.runtimes().map(|runtime| Worker::new(runtime.clone(), app.clone())).collect();
    serve(bound, workers, drain.clone()).unwrap();
    Server { address, metrics, app, drain, listener }
}

#[tokio::test]
async fn connections_are_shared_out_evenly_and_stay_on_their_thread() {
    let threads = Threads::start(NonZeroUsize::new(3).unwrap()).unwrap();
    let server = start_on(&threads).await;
    let mut clients = Vec::new();
    let mut by_thread = HashMap::<String, usize>::new();
    for _ in 0..12 {
        let mut client = server.connect().await;
        let first = thread_of(&mut client).await;
        assert_eq!(thread_of(&mut client).await, first);
        *by_thread.entry(first).or_default() += 1;
        clients.push(client);
    }
    assert_eq!(by_thread.len(), 3, "{by_thread:?}");
    assert!(by_thread.values().all(|connections| *connections == 4), "{by_thread:?}");
}

async fn thread_of(client: &mut tokio::net::TcpStream) -> String {
    let answer = exchange(client, b"GET /facts HTTP/1.1\r\nHost: a\r\n\r\n").await;
    let facts: serde_json::Value = serde_json::from_str(answer.split_once("\r\n\r\n").unwrap().1).unwrap();
    facts["thread"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn ending_the_threads_ends_what_they_serve() {
    let threads = Threads::start(NonZeroUsize::MIN).unwrap();
    let server = start_on(&threads).await;
    let mut client = server.connect().await;
    assert!(exchange(&mut client, GET).await.ends_with("ok"));
    tokio::task::spawn_blocking(move || drop(threads)).await.unwrap();
    assert_eq!(rest(&mut client).await, "");
    server.ended(Ending::Gateway).await;
    assert_eq!(server.drain.connections(), 0);
}

#[tokio::test]
async fn a_drain_reaches_every_thread() {
    let threads = Threads::start(NonZeroUsize::new(2).unwrap()).unwrap();
    let server = start_on(&threads).await;
    let mut clients = [server.connect().await, server.connect().await];
    for client in &mut clients {
        assert!(exchange(client, GET).await.ends_with("ok"));
    }
    let drained = server.drain.run().await;
    assert_eq!((drained.cut_connections, drained.cut_requests), (0, 0));
    assert_eq!(server.closed(Ending::Drained), 2);
}
