use std::{
    convert::Infallible,
    net::SocketAddr,
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use futures::future::join_all;
use http::Response;
use http_body_util::BodyExt;
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;

use super::*;
use crate::telemetry::metrics::Metrics;

/// An issuer that knows the token `good`, counts what it is asked, and may be told to fail.
#[derive(Clone)]
struct Issuer {
    address: SocketAddr,
    asked: Arc<AtomicUsize>,
    status: Arc<AtomicUsize>,
    last: Arc<Mutex<String>>,
}

impl Issuer {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let status = Arc::new(AtomicUsize::new(200));
        let issuer = Self { address, asked: Arc::default(), status, last: Arc::default() };
        let serving = issuer.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let issuer = serving.clone();
                let service = service_fn(move |request| issuer.clone().answer(request));
                tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
            }
        });
        issuer
    }

    async fn answer(self, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        let (head, body) = request.into_parts();
        let body = String::from_utf8(body.collect().await.unwrap().to_bytes().to_vec()).unwrap();
        let authorization = head.headers.get("authorization").map_or("-", |value| value.to_str().unwrap());
        *self.last.lock().unwrap() = format!("{} {} {authorization} {body}", head.method, head.uri);
        let token = body.split('&').find_map(|pair| pair.strip_prefix("token=")).unwrap_or_default();
        let answer = format!(r#"{{"active":{},"sub":"u1"}}"#, token.starts_with("good"));
        let status = match token {
            // What an attacker has found out: the issuer stumbles over these.
            _ if token.starts_with("400") => 400,
            _ if token.starts_with("500") => 500,
            _ => self.status.load(Ordering::SeqCst) as u16,
        };
        Ok(Response::builder().status(status).body(Full::new(answer.into())).unwrap())
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }

    fn settings(&self) -> Settings {
        Settings {
            rules: Rules {
                authenticator: "opaque".into(),
                issuer: None,
                audiences: [].into(),
                valid: Duration::from_secs(60),
                invalid: Duration::from_secs(60),
            },
            endpoint: format!("http://{}/introspect?x=1", self.address).parse().unwrap(),
            authorities: None,
            authorization: Some(Secret::new("Basic Z2F0ZXdheTpodW50ZXIy")),
            parameters: Secret::new(""),
            timeout: Duration::from_secs(10),
            tokens: 100,
        }
    }
}

fn introspection(settings: Settings) -> Arc<Introspection> {
    Introspection::new(settings, Handle::current(), Metrics::new().introspection("opaque"))
}

async fn judge(introspection: &Arc<Introspection>, token: &str) -> Result<String, Reason> {
    let identity = introspection.judge(token.as_bytes(), SystemTime::now()).await;
    identity.map(|identity| identity.subject().unwrap().to_owned()).map_err(|rejected| rejected.reason)
}

#[tokio::test]
async fn a_token_is_asked_about_once() {
    let issuer = Issuer::start().await;
    let introspection = introspection(issuer.settings());
    for _ in 0..3 {
        assert_eq!(judge(&introspection, "good").await, Ok("u1".into()));
        assert_eq!(judge(&introspection, "bad").await, Err(Reason::CredentialsInvalid));
    }
    assert_eq!(issuer.asked(), 2);
}

#[tokio::test]
async fn who_asks_at_the_same_time_shares_one_question() {
    let issuer = Issuer::start().await;
    let introspection = introspection(issuer.settings());
    let all = join_all((0..50).map(|_| judge(&introspection, "good"))).await;
    assert!(all.iter().all(|one| one.as_deref() == Ok("u1")));
    assert_eq!(issuer.asked(), 1);
}

#[tokio::test]
async fn what_is_remembered_ends() {
    let issuer = Issuer::start().await;
    let introspection = introspection(issuer.settings());
    let later = SystemTime::now() + Duration::from_secs(61);
    assert!(introspection.judge(b"good", SystemTime::now()).await.is_ok());
    assert!(introspection.judge(b"good", later).await.is_ok());
    assert_eq!(issuer.asked(), 2);
}

#[tokio::test]
async fn the_question_is_that_of_rfc_7662() {
    let issuer = Issuer::start().await;
    let by_header = introspection(issuer.settings());
    drop(judge(&by_header, "a+b/c==").await);
    let expected =
        "POST /introspect?x=1 Basic Z2F0ZXdheTpodW50ZXIy token=a%2Bb/c%3D%3D&token_type_hint=access_token";
    assert_eq!(*issuer.last.lock().unwrap(), expected);

    let parameters = Secret::new("client_id=gateway&client_secret=hunter2&");
    let by_body = introspection(Settings { authorization: None, parameters, ..issuer.settings() });
    assert_eq!(judge(&by_body, "good").await, Ok("u1".into()));
    let expected = "POST /introspect?x=1 - client_id=gateway&client_secret=hunter2&token=good&token_type_hint=access_token";
    assert_eq!(*issuer.last.lock().unwrap(), expected);
}

#[tokio::test]
async fn an_issuer_that_fails_is_unavailable_and_soon_not_asked() {
    let issuer = Issuer::start().await;
    let introspection = introspection(issuer.settings());
    issuer.status.store(500, Ordering::SeqCst);
    let mut number = 0;
    while introspection.outage.reason().is_none() {
        number += 1;
        assert!(number < 1000, "it is asked again and again");
        let token = format!("token-{number}");
        assert_eq!(judge(&introspection, &token).await, Err(Reason::AuthenticationUnavailable));
        tokio::task::yield_now().await;
    }
    assert!(number >= 5);
    let rejected = introspection.judge(b"another", SystemTime::now()).await.unwrap_err();
    assert_eq!(rejected.detail, "introspection: the issuer cannot be asked: the issuer answers 500");
    let status = introspection.status();
    assert!(status.degraded && status.since.is_some(), "{status:?}");
    issuer.status.store(200, Ordering::SeqCst);
    let start = Instant::now();
    while judge(&introspection, "good").await != Ok("u1".into()) {
        assert!(start.elapsed() < Duration::from_secs(10), "it is never asked again");
        tokio::task::yield_now().await;
    }
    assert_eq!(
        judge(&introspection, "bad").await,
        Err(Reason::CredentialsInvalid),
        "all are asked about again"
    );
}

#[tokio::test]
async fn tokens_over_which_the_issuer_stumbles_block_no_others() {
    let issuer = Issuer::start().await;
    let introspection = introspection(issuer.settings());
    for number in 0..50 {
        for kind in ["400", "500"] {
            let stumbling = judge(&introspection, &format!("{kind}-{number}")).await;
            assert_eq!(stumbling, Err(Reason::AuthenticationUnavailable));
        }
        assert_eq!(judge(&introspection, &format!("good-{number}")).await, Ok("u1".into()));
    }
    for number in 50..100 {
        assert!(judge(&introspection, &format!("500-{number}")).await.is_err());
        assert!(introspection.outage.reason().is_none(), "failures alone, after {number}");
    }
    assert_eq!(judge(&introspection, "good-50").await, Ok("u1".into()));
}

#[tokio::test]
async fn a_wrong_client_secret_is_no_fault_of_the_caller() {
    let issuer = Issuer::start().await;
    issuer.status.store(401, Ordering::SeqCst);
    let rejected = introspection(issuer.settings()).judge(b"good", SystemTime::now()).await.unwrap_err();
    assert_eq!(rejected.reason, Reason::AuthenticationUnavailable);
    assert!(rejected.detail.contains("refuses the gateway itself with 401"), "{}", rejected.detail);
}

#[tokio::test]
async fn who_leaves_does_not_take_the_answer_away() {
    let issuer = Issuer::start().await;
    let introspection = introspection(issuer.settings());
    let mut first = Box::pin(judge(&introspection, "good"));
    assert!(futures::poll!(&mut first).is_pending());
    drop(first);
    assert_eq!(judge(&introspection, "good").await, Ok("u1".into()));
    assert_eq!(issuer.asked(), 1);
}

#[tokio::test]
async fn nothing_shows_a_secret() {
    let issuer = Issuer::start().await;
    let introspection = introspection(issuer.settings());
    let shown = format!("{introspection:?} {:?}", introspection.settings);
    assert!(!shown.contains("Z2F0ZXdheTpodW50ZXIy"), "{shown}");
}
