//! A serving thread's own connection to the store, and the task that keeps it.
//!
//! Requests use the connection while it is there and never wait for one: opening it, logging in and finding out whether
//! the server still answers is the keeper's work, on the same thread, so that no call crosses threads. The keeper asks
//! now and then even where no request does; so an outage shows before a request meets it. After one, a connection is given
//! to requests again when a decision on it has come back in time.

use std::{
    fmt,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, Weak,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use tokio::{
    runtime::Handle,
    sync::Notify,
    time::{sleep, timeout},
};

use super::{
    client::Client,
    connection::{CONNECT, Connection, is_fatal},
    script::{Ask, Bucket, Script},
    settings::Settings,
};

/// How often the keeper asks while all is well.
const HEARTBEAT: Duration = Duration::from_secs(1);

/// How soon again after the first failure.
const FIRST_RETRY: Duration = Duration::from_millis(50);

/// Who has answered for so long is not mistrusted any more: the next outage begins with the shortest pause.
const TRUSTED_AFTER: Duration = Duration::from_secs(10);

/// Buckets that the keeper asks for on a cluster: so many that each node has one.
const PROBES_OF_CLUSTER: u128 = 16;

/// The place of one thread's connection.
#[derive(Default)]
pub struct Link {
    /// There while requests may use it.
    connection: Mutex<Option<Open>>,
    /// How many there were.
    opened: AtomicU64,
    /// Wakes the keeper.
    broken: Notify,
}

/// A connection that requests may use.
#[derive(Clone)]
pub struct Open {
    /// The connection.
    pub connection: Connection,
    /// Which of the link's connections it is.
    number: u64,
}

impl Link {
    /// To ask something on now.
    pub fn connection(&self) -> Option<Open> {
        self.slot().clone()
    }

    /// Requests use this one from now on.
    pub fn open(&self, connection: Connection) {
        let number = self.opened.fetch_add(1, Relaxed);
        *self.slot() = Some(Open { connection, number });
    }

    /// As [`close`](Self::close), if it is still this one that requests use: the error of an old one says nothing of the
    /// next.
    pub fn close_this(&self, open: &Open) {
        let mut slot = self.slot();
        if slot.as_ref().is_some_and(|other| other.number == open.number) {
            drop(slot.take());
            self.broken.notify_one();
        }
    }

    /// No request uses it from now on; the keeper looks after it.
    pub fn close(&self) {
        drop(self.slot().take());
        self.broken.notify_one();
    }

    fn slot(&self) -> MutexGuard<'_, Option<Open>> {
        // Nothing that is done under the lock can panic.
        self.connection.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Link").field("open", &self.slot().is_some()).finish()
    }
}

/// Why the store cannot be used.
pub enum Trouble {
    /// In time, but with an error.
    Error(redis::RedisError),
    /// Nothing in time.
    Late(Duration),
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Error(error) => error.fmt(f),
            Self::Late(after) => write!(f, "no answer within {after:?}"),
        }
    }
}

/// What a keeper needs of its client. It must not hold the client itself for long: whoever holds it keeps it.
#[derive(Debug)]
pub struct Plan {
    /// Where to connect, and how long to wait.
    pub settings: Settings,
    /// What to ask.
    pub script: Script,
}

impl Plan {
    /// How long a call waits.
    pub fn deadline(&self) -> Duration {
        self.settings.origin.timeout
    }
}

/// Keeps the connection of link `number` until the client is gone. To be run on the thread that uses it.
async fn keep(client: Weak<Client>, number: usize, link: Arc<Link>, plan: Arc<Plan>) {
    let longest = plan.settings.origin.breaker.retry.get();
    let mut pause = FIRST_RETRY.min(longest);
    loop {
        let opened = open(&plan).await;
        let since = Instant::now();
        match opened {
            Ok(connection) => {
                let Some(client) = told(&client, |client| client.opened(number, connection.clone())) else {
                    return;
                };
                watch(client, &link, &plan, &connection).await;
                if since.elapsed() > TRUSTED_AFTER {
                    pause = FIRST_RETRY.min(longest);
                    continue;
                }
            }
            Err(trouble) if told(&client, |client| client.unreachable(number, &trouble)).is_none() => return,
            Err(_) => {}
        }
        sleep(pause.mul_f64(0.75 + 0.5 * fastrand::f64())).await;
        pause = (2 * pause).min(longest);
    }
}

/// `None` if the client is gone.
fn told(client: &Weak<Client>, tell: impl FnOnce(&Client)) -> Option<&Weak<Client>> {
    tell(&*client.upgrade()?);
    Some(client)
}

/// A connection on which a decision has come back in time.
async fn open(plan: &Plan) -> Result<Connection, Trouble> {
    let connection = within(CONNECT, plan.settings.connector.connect()).await?;
    // The first of a connection may have more to do: on a cluster it meets the other nodes.
    within(CONNECT, probe(plan, &connection)).await?;
    within(plan.deadline(), probe(plan, &connection)).await?;
    Ok(connection)
}

async fn within<T>(time: Duration, asked: impl Future<Output = redis::RedisResult<T>>) -> Result<T, Trouble> {
    match timeout(time, asked).await {
        Ok(answer) => answer.map_err(Trouble::Error),
        Err(_) => Err(Trouble::Late(time)),
    }
}

/// Asks now and then, until the connection is of no use any more.
async fn watch(client: &Weak<Client>, link: &Link, plan: &Plan, connection: &Connection) {
    let mut pause = HEARTBEAT;
    while link.connection().is_some() {
        tokio::select! {
            () = link.broken.notified() => continue,
            () = sleep(pause) => {}
        }
        pause = match within(plan.deadline(), probe(plan, connection)).await {
            Ok(()) => HEARTBEAT,
            // No outage yet: a server closes connections that are idle, and a new one stands in a moment.
            Err(Trouble::Error(error)) if is_fatal(&error) => return link.close(),
            Err(trouble) if told(client, |client| client.failed(&trouble)).is_none() => return,
            Err(_) => FIRST_RETRY,
        };
    }
}

/// Writes and reads as a decision does: a server that only answers pings is of no use.
async fn probe(plan: &Plan, connection: &Connection) -> redis::RedisResult<()> {
    let bucket = Bucket { interval: 1_000_000, burst: 1000 };
    let count = if plan.settings.origin.is_cluster { PROBES_OF_CLUSTER } else { 1 };
    let asks: Vec<Ask> = (0..count).map(|key| Ask { key, bucket, least: 1, most: 1 }).collect();
    connection.spend(&plan.script, &asks).await.map(drop)
}

/// Runs the keeper of each link on the thread of its own, and what looks after leases on the first.
pub fn keep_all(client: &Arc<Client>, threads: &[Handle]) {
    if let Some(first) = threads.first() {
        first.spawn(give_back(Arc::downgrade(client)));
    }
    for (number, (thread, link)) in threads.iter().zip(client.links()).enumerate() {
        thread.spawn(keep(Arc::downgrade(client), number, link.clone(), client.plan().clone()));
    }
}

async fn give_back(client: Weak<Client>) {
    loop {
        sleep(HEARTBEAT).await;
        let Some(client) = client.upgrade() else { return };
        client.give_back().await;
    }
}
