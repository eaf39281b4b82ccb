//! TLS on a listener: ALPN, SNI, and certificates that are replaced while it runs.

use http::Version;
use tests::client::{Connection, Protocol};
use tests::raw::RawClient;
use tests::tls::{Authority, Identity};
use tests::{DEADLINE, Gateway, Launch, Upstream, client, empty, eventually};

const LISTENERS: &str = "
listeners:
  - name: public
    address: \"127.0.0.1:0\"
    tls:
      certificates:
        - { certificate: a.pem, key: a.key }
        - { certificate: b.pem, key: b.key }
";

async fn gateway(upstream: &Upstream, listeners: &str, a: &Identity, b: &Identity) -> Gateway {
    let yaml = format!("{listeners}{}", super::proxy_to(upstream));
    let mut launch = Launch::new(&yaml);
    for (name, identity) in [("a", a), ("b", b)] {
        launch = launch.file(&format!("{name}.pem"), &identity.certificate);
        launch = launch.file(&format!("{name}.key"), &identity.key);
    }
    launch.start().await
}

async fn shown(gateway: &Gateway, authority: &Authority, name: &str) -> Vec<u8> {
    let opened = Connection::open_tls(gateway.address(), name, authority.client(&["http/1.1"])).await;
    opened.expect("a handshake").1
}

#[tokio::test]
async fn alpn_chooses_http2_or_http1() {
    let upstream = Upstream::echo().await;
    let authority = Authority::new();
    let identity = authority.issue(&["a.test"]);
    let gateway = gateway(&upstream, LISTENERS, &identity, &identity).await;
    for (offered, version) in [
        (&["h2", "http/1.1"][..], Version::HTTP_2),
        (&["http/1.1"], Version::HTTP_11),
        (&[], Version::HTTP_11),
    ] {
        let opened = Connection::open_tls(gateway.address(), "a.test", authority.client(offered)).await;
        let (mut connection, _) = opened.unwrap();
        let request = client::request("GET", "https://a.test/x").body(empty()).unwrap();
        let answer = connection.send(request).await.unwrap();
        assert_eq!((answer.status.as_u16(), answer.version), (200, version));
        assert_eq!(answer.json()["headers"]["x-forwarded-proto"][0], "https");
    }
}

#[tokio::test]
async fn the_name_asked_for_chooses_the_certificate() {
    let upstream = Upstream::saying("up").await;
    let authority = Authority::new();
    let (a, b) = (authority.issue(&["a.test"]), authority.issue(&["b.test", "*.b.test"]));
    let gateway = gateway(&upstream, LISTENERS, &a, &b).await;
    assert_eq!(shown(&gateway, &authority, "a.test").await, a.der);
    assert_eq!(shown(&gateway, &authority, "b.test").await, b.der);
    assert_eq!(shown(&gateway, &authority, "x.b.test").await, b.der);
}

#[tokio::test]
async fn replaced_certificates_are_shown_without_a_restart() {
    let upstream = Upstream::saying("up").await;
    let authority = Authority::new();
    let (old, other) = (authority.issue(&["a.test"]), authority.issue(&["b.test"]));
    let gateway = gateway(&upstream, LISTENERS, &old, &other).await;
    let opened = Connection::open_tls(gateway.address(), "a.test", authority.client(&["http/1.1"])).await;
    let mut open = opened.unwrap().0;

    let new = authority.issue(&["a.test"]);
    gateway.home().write("a.key", &new.key);
    gateway.home().write("a.pem", &new.certificate);
    let is_new = async || (shown(&gateway, &authority, "a.test").await == new.der).then_some(());
    eventually("the new certificate is shown", DEADLINE, is_new).await;

    let request = client::request("GET", "https://a.test/").body(empty()).unwrap();
    assert_eq!(open.send(request).await.unwrap().text(), "up", "open connections go on");

    gateway.home().write("a.pem", "not a certificate");
    assert!(!gateway.reload_now().await.status.is_success());
    assert_eq!(shown(&gateway, &authority, "a.test").await, new.der, "a broken file changes nothing");
}

#[tokio::test]
async fn a_minimum_version_is_kept() {
    let upstream = Upstream::saying("up").await;
    let authority = Authority::new();
    let identity = authority.issue(&["a.test"]);
    let strict = LISTENERS.replace("    tls:\n", "    tls:\n      min_version: \"1.3\"\n");
    for (listeners, accepted) in [(LISTENERS, true), (strict.as_str(), false)] {
        let gateway = gateway(&upstream, listeners, &identity, &identity).await;
        let opened = Connection::open_tls(gateway.address(), "a.test", authority.client_1_2()).await;
        assert_eq!(opened.is_ok(), accepted);
    }
}

#[tokio::test]
async fn failed_handshakes_are_counted_with_their_reason() {
    let upstream = Upstream::saying("up").await;
    let (authority, stranger) = (Authority::new(), Authority::new());
    let identity = authority.issue(&["a.test"]);
    let gateway = gateway(&upstream, LISTENERS, &identity, &identity).await;
    let failures = "gateway_listener_handshake_failures_total";

    let mut plain = RawClient::connect(gateway.address()).await;
    plain.send("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n").await;
    plain.rest().await;
    gateway.metric(failures, &[("reason", "not_tls")], |count| count == 1.0).await;

    let distrusting = Connection::open_tls(gateway.address(), "a.test", stranger.client(&[])).await;
    assert!(distrusting.is_err());
    gateway.metric(failures, &[("reason", "alert")], |count| count == 1.0).await;
    assert!(upstream.seen().is_empty());
}

#[tokio::test]
async fn http2_can_be_switched_off() {
    let upstream = Upstream::saying("up").await;
    let authority = Authority::new();
    let identity = authority.issue(&["a.test"]);
    let without = LISTENERS.replace("    tls:\n", "    http2: false\n    tls:\n");
    let gateway = gateway(&upstream, &without, &identity, &identity).await;
    let opened =
        Connection::open_tls(gateway.address(), "a.test", authority.client(&["h2", "http/1.1"])).await;
    assert!(matches!(opened.unwrap().0, Connection::H1(_)));
}

#[tokio::test]
async fn h2c_by_prior_knowledge_needs_no_tls() {
    let upstream = Upstream::saying("up").await;
    let gateway = Gateway::start(super::proxy_to(&upstream)).await;
    let mut connection = Connection::open(gateway.address(), Protocol::H2c).await;
    let request = client::request("GET", "http://a.test/").body(empty()).unwrap();
    let answer = connection.send(request).await.unwrap();
    assert_eq!((answer.version, answer.text().as_str()), (Version::HTTP_2, "up"));
}
