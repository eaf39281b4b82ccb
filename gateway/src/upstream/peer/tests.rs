//! The options that Pingora leaves dangerous or slow by default.

use pingora_core::upstreams::peer::{ALPN, Peer};
use serde_json::{Value, json};

use super::*;
use crate::upstream::testkit::settings;

fn peer(config: Value) -> HttpPeer {
    let settings = settings("service", config);
    template("127.0.0.1:1".parse().unwrap(), &settings.endpoints[0].url, &settings.connection)
}

#[test]
fn tls_never_goes_without_a_name_to_verify() {
    for (config, name) in [
        (json!({ "endpoints": ["https://a.example"] }), "a.example"),
        (json!({ "endpoints": ["https://127.0.0.1"] }), "127.0.0.1"),
        (json!({ "endpoints": ["https://[::1]:8443"] }), "::1"),
        (json!({ "endpoints": ["https://a"], "tls": { "server_name": "b.example" } }), "b.example"),
    ] {
        let peer = peer(config);
        assert_eq!(peer.sni, name);
        assert!(peer.is_tls() && peer.verify_cert() && peer.verify_hostname());
    }
}

#[test]
fn http2_is_by_prior_knowledge_or_by_negotiation() {
    let alpn = |config| peer(config).options.alpn;
    assert_eq!(alpn(json!({ "endpoints": ["http://a"] })), ALPN::H1);
    assert_eq!(alpn(json!({ "endpoints": ["http://a"], "http2": true })), ALPN::H2);
    assert_eq!(alpn(json!({ "endpoints": ["https://a"], "http2": true })), ALPN::H2H1);
}

#[test]
fn connections_of_other_settings_are_never_shared() {
    let hash = |config: Value| peer(config).reuse_hash();
    let plain = hash(json!({ "endpoints": ["http://a"] }));
    assert_ne!(plain, hash(json!({ "endpoints": ["http://a"], "http2": true })));
    assert_eq!(plain, hash(json!({ "endpoints": ["http://a"], "timeouts": { "read": "1s" } })));
    let timed = timed(
        &peer(json!({ "endpoints": ["http://a"] })),
        Timeouts { connect: Duration::from_secs(9), read: None, total: None },
    );
    assert_eq!(timed.reuse_hash(), plain, "one route's timeouts must not split the pool");
    let check = for_check(&peer(json!({ "endpoints": ["http://a"] })), Duration::from_secs(1));
    assert_ne!(check.reuse_hash(), plain);
}
