//! API keys: made by the command, let in by the gateway.

use serde_json::{Value, json};
use tests::{Answer, Collector, DEADLINE, Gateway, Launch, Redis, Upstream, eventually, glassgate};

/// A key as `glassgate apikey new` makes it.
pub struct Made {
    pub key: String,
    pub entry: Value,
}

impl Made {
    pub async fn new(arguments: &[&str]) -> Self {
        let all = [&["apikey", "new", "--format", "json"], arguments].concat();
        let exit = glassgate(&all).await;
        assert_eq!(exit.code, Some(0), "{exit:?}");
        let made: Value = serde_json::from_str(&exit.stdout).unwrap();
        Self { key: made["key"].as_str().unwrap().to_owned(), entry: made["entry"].clone() }
    }

    fn id(&self) -> &str {
        self.key.split_once('.').unwrap().0
    }

    fn secret(&self) -> &str {
        self.key.split_once('.').unwrap().1
    }

    /// The same with an entry that says more, or something else.
    fn with(mut self, key: &str, value: Value) -> Self {
        self.entry[key] = value;
        self
    }
}

/// JSON is YAML.
pub fn file(keys: &[&Made]) -> String {
    json!({ "keys": keys.iter().map(|made| &made.entry).collect::<Vec<_>>() }).to_string()
}

/// Everything goes to the upstream, if its caller has a key.
pub fn guarded(upstream: &Upstream, api_keys: &str, authentication: &str) -> String {
    format!(
        "
        upstreams: {{ up: {{ endpoints: [\"{}\"] }} }}
        authenticators: {{ partners: {{ api_keys: {{ file: keys.yaml{api_keys} }} }} }}
        routes:
          - name: all
            match: {{ path: /** }}
            upstream: up
            authentication: {{ by: [partners], headers: {{ x-caller: sub, x-tenant: tenant }}{authentication} }}
        ",
        upstream.url()
    )
}

async fn start(upstream: &Upstream, keys: &[&Made]) -> Gateway {
    Launch::new(&guarded(upstream, "", "")).file("keys.yaml", file(keys)).start().await
}

async fn ask(gateway: &Gateway, key: &str) -> Answer {
    gateway.request("GET", "/", &[("x-api-key", key)]).await
}

#[tokio::test]
async fn a_key_tells_the_service_who_calls_and_is_not_passed_on() {
    let upstream = Upstream::echo().await;
    let made = Made::new(&["--owner", "billing", "--scope", "orders:read", "--expires-in", "1d"]).await;
    let made = made.with("claims", json!({ "tenant": "acme" }));
    let gateway = start(&upstream, &[&made]).await;
    let request = [("x-api-key", &*made.key), ("x-caller", "admin"), ("x_tenant", "other")];
    assert_eq!(gateway.request("GET", "/", &request).await.status, 200);
    let seen = upstream.only();
    assert_eq!((seen.header("x-caller"), seen.header("x-tenant")), ("billing", "acme"));
    assert!(!format!("{seen:?}").contains(made.secret()), "{seen:?}");
    let line = gateway.access_log("the request", |line| line["status"] == 200).await;
    assert_eq!((&line["authenticator"], &line["subject"]), (&json!("partners"), &json!("billing")));
}

#[tokio::test]
async fn every_key_that_does_not_count_gets_the_same_answer() {
    let upstream = Upstream::saying("in").await;
    let good = Made::new(&[]).await;
    let late = Made::new(&[]).await.with("expires", json!("2020-01-01T00:00:00Z"));
    let gateway = start(&upstream, &[&good, &late]).await;
    assert_eq!(ask(&gateway, &good.key).await.text(), "in");
    let wrong = format!("{}.{}", good.id(), late.secret());
    let unknown = format!("gg_nobody.{}", good.secret());
    let cut = &good.key[..good.key.len() - 1];
    let mut answers = Vec::new();
    for (key, told) in [
        (&*wrong, "is another"),
        (&*unknown, "nobody of this name"),
        (cut, "is another"),
        (&*late.key, "has expired"),
        ("", "another form"),
        (good.id(), "another form"),
        (good.secret(), "another form"),
    ] {
        let answer = ask(&gateway, key).await;
        let problem = answer.problem();
        assert_eq!(answer.refused(401), "credentials_invalid", "{told}");
        let line = gateway.access_log(told, |line| line["request_id"] == *problem.request_id).await;
        let error = line["error"].as_str().unwrap();
        assert!(error.starts_with("partners: ") && error.contains(told), "{error}");
        assert!(!error.contains(good.secret()), "{error}");
        answers.push((problem.title, answer.header("www-authenticate").to_owned(), answer.body.len()));
    }
    assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:?}");
    assert_eq!(answers[0].1, "ApiKey realm=\"api\"");
    assert_eq!(upstream.seen().len(), 1);
    let nothing = gateway.get("/").await;
    assert_eq!(nothing.refused(401), "credentials_missing");
    assert_eq!(nothing.header("www-authenticate"), "ApiKey realm=\"api\"");
    let twice = gateway.request("GET", "/", &[("x-api-key", &good.key), ("x-api-key", &good.key)]).await;
    assert_eq!(twice.refused(400), "credentials_ambiguous");
    assert_eq!(twice.header("www-authenticate"), "ApiKey realm=\"api\"");
}

#[tokio::test]
async fn a_key_may_be_kept_as_argon2id() {
    let upstream = Upstream::saying("in").await;
    let (costly, cheap) = (Made::new(&["--argon2"]).await, Made::new(&[]).await);
    assert!(costly.entry["argon2id"].as_str().unwrap().starts_with("$argon2id$v=19$m=19456,t=2,p=1$"));
    let gateway = start(&upstream, &[&costly, &cheap]).await;
    for key in [&costly.key, &cheap.key, &costly.key] {
        assert_eq!(ask(&gateway, key).await.text(), "in");
    }
    for key in [format!("{}x", costly.key), format!("{}x", cheap.key), format!("gg_x.{}", costly.secret())] {
        assert_eq!(ask(&gateway, &key).await.refused(401), "credentials_invalid");
    }
    // The same key many times at once is computed once, so nobody is turned away.
    let all = (0..100).map(|_| ask(&gateway, &costly.key));
    assert!(futures::future::join_all(all).await.iter().all(|answer| answer.status == 200));
}

#[tokio::test]
async fn a_flood_of_guesses_is_turned_away_and_never_let_in() {
    let upstream = Upstream::saying("in").await;
    let made = Made::new(&["--argon2"]).await;
    let gateway = start(&upstream, &[&made]).await;
    let keys: Vec<String> = (0..200).map(|number| format!("{}.{number}", made.id())).collect();
    let known = ["credentials_invalid", "authentication_unavailable"];
    let flood = async || {
        let answers = futures::future::join_all(keys.iter().map(|key| ask(&gateway, key))).await;
        let reasons: Vec<String> = answers.iter().map(|answer| answer.problem().reason).collect();
        assert!(reasons.iter().all(|reason| known.contains(&&**reason)), "{reasons:?}");
        reasons.iter().any(|reason| reason == known[1]).then_some(())
    };
    eventually("more wait than may", DEADLINE, flood).await;
    assert!(upstream.seen().is_empty());
    assert_eq!(ask(&gateway, &made.key).await.text(), "in");
}

#[tokio::test]
async fn a_changed_file_adds_and_removes_keys() {
    let upstream = Upstream::saying("in").await;
    let (first, second) = (Made::new(&[]).await, Made::new(&["--argon2"]).await);
    let gateway = start(&upstream, &[&first]).await;
    let becomes = async |key: &str, status: u16| {
        let same = async || (ask(&gateway, key).await.status == status).then_some(());
        eventually(&format!("a key gets {status}"), DEADLINE, same).await;
    };
    assert_eq!(ask(&gateway, &first.key).await.status, 200);
    assert_eq!(ask(&gateway, &second.key).await.status, 401);
    gateway.home().write("keys.yaml", file(&[&first, &second]));
    becomes(&second.key, 200).await;
    assert_eq!(ask(&gateway, &first.key).await.status, 200);
    gateway.home().write("keys.yaml", file(&[&first]));
    becomes(&second.key, 401).await;
    gateway.home().write("keys.yaml", file(&[]));
    becomes(&first.key, 401).await;
}

#[tokio::test]
async fn a_file_with_mistakes_changes_nothing() {
    let upstream = Upstream::saying("in").await;
    let made = Made::new(&[]).await;
    let gateway = start(&upstream, &[&made]).await;
    gateway.home().write("keys.yaml", file(&[&made, &made]));
    assert_ne!(gateway.reload_now().await.status, 200);
    assert_eq!(ask(&gateway, &made.key).await.text(), "in");
    let line = gateway
        .log("the refusal", |line| line["message"] == "configuration refused, the old one runs on")
        .await;
    let error = line["error"].as_str().unwrap();
    assert!(error.contains("keys.yaml:1:") && error.contains("remove one"), "{error}");
    assert!(!error.contains(made.entry["sha256"].as_str().unwrap()), "a hash is shown: {error}");
}

#[tokio::test]
async fn a_key_in_the_query_is_seen_by_nobody_else() {
    let (upstream, collector) = (Upstream::echo().await, Collector::start().await);
    let made = Made::new(&[]).await;
    let traces = format!(
        "telemetry: {{ traces: {{ otlp: {{ endpoint: \"{}\" }}, sample: 100% }} }}\n",
        collector.url()
    );
    let yaml = format!("{traces}{}", tests::dedent(&guarded(&upstream, ", from: { query: api_key }", "")));
    let gateway = Launch::new(&yaml).file("keys.yaml", file(&[&made])).start().await;
    let answer = gateway.get(&format!("/a?x=1&api_key={}&y=2", made.key)).await;
    assert_eq!((answer.status.as_u16(), &answer.json()["target"]), (200, &json!("/a?x=1&y=2")));
    let wrong = gateway.get(&format!("/b?api_key=gg_x.{}", made.secret())).await;
    let problem = wrong.problem();
    assert_eq!(problem.reason, "credentials_invalid");
    let spans = collector.trace(&problem.trace_id, 1).await;
    assert!(!format!("{spans:?}").contains(made.secret()), "{spans:?}");
    gateway.access_log("the refused request", |line| line["path"] == "/b").await;
    assert!(gateway.lines().iter().all(|line| !line.text.contains(made.secret())));
    // Only where the configuration says so.
    let gateway = start(&upstream, &[&made]).await;
    assert_eq!(gateway.get(&format!("/a?api_key={}", made.key)).await.refused(401), "credentials_missing");
}

#[tokio::test]
async fn in_authorization_a_key_comes_after_a_word() {
    let upstream = Upstream::echo().await;
    let made = Made::new(&[]).await;
    let yaml = guarded(&upstream, ", from: { header: authorization }", ", credentials: keep");
    let gateway = Launch::new(&yaml).file("keys.yaml", file(&[&made])).start().await;
    let sent = format!("ApiKey {}", made.key);
    assert_eq!(gateway.request("GET", "/", &[("authorization", &sent)]).await.status, 200);
    assert_eq!(upstream.only().header("authorization"), sent, "it is kept where the route says so");
    let bearer = format!("Bearer {}", made.key);
    let refused = gateway.request("GET", "/", &[("authorization", &bearer)]).await;
    assert_eq!(refused.refused(401), "credentials_invalid");
}

#[tokio::test]
async fn the_access_log_names_the_key_and_never_its_secret() {
    let upstream = Upstream::saying("in").await;
    let good = Made::new(&["--owner", "billing"]).await;
    let late = Made::new(&[]).await.with("expires", json!("2020-01-01T00:00:00Z"));
    let gateway = start(&upstream, &[&good, &late]).await;
    let wrong = format!("{}.wrong", good.id());
    for (path, key, id) in [
        ("/good", &*good.key, Some(good.id())),
        ("/wrong", &*wrong, Some(good.id())),
        ("/late", &*late.key, Some(late.id())),
        ("/unknown", "gg_nobody.x", None),
        ("/none", "nothing", None),
    ] {
        gateway.request("GET", path, &[("x-api-key", key)]).await;
        let line = gateway.access_log(path, |line| line["path"] == path).await;
        assert_eq!(line.get("key_id").and_then(Value::as_str), id, "{path}");
    }
    assert!(gateway.lines().iter().all(|line| !line.text.contains(good.secret())));
}

#[tokio::test]
async fn a_changed_file_does_not_make_known_keys_costly_again() {
    let upstream = Upstream::saying("in").await;
    let made = Made::new(&["--argon2"]).await;
    let gateway = start(&upstream, &[&made]).await;
    assert_eq!(ask(&gateway, &made.key).await.text(), "in");
    let guesses: Vec<String> = (0..200).map(|number| format!("{}.{number}", made.id())).collect();
    let flood = async || {
        let another = Made::new(&["--argon2"]).await;
        gateway.home().write("keys.yaml", file(&[&made, &another]));
        assert_eq!(gateway.reload_now().await.status, 200);
        // More than may wait: who has to wait, too, is turned away.
        let keys = guesses.iter().chain(std::iter::repeat_n(&made.key, 20));
        let answers = futures::future::join_all(keys.map(|key| ask(&gateway, key))).await;
        let (guessed, known) = answers.split_at(guesses.len());
        assert!(known.iter().all(|answer| answer.status == 200), "{known:?}");
        guessed.iter().any(|answer| answer.status == 503).then_some(())
    };
    eventually("more wait than may", DEADLINE, flood).await;
}

#[tokio::test]
async fn a_missing_scope_is_told_in_the_schemes_own_words() {
    let upstream = Upstream::saying("in").await;
    let made = Made::new(&[]).await;
    let yaml = tests::dedent(&guarded(&upstream, "", "")) + "    authorization: { scopes: [orders:read] }\n";
    let gateway = Launch::new(&yaml).file("keys.yaml", file(&[&made])).start().await;
    let answer = ask(&gateway, &made.key).await;
    assert_eq!(answer.refused(403), "insufficient_scope");
    let told = "ApiKey realm=\"api\", error=\"insufficient_scope\", scope=\"orders:read\"";
    assert_eq!(answer.header("www-authenticate"), told);
}

#[tokio::test]
async fn who_has_no_key_may_be_let_in_as_nobody() {
    let upstream = Upstream::echo().await;
    let made = Made::new(&[]).await;
    let yaml = guarded(&upstream, "", ", anonymous: true");
    let gateway = Launch::new(&yaml).file("keys.yaml", file(&[&made])).start().await;
    assert_eq!(gateway.request("GET", "/", &[("x-caller", "admin")]).await.status, 200);
    assert_eq!(upstream.only().header("x-caller"), "");
    assert_eq!(ask(&gateway, "gg_x.y").await.refused(401), "credentials_invalid");
}

#[tokio::test]
async fn neither_keys_nor_hashes_are_shown_to_operators() {
    let upstream = Upstream::saying("in").await;
    let made = Made::new(&[]).await;
    let gateway = start(&upstream, &[&made]).await;
    assert_eq!(ask(&gateway, &made.key).await.status, 200);
    for path in ["/config", "/health", "/metrics"] {
        let text = gateway.admin(path).await.text();
        assert!(
            !text.contains(made.entry["sha256"].as_str().unwrap()) && !text.contains(made.secret()),
            "{path}"
        );
    }
    let accepted = [("authenticator", "partners"), ("result", "accepted")];
    gateway.metric("gateway_authentications_total", &accepted, |count| count == 1.0).await;
}

/// Two limits of every key, and the quotas of the keys.
fn limited(extra: &str, limits: &str) -> String {
    format!(
        "
        {extra}
        authenticators: {{ partners: {{ api_keys: {{ file: keys.yaml }} }} }}
        routes:
          - name: all
            match: {{ path: /** }}
            respond: {{ body: in }}
            authentication: {{ by: [partners] }}
            rate_limits: [{limits}]
        "
    )
}

/// How many of so many requests are let in, and what the last answer says of the limits.
async fn let_in(gateway: &Gateway, key: &str, times: usize) -> (usize, String) {
    let (mut through, mut told) = (0, String::new());
    for _ in 0..times {
        let answer = ask(gateway, key).await;
        told = answer.header("ratelimit-policy").to_owned();
        match answer.status.as_u16() {
            200 => through += 1,
            _ => assert_eq!(answer.refused(429), "rate_limited"),
        }
    }
    (through, told)
}

#[tokio::test]
async fn a_key_may_have_more_or_less_of_a_limit_than_others() {
    let usual = Made::new(&[]).await;
    let more = Made::new(&[]).await.with("rate_limits", json!({ "calls": { "limit": "5/h" } }));
    let less = Made::new(&[]).await.with("rate_limits", json!({ "calls": { "limit": "7/d", "burst": 1 } }));
    let limits = "{ name: calls, limit: 3/h, by: [api_key] }, { limit: 1000/h, by: [route] }";
    let launch = Launch::new(&limited("", limits)).file("keys.yaml", file(&[&usual, &more, &less]));
    let gateway = launch.start().await;
    let told = |calls: &str| format!("\"calls\";{calls}, \"limit-2\";q=1000;w=3600");
    assert_eq!(let_in(&gateway, &more.key, 7).await, (5, told("q=5;w=3600")));
    assert_eq!(let_in(&gateway, &less.key, 7).await, (1, told("q=7;w=86400")));
    assert_eq!(let_in(&gateway, &usual.key, 7).await, (3, told("q=3;w=3600")));
    // What was spent stays spent with the quota that it was spent of; another one counts anew.
    let more = more.with("rate_limits", json!({ "calls": { "limit": "6/h" } }));
    gateway.home().write("keys.yaml", file(&[&usual, &more, &less]));
    assert_eq!(gateway.reload_now().await.status, 200);
    assert_eq!(let_in(&gateway, &more.key, 7).await, (6, told("q=6;w=3600")));
    assert_eq!(let_in(&gateway, &usual.key, 1).await.0, 0);
    assert_eq!(let_in(&gateway, &less.key, 1).await.0, 0);
}

#[tokio::test]
async fn gateways_that_count_together_know_the_same_quotas() {
    let usual = Made::new(&[]).await;
    let more = Made::new(&[]).await.with("rate_limits", json!({ "calls": { "limit": "60/30d" } }));
    for mode in ["exact", "leased"] {
        let redis = Redis::start_plain().await;
        let store = format!("redis: {{ url: \"{}\", timeout: 10s }}", redis.url());
        let limits = format!("{{ name: calls, limit: 20/30d, by: [api_key], mode: {mode} }}");
        let launch = || Launch::new(&limited(&store, &limits)).file("keys.yaml", file(&[&usual, &more]));
        let (one, other) = (launch().start().await, launch().start().await);
        assert_eq!(let_in(&one, &more.key, 40).await.0, 40, "{mode}");
        let rest = let_in(&other, &more.key, 40).await.0;
        // The first may hold a lease of a tenth.
        assert!(if mode == "exact" { rest == 20 } else { (14..=20).contains(&rest) }, "{mode}: {rest}");
        assert_eq!(let_in(&one, &usual.key, 30).await.0, 20, "{mode}");
    }
}
