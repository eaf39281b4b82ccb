//! A service of limited capacity behind a limiter, on a clock of its own: every run is the same.

use std::{
    cmp::Reverse,
    collections::{BinaryHeap, HashMap, VecDeque},
};

use super::*;

/// A service that works on some requests at once and lets the others wait.
#[derive(Debug, Clone, Copy)]
pub struct Service {
    /// On how many at once.
    pub capacity: usize,
    /// How long it works on one, give or take a fifth.
    pub takes: Duration,
    /// What becomes of the requests.
    pub outcome: Outcome,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Event {
    Arrival,
    Done(u64),
}

/// What happened since the last [`Simulation::run`].
#[derive(Debug, Default)]
pub struct Seen {
    pub done: u32,
    pub shed: u32,
    /// As the service showed them.
    pub latencies: Vec<Duration>,
    /// The highest limit.
    pub highest: u32,
    /// The lowest one.
    pub lowest: u32,
}

impl Seen {
    pub fn median(&mut self) -> Duration {
        self.latencies.sort_unstable();
        self.latencies[self.latencies.len() / 2]
    }
}

pub struct Simulation {
    pub limiter: Arc<Limiter>,
    pub service: Service,
    random: fastrand::Rng,
    epoch: Instant,
    now: Duration,
    events: BinaryHeap<Reverse<(Duration, Event)>>,
    requests: HashMap<u64, (Duration, Permit)>,
    next: u64,
    busy: usize,
    backlog: VecDeque<u64>,
    seen: Seen,
}

impl Simulation {
    pub fn new(adaptive: Adaptive, service: Service) -> Self {
        let epoch = Instant::now();
        let settings = Settings { bound: Bound::Adaptive(adaptive), ..fixed(1, 0) };
        Self {
            limiter: Limiter::new(settings, epoch),
            service,
            random: fastrand::Rng::with_seed(1),
            epoch,
            now: Duration::ZERO,
            events: BinaryHeap::new(),
            requests: HashMap::new(),
            next: 0,
            busy: 0,
            backlog: VecDeque::new(),
            seen: Seen::default(),
        }
    }

    /// So many requests a second arrive, for so long.
    pub fn run(&mut self, rate: f64, span: Duration) -> Seen {
        let end = self.now + span;
        self.seen = Seen { lowest: u32::MAX, ..Seen::default() };
        if rate > 0.0 {
            self.arrive_in(rate);
        }
        while let Some(Reverse((at, event))) = self.events.peek().copied() {
            if at > end {
                break;
            }
            self.events.pop();
            self.now = at;
            match event {
                Event::Arrival => {
                    self.arrive();
                    self.arrive_in(rate);
                }
                Event::Done(number) => self.done(number),
            }
            let limit = self.limiter.limit();
            self.seen.highest = self.seen.highest.max(limit);
            self.seen.lowest = self.seen.lowest.min(limit);
        }
        self.now = end;
        self.events.retain(|Reverse((_, event))| *event != Event::Arrival);
        std::mem::take(&mut self.seen)
    }

    /// Poisson: as if clients knew nothing of each other.
    fn arrive_in(&mut self, rate: f64) {
        let pause = Duration::from_secs_f64(-(1.0 - self.random.f64()).ln() / rate);
        self.events.push(Reverse((self.now + pause, Event::Arrival)));
    }

    fn arrive(&mut self) {
        let Ok(Entry::Admitted(mut permit)) = self.limiter.enter(Normal) else {
            self.seen.shed += 1;
            return;
        };
        permit.begin(self.epoch + self.now);
        let number = self.next;
        self.next += 1;
        self.requests.insert(number, (self.now, permit));
        self.backlog.push_back(number);
        self.work();
    }

    fn work(&mut self) {
        while self.busy < self.service.capacity
            && let Some(number) = self.backlog.pop_front()
        {
            self.busy += 1;
            let takes = self.service.takes.mul_f64(0.8 + 0.4 * self.random.f64());
            self.events.push(Reverse((self.now + takes, Event::Done(number))));
        }
    }

    fn done(&mut self, number: u64) {
        let (arrived, mut permit) = self.requests.remove(&number).unwrap();
        permit.report(self.service.outcome, self.epoch + self.now);
        drop(permit);
        self.busy -= 1;
        self.seen.done += 1;
        self.seen.latencies.push(self.now - arrived);
        self.work();
    }
}
