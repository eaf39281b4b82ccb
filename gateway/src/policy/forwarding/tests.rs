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
    tell(&mut headers, peer, &text, &from, trust.header, host.map(HeaderValue::from_static).as_ref());
    headers
}

fn trusting(ranges: &[&str], header: ChainHeader, test: impl FnOnce(Trust<'_>)) {
    let proxies: Vec<Cidr> = ranges.iter().map(|range| range.parse().unwrap()).collect();
    test(Trust { proxies: &proxies, header });
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
fn what_only_proxies_may_say_is_removed_from_a_strangers_request() {
    let claims = [
        ("forwarded", "for=1.1.1.1"),
        ("x-real-ip", "1.1.1.1"),
        ("x-forwarded-user", "admin"),
        ("x-forwarded-client-cert", "Subject=admin"),
        ("x-forwarded-prefix", "/admin"),
        ("x_forwarded_for", "1.1.1.1"),
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
        assert_eq!(trusted["x-forwarded-user"], "admin");
        assert!(trusted.get("proxy").is_none() && trusted.get("x_forwarded_for").is_none());
        assert!(trusted.get("forwarded").is_none(), "it is not the header this proxy maintains");
    });
    trusting(&["10.0.0.0/8"], ChainHeader::Forwarded, |trust| {
        let trusted = told(&headers(&claims), peer(PROXY), &trust, None);
        assert!(trusted.get("x-forwarded-user").is_none(), "nor are those where it maintains the other");
    });
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
        let sent = headers(&[("x-forwarded-proto", "HTTPS, http"), ("x-forwarded-host", "shop.test")]);
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
fn forwarded_is_read_where_the_listener_goes_by_it_and_nothing_else_is() {
    trusting(&["10.0.0.0/8"], ChainHeader::Forwarded, |trust| {
        for (chain, client, https) in [
            ("for=203.0.113.7;proto=https", "203.0.113.7", true),
            ("For=\"[2001:db8::17]:4711\";proto=http, for=10.0.0.9", "2001:db8::17", false),
            ("for=1.1.1.1, for=203.0.113.7;by=\"a,b;for=9.9.9.9\"", "203.0.113.7", false),
            ("for=_hidden", PROXY, false),
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
