//! Threads that serve: one single-threaded runtime each.
//!
//! On a shared multi-threaded runtime any thread may take up any event, so a
//! request and its upstream connection keep crossing between cores. Here a
//! connection stays on its thread from accept to close, and with an app per
//! thread so do the upstream connections it uses: the model of nginx and
//! Envoy. On two cores a proxied request costs about a tenth less CPU this way.
//!
//! The price: nothing may block these threads. Work that computes for long or
//! waits in the kernel belongs on `spawn_blocking`.

use std::io;
use std::num::NonZeroUsize;
use std::thread;

use tokio::runtime::{Builder, Handle};
use tokio::sync::oneshot;

use crate::telemetry::metrics::Stripe;

/// Running threads; dropping it ends them and what they serve.
pub struct Threads(Vec<Thread>);

struct Thread {
    runtime: Handle,
    stop: Option<oneshot::Sender<()>>,
    join: Option<thread::JoinHandle<()>>,
}

impl Threads {
    /// Starts `count` threads. Metrics that are made afterwards have a part for each of them.
    pub fn start(count: NonZeroUsize) -> io::Result<Threads> {
        (0..count.get()).map(Thread::start).collect::<io::Result<_>>().map(Threads)
    }

    /// Their runtimes.
    pub fn runtimes(&self) -> impl Iterator<Item = &Handle> {
        self.0.iter().map(|thread| &thread.runtime)
    }
}

impl Thread {
    fn start(number: usize) -> io::Result<Thread> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let handle = runtime.handle().clone();
        let (stop, stopped) = oneshot::channel();
        let stripe = Stripe::reserve();
        let join = thread::Builder::new().name(format!("serve-{number}")).spawn(move || {
            let _owned = stripe.own();
            // Ends either way: by a message or by the sender's end.
            let _ = runtime.block_on(stopped);
            runtime.shutdown_background();
        })?;
        Ok(Thread { runtime: handle, stop: Some(stop), join: Some(join) })
    }
}

impl Drop for Threads {
    fn drop(&mut self) {
        self.0.iter_mut().for_each(|thread| drop(thread.stop.take()));
        for thread in &mut self.0 {
            // A panic of the thread itself has been reported by the panic hook.
            let _ = thread.join.take().map(thread::JoinHandle::join);
        }
    }
}
