//! What an adaptive limit makes of a service: it finds its capacity, and finds it again when it changes.

use super::{
    simulation::{Seen, Service, Simulation},
    *,
};

const SECOND: Duration = Duration::from_secs(1);

fn adaptive(initial: u32) -> Adaptive {
    Adaptive { initial, min: 3, max: 1_000, tolerance: 0.25, probe: 10 * SECOND }
}

fn service(capacity: usize, millis: u64) -> Service {
    Service { capacity, takes: Duration::from_millis(millis), outcome: Outcome::Answered }
}

/// What the service can do in a second.
fn throughput(service: Service) -> f64 {
    service.capacity as f64 / service.takes.as_secs_f64()
}

/// More than it can do.
fn overload(service: Service) -> f64 {
    1.5 * throughput(service)
}

/// Where the formula comes to rest: a quarter above the capacity, and its own root above that.
fn equilibrium(capacity: f64) -> f64 {
    let root = (1.0 + (1.0 + 5.0 * capacity).sqrt()) / 2.0;
    root * root
}

/// Under more load than it can bear, the service is used to the full, and nobody waits there for long.
#[track_caller]
fn assert_settled(simulation: &mut Simulation, what: &str) {
    let service = simulation.service;
    let most = throughput(service);
    let mut seen = simulation.run(overload(service), 20 * SECOND);
    let limit = simulation.limiter.limit();
    let share = f64::from(seen.done) / (20.0 * most);
    assert!(share > 0.9, "{what}: only {share:.2} of the capacity is used, the limit is {limit}");
    let slower = seen.median().as_secs_f64() / service.takes.as_secs_f64();
    let expected = equilibrium(service.capacity as f64) / service.capacity as f64;
    assert!(slower < 1.3 * expected, "{what}: answers take {slower:.2} times as long, the limit is {limit}");
}

#[test]
fn it_finds_the_capacity_from_below_and_from_above() {
    for (initial, capacity, millis) in [
        (3, 50, 50),
        (800, 50, 50),
        (3, 8, 100),
        (800, 8, 100),
        (3, 100, 20),
        (20, 20, 1_000),
        (800, 20, 1_000),
    ] {
        let service = service(capacity, millis);
        let mut simulation = Simulation::new(adaptive(initial), service);
        simulation.run(overload(service), 120 * SECOND);
        assert_settled(&mut simulation, &format!("{capacity} of {millis}ms from {initial}"));
    }
}

#[test]
fn it_follows_a_service_that_becomes_slower_and_fast_again() {
    let mut simulation = Simulation::new(adaptive(20), service(50, 20));
    for millis in [20, 100, 20, 2] {
        simulation.service.takes = Duration::from_millis(millis);
        let load = overload(simulation.service);
        simulation.run(load, 30 * SECOND);
        assert_settled(&mut simulation, &format!("{millis}ms"));
    }
}

#[test]
fn it_follows_a_capacity_that_shrinks_and_grows_again() {
    let mut simulation = Simulation::new(adaptive(20), service(40, 20));
    for capacity in [40, 10, 40, 80] {
        simulation.service.capacity = capacity;
        let load = overload(simulation.service);
        simulation.run(load, 60 * SECOND);
        assert_settled(&mut simulation, &format!("a capacity of {capacity}"));
    }
}

#[test]
fn a_service_that_becomes_slower_of_itself_sheds_only_for_a_moment() {
    // A tenth of what it can bear, before and after.
    let mut simulation = Simulation::new(adaptive(20), service(200, 20));
    simulation.run(1_000.0, 60 * SECOND);
    simulation.service.takes = Duration::from_millis(60);
    let Seen { shed, done, .. } = simulation.run(1_000.0, 15 * SECOND);
    assert!(shed < done / 10, "{shed} of {done}");
    let Seen { shed, done, .. } = simulation.run(1_000.0, 30 * SECOND);
    assert!(shed < done / 100, "{shed} of {done}");
}

#[test]
fn what_is_not_used_does_not_grow() {
    let mut simulation = Simulation::new(adaptive(40), service(1_000, 20));
    // Five in flight on average.
    let seen = simulation.run(250.0, 120 * SECOND);
    assert!(seen.highest <= 47, "grown to {}", seen.highest);
    assert_eq!(seen.shed, 0);
}

#[test]
fn what_was_learned_outlives_idleness() {
    let mut simulation = Simulation::new(adaptive(20), service(50, 20));
    let load = overload(simulation.service);
    simulation.run(load, 60 * SECOND);
    let before = simulation.limiter.limit();
    simulation.run(0.0, 3_600 * SECOND);
    let after = simulation.limiter.limit();
    assert!(after >= before / 2, "{before} became {after}");
    assert_settled(&mut simulation, "after an hour");
}

#[test]
fn failures_teach_nothing_and_overload_lowers_the_limit() {
    for (outcome, falls) in [(Outcome::Unrelated, false), (Outcome::Overloaded, true)] {
        let mut simulation = Simulation::new(adaptive(20), service(50, 20));
        let load = overload(simulation.service);
        simulation.run(load, 60 * SECOND);
        let before = simulation.limiter.limit();
        // It fails at once, and so looks fast.
        simulation.service = Service { outcome, ..service(50, 1) };
        simulation.run(load, 20 * SECOND);
        let after = simulation.limiter.limit();
        match falls {
            true => assert_eq!(after, 3, "{outcome:?}"),
            false => {
                assert!((before / 2..=before * 2).contains(&after), "{outcome:?}: {before} became {after}")
            }
        }
        simulation.service = service(50, 20);
        simulation.run(load, 30 * SECOND);
        assert_settled(&mut simulation, &format!("after {outcome:?}"));
    }
}

#[test]
fn few_overloads_among_many_answers_are_no_overload() {
    let now = Instant::now();
    let mut gradient = gradient::Gradient::new(adaptive(20), now);
    let mut at = now;
    for number in 0..2_000 {
        let outcome = if number % 20 == 0 { Outcome::Overloaded } else { Outcome::Answered };
        gradient.learn(outcome, at, 20, at + Duration::from_millis(10));
        at += Duration::from_millis(10);
    }
    assert!(gradient.limit() >= 20, "{}", gradient.limit());
}

#[test]
fn a_service_that_hangs_while_clients_give_up_is_given_less() {
    let mut simulation = Simulation::new(adaptive(20), service(50, 20));
    let load = overload(simulation.service);
    simulation.run(load, 30 * SECOND);
    let before = simulation.limiter.limit();
    simulation.service = Service { outcome: Outcome::Abandoned, ..service(1_000, 500) };
    let seen = simulation.run(load, 3 * SECOND);
    assert!(seen.lowest < before / 2, "{before} only fell to {}", seen.lowest);
}

#[test]
fn other_settings_keep_what_was_learned_within_their_bounds() {
    let mut simulation = Simulation::new(adaptive(20), service(50, 20));
    let load = overload(simulation.service);
    simulation.run(load, 60 * SECOND);
    let limiter = &simulation.limiter;
    let learned = limiter.limit();
    let now = Instant::now();
    let with = |bound| Settings { bound, ..limiter.settings() };
    let same = Settings { patience: SECOND, ..limiter.settings() };
    limiter.configure(same, now);
    assert_eq!((limiter.limit(), limiter.settings()), (learned, same));
    limiter.configure(with(Bound::Adaptive(Adaptive { max: learned - 5, ..adaptive(20) })), now);
    assert_eq!(limiter.limit(), learned - 5);
    limiter.configure(with(Bound::Fixed(7)), now);
    assert_eq!(limiter.limit(), 7);
    limiter.configure(with(Bound::Adaptive(adaptive(9))), now);
    assert_eq!(limiter.limit(), 9, "a fixed limit teaches nothing");
}

#[test]
fn a_service_that_has_room_is_never_held_up() {
    let mut simulation = Simulation::new(adaptive(100), service(200, 20));
    // Less than thirty in flight on average, of a hundred.
    let Seen { shed, done, .. } = simulation.run(1_400.0, 120 * SECOND);
    assert!(shed == 0 && done > 150_000, "{shed} of {done}");
}
