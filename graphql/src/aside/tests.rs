use std::panic::AssertUnwindSafe;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::Duration;

use futures::FutureExt;
use serde_json::json;

use super::*;
use crate::request::GraphqlRequest;
use crate::testing::{Fake, Reply, context, engine};

fn later() -> Instant {
    Instant::now() + Duration::from_secs(60)
}

fn soon() -> Instant {
    Instant::now() + Duration::from_millis(1)
}

fn narrow() -> Aside {
    Aside(Arc::new(Semaphore::new(1)))
}

/// Work that says when it begins, and ends when it is told to.
fn held(begun: Sender<()>, end: Receiver<()>) -> impl FnOnce() + Send + 'static {
    move || {
        begun.send(()).unwrap();
        // Told by a message, or by a test that has failed.
        let _ = end.recv();
    }
}

#[tokio::test]
async fn work_is_done_on_another_thread() {
    let aside = Aside::new();
    let there = aside.run(later(), || thread::current().id()).await;
    assert!(there.is_ok_and(|there| there != thread::current().id()));
}

#[tokio::test]
async fn what_finds_no_place_waits_for_one() {
    let aside = narrow();
    let ((begun, has_begun), (end, ended)) = (channel(), channel());
    let first = tokio::spawn({
        let aside = aside.clone();
        async move { aside.run(later(), held(begun, ended)).await }
    });
    tokio::task::spawn_blocking(move || has_begun.recv().unwrap()).await.unwrap();
    let mut second = Box::pin(aside.run(later(), || "second"));
    assert!((&mut second).now_or_never().is_none(), "there is one place only");
    end.send(()).unwrap();
    assert_eq!((first.await.unwrap(), second.await), (Ok(()), Ok("second")));
}

#[tokio::test]
async fn whoever_leaves_before_the_turn_costs_nothing() {
    let aside = narrow();
    let place = aside.0.clone().acquire_owned().await.unwrap();
    let (ran, has_run) = channel();
    let mut waiting = Box::pin(aside.run(later(), move || ran.send(()).unwrap()));
    assert!((&mut waiting).now_or_never().is_none());
    drop(waiting);
    drop(place);
    assert_eq!(aside.run(later(), || ()).await, Ok(()));
    assert!(has_run.recv().is_err(), "it ran for nobody");
}

#[tokio::test]
async fn work_under_way_keeps_its_place_though_nobody_waits_for_it() {
    let aside = narrow();
    let ((begun, has_begun), (end, ended)) = (channel(), channel());
    let mut left = Box::pin(aside.run(later(), held(begun, ended)));
    assert!((&mut left).now_or_never().is_none());
    drop(left);
    tokio::task::spawn_blocking(move || has_begun.recv().unwrap()).await.unwrap();
    assert_eq!(aside.0.available_permits(), 0, "it is at work");
    end.send(()).unwrap();
    assert_eq!(aside.run(later(), || 1).await, Ok(1), "its place is free again");
}

#[tokio::test]
async fn a_panic_arrives_where_the_work_was_asked_for_and_frees_its_place() {
    let aside = narrow();
    let caught = AssertUnwindSafe(aside.run(later(), || -> u8 { panic!("broken") })).catch_unwind().await;
    assert_eq!(caught.unwrap_err().downcast_ref(), Some(&"broken"));
    assert_eq!(aside.run(later(), || 1).await, Ok(1));
}

#[tokio::test]
async fn long_documents_are_planned_aside_and_short_ones_at_once() {
    let engine = engine("type Query { a: Int @rest(source: \"users\", GET: \"/a\") }");
    let fake = Fake::new(|_| Reply::Json(json!(1)));
    let ask = |query: String| {
        let request = GraphqlRequest { query, ..GraphqlRequest::default() };
        engine.execute(request, context(), fake.clone())
    };
    let long = format!("{{ __typename }} #{}", "x".repeat(4 << 10));
    assert!(ask("{ __typename }".into()).now_or_never().is_some(), "there is nothing to wait for");
    let places = u32::try_from(width()).unwrap();
    let all = engine.aside().0.clone().acquire_many_owned(places).await.unwrap();
    let mut planned = Box::pin(ask(long.clone()));
    assert!((&mut planned).now_or_never().is_none(), "it waits for another thread");
    drop(all);
    assert_eq!(&planned.await.0.body[..], br#"{"data":{"__typename":"Query"}}"#);
    assert!(ask(long).now_or_never().is_some(), "the plan is kept");
}

fn late<T>(result: Result<T, RequestError>) -> bool {
    result.is_err_and(|error| error.code == Code::DeadlineExceeded)
}

#[tokio::test]
async fn nobody_waits_for_work_beyond_his_deadline() {
    let aside = narrow();
    let place = aside.0.clone().acquire_owned().await.unwrap();
    assert!(late(aside.run(soon(), || ()).await), "no place is free");
    drop(place);
    let ((begun, _has_begun), (end, ended)) = (channel(), channel());
    assert!(late(aside.run(soon(), held(begun, ended)).await), "it does not end");
    drop(end);
}
