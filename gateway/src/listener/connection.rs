//! One client connection: what it is doing, and the handle by which the proxy
//! says so.
//!
//! The stream below Pingora knows bytes, Pingora knows requests, and only both
//! together know which deadline applies. They meet in [`Connection`]: the
//! stream notes the first byte of a head, the proxy opens a request when its
//! head is complete and reports the end of its body. The watchdog
//! (`watch.rs`) turns the [`Phase`] into a deadline.
//!
//! The proxy finds the handle in the session's digest ([`Connection::of`]),
//! the same way for HTTP/1 and for every stream of an HTTP/2 connection.
//!
//! Everything here is written by the connection's own task with plain relaxed
//! stores, except where streams of HTTP/2 meet: those count with atomics.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::task::Waker;
use std::time::Duration;

use http::HeaderValue;
use pingora_core::protocols::{Digest, SocketDigest};
use tokio::sync::watch;
use tokio::time::Instant;

use super::Ending;
use super::drain::{Drain, lock};
use super::listener::{Listener, Place};
use super::overdue::Overdue;
use super::phase::PHASES;
pub(super) use super::phase::Phase;
use super::request::RequestGuard;
use super::tls::TlsFacts;

const NO_VERDICT: u8 = u8::MAX;

/// The state of one client connection.
pub struct Connection {
    id: u64,
    listener: Arc<Listener>,
    drain: Arc<Drain>,
    place: Place,
    peer: SocketAddr,
    /// The peer's IP address as it stands in headers, made when it is first asked for.
    peer_text: OnceLock<HeaderValue>,
    local: SocketAddr,
    opened: Instant,
    tls: OnceLock<TlsFacts>,
    socket: OnceLock<Arc<SocketDigest>>,
    /// Low byte: the phase. The rest counts changes, so that a phase that was
    /// left and entered again within one poll is seen as a new one.
    phase: AtomicU64,
    /// The last write found the client's window full.
    stalled: AtomicBool,
    /// The task itself and every open request; the last to go signs off.
    holds: AtomicU32,
    requests: AtomicU64,
    /// When the last open request ended, in milliseconds after `opened`.
    quiet_since: AtomicU64,
    bytes_in: AtomicU64,
    overdue: Overdue,
    verdict: AtomicU8,
    /// The client has closed its side, or the socket is broken.
    client_gone: AtomicBool,
    /// Nothing is left to do: the watchdog ends the task.
    done: AtomicBool,
    /// The task is gone.
    over: AtomicBool,
    retiring: AtomicBool,
    /// HTTP/2 only: makes Pingora send GOAWAY on this connection.
    goaway: OnceLock<watch::Sender<bool>>,
    /// Wakes the connection's task. Kept, not taken: it is woken more than once.
    waker: Mutex<Option<Waker>>,
}

impl Connection {
    pub(super) fn new(
        listener: Arc<Listener>,
        drain: Arc<Drain>,
        place: Place,
        peer: SocketAddr,
        local: SocketAddr,
    ) -> Arc<Connection> {
        let connection = Arc::new(Connection {
            id: drain.next_id(),
            listener,
            drain,
            place,
            peer: canonical(peer),
            peer_text: OnceLock::new(),
            local: canonical(local),
            opened: Instant::now(),
            tls: OnceLock::new(),
            socket: OnceLock::new(),
            phase: AtomicU64::new(Phase::Quiet as u64),
            stalled: AtomicBool::new(false),
            holds: AtomicU32::new(1),
            requests: AtomicU64::new(0),
            quiet_since: AtomicU64::new(0),
            bytes_in: AtomicU64::new(0),
            overdue: Overdue::default(),
            verdict: AtomicU8::new(NO_VERDICT),
            client_gone: AtomicBool::new(false),
            done: AtomicBool::new(false),
            over: AtomicBool::new(false),
            retiring: AtomicBool::new(false),
            goaway: OnceLock::new(),
            waker: Mutex::new(None),
        });
        connection.drain.enter(&connection);
        connection
    }

    /// The connection a session came in on; `None` if the session was not made
    /// by this listener (a subrequest, a test).
    pub fn of(digest: &Digest) -> Option<&Arc<Connection>> {
        let data = digest.proxy_digest.as_ref()?.user_data.as_ref()?;
        (**data).downcast_ref::<Arc<Connection>>()
    }

    /// Unique within the process.
    pub fn id(&self) -> u64 {
        self.id
    }

    /// The listener it was accepted on, with the settings of this moment.
    pub fn listener(&self) -> &Arc<Listener> {
        &self.listener
    }

    /// The client's end of the socket. IPv4 on a dual-stack socket is given as IPv4.
    pub fn peer(&self) -> SocketAddr {
        self.peer
    }

    /// The IP address of [`Self::peer`] as a header's value.
    pub fn peer_text(&self) -> &HeaderValue {
        let text = || HeaderValue::from_str(&self.peer.ip().to_string()).expect("an address is ASCII");
        self.peer_text.get_or_init(text)
    }

    /// Our end of the socket.
    pub fn local(&self) -> SocketAddr {
        self.local
    }

    /// Whether the client came over TLS.
    pub fn is_tls(&self) -> bool {
        self.tls.get().is_some()
    }

    /// What TLS agreed on; `None` on cleartext.
    pub fn tls(&self) -> Option<&TlsFacts> {
        self.tls.get()
    }

    /// Requests opened so far.
    pub fn requests(&self) -> u64 {
        self.requests.load(Ordering::Relaxed)
    }

    /// Bytes read from the client so far, inside TLS.
    pub fn bytes_in(&self) -> u64 {
        self.bytes_in.load(Ordering::Relaxed)
    }

    /// Whether an answer given now should carry `Connection: close`: the
    /// gateway is draining or the connection has served its number of requests.
    pub fn should_close(&self) -> bool {
        self.drain.is_closing() || self.is_retiring()
    }

    /// Notes that a request's head is complete. To be called first thing, once
    /// per request; the guard is kept as long as the request lives.
    pub fn open_request(self: &Arc<Self>, has_body: bool) -> RequestGuard {
        self.holds.fetch_add(1, Ordering::Relaxed);
        let count = self.requests.fetch_add(1, Ordering::Relaxed) + 1;
        if !self.is_multiplexed() {
            self.enter(if has_body { Phase::Body } else { Phase::Open });
        } else if self.limit().is_some_and(|limit| count >= limit) {
            self.rule(Ending::RequestLimit);
            self.retire();
        }
        RequestGuard::new(self.clone(), has_body)
    }

    /// Requests open at this moment.
    pub(super) fn open_requests(&self) -> u32 {
        let task = u32::from(!self.over.load(Ordering::Relaxed));
        self.holds.load(Ordering::Acquire).saturating_sub(task)
    }

    pub(super) fn limit(&self) -> Option<u64> {
        let settings = self.listener.settings();
        settings.max_requests_per_connection.map(|limit| u64::from(limit.get()))
    }

    pub(super) fn drain(&self) -> &Arc<Drain> {
        &self.drain
    }

    pub(super) fn set_tls(&self, facts: TlsFacts) {
        // Set once, by the task that did the handshake.
        let _ = self.tls.set(facts);
    }

    pub(super) fn set_socket(&self, socket: Arc<SocketDigest>) {
        // Set once, by the task that serves it.
        let _ = self.socket.set(socket);
    }

    /// Bytes whose arrival the client's system has confirmed; `None` where the kernel does not tell. A system call.
    pub(super) fn acknowledged(&self) -> Option<u64> {
        self.socket.get()?.tcp_info().map(|info| info.tcpi_bytes_acked)
    }

    /// The client's system has sent an end or a reset. A system call.
    pub(super) fn is_closed_by_client(&self) -> bool {
        // `TCP_CLOSE` and `TCP_CLOSE_WAIT` of include/net/tcp_states.h.
        const CLOSED: [u8; 2] = [7, 8];
        let state = || Some(self.socket.get()?.tcp_info()?.tcpi_state);
        state().is_some_and(|state| CLOSED.contains(&state))
    }

    pub(super) fn phase(&self) -> Phase {
        PHASES[(self.phase.load(Ordering::Relaxed) & 0xff) as usize]
    }

    /// The phase with its change counter; differs after every change.
    pub(super) fn phase_mark(&self) -> u64 {
        self.phase.load(Ordering::Relaxed)
    }

    pub(super) fn enter(&self, phase: Phase) {
        let changes = (self.phase.load(Ordering::Relaxed) & !0xff).wrapping_add(0x100);
        self.phase.store(changes | phase as u64, Ordering::Relaxed);
    }

    pub(super) fn is_multiplexed(&self) -> bool {
        self.goaway.get().is_some()
    }

    /// Turns into an HTTP/2 connection; the receiver is what Pingora watches.
    pub(super) fn multiplex(&self) -> watch::Receiver<bool> {
        self.goaway.get_or_init(|| watch::channel(false).0).subscribe()
    }

    /// Asks the client to open no more requests here (GOAWAY).
    pub(super) fn retire(&self) {
        self.retiring.store(true, Ordering::Relaxed);
        if let Some(goaway) = self.goaway.get() {
            goaway.send_replace(true);
        }
        self.wake();
    }

    pub(super) fn is_retiring(&self) -> bool {
        self.retiring.load(Ordering::Relaxed)
    }

    /// How long no request has been open; only meaningful while none is.
    pub(super) fn quiet_since(&self) -> Instant {
        self.opened + Duration::from_millis(self.quiet_since.load(Ordering::Relaxed))
    }

    pub(super) fn overdue(&self) -> &Overdue {
        &self.overdue
    }

    /// When the request that is open is overdue, if that is waited for.
    pub(super) fn overdue_at(&self) -> Option<Instant> {
        self.overdue.at(self.opened)
    }

    /// The request that is open must have its answer by then.
    pub(super) fn answer_by(&self, deadline: Instant) {
        self.overdue.begin(deadline.saturating_duration_since(self.opened));
    }

    pub(super) fn is_stalled(&self) -> bool {
        self.stalled.load(Ordering::Relaxed)
    }

    pub(super) fn set_stalled(&self, stalled: bool) {
        if self.is_stalled() != stalled {
            self.stalled.store(stalled, Ordering::Relaxed);
        }
    }

    pub(super) fn add_in(&self, bytes: usize) -> u64 {
        let sum = self.bytes_in() + bytes as u64;
        self.bytes_in.store(sum, Ordering::Relaxed);
        sum
    }

    pub(super) fn set_client_gone(&self) {
        self.client_gone.store(true, Ordering::Relaxed);
    }

    /// Says why the connection ends; the first word stands.
    pub(super) fn rule(&self, ending: Ending) {
        let _ = self.verdict.compare_exchange(NO_VERDICT, ending as u8, Ordering::Relaxed, Ordering::Relaxed);
    }

    pub(super) fn verdict(&self) -> Option<Ending> {
        Ending::at(self.verdict.load(Ordering::Relaxed).into())
    }

    /// Ends the connection's task after its present poll.
    pub(super) fn finish(&self) {
        self.done.store(true, Ordering::Relaxed);
    }

    pub(super) fn is_done(&self) -> bool {
        self.done.load(Ordering::Relaxed)
    }

    pub(super) fn set_waker(&self, waker: &Waker) {
        *lock(&self.waker) = Some(waker.clone());
    }

    /// Makes the connection's task look at its state.
    pub(super) fn wake(&self) {
        if let Some(waker) = lock(&self.waker).as_ref() {
            waker.wake_by_ref();
        }
    }

    /// The connection's task is gone; requests of HTTP/2 may still finish.
    pub(super) fn depart(&self) {
        self.over.store(true, Ordering::Relaxed);
        let ending = self.ending();
        tracing::debug!(
            listener = %self.listener.name(), client = %self.peer, reason = ending.as_str(),
            "connection ended"
        );
        self.listener.departed(&self.place, ending);
        self.release();
    }

    fn ending(&self) -> Ending {
        if std::thread::panicking() {
            return Ending::Panicked;
        }
        self.verdict().unwrap_or_else(|| match self.phase() {
            Phase::Handshake => Ending::TlsAborted,
            Phase::Head => Ending::HeadAborted,
            _ if self.bytes_in() == 0 => Ending::Unused,
            _ if self.client_gone.load(Ordering::Relaxed) => Ending::Client,
            _ => Ending::Gateway,
        })
    }

    /// A request is over.
    pub(super) fn close_request(&self) {
        if self.is_multiplexed() {
            let quiet = self.opened.elapsed().as_millis() as u64;
            self.quiet_since.store(quiet, Ordering::Relaxed);
        }
        if self.release() == 1 && self.is_retiring() {
            self.wake();
        }
    }

    fn release(&self) -> u32 {
        let left = self.holds.fetch_sub(1, Ordering::AcqRel) - 1;
        if left == 0 {
            self.drain.leave(self.id);
        }
        left
    }
}

impl std::fmt::Debug for Connection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Connection")
            .field("id", &self.id)
            .field("peer", &self.peer)
            .field("phase", &self.phase())
            .finish_non_exhaustive()
    }
}

/// IPv4 as IPv4, also when it came in on a dual-stack IPv6 socket.
fn canonical(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}
