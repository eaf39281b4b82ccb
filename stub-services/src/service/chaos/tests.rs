use super::*;
use std::pin::pin;
use std::sync::Arc;

use tokio::time::{Instant, timeout};

fn trouble(json: &str) -> Result<Trouble, Problem> {
    Trouble::read(json.as_bytes())
}

#[test]
fn any_subset_may_be_asked_for_and_the_rest_is_off() {
    let read = trouble(r#"{"error_rate": 1, "hang": true}"#).expect("valid");
    let expected = Trouble { error_rate: 1.0, hang: true, ..Trouble::default() };
    assert_eq!(read, expected);
    assert_eq!(trouble("{}"), Ok(Trouble::default()));
}

#[test]
fn every_bad_value_is_named() {
    let problem =
        trouble(r#"{"latency_ms": -1, "error_rate": 1.5, "hang": "yes", "unhealthy": 1, "latency": 5}"#)
            .expect_err("invalid");
    assert_eq!(problem.status, StatusCode::UNPROCESSABLE_ENTITY);
    let fields: Vec<_> = problem.errors.iter().map(|error| &error.field[..]).collect();
    assert_eq!(fields, ["latency_ms", "error_rate", "hang", "unhealthy", "latency"]);
}

#[tokio::test]
async fn errors_come_exactly_as_often_as_asked_for() {
    for (rate, expected) in [(0.0, 0), (0.1, 10), (0.2, 20), (0.5, 50), (1.0, 100)] {
        let chaos = Chaos::new(Trouble { error_rate: rate, ..Trouble::default() });
        let mut failed = 0;
        for _ in 0..100 {
            failed += usize::from(chaos.meet().await.is_err());
        }
        assert_eq!(failed, expected, "at a rate of {rate}");
    }
}

#[tokio::test(start_paused = true)]
async fn latency_delays_every_request() {
    let chaos = Chaos::new(Trouble { latency_ms: 50, ..Trouble::default() });
    let began = Instant::now();
    chaos.meet().await.expect("only late");
    assert_eq!(began.elapsed().as_millis(), 50);
}

#[tokio::test(start_paused = true)]
async fn a_hanging_request_goes_on_when_the_hang_ends() {
    let chaos = Arc::new(Chaos::new(Trouble { hang: true, ..Trouble::default() }));
    let mut request = pin!(chaos.meet());
    timeout(Duration::from_secs(3600), &mut request).await.expect_err("it hangs");
    chaos.set(Trouble::default());
    assert_eq!(request.await, Ok(()));
}
