//! One running upstream: its endpoints as they are now, and the choice among them.
//!
//! Two layers. The *members* (who is there, which name led to them) change rarely, by the tasks that resolve names and
//! check health, under a lock. From them the *line-up* is derived: the endpoints that may be chosen now and a balancer
//! for exactly them. A request only loads the line-up; it takes no lock and never looks a name up.

use std::{
    net::{IpAddr, SocketAddr},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use arc_swap::ArcSwap;
use pingora_core::upstreams::peer::HttpPeer;
use tokio::sync::watch;

use super::{
    balance::Balancer,
    config::HostName,
    endpoint::{Chosen, Endpoint, EndpointId},
    gate::{Gate, Place, Refused},
    health::Verdict,
    peer,
    settings::{Settings, Timeouts},
};
use crate::{policy::concurrency::Priority, reason::Reason, telemetry::metrics::UpstreamMetrics};

/// A service and its endpoints. Keeps its state over reloads that do not change its settings.
#[derive(Debug)]
pub struct Upstream {
    name: Arc<str>,
    settings: Settings,
    metrics: Arc<UpstreamMetrics>,
    members: Mutex<Members>,
    lineup: ArcSwap<Lineup>,
    turn: AtomicUsize,
    changes: watch::Sender<()>,
    /// How many attempts may run at once. `None` is no limit.
    gate: Option<Arc<Gate>>,
}

#[derive(Debug)]
struct Members {
    endpoints: Vec<Arc<Endpoint>>,
    /// By position in the configuration.
    names: Vec<Resolution>,
}

/// What is known about the host of one configured endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Resolution {
    /// An IP literal, or a name that was looked up.
    Known,
    /// The first look-up has not ended yet.
    Pending,
    /// The latest look-up failed; addresses from before, if any, stay in use.
    Failed(String),
}

/// Who may be chosen.
#[derive(Debug)]
struct Lineup {
    endpoints: Vec<Arc<Endpoint>>,
    balancer: Balancer,
    /// What to answer when nobody is left.
    refusal: Reason,
    /// Health is ignored, because too few are healthy.
    panicking: bool,
}

impl Upstream {
    /// An upstream whose names are yet to be resolved; `before` is the one of the same name that it replaces.
    pub(super) fn new(settings: Settings, metrics: Arc<UpstreamMetrics>, before: Option<&Upstream>) -> Self {
        let mut members = Members { endpoints: Vec::new(), names: Vec::new() };
        for (target, config) in settings.endpoints.iter().enumerate() {
            let (addresses, resolution) = match &config.url.host {
                HostName::Address(address) => (vec![*address], Resolution::Known),
                HostName::Name(name) => {
                    before.map_or((Vec::new(), Resolution::Pending), |b| b.resolved(name))
                }
            };
            members.names.push(resolution);
            for address in addresses {
                let address = SocketAddr::new(address, config.url.port);
                let verdict = before.map_or(Verdict::Unknown, |before| before.verdict_on(address));
                members.endpoints.push(endpoint(&settings, target, address, verdict, &metrics));
            }
        }
        Self {
            lineup: ArcSwap::from_pointee(Lineup::of(&members, &settings)),
            members: Mutex::new(members),
            turn: AtomicUsize::new(fastrand::usize(..)),
            changes: watch::Sender::new(()),
            gate: Gate::next(before.and_then(|b| b.gate.as_ref()), settings.concurrency, || {
                metrics.concurrency()
            }),
            name: settings.name.to_arc(),
            settings,
            metrics,
        }
    }

    /// The upstream's name.
    pub fn name(&self) -> &Arc<str> {
        &self.name
    }

    /// What it was built from.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Its numbers.
    pub fn metrics(&self) -> &Arc<UpstreamMetrics> {
        &self.metrics
    }

    /// Its configuration is in use from now on. What it shares with the upstream that it replaces follows its own.
    pub fn activate(&self) {
        if let (Some(gate), Some(settings)) = (&self.gate, self.settings.concurrency) {
            gate.configure(settings);
        }
    }

    /// Whether only so many attempts may run at once.
    pub fn is_limited(&self) -> bool {
        self.gate.is_some()
    }

    /// A place for an attempt, which may have to wait for it, `most` at the longest; `None` where there is no limit.
    pub async fn enter(&self, priority: Priority, most: Option<Duration>) -> Result<Option<Place>, Refused> {
        match &self.gate {
            Some(gate) => gate.enter(priority, most).await.map(Some),
            None => Ok(None),
        }
    }

    /// The endpoint for the next attempt, none of those in `tried`. After a first attempt, an error only means that
    /// there is nothing else to try.
    pub fn choose(&self, tried: &[EndpointId]) -> Result<Chosen, Reason> {
        let lineup = self.lineup.load();
        // A second choice for the same request is no turn of its own: the next request would skip one.
        let turn = match tried {
            [] => self.turn.fetch_add(1, Ordering::Relaxed),
            _ => self.turn.load(Ordering::Relaxed),
        };
        let endpoints = &lineup.endpoints;
        lineup
            .balancer
            .choose(turn, |at| tried.contains(&endpoints[at].id()), |at| endpoints[at].in_flight())
            .map(|at| Chosen::new(endpoints[at].clone()))
            .ok_or(lineup.refusal)
    }

    /// How Pingora connects to an endpoint of this upstream.
    pub fn peer(&self, endpoint: &Endpoint, timeouts: Timeouts) -> Box<HttpPeer> {
        peer::timed(endpoint.peer(), timeouts)
    }

    /// Every endpoint there is now, healthy or not.
    pub fn endpoints(&self) -> Vec<Arc<Endpoint>> {
        self.members().endpoints.clone()
    }

    /// What is known about the names of the configured endpoints, by their positions.
    pub fn resolutions(&self) -> Vec<Resolution> {
        self.members().names.clone()
    }

    /// True while health is ignored because too few endpoints are healthy.
    pub fn is_panicking(&self) -> bool {
        self.lineup.load().panicking
    }

    /// True once an attempt could be made.
    pub fn is_usable(&self) -> bool {
        !self.lineup.load().endpoints.is_empty()
    }

    /// True once every name was looked up and every endpoint checked, whatever came of it.
    pub fn is_settled(&self) -> bool {
        let members = self.members();
        let checked = |endpoint: &Arc<Endpoint>| endpoint.health().last_check().is_some();
        !members.names.contains(&Resolution::Pending)
            && (self.settings.health.is_none() || members.endpoints.iter().all(checked))
    }

    /// Fires after every change of endpoints, resolutions or checks.
    pub(super) fn changes(&self) -> watch::Receiver<()> {
        self.changes.subscribe()
    }

    /// A look-up for the configured endpoint `target` ended: with addresses, at least one, or with why not. Gives
    /// true if anything changed.
    pub(super) fn name_resolved(&self, target: usize, result: Result<Vec<IpAddr>, String>) -> bool {
        let config = &self.settings.endpoints[target];
        let mut members = self.members();
        let changed = match result {
            Err(why) => members.failed(target, why),
            Ok(addresses) => {
                let addresses =
                    addresses.into_iter().map(|address| SocketAddr::new(address, config.url.port));
                members.resolved(target, addresses.collect(), |address| {
                    endpoint(&self.settings, target, address, Verdict::Unknown, &self.metrics)
                })
            }
        };
        if changed {
            self.lineup.store(Arc::new(Lineup::of(&members, &self.settings)));
        }
        drop(members);
        self.changes.send_replace(());
        changed
    }

    /// A check ended; `turned` if the endpoint's verdict is another now.
    pub(super) fn health_noted(&self, turned: bool) {
        if turned {
            // Under the lock, or an older view could overwrite a newer one.
            let members = self.members();
            self.lineup.store(Arc::new(Lineup::of(&members, &self.settings)));
        }
        self.changes.send_replace(());
    }

    fn members(&self) -> MutexGuard<'_, Members> {
        // Every change of the members is a single assignment: a panic leaves nothing half done.
        self.members.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The addresses of a name that this upstream, too, refers to.
    fn resolved(&self, name: &str) -> (Vec<IpAddr>, Resolution) {
        let same = |host: &HostName| matches!(host, HostName::Name(own) if **own == *name);
        let members = self.members();
        let Some(target) = self.settings.endpoints.iter().position(|config| same(&config.url.host)) else {
            return (Vec::new(), Resolution::Pending);
        };
        let own = members.endpoints.iter().filter(|endpoint| endpoint.target() == target);
        (own.map(|endpoint| endpoint.address().ip()).collect(), members.names[target].clone())
    }

    fn verdict_on(&self, address: SocketAddr) -> Verdict {
        let members = self.members();
        let same = members.endpoints.iter().find(|endpoint| endpoint.address() == address);
        same.map_or(Verdict::Unknown, |endpoint| endpoint.health().verdict())
    }
}

fn endpoint(
    settings: &Settings,
    target: usize,
    address: SocketAddr,
    before: Verdict,
    metrics: &UpstreamMetrics,
) -> Arc<Endpoint> {
    // Without checks nobody would ever revise what was known from before.
    let before = if settings.health.is_some() { before } else { Verdict::Unknown };
    Arc::new(Endpoint::new(
        target,
        &settings.endpoints[target],
        address,
        &settings.connection,
        before,
        metrics,
    ))
}

impl Members {
    fn failed(&mut self, target: usize, why: String) -> bool {
        let failed = Resolution::Failed(why);
        let changed = self.names[target] != failed;
        self.names[target] = failed;
        changed
    }

    /// Puts `addresses` in the place of the target's endpoints; those that stay are kept with all their state.
    fn resolved(
        &mut self,
        target: usize,
        addresses: Vec<SocketAddr>,
        make: impl Fn(SocketAddr) -> Arc<Endpoint>,
    ) -> bool {
        let (own, mut endpoints): (Vec<_>, Vec<_>) =
            self.endpoints.iter().cloned().partition(|endpoint| endpoint.target() == target);
        let same = own.len() == addresses.len()
            && own.iter().all(|endpoint| addresses.contains(&endpoint.address()));
        let recovered = self.names[target] != Resolution::Known;
        self.names[target] = Resolution::Known;
        if !same {
            let known = |address| own.iter().find(|endpoint| endpoint.address() == address).cloned();
            endpoints
                .extend(addresses.into_iter().map(|address| known(address).unwrap_or_else(|| make(address))));
            // The configuration's order, so that a change of one name does not reshuffle the others.
            endpoints.sort_by_key(|endpoint| endpoint.target());
            self.endpoints = endpoints;
        }
        recovered || !same
    }
}

impl Lineup {
    fn of(members: &Members, settings: &Settings) -> Self {
        let all = &members.endpoints;
        let healthy = all.iter().filter(|endpoint| endpoint.health().is_usable()).count();
        let panic_below = settings.health.as_ref().map_or(0.0, |health| health.panic_below);
        let panicking = healthy < all.len() && (healthy as f64) < panic_below * all.len() as f64;
        let may = |endpoint: &&Arc<Endpoint>| panicking || endpoint.health().is_usable();
        let endpoints = all.iter().filter(may).cloned().collect::<Vec<_>>();
        let weights = endpoints.iter().map(|endpoint| endpoint.weight()).collect::<Vec<_>>();
        let refusal = if all.is_empty() { Reason::UpstreamNameUnresolved } else { Reason::NoHealthyUpstream };
        Self { balancer: Balancer::new(settings.balance, &weights), endpoints, refusal, panicking }
    }
}

#[cfg(test)]
mod tests;
