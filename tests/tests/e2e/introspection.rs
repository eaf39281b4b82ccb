//! Tokens that only their issuer understands: it is asked about them (RFC 7662).

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use base64::{Engine, engine::general_purpose::STANDARD};
use http_body_util::BodyExt;
use serde_json::json;
use tests::{
    Answer, BusyPort, Collector, DEADLINE, Gateway, Received, Reply, Upstream, closed_port, dedent,
    eventually, otlp, reply,
};

/// An issuer that knows the tokens `good`, `other` and `old`, stumbles over those that begin with a status, and may be
/// told to break.
struct Issuer {
    server: Upstream,
    broken: Arc<AtomicBool>,
}

impl Issuer {
    async fn start() -> Self {
        let broken = Arc::new(AtomicBool::new(false));
        let told = broken.clone();
        let server = Upstream::start(move |request| answer(request, told.clone())).await;
        Self { server, broken }
    }

    fn set_broken(&self, broken: bool) {
        self.broken.store(broken, Ordering::SeqCst);
    }

    fn asked(&self) -> usize {
        self.server.seen().len()
    }
}

async fn answer(request: Received, broken: Arc<AtomicBool>) -> Reply {
    if broken.load(Ordering::SeqCst) {
        return Err(io::Error::other("as the test says"));
    }
    let body = request.into_body().collect().await.map_err(io::Error::other)?.to_bytes();
    let body = String::from_utf8_lossy(&body).into_owned();
    let token = body.split('&').find_map(|pair| pair.strip_prefix("token=")).unwrap_or_default();
    if let Some(status) = token.split_once('-').and_then(|(status, _)| status.parse().ok()) {
        return reply(status, "as the token says");
    }
    let answer = match token {
        _ if token.starts_with("good") => {
            json!({ "active": true, "sub": "u1", "scope": "a b", "iss": "us", "aud": "api" })
        }
        "other" => json!({ "active": true, "sub": "u1", "iss": "us", "aud": "else" }),
        "old" => json!({ "active": true, "sub": "u1", "iss": "us", "aud": "api", "exp": 1000 }),
        _ => json!({ "active": false }),
    };
    reply(200, answer.to_string())
}

fn guarded(upstream: &Upstream, endpoint: &str, settings: &str) -> String {
    format!(
        "
        upstreams: {{ up: {{ endpoints: [\"{}\"] }} }}
        authenticators:
          opaque:
            introspection:
              endpoint: \"{endpoint}/introspect\"
              client_id: gateway
              client_secret: hunter2
              issuer: us
              audiences: [api]
              timeout: 5s
              {settings}
        routes:
          - name: all
            match: {{ path: /** }}
            upstream: up
            authentication: {{ by: [opaque], headers: {{ x-caller: sub }} }}
        ",
        upstream.url()
    )
}

async fn ask(gateway: &Gateway, token: &str) -> Answer {
    gateway.request("GET", "/", &[("authorization", &format!("Bearer {token}"))]).await
}

#[tokio::test]
async fn the_issuer_is_asked_about_a_token_once() {
    let (upstream, issuer) = (Upstream::echo().await, Issuer::start().await);
    let gateway = Gateway::start(guarded(&upstream, &issuer.server.url(), "")).await;
    for _ in 0..3 {
        assert_eq!(ask(&gateway, "good").await.status, 200);
    }
    let seen = upstream.seen().pop().unwrap();
    assert_eq!((seen.header("x-caller"), seen.header("authorization")), ("u1", ""));
    let question = issuer.server.only();
    assert_eq!((question.method.as_str(), question.target()), ("POST", "/introspect"));
    assert_eq!(question.header("authorization"), format!("Basic {}", STANDARD.encode("gateway:hunter2")));
    let count = async |result: &str| {
        let labels = [("authenticator", "opaque"), ("result", result)];
        gateway.metrics().await.value("gateway_token_introspections_total", &labels)
    };
    assert_eq!((count("accepted").await, count("remembered").await), (1.0, 2.0));
    assert!(!gateway.admin("/config").await.text().contains("hunter2"));
}

#[tokio::test]
async fn many_requests_with_a_new_token_share_one_question() {
    let (upstream, issuer) = (Upstream::saying("in").await, Issuer::start().await);
    let gateway = Gateway::start(guarded(&upstream, &issuer.server.url(), "")).await;
    let all = futures::future::join_all((0..50).map(|_| ask(&gateway, "good"))).await;
    assert!(all.iter().all(|answer| answer.status == 200));
    assert_eq!(issuer.asked(), 1);
}

#[tokio::test]
async fn what_the_issuer_does_not_confirm_is_refused() {
    let (upstream, issuer) = (Upstream::saying("in").await, Issuer::start().await);
    let gateway = Gateway::start(guarded(&upstream, &issuer.server.url(), "")).await;
    for (token, reason) in [
        ("bad", "credentials_invalid"),
        ("old", "credentials_invalid"),
        ("other", "token_claims_refused"),
        ("a b", "token_malformed"),
        ("good&token=bad", "token_malformed"),
    ] {
        let answer = ask(&gateway, token).await;
        assert_eq!(answer.refused(401), reason, "{token}");
        let challenge = answer.header("www-authenticate");
        assert!(challenge.starts_with("Bearer realm=\"api\", error=\"invalid_token\""), "{challenge}");
    }
    assert_eq!(issuer.asked(), 3, "what is no token is not asked about");
    assert_eq!(gateway.get("/").await.refused(401), "credentials_missing");
    assert!(upstream.seen().is_empty());
}

#[tokio::test]
async fn an_issuer_that_is_down_is_no_fault_of_the_caller() {
    let (upstream, issuer) = (Upstream::saying("in").await, Issuer::start().await);
    let gateway = Gateway::start(guarded(&upstream, &issuer.server.url(), "")).await;
    assert_eq!(ask(&gateway, "good").await.status, 200);
    issuer.set_broken(true);
    for number in 0..20 {
        let answer = ask(&gateway, &format!("new-{number}")).await;
        assert_eq!(answer.refused(503), "authentication_unavailable");
        assert_eq!(answer.header("www-authenticate"), "");
    }
    assert_eq!(ask(&gateway, "good").await.status, 200, "what is remembered counts on");
    let skipped = [("authenticator", "opaque"), ("result", "skipped")];
    gateway.metric("gateway_token_introspections_total", &skipped, |count| count > 0.0).await;
    gateway.log("the outage", |line| line["message"] == "the issuer cannot be asked about tokens").await;
    issuer.set_broken(false);
    let recovers = async || (ask(&gateway, "bad").await.status == 401).then_some(());
    eventually("the issuer is asked again", DEADLINE, recovers).await;
    gateway.log("the recovery", |line| line["message"] == "the issuer can be asked about tokens again").await;
}

#[tokio::test]
async fn tokens_over_which_the_issuer_stumbles_lock_out_nobody_else() {
    let (upstream, issuer) = (Upstream::saying("in").await, Issuer::start().await);
    let gateway = Gateway::start(guarded(&upstream, &issuer.server.url(), "")).await;
    for number in 0..30 {
        for stumbling in [format!("400-{number}"), format!("500-{number}"), format!("500-more-{number}")] {
            assert_eq!(ask(&gateway, &stumbling).await.refused(503), "authentication_unavailable");
        }
        assert_eq!(ask(&gateway, &format!("good-{number}")).await.status, 200, "after {number}");
    }
    let skipped = [("authenticator", "opaque"), ("result", "skipped")];
    assert_eq!(gateway.metrics().await.value("gateway_token_introspections_total", &skipped), 0.0);
}

#[tokio::test]
async fn health_says_what_an_issuer_answers_that_refuses_the_gateway() {
    let upstream = Upstream::saying("in").await;
    let issuer = Upstream::start(|_| async { reply(401, "") }).await;
    let gateway = Gateway::start(guarded(&upstream, &issuer.url(), "")).await;
    let health = gateway.admin("/health").await.json()["issuers"][0].clone();
    assert_eq!((&health["authenticator"], &health["degraded"]), (&json!("opaque"), &json!(false)));
    assert_eq!(health["endpoint"], format!("{}/introspect", issuer.url()));
    let mut number = 0;
    let degraded = async || {
        number += 1;
        assert_eq!(ask(&gateway, &format!("new-{number}")).await.refused(503), "authentication_unavailable");
        let health = gateway.admin("/health").await.json()["issuers"][0].clone();
        (health["degraded"] == true).then_some(health)
    };
    let health = eventually("the issuer counts as down", DEADLINE, degraded).await;
    assert_eq!(health["error"], "the issuer refuses the gateway itself with 401");
    assert!(health["since"].is_string(), "{health}");
    let down = gateway.metrics().await.value("gateway_degraded", &[("component", "issuer")]);
    assert_eq!(down, 1.0);
    assert_eq!(ask(&gateway, "another").await.status, 503);
    let line = |line: &serde_json::Value| {
        line["error"].as_str().is_some_and(|text| text.contains("cannot be asked: "))
    };
    let line = gateway.access_log("what was not asked", line).await;
    assert!(line["error"].as_str().unwrap().ends_with("with 401"), "{line}");
}

#[tokio::test]
async fn an_issuer_that_cannot_be_reached_or_does_not_answer_in_time_is_unavailable() {
    let upstream = Upstream::saying("in").await;
    let busy = BusyPort::open().await;
    let silent = Upstream::start(|_| std::future::pending::<Reply>()).await;
    for endpoint in [format!("http://{}", closed_port()), busy.url(), silent.url()] {
        let yaml = guarded(&upstream, &endpoint, "").replace("timeout: 5s", "timeout: 100ms");
        let gateway = Gateway::start(yaml).await;
        assert_eq!(ask(&gateway, "good").await.refused(503), "authentication_unavailable", "{endpoint}");
    }
    assert!(upstream.seen().is_empty());
}

#[tokio::test]
async fn an_answer_without_end_is_not_read_to_its_end() {
    let upstream = Upstream::saying("in").await;
    let issuer = Upstream::start(|_| async { reply(200, " ".repeat(1_000_000)) }).await;
    let gateway = Gateway::start(guarded(&upstream, &issuer.url(), "")).await;
    let answer = ask(&gateway, "good").await;
    assert_eq!(answer.refused(503), "authentication_unavailable");
    let line = gateway.access_log("the refusal", |line| line["status"] == 503).await;
    assert!(line["error"].as_str().unwrap().contains("larger than 65536 bytes"), "{line}");
}

#[tokio::test]
async fn what_is_remembered_outlives_a_reload_of_something_else() {
    let (upstream, issuer) = (Upstream::saying("in").await, Issuer::start().await);
    let yaml = guarded(&upstream, &issuer.server.url(), "");
    let gateway = Gateway::start(&yaml).await;
    assert_eq!(ask(&gateway, "good").await.status, 200);
    assert_eq!(gateway.reload(&yaml.replace("name: all", "name: everything")).await.status, 200);
    assert_eq!(ask(&gateway, "good").await.status, 200);
    assert_eq!(issuer.asked(), 1);
    assert_eq!(gateway.reload(&yaml.replace("audiences: [api]", "audiences: [web]")).await.status, 200);
    assert_eq!(ask(&gateway, "good").await.refused(401), "token_claims_refused", "other rules begin anew");
    assert_eq!(issuer.asked(), 2);
}

#[tokio::test]
async fn several_methods_of_a_route_are_tried_in_their_order() {
    let (upstream, issuer) = (Upstream::echo().await, Issuer::start().await);
    let sesame = "d0c04f4b1951e4aeaaec8223ed2039e542f3aae805a6fa7f6d794e5afff5d272";
    let yaml = guarded(&upstream, &issuer.server.url(), "")
        .replace(
            "routes:",
            &format!(
                "  staff: {{ basic: {{ users: [{{ name: ann, sha256: {sesame} }}] }} }}\n        routes:"
            ),
        )
        .replace("by: [opaque]", "by: [staff, opaque]");
    let gateway = Gateway::start(&yaml).await;
    let basic = format!("Basic {}", STANDARD.encode("ann:sesame"));
    for (value, caller) in [("Bearer good", "u1"), (&*basic, "ann")] {
        assert_eq!(gateway.request("GET", "/", &[("authorization", value)]).await.status, 200, "{value}");
        assert_eq!(upstream.seen().pop().unwrap().header("x-caller"), caller);
    }
    let nothing = gateway.get("/").await;
    assert_eq!(nothing.refused(401), "credentials_missing");
    let challenges: Vec<_> = nothing.headers.get_all("www-authenticate").iter().collect();
    assert_eq!(challenges, ["Basic realm=\"api\", charset=\"UTF-8\"", "Bearer realm=\"api\""]);
    let wrong = format!("Basic {}", STANDARD.encode("ann:wrong"));
    assert_eq!(
        gateway.request("GET", "/", &[("authorization", &wrong)]).await.refused(401),
        "credentials_invalid"
    );
}

#[tokio::test]
async fn an_attempt_begins_when_the_issuer_has_answered() {
    let (upstream, collector) = (Upstream::saying("in").await, Collector::start().await);
    let answered = Arc::new(AtomicU64::new(0));
    let told = answered.clone();
    let issuer = Upstream::start(move |request| {
        let told = told.clone();
        async move {
            let answer = answer(request, Arc::default()).await;
            let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("it is later than that");
            told.store(u64::try_from(now.as_nanos()).expect("for centuries"), Ordering::SeqCst);
            answer
        }
    })
    .await;
    let traces = format!(
        "telemetry: {{ traces: {{ otlp: {{ endpoint: \"{}\" }}, sample: 100% }} }}\n",
        collector.url()
    );
    let gateway = Gateway::start(traces + &dedent(&guarded(&upstream, &issuer.url(), ""))).await;
    assert_eq!(ask(&gateway, "good").await.text(), "in");
    let attempt = |spans: &[otlp::Span]| {
        spans.iter().find(|span| span.attribute("gateway.upstream") == "up").map(|span| span.start)
    };
    let began = collector.await_spans("the attempt", attempt).await;
    assert!(began >= answered.load(Ordering::SeqCst), "what the issuer took is not the service's time");
}
