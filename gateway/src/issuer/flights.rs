//! Who asks the same at the same time gets the same answer: one question is on its way, and all wait for it.
//!
//! The work is a task of its own, so it ends, and what it finds out is kept, also where all who asked have left. How
//! many there are at a time is bounded.

use std::{
    collections::HashMap,
    hash::Hash,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use futures::{FutureExt, future::Shared};
use tokio::{runtime::Handle, sync::oneshot};

/// The questions that are on their way.
#[derive(Debug)]
pub struct Flights<K: Eq + Hash, V: Clone> {
    running: Mutex<HashMap<K, Landing<V>>>,
    most: usize,
}

type Landing<V> = Shared<oneshot::Receiver<V>>;

/// Why there is no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Lost {
    /// Too many questions are on their way.
    #[error("too many wait already")]
    Full,
    /// The work broke off: a panic, or the end of the process.
    #[error("the work broke off")]
    Broken,
}

impl<K, V> Flights<K, V>
where
    K: Eq + Hash + Clone + Send + 'static,
    V: Clone + Send + Sync + 'static,
{
    /// So many different questions at a time at most.
    pub fn new(most: usize) -> Arc<Self> {
        Arc::new(Self { running: Mutex::default(), most })
    }

    /// Waits for the answer to the question that is on its way, or for that of `work`, which begins on `runtime`. `known`
    /// is looked at in between: the answer may have come since the caller looked.
    ///
    /// # Errors
    /// There is no answer.
    pub async fn join<F>(
        self: &Arc<Self>,
        key: K,
        runtime: &Handle,
        known: impl FnOnce() -> Option<V>,
        work: impl FnOnce() -> F,
    ) -> Result<V, Lost>
    where
        F: Future<Output = V> + Send + 'static,
    {
        match self.board(key, runtime, known, work)? {
            Boarded::Known(value) => Ok(value),
            Boarded::Waiting(landing) => landing.await.map_err(|_| Lost::Broken),
        }
    }

    fn board<F>(
        self: &Arc<Self>,
        key: K,
        runtime: &Handle,
        known: impl FnOnce() -> Option<V>,
        work: impl FnOnce() -> F,
    ) -> Result<Boarded<V>, Lost>
    where
        F: Future<Output = V> + Send + 'static,
    {
        let mut running = self.running();
        if let Some(landing) = running.get(&key) {
            return Ok(Boarded::Waiting(landing.clone()));
        }
        if let Some(value) = known() {
            return Ok(Boarded::Known(value));
        }
        if running.len() >= self.most {
            return Err(Lost::Full);
        }
        let (landed, landing) = oneshot::channel();
        let landing = landing.shared();
        running.insert(key.clone(), landing.clone());
        let (place, work) = (Place { flights: self.clone(), key }, work());
        runtime.spawn(async move {
            let value = work.await;
            drop(place);
            // Everybody may have left.
            let _ = landed.send(value);
        });
        Ok(Boarded::Waiting(landing))
    }

    fn running(&self) -> MutexGuard<'_, HashMap<K, Landing<V>>> {
        // Nothing is done under the lock that could leave the map half changed.
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

enum Boarded<V: Clone> {
    Known(V),
    Waiting(Landing<V>),
}

/// The place of a question among those that are on their way, however it ends.
struct Place<K, V>
where
    K: Eq + Hash + Clone + Send + 'static,
    V: Clone + Send + Sync + 'static,
{
    flights: Arc<Flights<K, V>>,
    key: K,
}

impl<K, V> Drop for Place<K, V>
where
    K: Eq + Hash + Clone + Send + 'static,
    V: Clone + Send + Sync + 'static,
{
    fn drop(&mut self) {
        self.flights.running().remove(&self.key);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use futures::future::join_all;
    use tokio::sync::Semaphore;

    use super::*;

    /// Work that ends when it is let go, and counts how often it was begun.
    #[derive(Clone)]
    struct Work(Arc<Semaphore>, Arc<AtomicUsize>);

    impl Work {
        fn new() -> Self {
            Self(Arc::new(Semaphore::new(0)), Arc::default())
        }

        fn run(&self, value: u8) -> impl Future<Output = u8> + Send + 'static {
            self.1.fetch_add(1, Ordering::Relaxed);
            let gate = self.0.clone();
            async move {
                let _permit = gate.acquire().await.unwrap();
                value
            }
        }

        fn begun(&self) -> usize {
            self.1.load(Ordering::Relaxed)
        }
    }

    #[tokio::test]
    async fn who_asks_the_same_shares_one_answer() {
        let (flights, work, runtime) = (Flights::new(2), Work::new(), Handle::current());
        let (flights, begin) = (&flights, &work);
        let ask = |key: u8| flights.join(key, &runtime, || None, move || begin.run(key));
        let all = join_all((0..50).map(|index| ask(index % 2)));
        let let_go = async { work.0.add_permits(1) };
        let (answers, ()) = tokio::join!(all, let_go);
        assert!(answers.iter().enumerate().all(|(index, answer)| *answer == Ok(index as u8 % 2)));
        assert_eq!(work.begun(), 2);
        assert_eq!(ask(0).await, Ok(0));
        assert_eq!(work.begun(), 3, "an answer is shared with those who wait for it, and not kept");
    }

    #[tokio::test]
    async fn what_has_become_known_is_not_asked() {
        let (flights, work) = (Flights::new(1), Work::new());
        assert_eq!(flights.join(1, &Handle::current(), || Some(7), || work.run(1)).await, Ok(7));
        assert_eq!(work.begun(), 0);
    }

    #[tokio::test]
    async fn no_more_than_so_many_questions_are_on_their_way() {
        let (flights, work, runtime) = (Flights::new(1), Work::new(), Handle::current());
        let (flights, begin) = (&flights, &work);
        let ask = |key: u8| flights.join(key, &runtime, || None, move || begin.run(key));
        let mut first = Box::pin(ask(1));
        assert!(futures::poll!(&mut first).is_pending());
        assert_eq!(ask(2).await, Err(Lost::Full));
        work.0.add_permits(1);
        assert_eq!((first.await, ask(2).await), (Ok(1), Ok(2)));
    }

    #[tokio::test]
    async fn work_ends_also_where_nobody_waits_any_more() {
        let (flights, work, runtime) = (Flights::new(1), Work::new(), Handle::current());
        let mut first = Box::pin(flights.join(1, &runtime, || None, || work.run(1)));
        assert!(futures::poll!(&mut first).is_pending());
        drop(first);
        work.0.add_permits(1);
        while !flights.running().is_empty() {
            tokio::task::yield_now().await;
        }
    }

    #[tokio::test]
    async fn a_panic_is_told_and_frees_its_place() {
        let (flights, runtime) = (Flights::<u8, u8>::new(1), Handle::current());
        let broken = flights.join(1, &runtime, || None, || async { panic!("as it should") }).await;
        assert_eq!(broken, Err(Lost::Broken));
        assert_eq!(flights.join(1, &runtime, || None, || async { 1 }).await, Ok(1));
    }
}
