//! Shares follow weights, and nobody excluded is ever chosen.

use std::collections::HashSet;

use proptest::prelude::*;

use super::*;

fn weights() -> impl Strategy<Value = Vec<u32>> {
    prop::collection::vec(1_u32..=20, 1..12)
}

fn no_load(_: usize) -> u32 {
    0
}

proptest! {
    #[test]
    fn a_cycle_gives_everybody_exactly_its_weight(weights in weights(), turn in 0_usize..1000) {
        let total = weights.iter().sum::<u32>() as usize;
        let balancer = Balancer::new(Balance::RoundRobin, &weights);
        let mut counts = vec![0; weights.len()];
        for turn in turn..turn + total {
            counts[balancer.choose(turn, |_| false, no_load).unwrap()] += 1;
        }
        prop_assert_eq!(counts, weights);
    }

    #[test]
    fn at_no_time_is_anybody_far_from_its_share(weights in weights()) {
        let total = f64::from(weights.iter().sum::<u32>());
        let balancer = Balancer::new(Balance::RoundRobin, &weights);
        let mut counts = vec![0_f64; weights.len()];
        for turn in 0..total as usize {
            counts[balancer.choose(turn, |_| false, no_load).unwrap()] += 1.0;
            for (count, weight) in counts.iter().zip(&weights) {
                let share = f64::from(*weight) * (turn + 1) as f64 / total;
                prop_assert!((count - share).abs() <= weights.len() as f64 / 2.0 + 1.0);
            }
        }
    }

    #[test]
    fn nobody_excluded_is_chosen_and_somebody_else_always_is(
        weights in weights(),
        excluded in prop::collection::hash_set(0_usize..12, 0..12),
        turn: usize,
        least: bool,
    ) {
        let balance = if least { Balance::LeastRequest } else { Balance::RoundRobin };
        let left = (0..weights.len()).collect::<HashSet<_>>();
        let left = left.difference(&excluded).collect::<Vec<_>>();
        match Balancer::new(balance, &weights).choose(turn, |at| excluded.contains(&at), no_load) {
            Some(chosen) => prop_assert!(left.contains(&&chosen)),
            None => prop_assert!(left.is_empty()),
        }
    }

    #[test]
    fn of_two_endpoints_the_one_with_less_to_do_for_its_weight_is_taken(
        w in (1_u32..20, 1_u32..20),
        load in (0_u32..50, 0_u32..50),
    ) {
        let weights = Weights::new(&[w.0, w.1]);
        let random = |below| fastrand::u64(..below);
        let chosen = least_request::choose(&weights, |_| false, |at| [load.0, load.1][at], random).unwrap();
        let (a, b) = (load.0 * w.1, load.1 * w.0);
        let right = if chosen == 0 { a <= b } else { b <= a };
        prop_assert!(right);
    }
}

#[test]
fn heavy_and_light_endpoints_are_interleaved() {
    assert_eq!(*round_robin::order(&[5, 1, 1]), [0, 0, 0, 1, 2, 0, 0]);
    assert_eq!(*round_robin::order(&[2, 2, 2]), [0, 1, 2]);
}

#[test]
fn huge_weights_are_scaled_down_but_nobody_is_left_out() {
    let weights = (0..200).map(|i| if i == 0 { 1 } else { 997 }).collect::<Vec<_>>();
    let order = round_robin::order(&weights);
    assert!(order.len() <= 1 << 15);
    assert_eq!(order.iter().collect::<HashSet<_>>().len(), 200);
}

#[test]
fn an_idle_upstream_is_shared_by_weight() {
    let weights = Weights::new(&[3, 1]);
    let mut rng = fastrand::Rng::with_seed(7);
    let mut counts = [0_u32; 2];
    for _ in 0..4_000 {
        counts[least_request::choose(&weights, |_| false, no_load, |below| rng.u64(..below)).unwrap()] += 1;
    }
    assert!((2_850..3_150).contains(&counts[0]), "{counts:?}");
}

#[test]
fn without_endpoints_nothing_is_chosen() {
    for balance in [Balance::RoundRobin, Balance::LeastRequest] {
        assert_eq!(Balancer::new(balance, &[]).choose(3, |_| false, no_load), None);
    }
}
