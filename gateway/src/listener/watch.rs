//! Runs a connection's work and ends it when its deadline has passed.
//!
//! Deadlines change several times in every request (idle, head, body, none,
//! idle), and most of them are over before the poll that set them returns. So
//! nothing is armed when a phase begins: after each poll of the work the
//! watchdog looks at the phase once, computes the deadline only if the phase
//! is a new one, and touches the timer only if it would fire too late. A timer
//! that fires too early looks again. On a busy keep-alive connection that is
//! one clock reading per request and one timer per idle period.
//!
//! A deadline is enforced by dropping the work, streams and all: the client
//! sees a close. HTTP/2 connections are asked to go first (GOAWAY), because
//! their streams are served by other tasks.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep_until};

use super::Ending;
use super::connection::{Connection, Phase};

/// How long a quiet HTTP/1 connection is kept once the gateway drains. A
/// client that is about to send gets its answer with `Connection: close`
/// instead of a reset; one that is really idle is closed all the same.
const LAST_CALL: Duration = Duration::from_millis(250);

/// How long an HTTP/2 client may take to close after GOAWAY with nothing open.
const GOAWAY_GRACE: Duration = Duration::from_secs(1);

/// How long a refused client's remaining bytes are read, so that the answer
/// is not lost to the reset that unread bytes would cause.
const LINGER: Duration = Duration::from_secs(2);

/// Drives `work` to its end or to the connection's.
pub(super) async fn watch(connection: &Arc<Connection>, work: impl Future<Output = ()>) {
    let mut work = pin!(work);
    let mut watchdog = Watchdog::new(connection);
    let mut timer = pin!(sleep_until(Instant::now()));
    poll_fn(|cx| {
        watchdog.register(cx);
        if work.as_mut().poll(cx).is_ready() {
            return Poll::Ready(());
        }
        watchdog.poll(timer.as_mut(), cx)
    })
    .await;
}

struct Watchdog<'a> {
    connection: &'a Connection,
    /// The phase that `due` was computed for.
    mark: Option<u64>,
    due: Option<Due>,
    /// While the client takes nothing, or seems to.
    stalled: Option<Stall>,
    closing: bool,
    /// Since when the client is asked to open no more requests.
    retired: Option<Instant>,
    /// When the timer fires; `None` until it is used.
    armed: Option<Instant>,
    waker: Option<Waker>,
}

/// A write that does not go on. That the kernel takes no more does not mean that the client takes nothing: its buffers
/// free up in large steps. So from time to time it is asked what has arrived at the other end.
#[derive(Clone, Copy)]
struct Stall {
    /// Since when nothing is known to have been taken.
    since: Instant,
    /// When to look again.
    look: Instant,
    taken: Option<u64>,
}

/// So often within a deadline a stalled client is looked at.
const LOOKS: u32 = 8;

#[derive(Clone, Copy)]
struct Due {
    at: Instant,
    /// `None`: not the connection ends but its request, by its own means (`overdue.rs`).
    ending: Option<Ending>,
}

impl<'a> Watchdog<'a> {
    fn new(connection: &'a Connection) -> Self {
        Self {
            connection,
            mark: None,
            due: None,
            stalled: None,
            closing: false,
            retired: None,
            armed: None,
            waker: None,
        }
    }

    /// The task's waker hardly ever changes; only then is there work to do.
    fn register(&mut self, cx: &mut Context<'_>) {
        if !self.waker.as_ref().is_some_and(|known| known.will_wake(cx.waker())) {
            self.waker = Some(cx.waker().clone());
            self.connection.set_waker(cx.waker());
            // The timer still knows the old waker.
            self.armed = None;
        }
    }

    fn poll(&mut self, mut timer: Pin<&mut Sleep>, cx: &mut Context<'_>) -> Poll<()> {
        if self.connection.drain().is_cut() {
            self.connection.rule(Ending::Cut);
            return Poll::Ready(());
        }
        if self.connection.is_done() {
            return Poll::Ready(());
        }
        self.observe();
        loop {
            let Some(due) = self.earliest() else { return Poll::Pending };
            if self.armed.is_none_or(|armed| armed > due.at) {
                timer.as_mut().reset(due.at);
                self.armed = Some(due.at);
                if timer.as_mut().poll(cx).is_pending() {
                    return Poll::Pending;
                }
            } else if !timer.is_elapsed() {
                return Poll::Pending;
            }
            self.armed = None;
            if due.at <= Instant::now() && self.expire(due.ending) {
                return Poll::Ready(());
            }
        }
    }

    /// Takes over what has changed since the last poll.
    fn observe(&mut self) {
        let closing = self.connection.drain().is_closing();
        let mark = self.connection.phase_mark();
        if self.mark != Some(mark) || self.closing != closing {
            let entered = self.mark != Some(mark);
            self.mark = Some(mark);
            self.closing = closing;
            self.due = self.deadline(entered);
        } else if self.connection.is_retiring() && self.connection.phase() == Phase::Multiplexed {
            self.due = self.deadline(false);
        }
        match (self.connection.is_stalled(), self.stalled) {
            (true, None) => {
                let since = Instant::now();
                self.stalled = Some(Stall { since, look: since + self.idle() / LOOKS, taken: None });
            }
            (false, Some(_)) => self.stalled = None,
            _ => {}
        }
    }

    fn earliest(&self) -> Option<Due> {
        let stalled = self.stalled.map(|stall| Due { at: stall.look, ending: Some(Ending::WriteDeadline) });
        let overdue = self.connection.overdue_at().map(|at| Due { at, ending: None });
        [self.due, stalled, overdue].into_iter().flatten().min_by_key(|due| due.at)
    }

    /// The deadline of the present phase. `entered` is false where only the
    /// circumstances have changed: then the total deadlines go on running.
    fn deadline(&mut self, entered: bool) -> Option<Due> {
        let deadlines = || self.connection.listener().settings().deadlines;
        let after = |span: Duration, ending| Some(Due { at: Instant::now() + span, ending: Some(ending) });
        match self.connection.phase() {
            Phase::Quiet if self.closing => after(LAST_CALL, Ending::Drained),
            Phase::Quiet => after(deadlines().idle.get(), Ending::IdleDeadline),
            Phase::Multiplexed => Some(self.multiplexed()),
            _ if !entered => self.due,
            Phase::Handshake => after(deadlines().tls_handshake.get(), Ending::TlsDeadline),
            Phase::Head => after(deadlines().head.get(), Ending::HeadDeadline),
            Phase::Body => after(deadlines().body.get(), Ending::BodyDeadline),
            Phase::Lingering => after(LINGER, Ending::Gateway),
            Phase::Open | Phase::Upgraded => None,
        }
    }

    /// HTTP/2: idle only counts while nothing is open, which other tasks
    /// decide; so this is a time to look again rather than a deadline.
    fn multiplexed(&mut self) -> Due {
        let connection = self.connection;
        if self.closing && !connection.is_retiring() {
            connection.rule(Ending::Drained);
            connection.retire();
        }
        let at = match (connection.open_requests(), self.retired_since()) {
            (0, Some(retired)) => connection.quiet_since().max(retired) + GOAWAY_GRACE,
            (0, None) => connection.quiet_since() + self.idle(),
            _ => Instant::now() + self.idle(),
        };
        Due { at, ending: Some(Ending::IdleDeadline) }
    }

    fn retired_since(&mut self) -> Option<Instant> {
        self.connection.is_retiring().then(|| *self.retired.get_or_insert_with(Instant::now))
    }

    /// True if the connection ends now.
    fn expire(&mut self, ending: Option<Ending>) -> bool {
        let Some(ending) = ending else {
            self.connection.overdue().set();
            self.connection.wake();
            return false;
        };
        if ending == Ending::WriteDeadline && !self.is_given_up() {
            return false;
        }
        if self.connection.phase() == Phase::Multiplexed && ending == Ending::IdleDeadline {
            return self.expire_multiplexed();
        }
        self.connection.rule(ending);
        true
    }

    fn is_given_up(&mut self) -> bool {
        let (idle, now) = (self.idle(), Instant::now());
        let Some(stall) = &mut self.stalled else { return false };
        let taken = self.connection.acknowledged();
        if stall.taken.is_some() && stall.taken != taken {
            stall.since = now;
        }
        stall.taken = taken;
        stall.look = (now + idle / LOOKS).min(stall.since + idle);
        stall.since + idle <= now
    }

    fn expire_multiplexed(&mut self) -> bool {
        let connection = self.connection;
        if connection.open_requests() == 0 {
            if let Some(retired) = self.retired_since() {
                if connection.quiet_since().max(retired) + GOAWAY_GRACE <= Instant::now() {
                    return true;
                }
            } else if connection.quiet_since() + self.idle() <= Instant::now() {
                connection.rule(Ending::IdleDeadline);
                connection.retire();
            }
        }
        self.due = Some(self.multiplexed());
        false
    }

    fn idle(&self) -> Duration {
        self.connection.listener().settings().deadlines.idle.get()
    }
}
