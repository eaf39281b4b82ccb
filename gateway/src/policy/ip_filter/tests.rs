use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use proptest::{collection::vec, prelude::*};

use super::*;
use crate::value::Place;

fn list(texts: &[&str]) -> Vec<Located<Cidr>> {
    let place = |line| Place { line, column: 1, ..Place::unknown() };
    texts.iter().zip(1..).map(|(text, line)| Located::new(text.parse().unwrap(), place(line))).collect()
}

fn config(allow: &[&str], deny: &[&str]) -> IpFilterConfig {
    IpFilterConfig { allow: list(allow), deny: list(deny) }
}

#[track_caller]
fn assert_checks(allow: &[&str], deny: &[&str], expected: &[(&str, Result<(), Refused>)]) {
    let filter = IpFilter::new(&config(allow, deny));
    for (address, verdict) in expected {
        assert_eq!(filter.check(address.parse().unwrap()), *verdict, "{address}");
    }
}

const DENIED: Result<(), Refused> = Err(Refused::Denied);
const NOT_ALLOWED: Result<(), Refused> = Err(Refused::NotAllowed);

#[test]
fn off_lets_everybody_in() {
    assert_checks(&[], &[], &[("192.0.2.1", Ok(())), ("::", Ok(()))]);
    assert!(IpFilter::default().is_off() && IpFilter::new(&config(&[], &[])).is_off());
}

#[test]
fn an_allow_list_lets_in_nobody_else() {
    let expected = [
        ("10.255.255.255", Ok(())),
        ("11.0.0.0", NOT_ALLOWED),
        ("9.255.255.255", NOT_ALLOWED),
        ("2001:db8::7", Ok(())),
        ("2001:db9::", NOT_ALLOWED),
        ("192.0.2.7", Ok(())),
        ("192.0.2.8", NOT_ALLOWED),
    ];
    assert_checks(&["10.0.0.0/8", "2001:db8::/32", "192.0.2.7"], &[], &expected);
}

#[test]
fn a_deny_list_alone_lets_in_everybody_else() {
    let expected = [("203.0.113.9", DENIED), ("203.0.114.0", Ok(())), ("::1", Ok(()))];
    assert_checks(&[], &["203.0.113.0/24"], &expected);
}

#[test]
fn deny_wins() {
    let expected = [("10.1.0.1", DENIED), ("10.2.0.1", Ok(())), ("10.1.2.3", DENIED)];
    assert_checks(&["10.0.0.0/8", "10.1.2.3"], &["10.1.0.0/16"], &expected);
}

#[test]
fn ipv4_written_as_ipv6_is_ipv4() {
    assert_checks(&["10.0.0.0/8"], &[], &[("::ffff:10.0.0.1", Ok(())), ("::ffff:11.0.0.1", NOT_ALLOWED)]);
    assert_checks(&["::ffff:10.0.0.0/104"], &[], &[("10.0.0.1", Ok(())), ("::ffff:10.0.0.1", Ok(()))]);
}

#[test]
fn each_family_is_its_own() {
    let both = ["::ffff:192.0.2.1", "192.0.2.1"];
    for address in both {
        assert_checks(&[], &["::/0"], &[(address, Ok(())), ("::1", DENIED), ("ffff::", DENIED)]);
        assert_checks(&[], &["0.0.0.0/0"], &[(address, DENIED), ("::1", Ok(())), ("ffff::", Ok(()))]);
    }
}

#[test]
fn a_client_is_told_one_reason_and_the_operator_the_list() {
    for (refused, key) in [(Refused::Denied, "ip_filter.deny"), (Refused::NotAllowed, "ip_filter.allow")] {
        assert_eq!(Reason::from(refused).code(), "client_address_refused");
        assert!(refused.to_string().contains(key));
    }
}

#[test]
fn long_lists_are_merged() {
    let all: Ranges = (0..10_000u32)
        .map(|index| Ipv4Addr::from(index * 2).to_string().parse::<Cidr>().unwrap())
        .chain(["0.0.0.0/18".parse().unwrap(), "0.0.64.0/19".parse().unwrap()])
        .collect();
    // The last ones beyond the two networks, which are one range, stand alone.
    let beyond = (0..10_000u32).filter(|index| index * 2 >= 0x6000).count();
    assert_eq!(format!("{all:?}").matches('-').count(), 1 + beyond);
    assert!(all.contains("0.0.95.255".parse().unwrap()) && !all.contains("1.0.0.0".parse().unwrap()));
}

/// Ranges and addresses that meet often: few networks, around the places where one family begins and ends.
fn cidr() -> impl Strategy<Value = Cidr> {
    (address(), 0..=128u8).prop_map(|(address, prefix)| {
        let most = if address.is_ipv4() { 32 } else { 128 };
        let range = ipnet::IpNet::new(address, prefix % (most + 1)).unwrap().trunc();
        range.to_string().parse().unwrap()
    })
}

fn address() -> impl Strategy<Value = IpAddr> {
    let mapped = 0xffff_0000_0000u128;
    let places = [0, mapped, mapped - 1, mapped + 0xffff_ffff, mapped + 0x1_0000_0000, u128::MAX];
    prop_oneof![
        (0..4u32, any::<u8>()).prop_map(|(a, b)| Ipv4Addr::from(a << 24 | u32::from(b)).into()),
        prop::sample::select(vec![0, u32::MAX]).prop_map(|bits| Ipv4Addr::from(bits).into()),
        (prop::sample::select(places.to_vec()), -4..4i128)
            .prop_map(|(place, step)| Ipv6Addr::from(place.wrapping_add_signed(step)).into()),
        any::<u128>().prop_map(|bits| Ipv6Addr::from(bits).into()),
    ]
}

/// The plain model: every entry is looked at.
fn plainly(config: &IpFilterConfig, client: IpAddr) -> Result<(), Refused> {
    let holds = |list: &[Located<Cidr>]| list.iter().any(|range| range.contains(client));
    match config {
        IpFilterConfig { deny, .. } if holds(deny) => Err(Refused::Denied),
        IpFilterConfig { allow, .. } if !allow.is_empty() && !holds(allow) => Err(Refused::NotAllowed),
        _ => Ok(()),
    }
}

proptest! {
    #[test]
    fn it_decides_as_the_plain_model(
        allow in vec(cidr(), 0..12),
        deny in vec(cidr(), 0..12),
        clients in vec(address(), 1..20),
    ) {
        // The edges of what is listed, and what stands beside them.
        let bounds = allow.iter().chain(&deny).flat_map(|range| <[IpAddr; 2]>::from(range.bounds()));
        let clients: Vec<IpAddr> = bounds.chain(clients).flat_map(beside).collect();
        let located = |list: Vec<Cidr>| list.into_iter().map(Located::from).collect();
        let config = IpFilterConfig { allow: located(allow), deny: located(deny) };
        let filter = IpFilter::new(&config);
        for client in clients {
            prop_assert_eq!(filter.check(client), plainly(&config, client), "{}", client);
        }
    }

    #[test]
    fn a_range_is_covered_or_met_as_its_addresses_are(list in vec(cidr(), 0..12), base: u32, prefix in 28..=32u8) {
        let base = base % 0x0400_0000;
        let range = ipnet::Ipv4Net::new(base.into(), prefix).unwrap().trunc();
        let list: Ranges = list.into_iter().collect();
        let within: Vec<bool> = (u32::from(range.network())..=u32::from(range.broadcast()))
            .map(|bits| list.contains(Ipv4Addr::from(bits).into()))
            .collect();
        let range = range.to_string().parse().unwrap();
        prop_assert_eq!(list.covers(range), within.iter().all(|within| *within));
        prop_assert_eq!(list.meets(range), within.iter().any(|within| *within));
    }
}

fn beside(address: IpAddr) -> [IpAddr; 3] {
    match address {
        IpAddr::V4(v4) => [u32::wrapping_sub, u32::wrapping_add, |bits, _| bits]
            .map(|step| Ipv4Addr::from(step(v4.to_bits(), 1)).into()),
        IpAddr::V6(v6) => [u128::wrapping_sub, u128::wrapping_add, |bits, _| bits]
            .map(|step| Ipv6Addr::from(step(v6.to_bits(), 1)).into()),
    }
}

/// Lines and texts of the warnings, and whether there is an error.
fn review(allow: &[&str], deny: &[&str]) -> (bool, Vec<(u32, String)>) {
    let Review { error, warnings } = Review::of(&config(allow, deny));
    (error.is_some(), warnings.into_iter().map(|remark| (remark.place.line, remark.text)).collect())
}

#[test]
fn lists_that_do_what_they_say_are_not_remarked_on() {
    let nothing = (false, Vec::new());
    assert_eq!(review(&[], &[]), nothing);
    assert_eq!(review(&["10.0.0.0/8", "11.0.0.0/8", "fd00::/8"], &["10.1.0.0/16"]), nothing);
    assert_eq!(review(&[], &["0.0.0.0/0"]), nothing);
}

#[test]
fn what_is_listed_twice_or_within_another_is_said_once_for_all() {
    let (_, warnings) = review(&["10.1.0.0/16", "192.0.2.1", "10.0.0.0/8", "192.0.2.1"], &[]);
    let text = "`10.1.0.0/16` is part of `10.0.0.0/8` in line 3, and so with 1 more entry; remove both";
    assert_eq!(warnings, [(1, text.to_owned())]);
    let (_, warnings) = review(&[], &["192.0.2.1", "::ffff:192.0.2.1"]);
    assert_eq!(warnings, [(2, "`192.0.2.1/32` is listed in line 1 too; remove it".to_owned())]);
}

#[test]
fn a_filter_that_lets_nobody_in_is_not_meant() {
    assert!(review(&["10.0.0.0/8"], &["10.0.0.0/9", "10.128.0.0/9"]).0, "two halves are the whole");
    assert!(!review(&["10.0.0.0/8"], &["10.0.0.0/9"]).0);
    let (error, warnings) = review(&[], &["::/0", "0.0.0.0/0"]);
    assert!(!error && warnings.len() == 1 && warnings[0].1.contains("every address"), "{warnings:?}");
}

#[test]
fn entries_without_effect_are_named() {
    let (error, warnings) = review(&["10.0.0.0/8", "192.0.2.7"], &["192.0.2.0/24", "203.0.113.0/24"]);
    let texts: Vec<&str> = warnings.iter().map(|(_, text)| text.as_str()).collect();
    assert!(!error);
    assert!(texts[0].starts_with("`192.0.2.7/32` has no effect, because `deny` holds it"), "{texts:?}");
    assert!(texts[1].starts_with("`203.0.113.0/24` has no effect, because `allow` holds none"), "{texts:?}");
}
