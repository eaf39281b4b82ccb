//! One outcome per `Idempotency-Key`: whoever asks again, even while the first
//! request is under way, gets the same answer, and the order is placed once.
//!
//! The answers 2xx and 4xx are kept. A 5xx is not: trouble with a neighbour
//! passes, and the same key must then be able to succeed. Bodies that are
//! refused unread are not kept either. The newest 10,000 keys are remembered.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, PoisonError};

use http::{HeaderMap, StatusCode};
use tokio::sync::watch;

use super::model::NewOrder;
use super::place::Placed;
use crate::service::problem::{FieldError, Problem};

const REMEMBERED: usize = 10_000;
const HEADER: &str = "idempotency-key";

type Answer = Result<Placed, Problem>;

/// A key of at most 255 visible ASCII characters.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Key(String);

impl Key {
    /// The request's key, if it has one.
    pub fn read(headers: &HeaderMap) -> Result<Option<Key>, Problem> {
        let Some(value) = headers.get(HEADER) else {
            return Ok(None);
        };
        value
            .to_str()
            .ok()
            .filter(|key| (1..=255).contains(&key.len()))
            .map(|key| Some(Key(key.to_owned())))
            .ok_or_else(|| {
                Problem::bad_request("Idempotency-Key must have 1 to 255 visible ASCII characters")
            })
    }
}

/// An order being placed, or placed.
#[derive(Debug, Clone)]
pub struct Running(watch::Receiver<Option<Answer>>);

impl Running {
    /// Waits for the answer.
    pub async fn finished(mut self) -> Answer {
        match self.0.wait_for(Option::is_some).await.as_deref() {
            Ok(Some(answer)) => answer.clone(),
            // The sender is gone without an answer: the task panicked.
            _ => Err(Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "placing the order broke off")),
        }
    }

    fn may_be_tried_again(&self) -> bool {
        match &*self.0.borrow() {
            None => self.0.has_changed().is_err(),
            Some(Err(problem)) => problem.status.is_server_error(),
            Some(Ok(_)) => false,
        }
    }
}

/// Places `order` in a task of its own, which nobody's leaving stops.
pub fn start<F>(order: NewOrder, work: impl FnOnce(NewOrder) -> F) -> Running
where
    F: Future<Output = Answer> + Send + 'static,
{
    let (sender, receiver) = watch::channel(None);
    let work = work(order);
    tokio::spawn(async move {
        // Fails only if nobody waits any more, and the key does not remember.
        let _ = sender.send(Some(work.await));
    });
    Running(receiver)
}

/// What a key led to.
#[derive(Debug)]
pub struct Outcome {
    /// The order.
    pub running: Running,
    /// Whether an earlier request placed it.
    pub replayed: bool,
}

/// The outcomes of the keys seen.
#[derive(Debug, Default)]
pub struct Outcomes(Mutex<Remembered>);

#[derive(Debug, Default)]
struct Remembered {
    by_key: HashMap<Key, (NewOrder, Running)>,
    oldest_first: VecDeque<Key>,
}

impl Outcomes {
    /// The outcome for `key`: the remembered one, or `work` is started. 422 if
    /// the key was used for another order.
    pub fn begin<F>(
        &self,
        key: Key,
        order: NewOrder,
        work: impl FnOnce(NewOrder) -> F,
    ) -> Result<Outcome, Problem>
    where
        F: Future<Output = Answer> + Send + 'static,
    {
        // Starting does not wait for anything, so it may happen under the lock.
        let mut remembered = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match remembered.by_key.get(&key) {
            Some((other, _)) if *other != order => Err(Problem::unprocessable(vec![FieldError::new(
                "Idempotency-Key",
                "was used for another order",
            )])),
            Some((_, running)) if !running.may_be_tried_again() => {
                Ok(Outcome { running: running.clone(), replayed: true })
            }
            _ => {
                let running = start(order.clone(), work);
                remembered.insert(key, order, running.clone());
                Ok(Outcome { running, replayed: false })
            }
        }
    }
}

impl Remembered {
    fn insert(&mut self, key: Key, order: NewOrder, running: Running) {
        let known = self.by_key.insert(key.clone(), (order, running)).is_some();
        if known {
            return;
        }
        self.oldest_first.push_back(key);
        if self.oldest_first.len() > REMEMBERED
            && let Some(oldest) = self.oldest_first.pop_front()
        {
            self.by_key.remove(&oldest);
        }
    }
}

#[cfg(test)]
mod tests;
