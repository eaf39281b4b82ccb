use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::*;

fn order(user_id: u64) -> NewOrder {
    NewOrder { user_id, items: Vec::new(), payment_method: "card" }
}

fn placed(id: u64) -> Answer {
    Ok(Placed { id, json: Vec::new() })
}

/// Asks with the key `k`; the work counts itself and answers `answer`.
async fn ask(
    outcomes: &Outcomes,
    runs: &Arc<AtomicU64>,
    user_id: u64,
    answer: Answer,
) -> Result<(bool, Answer), Problem> {
    let runs = runs.clone();
    let outcome = outcomes.begin(Key("k".into()), order(user_id), |_| async move {
        runs.fetch_add(1, Ordering::Relaxed);
        answer
    })?;
    Ok((outcome.replayed, outcome.running.finished().await))
}

#[tokio::test]
async fn the_same_key_and_order_give_the_same_answer_and_run_once() {
    let (outcomes, runs) = (Outcomes::default(), Arc::default());
    let first = ask(&outcomes, &runs, 1, placed(5)).await;
    let second = ask(&outcomes, &runs, 1, placed(6)).await;
    assert_eq!(first, Ok((false, placed(5))));
    assert_eq!(second, Ok((true, placed(5))));
    assert_eq!(runs.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn the_same_key_for_another_order_is_refused() {
    let (outcomes, runs) = (Outcomes::default(), Arc::default());
    let _ = ask(&outcomes, &runs, 1, placed(5)).await;
    let problem = ask(&outcomes, &runs, 2, placed(6)).await.expect_err("other");
    assert_eq!(problem.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(problem.errors[0].field, "Idempotency-Key");
}

#[tokio::test]
async fn a_refusal_is_kept_but_trouble_may_be_tried_again() {
    let (outcomes, runs) = (Outcomes::default(), Arc::default());
    let trouble = Err(Problem::new(StatusCode::BAD_GATEWAY, "users cannot be reached"));
    let refusal = Err(Problem::new(StatusCode::PAYMENT_REQUIRED, "refused"));
    let seen = [
        ask(&outcomes, &runs, 1, trouble.clone()).await,
        ask(&outcomes, &runs, 1, refusal.clone()).await,
        ask(&outcomes, &runs, 1, placed(7)).await,
    ];
    let expected = [(false, trouble), (false, refusal.clone()), (true, refusal)];
    assert_eq!(seen, expected.map(Ok));
}

#[tokio::test]
async fn those_who_ask_while_it_runs_wait_for_the_same_answer() {
    let outcomes = Outcomes::default();
    let (finish, finished) = tokio::sync::oneshot::channel::<()>();
    let first = outcomes
        .begin(Key("k".into()), order(1), |_| async move {
            let _ = finished.await;
            placed(5)
        })
        .expect("new");
    let second = outcomes.begin(Key("k".into()), order(1), |_| async { placed(6) }).expect("the same");
    assert!(second.replayed);
    finish.send(()).expect("the work waits");
    let answers = tokio::join!(first.running.finished(), second.running.finished());
    assert_eq!(answers, (placed(5), placed(5)));
}

#[tokio::test]
async fn work_that_nobody_waits_for_is_finished_all_the_same() {
    let (done, mut is_done) = watch::channel(false);
    drop(start(order(1), |_| async move {
        done.send_replace(true);
        placed(5)
    }));
    assert!(is_done.wait_for(|done| *done).await.is_ok());
}

#[tokio::test]
async fn the_oldest_keys_are_forgotten() {
    let outcomes = Outcomes::default();
    let begin = |number: usize| outcomes.begin(Key(number.to_string()), order(1), |_| async { placed(1) });
    for number in 0..=REMEMBERED {
        begin(number).expect("new");
    }
    assert!(begin(1).expect("remembered").replayed);
    assert!(!begin(0).expect("forgotten").replayed);
}
