//! Reload: by file change, by signal, by request; all or nothing, and nobody notices.

use std::os::unix::fs::symlink;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use rustix::process::Signal;
use tests::client::{Connection, Protocol};
use tests::{DEADLINE, Gateway, Launch, Upstream, client, dedent, empty, eventually, full};

/// Answers `/` with a text, and sends everything else to the upstream.
fn saying(text: &str, upstream: &Upstream) -> String {
    format!(
        "
        upstreams: {{ up: {{ endpoints: [\"{}\"] }} }}
        routes:
          - {{ name: home, match: {{ path: / }}, respond: {{ status: 200, body: \"{text}\" }} }}
          - {{ name: all, match: {{ path: /** }}, upstream: up }}
        ",
        upstream.url()
    )
}

async fn says(gateway: &Gateway, text: &str) {
    let what = format!("the gateway says {text}");
    eventually(&what, DEADLINE, async || (gateway.get("/").await.text() == text).then_some(())).await;
}

#[tokio::test]
async fn a_changed_file_is_noticed() {
    let upstream = Upstream::saying("up").await;
    let gateway = Gateway::start(saying("one", &upstream)).await;
    for text in ["two", "three"] {
        gateway.configure(&saying(text, &upstream));
        says(&gateway, text).await;
    }
}

#[tokio::test]
async fn a_signal_reloads() {
    let upstream = Upstream::saying("up").await;
    let gateway = Gateway::start(saying("one", &upstream)).await;
    gateway.configure(&saying("two", &upstream));
    gateway.signal(Signal::HUP);
    says(&gateway, "two").await;
}

#[tokio::test]
async fn the_admin_listener_reloads_and_answers_when_it_is_done() {
    let upstream = Upstream::saying("up").await;
    let gateway = Gateway::start(saying("one", &upstream)).await;
    let before = gateway.admin("/config").await.json();
    assert_eq!(gateway.reload(&saying("two", &upstream)).await.status, 200);
    assert_eq!(gateway.get("/").await.text(), "two");
    let after = gateway.admin("/config").await.json();
    assert_ne!(before["version"], after["version"]);
    assert_eq!(client::get(&format!("{}/config/reload", gateway.admin_url())).await.status, 405);
}

#[tokio::test]
async fn a_swapped_symlink_is_noticed() {
    let upstream = Upstream::saying("up").await;
    // As Kubernetes mounts a ConfigMap: file -> ..data/file, ..data -> ..TIMESTAMP.
    let launch = Launch::new(&saying("one", &upstream));
    let home = launch.home();
    let text = std::fs::read_to_string(home.path("glassgate.yaml")).unwrap();
    for (version, said) in [("..one", "one"), ("..two", "two")] {
        home.write(
            format!("{version}/glassgate.yaml"),
            text.replace("body: \"one\"", &format!("body: \"{said}\"")),
        );
    }
    symlink("..one", home.path("..data")).unwrap();
    std::fs::remove_file(home.path("glassgate.yaml")).unwrap();
    symlink("..data/glassgate.yaml", home.path("glassgate.yaml")).unwrap();
    let gateway = launch.start().await;
    says(&gateway, "one").await;

    symlink("..two", gateway.home().path("..next")).unwrap();
    std::fs::rename(gateway.home().path("..next"), gateway.home().path("..data")).unwrap();
    says(&gateway, "two").await;
}

#[tokio::test]
async fn a_bad_file_changes_nothing_and_says_so() {
    let upstream = Upstream::saying("up").await;
    let gateway = Gateway::start(saying("one", &upstream)).await;
    let before = gateway.admin("/config").await.json();
    let bad = saying("two", &upstream).replace("upstream: up }", "upstream: upp }");
    let answer = gateway.reload(&bad).await;
    assert!(answer.status.is_client_error(), "{answer:?}");
    assert!(answer.text().contains("upp"), "the answer names the problem: {}", answer.text());

    assert_eq!(gateway.get("/").await.text(), "one");
    assert_eq!(gateway.get("/x").await.text(), "up");
    gateway.log("the problem is logged", |line| line.to_string().contains("upp")).await;
    let successful = gateway.metrics().await.value("gateway_config_last_reload_successful", &[]);
    assert_eq!(successful, 0.0);
    let shown = gateway.admin("/config").await.json();
    assert_eq!(shown["version"], before["version"]);
    assert!(shown["last_error"].to_string().contains("upp"), "{}", shown["last_error"]);

    assert_eq!(gateway.reload(&saying("three", &upstream)).await.status, 200);
    assert_eq!(gateway.get("/").await.text(), "three");
    assert_eq!(gateway.metrics().await.value("gateway_config_last_reload_successful", &[]), 1.0);
    assert!(gateway.admin("/config").await.json()["last_error"].is_null());
}

#[tokio::test]
async fn a_secret_in_the_wrong_place_is_shown_nowhere() {
    let upstream = Upstream::saying("up").await;
    let gateway = Gateway::start(saying("one", &upstream)).await;
    let bad = dedent(&saying("two", &upstream)) + "redis: { url: \"redis://127.0.0.1\", auth: hunter2 }\n";
    let answer = gateway.reload(&bad).await;
    gateway.log("the problem is logged", |line| line.to_string().contains("redis.auth")).await;
    let shown = gateway.admin("/config").await.json()["last_error"].to_string();
    for text in [&shown, &answer.text()] {
        assert!(text.contains("auth: ***") && !text.contains("hunter2"), "{text}");
    }
    assert!(gateway.lines().iter().all(|line| !line.text.contains("hunter2")));
}

#[tokio::test]
async fn the_same_warning_many_times_does_not_flood_the_log() {
    let upstream = Upstream::saying("up").await;
    let routes: String = (0..25)
        .map(|n| {
            format!("{{ name: r{n}, match: {{ path: /{n} }}, upstream: up, timeouts: {{ read: 2s, total: 1s }} }}, ")
        })
        .collect();
    let up = format!("upstreams: {{ up: {{ endpoints: [\"{}\"] }} }}\n", upstream.url());
    let gateway = Gateway::start(format!("{up}routes: [{routes}]\n")).await;
    gateway.log("the rest is counted", |line| line["count"] == 5).await;
    let shown = gateway.lines().into_iter().filter(|line| line.text.contains("never reached")).count();
    assert_eq!(shown, 20);
}

#[tokio::test]
async fn a_changed_address_is_reported_and_not_ignored() {
    let upstream = Upstream::saying("up").await;
    let listeners = |port: u16| {
        format!("listeners: [{{ name: public, address: \"127.0.0.1:{port}\" }}]\n")
            + &dedent(&saying("one", &upstream))
    };
    let gateway = Gateway::start(listeners(0)).await;
    let port = tests::closed_port().port();
    let answer = gateway.reload(&listeners(port)).await;
    assert!(answer.text().contains("restart"), "{}", answer.text());
    assert_eq!(gateway.get("/").await.text(), "one");
}

#[tokio::test]
async fn schema_files_reload_with_the_rest() {
    let upstream = Upstream::start(|_| async { tests::reply(200, r#"{"a":1,"b":2}"#) }).await;
    let yaml = format!(
        "
        upstreams: {{ up: {{ endpoints: [\"{}\"] }} }}
        routes: [{{ name: graphql, match: {{ path: /graphql }}, graphql: main }}]
        graphql: {{ main: {{ schema: [api.graphql] }} }}
        ",
        upstream.url()
    );
    let sdl = |field: &str| {
        format!(
            "type Query {{ thing: Thing @rest(source: \"up\", GET: \"/thing\") }} type Thing {{ {field}: Int }}"
        )
    };
    let gateway = Launch::new(&yaml).file("api.graphql", sdl("a")).start().await;
    let query = async |field: &str| {
        gateway.graphql(&format!("{{ thing {{ {field} }} }}"), serde_json::json!({})).await
    };
    assert_eq!(query("a").await.json()["data"]["thing"]["a"], 1);
    gateway.home().write("api.graphql", sdl("b"));
    eventually("the new schema is served", DEADLINE, async || {
        (query("b").await.json()["data"]["thing"]["b"] == 2).then_some(())
    })
    .await;
    gateway.home().write("api.graphql", "type Query {");
    assert!(!gateway.reload_now().await.status.is_success());
    assert_eq!(query("b").await.json()["data"]["thing"]["b"], 2);
}

#[tokio::test]
async fn plans_outlive_a_reload_that_changes_something_else() {
    let upstream = Upstream::start(|_| async { tests::reply(200, r#"{"a":1}"#) }).await;
    let yaml = |routes: &str, api: &str, others: &str| {
        format!(
            "
            upstreams: {{ up: {{ endpoints: [\"{}\"] }}{others} }}
            routes: [{{ name: graphql, match: {{ path: /graphql }}, graphql: main }}{routes}]
            graphql: {{ main: {{ schema: [api.graphql]{api} }} }}
            ",
            upstream.url()
        )
    };
    let sdl =
        r#"type Query { thing: Thing @rest(source: "up", GET: "/thing") } type Thing { a: Int b: Int }"#;
    let gateway = Launch::new(&yaml("", "", "")).file("api.graphql", sdl).start().await;
    let asked = async |cache: &str, times: f64| {
        let answer = gateway.graphql("{ thing { a } }", serde_json::json!({})).await;
        assert_eq!(answer.json()["data"]["thing"]["a"], 1);
        gateway.metric(&format!("graphql_plan_cache_{cache}_total"), &[], |count| count == times).await;
    };
    asked("misses", 1.0).await;

    let more = ", { name: more, match: { path: /more }, respond: { status: 204 } }";
    let another = ", other: { endpoints: [\"http://127.0.0.1:1\"] }";
    assert_eq!(gateway.reload(&yaml(more, "", another)).await.status, 200);
    assert_eq!(gateway.get("/more").await.status, 204);
    asked("hits", 1.0).await;

    // Another bound may refuse what the old one let through.
    assert_eq!(gateway.reload(&yaml(more, ", limits: { depth: 20 }", "")).await.status, 200);
    asked("misses", 2.0).await;
    gateway.home().write("api.graphql", sdl.replace("b: Int", "c: Int"));
    assert_eq!(gateway.reload_now().await.status, 200);
    asked("misses", 3.0).await;
}

/// Asks again and again on one connection until it is told to stop.
async fn ask_on(
    gateway: std::net::SocketAddr,
    protocol: Protocol,
    stop: Arc<AtomicBool>,
    asked: Arc<AtomicUsize>,
) {
    let mut connection = Connection::open(gateway, protocol).await;
    while !stop.load(Ordering::SeqCst) {
        let n = asked.fetch_add(1, Ordering::SeqCst);
        let request =
            client::request("POST", &format!("http://a.test/{n}")).body(full(format!("body {n}"))).unwrap();
        let answer = connection.send(request).await.expect("an answer");
        assert_eq!(answer.status, 200, "{answer:?}");
        let echo = answer.json();
        assert_eq!(
            (echo["target"].as_str(), echo["body"].as_str()),
            (Some(&*format!("/{n}")), Some(&*format!("body {n}")))
        );
        assert!(["one", "two"].contains(&answer.header("x-version")), "{answer:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_hundred_reloads_under_load_fail_no_request() {
    let upstream = Upstream::echo().await;
    let version = |version: &str| {
        format!(
            "
            upstreams: {{ up: {{ endpoints: [\"{}\"] }} }}
            routes:
              - name: all
                match: {{ path: /** }}
                upstream: up
                response_headers: {{ set: {{ x-version: {version} }} }}
            ",
            upstream.url()
        )
    };
    let gateway = Gateway::start(version("one")).await;
    let (stop, asked) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let clients: Vec<_> = [Protocol::H1, Protocol::H1, Protocol::H2c, Protocol::H1]
        .map(|protocol| tokio::spawn(ask_on(gateway.address(), protocol, stop.clone(), asked.clone())))
        .into_iter()
        .collect();
    for n in 0..200 {
        let name = if n % 2 == 0 { "two" } else { "one" };
        assert_eq!(gateway.reload(&version(name)).await.status, 200);
        // Each configuration serves something before the next one comes.
        let before = asked.load(Ordering::SeqCst);
        eventually("requests go on", DEADLINE, async || {
            (asked.load(Ordering::SeqCst) > before + 4).then_some(())
        })
        .await;
    }
    stop.store(true, Ordering::SeqCst);
    for client in clients {
        client.await.expect("no request failed");
    }
    let metrics = gateway.metrics().await;
    assert!(metrics.value("gateway_config_reloads_total", &[("result", "applied")]) >= 200.0);
    let opened = metrics.value("gateway_upstream_connections_opened_total", &[("upstream", "up")]);
    assert!(opened < 20.0, "reloads empty no pool, but {opened} connections were opened");
}

#[tokio::test]
async fn a_request_under_way_ends_with_the_configuration_it_began_with() {
    let release = Arc::new(tokio::sync::Notify::new());
    let held = release.clone();
    let upstream = Upstream::start(move |_| {
        let held = held.clone();
        async move {
            held.notified().await;
            tests::reply(200, "late")
        }
    })
    .await;
    let gateway = Gateway::start(super::proxy_to(&upstream)).await;
    let request = client::request("GET", &gateway.url("/")).body(empty()).unwrap();
    let waiting = tokio::spawn(client::try_send(request));
    eventually("it reaches the upstream", DEADLINE, async || (!upstream.seen().is_empty()).then_some(()))
        .await;
    assert_eq!(gateway.reload("routes: []").await.status, 200);
    assert_eq!(gateway.get("/").await.refused(404), "route_not_found");
    release.notify_one();
    assert_eq!(waiting.await.unwrap().unwrap().text(), "late");
}
