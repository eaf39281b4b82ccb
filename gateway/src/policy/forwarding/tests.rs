use super::*;

const PROXY: &str = "10.0.0.1";

fn headers(lines: &[(&'static str, &str)]) -> HeaderMap {
    lines
        .iter()
        .map(|(name, value)| {
            (HeaderName::from_static(name), HeaderValue::from_bytes(value.as_bytes()).unwrap())
        })
        .collect()
}

fn peer(address: &str) -> Peer {
    Peer { address: address.parse().unwrap(), tls: false }
}

/// What the next server is told.
fn told(sent: &HeaderMap, peer: Peer, trust: &Trust<'_>, host: Option<&'static str>) -> HeaderMap {
    let mut headers = sent.clone();
    let from = origin(sent, peer, trust);
    let text: HeaderValue = peer.address.to_string().parse().unwrap();
    claims(sent, &from, trust).iter().for_each(|claim| drop(headers.remove(claim)));
    tell(&mut headers, peer, &text, &from, trust.header, host.map(HeaderValue::from_static).as_ref());
    headers
}

fn trusting(ranges: &[&str], header: ChainHeader, test: impl FnOnce(Trust<'_>)) {
    let proxies: Vec<Cidr> = ranges.iter().map(|range| range.parse().unwrap()).collect();
    test(Trust { proxies: &proxies, header, others: &[] });
}

#[test]
fn a_strangers_claims_count_for_nothing() {
    trusting(&["10.0.0.0/8"], ChainHeader::XForwardedFor, |trust| {
        let sent = headers(&[
            ("x-forwarded-for", "1.1.1.1"),
            ("x-forwarded-proto", "https"),
            ("x-forwarded-host", "evil.test"),
        ]);
        let from = origin(&sent, peer("203.0.113.7"), &trust);
        assert_eq!(from, Origin { client: "203.0.113.7".parse().unwrap(), trusted: false, https: false });
        let told = told(&sent, peer("203.0.113.7"), &trust, Some("a.test"));
        assert_eq!(told["x-forwarded-for"], "203.0.113.7");
        assert_eq!(told["x-forwarded-proto"], "http");
        assert_eq!(told["x-forwarded-host"], "a.test");
        assert_eq!(told.len(), 3);
    });
}

#[test]
fn a_chain_is_followed_from_its_end_and_not_for_ever() {
    let long = format!("198.51.100.1, {}", ["10.0.0.2"; 100].join(", "));
    let elements = format!("for=198.51.100.1, {}", ["for=10.0.0.2"; 100].join(", "));
    let near = format!("{}203.0.113.9, 10.0.0.2", "junk, ".repeat(10_000));
    for (chain, name, value, client) in [
        (ChainHeader::XForwardedFor, "x-forwarded-for", &long, "10.0.0.2"),
        (ChainHeader::Forwarded, "forwarded", &elements, "10.0.0.2"),
        (ChainHeader::XForwardedFor, "x-forwarded-for", &near, "203.0.113.9"),
    ] {
        trusting(&["10.0.0.0/8"], chain, |trust| {
            let found = origin(&headers(&[(name, value)]), peer(PROXY), &trust).client;
            assert_eq!(found, client.parse::<IpAddr>().unwrap(), "{name}");
        });
    }
    trusting(&["10.0.0.0/8"], ChainHeader::Forwarded, |trust| {
        let told = told(&headers(&[("forwarded", &elements)]), peer(PROXY), &trust, None);
        assert_eq!(told["forwarded"].to_str().unwrap().matches("for=").count(), 65);
    });
    // In the order of the lines, too.
    trusting(&["10.0.0.0/8"], ChainHeader::XForwardedFor, |trust| {
        let lines =
            headers(&[("x-forwarded-for", "198.51.100.1"), ("x-forwarded-for", "203.0.113.9, 10.0.0.2")]);
        assert_eq!(origin(&lines, peer(PROXY), &trust).client, "203.0.113.9".parse::<IpAddr>().unwrap());
    });
}

#[test]
fn what_only_proxies_may_say_is_removed_from_a_strangers_request() {
    let claims = [
        ("forwarded", "for=1.1.1.1"),
        ("x-real-ip", "1.1.1.1"),
        ("x-forwarded-user", "admin"),
        ("x-forwarded-client-cert", "Subject=admin"),
        ("x-forwarded-prefix", "/admin"),
        ("x_forwarded_for", "1.1.1.1"),
        ("x_request_id", "evil"),
        ("x-original-url", "/admin"),
        ("true-client-ip", "1.1.1.1"),
        ("proxy", "http://evil.test"),
        ("x-own", "stays"),
    ];
    trusting(&["10.0.0.0/8"], ChainHeader::XForwardedFor, |trust| {
        let strangers = told(&headers(&claims), peer("203.0.113.7"), &trust, None);
        let mut left: Vec<&str> = strangers.keys().map(HeaderName::as_str).collect();
        left.sort_unstable();
        assert_eq!(left, ["x-forwarded-for", "x-forwarded-proto", "x-own"]);
        let trusted = told(&headers(&claims), peer(PROXY), &trust, None);
        let mut left: Vec<&str> = trusted.keys().map(HeaderName::as_str).collect();
        left.sort_unstable();
        assert_eq!(
            left,
            ["x-forwarded-for", "x-forwarded-proto", "x-own"],
            "a stranger behind it may write them"
        );
    });
}

#[test]
fn what_the_operator_has_named_is_believed_of_trusted_proxies_alone() {
    let others: Vec<TrustedHeader> = ["X-Forwarded-User", "x-user"].map(|name| name.parse().unwrap()).into();
    let sent = headers(&[
        ("x-forwarded-user", "admin"),
        ("x_forwarded_user", "forged"),
        ("x-user", "admin"),
        ("x_user", "forged"),
        ("x-real-ip", "1.1.1.1"),
        ("x-original-url", "/admin"),
    ]);
    for header in [ChainHeader::XForwardedFor, ChainHeader::Forwarded] {
        trusting(&["10.0.0.0/8"], header, |trust| {
            let trust = Trust { others: &others, ..trust };
            let named = |told: &HeaderMap| {
                let mut named: Vec<String> = told.keys().map(|name| name.as_str().to_owned()).collect();
                named.retain(|name| {
                    !["x-forwarded-for", "x-forwarded-proto", "forwarded"].contains(&name.as_str())
                });
                named.sort_unstable();
                named
            };
            assert_eq!(named(&told(&sent, peer(PROXY), &trust, None)), ["x-forwarded-user", "x-user"]);
            assert!(named(&told(&sent, peer("203.0.113.7"), &trust, None)).is_empty());
        });
    }
}

#[test]
fn the_client_is_the_rightmost_address_that_is_no_trusted_proxy() {
    trusting(&["10.0.0.0/8", "fd00::/8"], ChainHeader::XForwardedFor, |trust| {
        for (chain, client) in [
            ("1.1.1.1, 203.0.113.7, 10.0.0.9", "203.0.113.7"),
            ("203.0.113.7", "203.0.113.7"),
            ("203.0.113.7:4711", "203.0.113.7"),
            ("2001:db8::1, fd00::2", "2001:db8::1"),
            ("[2001:db8::1]:443", "2001:db8::1"),
            ("::ffff:203.0.113.7", "203.0.113.7"),
            ("10.0.0.8, 10.0.0.9", "10.0.0.8"),
            ("1.1.1.1, unknown, 10.0.0.9", "10.0.0.9"),
            ("nonsense", PROXY),
            ("\u{ff}, 203.0.113.9", "203.0.113.9"),
            ("", PROXY),
        ] {
            let from = origin(&headers(&[("x-forwarded-for", chain)]), peer(PROXY), &trust);
            assert_eq!(from.client, client.parse::<IpAddr>().unwrap(), "{chain}");
            assert!(from.trusted);
        }
    });
}

#[test]
fn several_lines_are_one_chain() {
    trusting(&["10.0.0.0/8"], ChainHeader::XForwardedFor, |trust| {
        let sent = headers(&[("x-forwarded-for", "1.1.1.1"), ("x-forwarded-for", "2.2.2.2")]);
        let from = origin(&sent, peer(PROXY), &trust);
        assert_eq!(from.client.to_string(), "2.2.2.2");
        let told = told(&sent, peer(PROXY), &trust, None);
        assert_eq!(told["x-forwarded-for"], "1.1.1.1, 2.2.2.2, 10.0.0.1");
        assert_eq!(told.get_all("x-forwarded-for").iter().count(), 1);
        assert!(told.get("x-forwarded-host").is_none());
    });
}

#[test]
fn trusted_proxies_say_which_scheme_and_host_it_was() {
    trusting(&["10.0.0.0/8"], ChainHeader::XForwardedFor, |trust| {
        let sent = headers(&[("x-forwarded-proto", "HTTPS"), ("x-forwarded-host", "shop.test")]);
        let from = origin(&sent, peer(PROXY), &trust);
        assert!(from.https);
        let told = told(&sent, peer(PROXY), &trust, Some("inner"));
        assert_eq!(
            (&told["x-forwarded-proto"], &told["x-forwarded-host"]),
            (&"https".parse().unwrap(), &"shop.test".parse().unwrap())
        );
        let nonsense = origin(&headers(&[("x-forwarded-proto", "gopher")]), peer(PROXY), &trust);
        assert!(!nonsense.https, "the connection itself is what is known then");
    });
}

#[test]
fn of_several_schemes_and_hosts_the_last_is_the_trusted_proxys() {
    trusting(&["10.0.0.0/8"], ChainHeader::XForwardedFor, |trust| {
        for lines in [
            &[("x-forwarded-proto", "https, http"), ("x-forwarded-host", "evil.test, shop.test")][..],
            &[
                ("x-forwarded-proto", "https"),
                ("x-forwarded-proto", "http"),
                ("x-forwarded-host", "evil.test"),
                ("x-forwarded-host", "shop.test"),
            ],
        ] {
            let sent = headers(lines);
            assert!(!origin(&sent, peer(PROXY), &trust).https, "{lines:?}");
            let told = told(&sent, peer(PROXY), &trust, Some("inner"));
            assert_eq!(told["x-forwarded-proto"], "http");
            assert_eq!(told["x-forwarded-host"], "shop.test");
        }
    });
}

#[test]
fn forwarded_is_read_where_the_listener_goes_by_it_and_nothing_else_is() {
    trusting(&["10.0.0.0/8"], ChainHeader::Forwarded, |trust| {
        for (chain, client, https) in [
            ("for=203.0.113.7;proto=https", "203.0.113.7", true),
            ("For=\"[2001:db8::17]:4711\";proto=http, for=10.0.0.9", "2001:db8::17", false),
            ("for=1.1.1.1, for=203.0.113.7;by=\"a,b;for=9.9.9.9\"", "203.0.113.7", false),
            ("for=_hidden", PROXY, false),
            ("for=203.0.113.7:4711; by=unknown;;Proto=HTTPS", "203.0.113.7", true),
            ("for=[2001:db8::17]:4711", "2001:db8::17", false),
        ] {
            let sent = headers(&[("forwarded", chain), ("x-forwarded-for", "9.9.9.9")]);
            let from = origin(&sent, peer(PROXY), &trust);
            assert_eq!((from.client, from.https), (client.parse::<IpAddr>().unwrap(), https), "{chain}");
        }
    });
}

#[test]
fn forwarded_is_continued_and_the_plain_list_says_what_it_comes_to() {
    trusting(&["10.0.0.0/8"], ChainHeader::Forwarded, |trust| {
        let sent = headers(&[("forwarded", "for=203.0.113.7"), ("x-forwarded-for", "9.9.9.9")]);
        let continued = told(&sent, peer(PROXY), &trust, Some("a.test"));
        assert_eq!(continued["forwarded"], "for=203.0.113.7, for=10.0.0.1;proto=http;host=\"a.test\"");
        assert_eq!(continued["x-forwarded-for"], "203.0.113.7, 10.0.0.1");

        let stranger = Peer { address: "2001:db8::5".parse().unwrap(), tls: true };
        let begun = told(&sent, stranger, &trust, None);
        assert_eq!(begun["forwarded"], "for=\"[2001:db8::5]\";proto=https");
        assert_eq!(begun["x-forwarded-for"], "2001:db8::5");
    });
}

/// What a stranger wrote, then the element of the trusted proxy behind which it is.
#[test]
fn no_quote_hides_what_a_trusted_proxy_has_added() {
    let strangers = [
        "for=1.2.3.4;proto=https;x=\"",
        "for=1.2.3.4;proto=https;x=\"\\",
        "for=1.2.3.4;proto=https;x=\"\\\"",
        "for=1.2.3.4;proto=https;x=\\\"",
        "\"",
        "for=\"1.2.3.4",
        "for=1.2.3.4;proto=https;x=\"a\"b",
        "for=1.2.3.4;proto=https;x=\"a\";\"",
        "for=1.2.3.4;proto=https \"",
        "nonsense",
        "\u{ff}=\"",
    ];
    let proxies = [
        ("for=203.0.113.7", "203.0.113.7"),
        ("for=203.0.113.7;by=\"a,b;for=9.9.9.9\"", "203.0.113.7"),
        ("for=\"[2001:db8::17]:4711\";proto=http;host=\"a\"", "2001:db8::17"),
        ("for=203.0.113.7;host=\"a\\\",\\\\\"", "203.0.113.7"),
    ];
    trusting(&["10.0.0.0/8"], ChainHeader::Forwarded, |trust| {
        for stranger in strangers {
            for (element, client) in proxies {
                let whole = format!("{stranger}, {element}");
                let one = headers(&[("forwarded", &whole)]);
                let two = headers(&[("forwarded", stranger), ("forwarded", element)]);
                for sent in [one, two] {
                    let from = origin(&sent, peer(PROXY), &trust);
                    let expected = Origin { client: client.parse().unwrap(), trusted: true, https: false };
                    assert_eq!(from, expected, "{sent:?}");
                    let told = told(&sent, peer(PROXY), &trust, None);
                    assert_eq!(told["forwarded"], format!("{element}, for=10.0.0.1;proto=http"), "{sent:?}");
                }
            }
        }
    });
}

#[test]
fn what_cannot_be_read_is_a_hop_without_an_address_and_is_not_passed_on() {
    trusting(&["10.0.0.0/8"], ChainHeader::Forwarded, |trust| {
        for bad in [
            "for=1.2.3.4;proto=https;x=\"",
            "for=1.2.3.4;proto=https;x",
            "for=1.2.3.4;proto=https;=x",
            "for=1.2.3.4;proto=https;x=",
            "for=1.2.3.4;proto=https;x y=z",
            "for=1.2.3.4;proto=https;x=\"a\"b",
            "for=1.2.3.4;for=1.2.3.5;proto=https",
            "proto=https;for=1.2.3.4;proto=https",
        ] {
            let sent = headers(&[("forwarded", bad)]);
            let expected = Origin { client: PROXY.parse().unwrap(), trusted: true, https: false };
            assert_eq!(origin(&sent, peer(PROXY), &trust), expected, "{bad}");
            let told = told(&sent, peer(PROXY), &trust, None);
            assert_eq!(told["forwarded"], "for=10.0.0.1;proto=http", "{bad}");
            assert_eq!(told["x-forwarded-for"], PROXY, "{bad}");
        }
    });
}

proptest::proptest! {
    #[test]
    fn no_bytes_of_a_stranger_hide_what_a_trusted_proxy_has_added(stranger in "[a-b=;, \"\\\\]{0,24}") {
        trusting(&["10.0.0.0/8"], ChainHeader::Forwarded, |trust| {
            for element in ["for=203.0.113.7;by=\"_a\"", "by=\"a\\\"\";for=203.0.113.7"] {
                let sent = headers(&[("forwarded", &format!("{stranger},{element}"))]);
                assert_eq!(origin(&sent, peer(PROXY), &trust).client.to_string(), "203.0.113.7");
                let told = told(&sent, peer(PROXY), &trust, None);
                assert!(told["forwarded"].to_str().unwrap().contains(element), "{told:?}");
            }
        });
    }
}
