//! HTTP/2, TLS, and who is believed to be whom.

use std::{
    convert::Infallible,
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
};

use http_body_util::Full;
use hyper::{Request, Response, body::Incoming, service::service_fn};
use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    server::conn::auto,
};
use rcgen::{CertificateParams, CertifiedIssuer, KeyPair};
use rustls_pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio::{net::TcpListener, sync::Notify};
use tokio_rustls::TlsAcceptor;

use super::*;
use crate::upstream::testkit::eventually;

/// A server that speaks HTTP/1.1 and HTTP/2; with `/wait` it answers when told so.
struct Modern {
    port: u16,
    connections: Arc<AtomicUsize>,
    waiting: Arc<AtomicUsize>,
    go: Arc<Notify>,
    cancelled: Arc<AtomicBool>,
    /// Closes all connections, and goes on accepting.
    hang_up: Arc<Notify>,
}

impl Modern {
    async fn start(tls: Option<TlsAcceptor>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let server = Self {
            port: listener.local_addr().unwrap().port(),
            connections: Arc::default(),
            waiting: Arc::default(),
            go: Arc::default(),
            cancelled: Arc::default(),
            hang_up: Arc::default(),
        };
        let hang_up = server.hang_up.clone();
        let (connections, waiting, go) =
            (server.connections.clone(), server.waiting.clone(), server.go.clone());
        let cancelled = server.cancelled.clone();
        let service = service_fn(move |request: Request<Incoming>| {
            let (waiting, go, cancelled) = (waiting.clone(), go.clone(), cancelled.clone());
            async move {
                if request.uri().path() == "/wait" {
                    waiting.fetch_add(1, Ordering::SeqCst);
                    let noticed = OnDrop(cancelled);
                    go.notified().await;
                    std::mem::forget(noticed);
                }
                let body = format!("{:?} {}", request.version(), request.uri().authority().is_some());
                Ok::<_, Infallible>(Response::new(Full::new(Bytes::from(body))))
            }
        });
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                connections.fetch_add(1, Ordering::SeqCst);
                let (tls, service, hang_up) = (tls.clone(), service.clone(), hang_up.clone());
                let serve = async move {
                    let builder = auto::Builder::new(TokioExecutor::new());
                    match tls {
                        None => builder.serve_connection(TokioIo::new(stream), service).await.ok(),
                        Some(tls) => {
                            let Ok(stream) = tls.accept(stream).await else { return };
                            builder.serve_connection(TokioIo::new(stream), service).await.ok()
                        }
                    };
                };
                tokio::spawn(async move {
                    tokio::select! {
                        () = serve => {}
                        () = hang_up.notified() => {}
                    }
                });
            }
        });
        server
    }
}

struct OnDrop(Arc<AtomicBool>);

impl Drop for OnDrop {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

#[tokio::test]
async fn requests_over_http2_share_a_connection() {
    let server = Modern::start(None).await;
    let url = format!("http://127.0.0.1:{}", server.port);
    let calls = Calls::to(json!({ "endpoints": [url], "http2": true }));
    assert_eq!(body(calls.get("/").await), Ok("HTTP/2.0 true".into()));
    let both = async { futures::join!(calls.get("/wait"), calls.get("/wait")) };
    let release = async {
        eventually(|| server.waiting.load(Ordering::SeqCst) == 2).await;
        server.go.notify_waiters();
    };
    let ((first, second), ()) = futures::join!(both, release);
    assert!(first.is_ok() && second.is_ok());
    assert_eq!(server.connections.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn giving_up_over_http2_resets_the_stream_and_keeps_the_connection() {
    let server = Modern::start(None).await;
    let url = format!("http://127.0.0.1:{}", server.port);
    let calls = Calls::to(json!({ "endpoints": [url], "http2": true }));
    {
        let call = calls.get("/wait");
        tokio::pin!(call);
        let waiting = eventually(|| server.waiting.load(Ordering::SeqCst) == 1);
        tokio::select! {
            _ = &mut call => panic!("the server does not answer"),
            () = waiting => {}
        }
    }
    eventually(|| server.cancelled.load(Ordering::SeqCst)).await;
    calls.get("/").await.unwrap();
    assert_eq!(server.connections.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn an_http2_connection_that_went_away_costs_a_call_nothing() {
    let server = Modern::start(None).await;
    let url = format!("http://127.0.0.1:{}", server.port);
    let calls = Calls::to(json!({ "endpoints": [url], "http2": true }));
    for round in 1..=10 {
        calls.get("/").await.unwrap();
        assert_eq!(server.connections.load(Ordering::SeqCst), round);
        server.hang_up.notify_waiters();
    }
}

#[tokio::test]
async fn health_checks_speak_the_protocol_of_requests_on_connections_of_their_own() {
    let server = Modern::start(None).await;
    let url = format!("http://127.0.0.1:{}", server.port);
    let health = json!({ "path": "/", "interval": "10ms" });
    let calls = Calls::to(json!({ "endpoints": [url], "http2": true, "health": health }));
    eventually(|| server.connections.load(Ordering::SeqCst) >= 5).await;
    assert_eq!(calls.upstreams.status()[0].endpoints[0].healthy, Some(true));
}

#[tokio::test]
async fn a_service_that_only_speaks_http1_is_an_invalid_http2_one() {
    let server = Server::start(|_| b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n".to_vec()).await;
    let calls = Calls::to(json!({ "endpoints": [server.url()], "http2": true }));
    let result = body(calls.get("/").await);
    let expected = [failed(Reason::UpstreamInvalidResponse), failed(Reason::UpstreamReset)];
    assert!(expected.contains(&result), "{result:?}");
}

/// An authority with a certificate for `localhost`.
struct Authority {
    folder: tempfile::TempDir,
    tls: TlsAcceptor,
}

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let key = KeyPair::generate().unwrap();
        let certificate =
            CertificateParams::new(vec!["localhost".into()]).unwrap().signed_by(&key, &issuer).unwrap();
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("ca.pem"), issuer.pem()).unwrap();

        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let mut config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], key)
            .unwrap();
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Self { folder, tls: TlsAcceptor::from(Arc::new(config)) }
    }

    fn file(&self) -> String {
        self.folder.path().join("ca.pem").display().to_string()
    }
}

#[tokio::test]
async fn a_service_with_a_certificate_of_its_own_authority_is_believed() {
    let authority = Authority::new();
    let server = Modern::start(Some(authority.tls.clone())).await;
    let url = format!("https://localhost:{}", server.port);
    for (http2, version) in [(false, "HTTP/1.1 false"), (true, "HTTP/2.0 true")] {
        let calls = Calls::to(json!({
            "endpoints": [url], "http2": http2, "tls": { "ca": authority.file() },
        }));
        assert!(calls.upstreams.settled(Duration::from_secs(5)).await);
        assert_eq!(body(calls.get("/").await), Ok(version.into()));
    }
}

#[tokio::test]
async fn the_name_to_expect_can_be_configured() {
    let authority = Authority::new();
    let server = Modern::start(Some(authority.tls.clone())).await;
    let url = format!("https://127.0.0.1:{}", server.port);
    let tls = json!({ "ca": authority.file(), "server_name": "localhost" });
    let calls = Calls::to(json!({ "endpoints": [url], "tls": tls }));
    assert!(calls.get("/").await.is_ok());
}

#[tokio::test]
async fn another_authority_or_name_is_not_believed_unless_told_so() {
    let (authority, other) = (Authority::new(), Authority::new());
    let server = Modern::start(Some(authority.tls.clone())).await;
    let url = format!("https://127.0.0.1:{}", server.port);
    for tls in [
        json!({ "ca": authority.file() }),
        json!({ "ca": authority.file(), "server_name": "elsewhere" }),
        json!({ "ca": other.file(), "server_name": "localhost" }),
        json!({ "server_name": "localhost" }),
    ] {
        let calls = Calls::to(json!({ "endpoints": [url], "tls": tls }));
        assert_eq!(body(calls.get("/").await), failed(Reason::UpstreamTlsFailed), "{tls}");
    }
    let calls = Calls::to(json!({ "endpoints": [url], "tls": { "insecure_skip_verify": true } }));
    assert!(calls.get("/").await.is_ok());
}
