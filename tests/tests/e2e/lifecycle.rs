//! Start and end: ports, signals, and exit codes that mean something.

use std::net::TcpListener;
use std::sync::Arc;

use rustix::process::Signal;
use tests::client::{Connection, Protocol};
use tests::{DEADLINE, Gateway, Launch, TcpUpstream, Upstream, client, empty, eventually, reply};
use tokio::sync::Notify;

use super::proxy_to;

/// An upstream that answers when it is told to.
async fn held() -> (Upstream, Arc<Notify>) {
    let release = Arc::new(Notify::new());
    let wait = release.clone();
    let upstream = Upstream::start(move |_| {
        let wait = wait.clone();
        async move {
            wait.notified().await;
            reply(200, "late")
        }
    })
    .await;
    (upstream, release)
}

async fn reached(upstream: &Upstream) {
    eventually("it reaches the upstream", DEADLINE, async || (!upstream.seen().is_empty()).then_some(()))
        .await;
}

#[tokio::test]
async fn with_nothing_under_way_sigterm_ends_at_once() {
    let upstream = Upstream::saying("up").await;
    let gateway = Gateway::start(proxy_to(&upstream) + "drain: { grace: 10m }\n").await;
    // An idle connection is nothing to wait for.
    let mut idle = Connection::open(gateway.address(), Protocol::H1).await;
    idle.send(client::request("GET", &gateway.url("/")).body(empty()).unwrap()).await.unwrap();
    gateway.signal(Signal::TERM);
    let exit = gateway.exit(DEADLINE).await;
    assert_eq!(exit.code, Some(0), "{exit:?}");
}

#[tokio::test]
async fn sigterm_waits_for_the_last_request() {
    let (upstream, release) = held().await;
    let gateway = Gateway::start(proxy_to(&upstream)).await;
    let waiting =
        tokio::spawn(client::try_send(client::request("GET", &gateway.url("/")).body(empty()).unwrap()));
    reached(&upstream).await;
    let ready = format!("{}/health/ready", gateway.admin_url());
    let live = format!("{}/health/live", gateway.admin_url());
    gateway.signal(Signal::TERM);
    let not_ready = async || (client::get(&ready).await.status == 503).then_some(());
    eventually("not ready any more", DEADLINE, not_ready).await;
    assert_eq!(client::get(&live).await.status, 200, "the admin listener stays up to the end");
    release.notify_one();
    let answer = waiting.await.unwrap().unwrap();
    assert_eq!(answer.text(), "late");
    assert_eq!(gateway.exit(DEADLINE).await.code, Some(0));
}

#[tokio::test]
async fn the_grace_period_ends_what_does_not_end() {
    let (upstream, _release) = held().await;
    let gateway = Gateway::start(proxy_to(&upstream) + "drain: { grace: 300ms }\n").await;
    let waiting =
        tokio::spawn(client::try_send(client::request("GET", &gateway.url("/")).body(empty()).unwrap()));
    reached(&upstream).await;
    gateway.signal(Signal::TERM);
    let exit = gateway.exit(DEADLINE).await;
    assert_eq!(exit.code, Some(3), "something was cut: {exit:?}");
    assert!(waiting.await.unwrap().is_err(), "there is no answer to a request that was cut");
}

#[tokio::test]
async fn a_second_signal_cuts_and_says_so() {
    for second in [Signal::TERM, Signal::INT] {
        let (upstream, _release) = held().await;
        let gateway = Gateway::start(proxy_to(&upstream) + "drain: { delay: 10m, grace: 10m }\n").await;
        let waiting =
            tokio::spawn(client::try_send(client::request("GET", &gateway.url("/")).body(empty()).unwrap()));
        reached(&upstream).await;
        gateway.signal(Signal::TERM);
        gateway
            .log("it is stopping", |line| line["message"].as_str().is_some_and(|m| m.contains("stopping")))
            .await;
        gateway.signal(second);
        assert_eq!(gateway.exit(DEADLINE).await.code, Some(3), "a request was cut");
        assert!(waiting.await.unwrap().is_err());
    }
}

#[tokio::test]
async fn the_delay_keeps_accepting_while_load_balancers_look_away() {
    let upstream = Upstream::saying("up").await;
    let gateway = Gateway::start(proxy_to(&upstream) + "drain: { delay: 10m }\n").await;
    gateway.signal(Signal::TERM);
    let not_ready = async || (gateway.admin("/health/ready").await.status == 503).then_some(());
    eventually("not ready any more", DEADLINE, not_ready).await;
    assert_eq!(gateway.get("/").await.text(), "up", "new connections are served during the delay");
    // Ends the delay, with nothing to cut: a client has its answer a moment before the gateway is done with it.
    let is_done = async || (gateway.admin("/health").await.json()["requests_in_flight"] == 0).then_some(());
    eventually("nothing is in flight", DEADLINE, is_done).await;
    gateway.signal(Signal::TERM);
    assert_eq!(gateway.exit(DEADLINE).await.code, Some(0));
}

#[tokio::test]
async fn sigint_stops_at_once() {
    let (upstream, _release) = held().await;
    let patient = ", timeouts: { read: 10m, total: 10m }";
    let gateway = Gateway::start(super::proxy_with(&upstream.url(), patient)).await;
    let waiting =
        tokio::spawn(client::try_send(client::request("GET", &gateway.url("/")).body(empty()).unwrap()));
    reached(&upstream).await;
    gateway.signal(Signal::INT);
    assert_eq!(gateway.exit(DEADLINE).await.code, Some(130));
    assert!(waiting.await.unwrap().is_err());
}

#[tokio::test]
async fn sigterm_is_heeded_while_a_reload_is_under_way() {
    let upstream = Upstream::saying("up").await;
    let gateway = Gateway::start(proxy_to(&upstream)).await;
    let asked = Arc::new(Notify::new());
    let tell = asked.clone();
    // Takes its health check and says nothing.
    let silent = TcpUpstream::start(move |stream| {
        tell.notify_one();
        async move {
            let _stream = stream;
            std::future::pending().await
        }
    })
    .await;
    let health = ", health: { path: /, interval: 1m, timeout: 1m }";
    gateway.configure(&super::proxy_with(&silent.url(), health));
    gateway.signal(Signal::HUP);
    tests::within("the reload checks the upstream", DEADLINE, asked.notified()).await;
    gateway.signal(Signal::TERM);
    let exit = gateway.exit(DEADLINE).await;
    assert_eq!(exit.code, Some(0), "{exit:?}");
    let line_of = |text: &str| exit.stderr.lines().position(|line| line.contains(text));
    let stopping = line_of("stopping").expect("it says that it stops");
    // The reload ends where the process has not ended before, and that is no matter.
    assert!(line_of("configuration reloaded").is_none_or(|reloaded| stopping < reloaded), "{}", exit.stderr);
}

#[tokio::test]
async fn signals_during_the_start_are_understood() {
    let launch = Launch::new("routes: []");
    let config = launch.home().path("glassgate.yaml");
    std::fs::remove_file(&config).unwrap();
    // Reading it takes until somebody writes: a start without end.
    assert!(std::process::Command::new("mkfifo").arg(&config).status().expect("coreutils").success());
    let mut process = launch.spawn();
    let status = format!("/proc/{}/status", process.id());
    // The last one that is registered: a signal that comes while it is being registered itself may be lost.
    let interrupt_is_caught = async || {
        let status = std::fs::read_to_string(&status).ok()?;
        let caught = status.lines().find_map(|line| line.strip_prefix("SigCgt:"))?;
        let caught = u64::from_str_radix(caught.trim(), 16).expect("a mask of signals");
        (caught & 1 << 1 != 0).then_some(())
    };
    eventually("SIGINT is caught", DEADLINE, interrupt_is_caught).await;
    process.signal(Signal::HUP);
    assert!(process.ended().is_none(), "it goes on to start");
    process.signal(Signal::TERM);
    let exit = process.exit(DEADLINE).await;
    assert_eq!((exit.code, exit.signal), (Some(0), None), "{exit:?}");
}

/// Asks on one connection until the gateway closes it; panics if an answer is lost.
async fn ask_until_closed(address: std::net::SocketAddr, protocol: Protocol) -> usize {
    let mut connection = Connection::open(address, protocol).await;
    for answered in 0.. {
        let request = client::request("GET", "http://a.test/").body(empty()).unwrap();
        match connection.send(request).await {
            Ok(answer) => assert_eq!(answer.text(), "up"),
            // Closed before the request was taken: a client may send it again elsewhere.
            Err(error) if error.is_canceled() || error.is_closed() || connection.is_closed() => {
                assert!(answered > 0, "closed before the first answer: {error:?}");
                return answered;
            }
            Err(error) => panic!("an answer was lost: {error:?}"),
        }
    }
    unreachable!("the gateway ends before the numbers do")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sigterm_under_load_loses_no_answer() {
    let upstream = Upstream::saying("up").await;
    let gateway = Gateway::start(proxy_to(&upstream)).await;
    let protocols = [Protocol::H1, Protocol::H2c, Protocol::H1, Protocol::H1];
    let clients = protocols.map(|protocol| tokio::spawn(ask_until_closed(gateway.address(), protocol)));
    eventually("there is load", DEADLINE, async || (upstream.seen().len() > 200).then_some(())).await;
    gateway.signal(Signal::TERM);
    let mut answered = 0;
    for client in clients {
        answered += client.await.expect("no answer was lost");
    }
    let exit = gateway.exit(DEADLINE).await;
    assert_eq!(exit.code, Some(0));
    let logged = exit.stdout.lines().filter(|line| line.contains("\"status\":200")).count();
    assert!(logged >= answered, "{logged} of {answered} requests are in the access log");
    assert_eq!(upstream.seen().len(), answered, "every request that reached the upstream was answered");
}

#[tokio::test]
async fn a_taken_port_is_named_with_what_to_do() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let listener = format!("listeners: [{{ name: public, address: \"{address}\" }}]\nroutes: []\n");
    let admin = format!("admin: {{ address: \"{address}\" }}\nroutes: []\n");
    for yaml in [listener, admin] {
        let exit = Launch::new(&yaml).fail().await;
        assert!(exit.code == Some(1), "{exit:?}");
        assert!(exit.stderr.contains(&address.to_string()), "{}", exit.stderr);
    }
}

#[tokio::test]
async fn a_bad_configuration_and_a_bad_command_line_have_codes_of_their_own() {
    let bad = Launch::new("routes: [{ name: a }]").fail().await;
    assert_eq!(bad.code, Some(1), "{bad:?}");
    assert!(!bad.stderr.contains("panicked"));
    assert_eq!(tests::glassgate(&["run", "--no-such-flag"]).await.code, Some(2));
}
