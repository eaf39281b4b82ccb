use std::path::Path;
use std::sync::Arc;

use rustls::pki_types::{CertificateDer, ServerName};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::kit::*;
use crate::listener::{Ending, check_tls, tls::TlsError};

struct Pair {
    der: CertificateDer<'static>,
}

fn pair(folder: &Path, file: &str, names: &[&str]) -> Pair {
    let names: Vec<String> = names.iter().map(|name| name.to_string()).collect();
    let made = rcgen::generate_simple_self_signed(names).unwrap();
    std::fs::write(folder.join(format!("{file}.pem")), made.cert.pem()).unwrap();
    std::fs::write(folder.join(format!("{file}.key")), made.signing_key.serialize_pem()).unwrap();
    Pair { der: made.cert.der().clone() }
}

fn tls(folder: &TempDir, files: &[&str]) -> Value {
    let path = |name: String| folder.path().join(name).to_str().unwrap().to_owned();
    let certificates: Vec<Value> = files
        .iter()
        .map(|file| json!({ "certificate": path(format!("{file}.pem")), "key": path(format!("{file}.key")) }))
        .collect();
    json!({ "certificates": certificates })
}

async fn client(
    server: &Server,
    trusted: &[&Pair],
    name: &str,
    alpn: &[&str],
    versions: &[&'static rustls::SupportedProtocolVersion],
) -> std::io::Result<TlsStream<TcpStream>> {
    let mut roots = rustls::RootCertStore::empty();
    trusted.iter().for_each(|pair| roots.add(pair.der.clone()).unwrap());
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = rustls::ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(versions)
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = alpn.iter().map(|name| name.as_bytes().to_vec()).collect();
    let name = ServerName::try_from(name.to_owned()).unwrap();
    TlsConnector::from(Arc::new(config)).connect(name, server.connect().await).await
}

fn served(stream: &TlsStream<TcpStream>) -> CertificateDer<'static> {
    stream.get_ref().1.peer_certificates().unwrap()[0].clone().into_owned()
}

const ALL: &[&rustls::SupportedProtocolVersion] = rustls::ALL_VERSIONS;

#[tokio::test]
async fn http1_is_served_over_tls_and_the_proxy_sees_what_was_agreed() {
    let folder = TempDir::new().unwrap();
    let a = pair(folder.path(), "a", &["a.test"]);
    let server = start(json!({ "tls": tls(&folder, &["a"]) })).await;
    let mut stream = client(&server, &[&a], "a.test", &["http/1.1"], ALL).await.unwrap();
    let answer = exchange(&mut stream, b"GET /facts HTTP/1.1\r\nHost: a.test\r\n\r\n").await;
    assert!(answer.contains("\"tls\":\"TLSv1_3\""), "{answer}");
    let answer = exchange(&mut stream, GET).await;
    assert!(answer.ends_with("ok"), "{answer}");
}

#[tokio::test]
async fn alpn_gives_http2_only_where_it_is_switched_on() {
    let folder = TempDir::new().unwrap();
    let a = pair(folder.path(), "a", &["a.test"]);
    for (http2, agreed) in [(true, &b"h2"[..]), (false, b"http/1.1")] {
        let server = start(json!({ "http2": http2, "tls": tls(&folder, &["a"]) })).await;
        let stream = client(&server, &[&a], "a.test", &["h2", "http/1.1"], ALL).await.unwrap();
        assert_eq!(stream.get_ref().1.alpn_protocol(), Some(agreed));
    }
}

#[tokio::test]
async fn http2_is_served_over_tls() {
    use http_body_util::{BodyExt, Empty};
    use hyper_util::rt::{TokioExecutor, TokioIo};
    let folder = TempDir::new().unwrap();
    let a = pair(folder.path(), "a", &["a.test"]);
    let server = start(json!({ "tls": tls(&folder, &["a"]) })).await;
    let stream = client(&server, &[&a], "a.test", &["h2"], ALL).await.unwrap();
    let (mut sender, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
    tokio::spawn(async move { drop(connection.await) });
    let request = http::Request::get("https://a.test/facts").body(Empty::<bytes::Bytes>::new()).unwrap();
    let body = sender.send_request(request).await.unwrap().into_body().collect().await.unwrap().to_bytes();
    assert!(String::from_utf8_lossy(&body).contains("TLSv1_3"), "{body:?}");
}

#[tokio::test]
async fn the_name_asked_for_picks_the_certificate() {
    let folder = TempDir::new().unwrap();
    let a = pair(folder.path(), "a", &["a.test"]);
    let b = pair(folder.path(), "b", &["b.test", "*.b.test"]);
    let server = start(json!({ "tls": tls(&folder, &["a", "b"]) })).await;
    for (name, expected) in [("a.test", &a), ("b.test", &b), ("x.b.test", &b), ("X.B.test", &b)] {
        let stream = client(&server, &[&a, &b], name, &[], ALL).await.unwrap();
        assert_eq!(served(&stream), expected.der, "{name}");
    }
    // An unknown name gets the first, which does not fit it: the client says so.
    for name in ["c.test", "x.y.b.test"] {
        assert!(client(&server, &[&a, &b], name, &[], ALL).await.is_err(), "{name}");
    }
    server.ended(Ending::TlsAlert).await;
}

#[tokio::test]
async fn a_reload_swaps_certificates_without_touching_open_connections() {
    let folder = TempDir::new().unwrap();
    let old = pair(folder.path(), "a", &["a.test"]);
    let section = json!({ "tls": tls(&folder, &["a"]) });
    let server = start(section.clone()).await;
    let mut open = client(&server, &[&old], "a.test", &["http/1.1"], ALL).await.unwrap();
    assert!(exchange(&mut open, GET).await.ends_with("ok"));
    let new = pair(folder.path(), "a", &["a.test"]);
    server.listener.apply(server.listener.prepare(config(section)).unwrap());
    let fresh = client(&server, &[&new], "a.test", &["http/1.1"], ALL).await.unwrap();
    assert_eq!(served(&fresh), new.der);
    assert!(exchange(&mut open, GET).await.ends_with("ok"));
}

#[tokio::test]
async fn a_bad_certificate_leaves_the_old_one_in_place() {
    let folder = TempDir::new().unwrap();
    let a = pair(folder.path(), "a", &["a.test"]);
    let section = json!({ "tls": tls(&folder, &["a"]) });
    let server = start(section.clone()).await;
    std::fs::write(folder.path().join("a.pem"), "nothing").unwrap();
    let error = server.listener.prepare(config(section)).map(drop).unwrap_err().to_string();
    assert!(error.contains("does not hold a certificate"), "{error}");
    assert!(client(&server, &[&a], "a.test", &[], ALL).await.is_ok());
}

#[tokio::test]
async fn handshakes_that_fail_are_counted_by_their_cause() {
    let folder = TempDir::new().unwrap();
    let a = pair(folder.path(), "a", &["a.test"]);
    let mut section = tls(&folder, &["a"]);
    section["min_version"] = "1.3".into();
    let server = start(json!({ "tls": section, "deadlines": { "tls_handshake": "150ms" } })).await;
    let answer = talk(&mut server.connect().await, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
    assert!(!answer.contains("HTTP/"), "{answer}");
    server.ended(Ending::TlsNotTls).await;
    let old = client(&server, &[&a], "a.test", &[], &[&rustls::version::TLS12]).await;
    assert!(old.is_err());
    server.ended(Ending::TlsIncompatible).await;
    let protocol = client(&server, &[&a], "a.test", &["spdy/3"], ALL).await;
    assert!(protocol.is_err());
    let stranger = pair(folder.path(), "stranger", &["a.test"]);
    assert!(client(&server, &[&stranger], "a.test", &[], ALL).await.is_err());
    server.ended(Ending::TlsAlert).await;
    drop(server.connect().await);
    server.ended(Ending::TlsAborted).await;
    assert_eq!(rest(&mut server.connect().await).await, "");
    server.ended(Ending::TlsDeadline).await;
}

fn refusal(section: Value) -> TlsError {
    check_tls(&serde_json::from_value(section).unwrap()).unwrap_err()
}

#[test]
fn certificates_that_cannot_be_used_are_explained() {
    let folder = TempDir::new().unwrap();
    pair(folder.path(), "a", &["a.test"]);
    pair(folder.path(), "b", &["b.test"]);
    assert!(check_tls(&serde_json::from_value(tls(&folder, &["a"])).unwrap()).is_ok());
    let mut mixed = tls(&folder, &["a"]);
    mixed["certificates"][0]["key"] = tls(&folder, &["b"])["certificates"][0]["key"].clone();
    assert!(refusal(mixed).message.contains("does not belong to the certificate"));
    let missing = refusal(tls(&folder, &["nowhere"])).message;
    assert!(missing.contains("cannot read") && missing.contains("nowhere.pem"), "{missing}");
    std::fs::write(folder.path().join("b.key"), "-----BEGIN PRIVATE KEY-----\n!!\n").unwrap();
    let broken = refusal(tls(&folder, &["b"])).message;
    assert!(broken.contains("b.key"), "{broken}");
    assert!(refusal(json!({ "certificates": [] })).message.contains("names no certificate"));
}
