use super::*;

#[test]
fn an_address_to_listen_on_is_numeric_and_has_a_port() {
    for good in ["127.0.0.1:8080", "[::]:0", " 0.0.0.0:1 "] {
        assert!(good.parse::<ListenAddress>().is_ok(), "{good}");
    }
    for bad in ["localhost:8080", "8080", ":8080", "127.0.0.1", "::1:8080", "127.0.0.1:70000"] {
        let error = bad.parse::<ListenAddress>().unwrap_err().to_string();
        assert!(error.contains(bad) && error.contains("[::]:8080"), "{error}");
    }
}

#[test]
fn a_range_holds_ipv4_however_it_is_written() {
    let net: Cidr = "10.0.0.0/8".parse().unwrap();
    assert!(net.contains("10.255.0.1".parse().unwrap()));
    assert!(net.contains("::ffff:10.0.0.1".parse().unwrap()));
    assert!(!net.contains("11.0.0.1".parse().unwrap()));
}

#[test]
fn one_address_is_a_range_of_one() {
    let net: Cidr = "192.0.2.1".parse().unwrap();
    assert!(net.contains("192.0.2.1".parse().unwrap()));
    assert!(!net.contains("192.0.2.2".parse().unwrap()));
    assert!("10.0.0.0/33".parse::<Cidr>().unwrap_err().to_string().contains("10.0.0.0/33"));
}

#[test]
fn a_range_of_ipv4_within_ipv6_is_ipv4() {
    for (written, same) in [
        ("::ffff:10.0.0.0/104", "10.0.0.0/8"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("::ffff:0:0/96", "0.0.0.0/0"),
    ] {
        assert_eq!(written.parse::<Cidr>().unwrap(), same.parse().unwrap(), "{written}");
    }
    let wider: Cidr = "::fffe:0:0/95".parse().unwrap();
    assert!(!wider.contains("192.0.2.1".parse().unwrap()), "IPv6 ranges hold no IPv4");
}

#[test]
fn bits_beyond_the_prefix_are_refused() {
    for (bad, range, one) in
        [("10.1.2.3/8", "10.0.0.0/8", "10.1.2.3"), ("2001:db8::1/32", "2001:db8::/32", "2001:db8::1")]
    {
        let error = bad.parse::<Cidr>().unwrap_err().to_string();
        for part in [bad, range, one] {
            assert!(error.contains(&format!("`{part}`")), "{error}");
        }
    }
}

#[test]
fn a_range_has_a_first_and_a_last_address() {
    let bounds = |text: &str| {
        let (first, last) = text.parse::<Cidr>().unwrap().bounds();
        (first.to_string(), last.to_string())
    };
    assert_eq!(bounds("10.0.0.0/8"), ("10.0.0.0".into(), "10.255.255.255".into()));
    assert_eq!(bounds("192.0.2.1"), ("192.0.2.1".into(), "192.0.2.1".into()));
    assert_eq!(bounds("fe80::/127"), ("fe80::".into(), "fe80::1".into()));
}
