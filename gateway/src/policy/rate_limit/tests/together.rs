//! What several gateways share, and what each counts of it alone.

use std::num::NonZeroU16;

use super::{
    super::counting::*,
    super::key::{Caller, CommonKeys},
    *,
};

fn together(rate: &str, burst: u32, instances: u16) -> Limit {
    let instances = NonZeroU16::new(instances).unwrap();
    let counting = Counting::Together(Together { lease: None, on_failure: OnFailure::Local, instances });
    Limit { counting, ..limit(rate, burst) }
}

#[test]
fn the_parts_of_all_gateways_are_the_limit() {
    for (burst, instances, part) in [(10, 1, 10), (10, 2, 5), (10, 3, 4), (2, 5, 1)] {
        let (limiter, now) = limiter(together("10/h", burst, instances));
        let key = key(&limiter, "192.0.2.1");
        let through = |now| (0..20).filter(|_| limiter.spend(key, count(1), now).is_allowed()).count();
        assert_eq!(through(now), part, "{burst} for {instances}");
        let period = Duration::from_secs(3600) * u32::from(instances);
        assert_eq!(limiter.look(key, now + period / 10).remaining, 1, "{burst} for {instances}");
    }
}

#[test]
fn what_costs_more_than_a_part_passes_once_a_part_is_full() {
    let (limiter, now) = limiter(together("10/h", 10, 5));
    let key = key(&limiter, "192.0.2.1");
    assert!(limiter.spend(key, count(7), now).is_allowed());
    assert_eq!(limiter.spend(key, count(7), now).outcome, Outcome::Refused);
    assert_eq!(limiter.spend(key, count(11), now).outcome, Outcome::TooCostly);
    // Seven of ten an hour, by one of five gateways.
    let again = now + Duration::from_secs(5 * 7 * 360);
    assert_eq!(limiter.spend(key, count(7), again - nanos(1)).outcome, Outcome::Refused);
    assert!(limiter.spend(key, count(7), again).is_allowed());
    assert_eq!(limiter.spend(key, count(1), again).outcome, Outcome::Refused, "it is all spent, and more");
}

#[test]
fn a_lease_is_a_share_of_the_burst_at_least_one_and_at_most_half() {
    for (burst, percent, tokens) in
        [(500, 10, 50), (15, 10, 1), (5, 10, 1), (1, 10, 1), (100, 80, 50), (100, 0, 1)]
    {
        assert_eq!(
            lease(count(burst), crate::value::Percent::from_percent(percent)).get(),
            tokens,
            "{burst}"
        );
    }
}

#[test]
fn an_own_quota_has_another_key_on_every_gateway() {
    let (headers, limit) = (HeaderMap::new(), limit("10/h", 10));
    let key = |quota: Option<(&str, u32)>| {
        let quota = quota.map(|(rate, burst)| Quota { rate: rate.parse().unwrap(), burst: count(burst) });
        let caller = Some(Caller {
            authenticator: "partners",
            claims: &serde_json::Value::Null,
            api_key: None,
            quota,
        });
        let client = "192.0.2.1".parse().unwrap();
        let asked = Asked { client, route: "route", headers: &headers, caller };
        CommonKeys::new("orders", "limit-1", &limit).key(&limit.by, &asked)
    };
    let all = [key(None), key(Some(("10/h", 10))), key(Some(("10/h", 11))), key(Some(("11/h", 10)))];
    for (index, one) in all.iter().enumerate() {
        assert!(!all[..index].contains(one), "{index}");
    }
}

#[test]
fn gateways_that_say_the_same_come_to_the_same_keys_and_no_others_do() {
    let asked = |client: &str| {
        let (client, headers) = (client.parse().unwrap(), HeaderMap::new());
        move |owner: &str, name: &str, limit: &Limit| {
            let asked = Asked { client, route: "route", headers: &headers, caller: None };
            CommonKeys::new(owner, name, limit).key(&limit.by, &asked)
        }
    };
    let (one, other) = (asked("192.0.2.1"), asked("192.0.2.2"));
    let said = limit("10/h", 10);
    let key = one("orders", "limit-1", &said);
    // As every version and every machine must come to it.
    assert_eq!(format!("{key:032x}"), "fd9a51971741c3c77148144e5d38c6b7");
    assert_eq!(key, one("orders", "limit-1", &Limit { max_keys: count(5), ..together("10/h", 10, 3) }));
    let by = Box::from([Part::ClientAddress, Part::Route]);
    for different in [
        other("orders", "limit-1", &said),
        one("users", "limit-1", &said),
        one("orders", "limit-2", &said),
        one("orderslimit-1", "", &said),
        one("orders", "limit-1", &limit("11/h", 10)),
        one("orders", "limit-1", &limit("10/h", 11)),
        one("orders", "limit-1", &Limit { by, ..said.clone() }),
    ] {
        assert_ne!(different, key);
    }
}

#[test]
fn buckets_stay_where_only_the_number_of_gateways_changes() {
    let (limiter, now) = limiter(together("10/h", 10, 1));
    let spent = |limiter: &Limiter, times| {
        let bucket = key(limiter, "192.0.2.1");
        (0..times).filter(|_| limiter.spend(bucket, count(1), now).is_allowed()).count()
    };
    assert_eq!(spent(&limiter, 8), 8);
    let more = together("10/h", 10, 2);
    assert!(limiter.limit().counts_like(&more));
    let limiter = limiter.continued(more.into());
    // What is missing comes back at half the pace.
    assert_eq!(spent(&limiter, 8), 1);
    for other in [together("11/h", 10, 1), Limit { max_keys: count(5), ..together("10/h", 10, 1) }] {
        assert!(!limiter.limit().counts_like(&other));
    }
}
