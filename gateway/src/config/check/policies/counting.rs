//! Where a rate limit is counted: what it says, else what `redis.rate_limits` says.

use crate::{
    config::check::Check,
    policy::rate_limit::counting::{Counting, Mode, OnFailure, Together},
    value::{Located, Percent},
};

/// Said of `lease: 0%`, which is 1 token all the same.
pub const NO_LEASE: &str = "a lease has one token at least, and with one there is little left to save; write `mode: exact`, or a share as `10%`";

/// What a limit says of it.
#[derive(Clone, Copy)]
pub struct Said<'a> {
    pub mode: Option<&'a Located<Mode>>,
    pub lease: Option<&'a Located<Percent>>,
    pub on_failure: Option<&'a Located<OnFailure>>,
}

/// Where a limit is counted.
pub fn counting(check: &mut Check<'_>, said: Said<'_>) -> Counting {
    let Some(usual) = check.counting.clone() else {
        nowhere(check, said);
        return Counting::Local;
    };
    let mode = said.mode.map_or(usual.mode, |mode| **mode);
    without_effect(check, said, mode);
    let share = said.lease.map_or(usual.lease, |lease| **lease);
    if let Some(lease) = said.lease.filter(|lease| lease.is_nothing() && mode == Mode::Leased) {
        check.warning(lease.place().clone(), NO_LEASE);
    }
    let lease = match mode {
        Mode::Local => return Counting::Local,
        Mode::Exact => None,
        Mode::Leased => Some(share),
    };
    let on_failure = said.on_failure.map_or(usual.on_failure, |on_failure| **on_failure);
    Counting::Together(Together { lease, on_failure, instances: usual.instances })
}

/// Without a store each gateway counts for itself: what speaks of one is an error, but for `mode: local`.
fn nowhere(check: &mut Check<'_>, said: Said<'_>) {
    let Said { mode, lease, on_failure } = said;
    let mode = mode.filter(|mode| ***mode != Mode::Local).map(Located::place);
    let others = [lease.map(Located::place), on_failure.map(Located::place)];
    // A section that was refused is there all the same.
    if check.broken.contains("redis") {
        return;
    }
    for place in [mode].into_iter().chain(others).flatten() {
        let text = "there is no Redis to count in, so each gateway counts for itself; add `redis` at the top, or \
                    remove this";
        check.error(place.clone(), text);
    }
}

fn without_effect(check: &mut Check<'_>, said: Said<'_>, mode: Mode) {
    if let Some(lease) = said.lease.filter(|_| mode != Mode::Leased) {
        let write = if said.mode.is_some() { "write that" } else { "add it" };
        let text = format!("only `mode: leased` takes tokens in advance; {write}, or remove this");
        check.warning(lease.place().clone(), text);
    }
    if let Some(on_failure) = said.on_failure.filter(|_| mode == Mode::Local) {
        let text = "with `mode: local` no Redis is asked that could fail; change the mode, or remove this";
        check.warning(on_failure.place().clone(), text);
    }
}
