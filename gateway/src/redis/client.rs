//! The store as requests see it: an answer in time, or the reason why there is none.
//!
//! A call waits for its deadline at most. While the breaker is open, or while a thread has no connection, it does not wait
//! at all. What to do without an answer is not decided here.

use std::{
    cell::Cell,
    fmt, io,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant, SystemTime},
};

use redis::{RedisError, RedisResult};
use tokio::{
    runtime::Handle,
    sync::{oneshot, watch},
    time::timeout,
};

use super::{
    breaker::Breaker,
    connection::{CONNECT, Connection, is_fatal},
    leases::{Leases, MOST, Order, Step, Verdict, Want},
    link::{self, Link, Plan, Trouble},
    script::{Ask, Grant, Script},
    settings::Settings,
};
use crate::telemetry::metrics::{RedisCall, RedisMetrics};

/// How much longer than its request an answer is waited for that brings a lease.
const LATEST: Duration = Duration::from_secs(1);

/// Leases that are given back in one call.
const GIVEN_BACK: usize = 64;

/// The threads that serve, each with a connection of its own.
#[derive(Debug, Clone)]
pub struct Threads(Arc<[Handle]>);

thread_local! {
    /// The number of this serving thread.
    static NUMBER: Cell<usize> = const { Cell::new(0) };
}

impl Threads {
    /// These runtimes of one thread each. Made once per process.
    pub fn new<'a>(runtimes: impl Iterator<Item = &'a Handle>) -> Self {
        let runtimes: Arc<[Handle]> = runtimes.cloned().collect();
        for (number, runtime) in runtimes.iter().enumerate() {
            runtime.spawn(async move { NUMBER.set(number) });
        }
        Self(runtimes)
    }
}

/// A Redis server or cluster that is asked for tokens. Dropping it closes its connections.
pub struct Client {
    plan: Arc<Plan>,
    links: Box<[Arc<Link>]>,
    breaker: Breaker,
    leases: Leases,
    state: Mutex<State>,
    /// Whether every link was tried.
    tried: watch::Sender<bool>,
    metrics: Arc<RedisMetrics>,
}

/// Whether it can be used.
#[derive(Debug)]
struct State {
    links: Box<[Stand]>,
    outage: Option<Outage>,
    /// Another one has taken its place: requests that have begun still use it, and nobody else hears of it.
    retired: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stand {
    Untried,
    Open,
    Closed,
}

/// Since when and why it is not used, on one thread at least.
#[derive(Debug, Clone)]
pub struct Outage {
    /// When the first thread stopped to use it.
    pub since: SystemTime,
    /// The latest of its errors.
    pub reason: String,
    begun: Instant,
}

/// Why there is no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoAnswer {
    /// The breaker is open or there is no connection.
    #[error("redis was not asked, since it has failed lately")]
    NotAsked,
    /// The deadline has passed. It may have counted all the same.
    #[error("redis did not answer in time")]
    Late,
    /// An error, or the connection has ended.
    #[error("redis answered with an error")]
    Failed,
}

impl Client {
    /// Begins to connect, on these threads.
    pub fn start(settings: Settings, threads: &Threads, metrics: Arc<RedisMetrics>) -> Arc<Self> {
        let count = threads.0.len();
        let client = Arc::new(Self {
            links: (0..count).map(|_| Arc::default()).collect(),
            breaker: Breaker::new(settings.origin.breaker.failures),
            leases: Leases::new(MOST),
            state: Mutex::new(State {
                links: vec![Stand::Untried; count].into(),
                outage: None,
                retired: false,
            }),
            tried: watch::Sender::new(count == 0),
            plan: Arc::new(Plan { script: Script::new(&settings.origin.prefix), settings }),
            metrics,
        });
        link::keep_all(&client, &threads.0);
        client
    }

    /// Takes what is wanted out of all of these buckets, in the same order: out of leases where they have it, else in one
    /// round trip. A refusal of one does not undo another.
    pub async fn take(self: &Arc<Self>, wants: &[Want]) -> Vec<Result<Verdict, NoAnswer>> {
        let now = Instant::now();
        let steps: Vec<Step> = wants.iter().map(|want| self.leases.take(want, now)).collect();
        let orders: Vec<Order> = steps.iter().filter_map(Step::order).collect();
        let answer = if orders.is_empty() { Ok(Vec::new()) } else { self.spend(&orders).await };
        let now = Instant::now();
        let mut grants = answer.map(Vec::into_iter);
        let decide = |(want, step): (&Want, Step)| match (step, &mut grants) {
            (Step::Decided(verdict, order), _) => {
                if let Some(order) = order {
                    self.order_more(order);
                }
                Ok(verdict)
            }
            (Step::Ask(order), Ok(grants)) => {
                let grant = grants.next().ok_or(NoAnswer::Failed)?;
                Ok(self.leases.answered(want, &order, &grant, now))
            }
            (Step::Ask(_), Err(none)) => Err(*none),
        };
        wants.iter().zip(steps).map(decide).collect()
    }

    /// In the background.
    fn order_more(self: &Arc<Self>, order: Order) {
        let client = self.clone();
        tokio::spawn(async move {
            if let Ok([grant]) = client.spend(&[order]).await.as_deref() {
                client.leases.learn(&order, grant, Instant::now());
            }
        });
    }

    /// Gives back what nobody uses, of all leases once.
    ///
    /// Not to a cluster: there the library sends again what it has no answer to, and twice given back is more than there
    /// was.
    pub(super) async fn give_back(self: &Arc<Self>) {
        for shard in 0..self.leases.shards() {
            let idle = self.leases.idle(shard, Instant::now());
            for orders in idle.chunks(GIVEN_BACK).filter(|_| !self.settings().origin.is_cluster) {
                // Ignored: what is not given back comes back with time.
                let _ = self.spend(orders).await;
            }
            tokio::task::yield_now().await;
        }
        if !self.state().retired {
            self.metrics.leases(self.leases.held());
        }
    }

    /// Decides all orders in one call, in their order. Without an answer, those that lead are told so.
    async fn spend(self: &Arc<Self>, orders: &[Order]) -> Result<Vec<Grant>, NoAnswer> {
        let number = NUMBER.get();
        let Some(open) = self.links.get(number).and_then(|link| link.connection()) else {
            self.metrics.called(RedisCall::Skipped, Duration::ZERO);
            self.leases.unanswered(orders);
            return Err(NoAnswer::NotAsked);
        };
        let begin = Instant::now();
        let answer = timeout(self.deadline(), self.call(open.connection.clone(), orders)).await;
        let took = begin.elapsed();
        match answer {
            Ok(Ok(grants)) => {
                self.metrics.called(RedisCall::Answered, took);
                self.breaker.succeeded();
                Ok(grants)
            }
            Ok(Err(error)) => {
                self.metrics.called(RedisCall::Failed, took);
                let fatal = is_fatal(&error);
                self.failed(&Trouble::Error(error));
                if fatal {
                    self.links[number].close_this(&open);
                }
                Err(NoAnswer::Failed)
            }
            Err(_) => {
                self.metrics.called(RedisCall::Late, took);
                self.failed(&Trouble::Late(self.deadline()));
                Err(NoAnswer::Late)
            }
        }
    }

    /// Who asks for a lease may give up or be gone before the answer comes; what was taken for the lease is there all the
    /// same, and is not lost. So such a call goes on by itself, for a while.
    async fn call(self: &Arc<Self>, connection: Connection, orders: &[Order]) -> RedisResult<Vec<Grant>> {
        let asks: Vec<Ask> = orders.iter().map(|order| order.ask).collect();
        if !orders.iter().any(Order::leads) {
            return connection.spend(&self.plan.script, &asks).await;
        }
        let (tell, told) = oneshot::channel();
        let (client, orders) = (self.clone(), orders.to_vec());
        tokio::spawn(async move {
            let answer =
                timeout(client.deadline() + LATEST, connection.spend(&client.plan.script, &asks)).await;
            let answer =
                answer.unwrap_or_else(|_| Err(RedisError::from(io::Error::from(io::ErrorKind::TimedOut))));
            if answer.is_err() {
                client.leases.unanswered(&orders);
            }
            if let Err(Ok(grants)) = tell.send(answer) {
                let now = Instant::now();
                orders
                    .iter()
                    .zip(&grants)
                    .for_each(|(order, grant)| _ = client.leases.learn(order, grant, now));
            }
        });
        // The task ends without a word only where the process does.
        told.await.unwrap_or_else(|_| Err(RedisError::from(io::Error::from(io::ErrorKind::BrokenPipe))))
    }

    /// Nobody is told of it any more: by `next`, which has taken its place, if there is one.
    pub fn retire(&self, next: Option<&Self>) {
        self.state().retired = true;
        let outage = next.and_then(Self::outage);
        self.metrics.degraded(outage.is_some());
        self.metrics.leases(next.map_or(0, |next| next.leases.held()));
    }

    /// What it was made of.
    pub fn settings(&self) -> &Settings {
        &self.plan.settings
    }

    /// How long a call waits.
    pub fn deadline(&self) -> Duration {
        self.plan.deadline()
    }

    /// Since when and why it is not used, if so.
    pub fn outage(&self) -> Option<Outage> {
        self.state().outage.clone()
    }

    /// Waits until every thread has tried to connect, and not long.
    pub async fn settled(&self) {
        // Either way it goes on: what is not there is shown as an outage.
        let _ = timeout(2 * CONNECT, self.tried.subscribe().wait_for(|tried| *tried)).await;
    }

    pub(super) fn plan(&self) -> &Arc<Plan> {
        &self.plan
    }

    pub(super) fn links(&self) -> &[Arc<Link>] {
        &self.links
    }

    /// A call or a probe has failed. Opens the breaker when there were too many.
    pub(super) fn failed(&self, trouble: &Trouble) {
        if self.breaker.failed() {
            self.metrics.breaker_opened();
            self.links.iter().for_each(|link| link.close());
            let mut state = self.state();
            state.links.fill(Stand::Closed);
            self.begin_outage(&mut state, trouble);
        }
    }

    /// A link could not be opened.
    pub(super) fn unreachable(&self, number: usize, trouble: &Trouble) {
        let mut state = self.state();
        state.links[number] = Stand::Closed;
        self.begin_outage(&mut state, trouble);
        self.tell_tried(&state);
    }

    /// A link stands, and requests of its thread may use it.
    pub(super) fn opened(&self, number: usize, connection: Connection) {
        let mut state = self.state();
        self.breaker.reset();
        self.links[number].open(connection);
        state.links[number] = Stand::Open;
        self.tell_tried(&state);
        if state.links.contains(&Stand::Closed) {
            return;
        }
        if let Some(outage) = state.outage.take().filter(|_| !state.retired) {
            self.metrics.degraded(false);
            let seconds = outage.begun.elapsed().as_secs_f64();
            tracing::info!(
                component = "redis",
                seconds,
                "redis answers again, rate limits are counted there"
            );
        }
    }

    fn begin_outage(&self, state: &mut State, trouble: &Trouble) {
        let reason = trouble.to_string();
        match &mut state.outage {
            Some(outage) => outage.reason = reason,
            None => {
                self.tell_outage(state, &reason);
                state.outage = Some(Outage { since: SystemTime::now(), reason, begun: Instant::now() });
            }
        }
    }

    fn tell_outage(&self, state: &State, reason: &str) {
        if state.retired {
            return;
        }
        self.metrics.degraded(true);
        let address = self.settings().origin.address();
        tracing::warn!(
            component = "redis",
            address,
            error = reason,
            "redis cannot be used, rate limits go on as `on_failure` says"
        );
    }

    fn tell_tried(&self, state: &State) {
        if !state.links.contains(&Stand::Untried) {
            self.tried.send_replace(true);
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing that is done under the lock leaves it half-written.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Its keepers look up, and find that it is gone.
impl Drop for Client {
    fn drop(&mut self) {
        self.links.iter().for_each(|link| link.close());
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("plan", &self.plan).field("state", &self.state).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
