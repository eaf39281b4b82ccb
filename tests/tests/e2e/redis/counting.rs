//! Limits that several gateways count together. The periods are so long that no test depends on how fast it runs, and
//! Redis may take its time where a test is not about that.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::json;
use tests::client::{Connection, Protocol};
use tests::{
    Collector, DEADLINE, Gateway, LaunchRedis, Redis, RedisCluster, Stubs, client, closed_port, empty,
    eventually, otlp,
};

use crate::graphql;

/// A long deadline for a loaded machine.
const PATIENT: &str = "timeout: 10s";

/// A store, and a route with these limits.
fn limiting(redis: &str, limits: &str) -> String {
    format!(
        "redis: {{ {redis} }}\n\
         routes: [{{ name: a, match: {{ path: /a }}, respond: {{ status: 204 }}, rate_limits: [{limits}] }}]\n"
    )
}

fn at(redis: &Redis) -> String {
    format!("url: \"{}\", {PATIENT}", redis.url())
}

/// Asks as often on one connection; gives how many requests were let through. All others are refused by a limit.
async fn let_through(gateway: &Gateway, times: usize, headers: &[(&'static str, &'static str)]) -> usize {
    let mut connection = Connection::open(gateway.address(), Protocol::H1).await;
    let mut through = 0;
    for _ in 0..times {
        let mut request = client::request("GET", &gateway.url("/a"));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let answer = connection.send(request.body(empty()).unwrap()).await.expect("an answer");
        match answer.status.as_u16() {
            204 => through += 1,
            _ => assert_eq!(answer.refused(429), "rate_limited"),
        }
    }
    through
}

/// The same on as many connections of each gateway at the same time.
async fn let_through_by_all(gateways: &[Arc<Gateway>], connections: usize, times: usize) -> usize {
    let ask = |gateway: &Arc<Gateway>| {
        let gateway = gateway.clone();
        tokio::spawn(async move { let_through(&gateway, times, &[]).await })
    };
    let asking: Vec<_> = gateways.iter().flat_map(|gateway| (0..connections).map(|_| ask(gateway))).collect();
    let mut through = 0;
    for asked in asking {
        through += asked.await.expect("no request failed");
    }
    through
}

async fn gateways(count: usize, yaml: &str) -> Vec<Arc<Gateway>> {
    let mut gateways = Vec::new();
    for _ in 0..count {
        gateways.push(Arc::new(Gateway::start(yaml).await));
    }
    gateways
}

async fn calls(gateway: &Gateway, result: &str) -> f64 {
    gateway.metrics().await.value("gateway_redis_calls_total", &[("result", result)])
}

async fn degraded(gateway: &Gateway, degraded: bool) {
    let expected = f64::from(u8::from(degraded));
    gateway.metric("gateway_degraded", &[("component", "redis")], |value| value == expected).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn four_gateways_let_through_exactly_the_limit_under_load() {
    let redis = Redis::start_plain().await;
    let limits = "{ limit: 500/30d }, { name: huge, limit: 1000000/s, by: [route] }";
    let gateways = gateways(4, &limiting(&at(&redis), limits)).await;
    assert_eq!(let_through_by_all(&gateways, 16, 16).await, 500, "of 1024 requests on 64 connections");
    for gateway in &gateways {
        // Two limits, one round trip.
        assert_eq!(calls(gateway, "success").await, 256.0);
    }
    // One key for each limit: the full ones leave by themselves.
    let keys = async || (redis.cli(&["--raw", "KEYS", "glassgate:*"]).lines().count() <= 2).then_some(());
    eventually("nothing stays but what still counts", DEADLINE, keys).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_gateways_with_leases_stay_within_their_bound_under_load() {
    let redis = Redis::start_plain().await;
    let yaml = limiting(&at(&redis), "{ limit: 300/30d, mode: leased, lease: 10% }");
    let gateways = gateways(3, &yaml).await;
    let through = let_through_by_all(&gateways, 16, 20).await;
    assert!(through <= 300, "{through} of 960: never more than the limit, to begin with");
    assert!(through >= 300 - 3 * 30, "{through} of 960: no more than a lease for each gateway is held back");
    // What is held is given back, and then used.
    let mut through = through;
    let all = async || {
        through += let_through_by_all(&gateways, 1, 10).await;
        (through == 300).then_some(())
    };
    eventually("every token is used in the end", DEADLINE, all).await;
    assert_eq!(let_through_by_all(&gateways, 1, 10).await, 0);
}

#[tokio::test]
async fn with_leases_most_requests_need_no_round_trip() {
    let redis = Redis::start_plain().await;
    let gateway = Gateway::start(limiting(&at(&redis), "{ limit: 300/30d, mode: leased }")).await;
    assert_eq!(let_through(&gateway, 100, &[]).await, 100);
    let answer = gateway.get("/a").await;
    assert!(answer.header("ratelimit").starts_with("\"limit-1\";r=199;"), "{answer:?}");
    let asked = calls(&gateway, "success").await;
    assert!((2.0..50.0).contains(&asked), "{asked} calls for 101 requests");
    assert!(gateway.metrics().await.value("gateway_redis_leases", &[]) <= 1.0);
    assert_eq!(let_through(&gateway, 300, &[]).await, 199);
    let asked = calls(&gateway, "success").await;
    assert_eq!(let_through(&gateway, 50, &[]).await, 0);
    assert_eq!(calls(&gateway, "success").await, asked, "what was refused is refused without asking");
}

#[tokio::test]
async fn callers_and_routes_are_counted_apart_on_every_gateway() {
    let redis = Redis::start_plain().await;
    let yaml = limiting(&at(&redis), "{ limit: 10/30d, by: [{ header: x-tenant }] }");
    let other = yaml.replace("name: a,", "name: b,");
    let gateways = [Gateway::start(&yaml).await, Gateway::start(&yaml).await, Gateway::start(&other).await];
    for (gateway, tenant, through) in
        [(0, "one", 7), (1, "one", 3), (1, "two", 7), (0, "two", 3), (2, "one", 7), (2, "two", 7)]
    {
        let found = let_through(&gateways[gateway], 7, &[("x-tenant", tenant)]).await;
        assert_eq!(found, through, "gateway {gateway}, {tenant}");
    }
}

#[tokio::test]
async fn answers_say_the_same_as_if_it_was_counted_here() {
    let redis = Redis::start_plain().await;
    let limits = "{ name: fine, limit: 10/h, cost: 4 }";
    let together = Gateway::start(limiting(&at(&redis), limits)).await;
    let alone =
        Gateway::start(limiting(&at(&redis), &limits.replace("cost: 4", "cost: 4, mode: local"))).await;
    for status in [204, 204, 429] {
        let answers = [together.get("/a").await, alone.get("/a").await];
        for name in ["ratelimit-policy", "ratelimit", "retry-after"] {
            // Times may differ by what passed between the two.
            let said = answers.each_ref().map(|answer| {
                let text = answer.header(name).replace(";t=", "=");
                let (before, time) = text.rsplit_once('=').unwrap_or(("", text.as_str()));
                (before.to_owned(), time.parse::<i64>().unwrap_or_default())
            });
            assert_eq!(said[0].0, said[1].0, "{name}: {said:?}");
            assert!((said[0].1 - said[1].1).abs() < 30, "{name}: {said:?}");
        }
        assert_eq!(answers.map(|answer| answer.status.as_u16()), [status; 2]);
    }
}

#[tokio::test]
async fn a_cluster_counts_every_key_where_it_belongs() {
    let cluster = RedisCluster::start(3).await;
    let store = format!("cluster: [\"{}\"], {PATIENT}", cluster.nodes()[0].url());
    let limits = "{ limit: 20/30d, by: [{ header: x-tenant }] }, { limit: 45/30d, by: [route] }";
    let gateways =
        [Gateway::start(limiting(&store, limits)).await, Gateway::start(limiting(&store, limits)).await];
    for gateway in &gateways {
        for tenant in ["one", "two"] {
            assert_eq!(let_through(gateway, 10, &[("x-tenant", tenant)]).await, 10, "{tenant}");
        }
    }
    assert_eq!(let_through(&gateways[0], 10, &[("x-tenant", "one")]).await, 0, "its own limit");
    assert_eq!(let_through(&gateways[1], 10, &[("x-tenant", "three")]).await, 0, "the route's limit");
}

#[tokio::test]
async fn what_redis_has_forgotten_begins_anew_and_nobody_sees_an_error() {
    let redis = LaunchRedis::default().password("secret").start().await;
    let store = at(&redis).replace("://", "://:secret@");
    let gateway = Gateway::start(limiting(&store, "{ limit: 5/30d, by: [{ header: x-tenant }] }")).await;
    let through = async |tenant| let_through(&gateway, 8, &[("x-tenant", tenant)]).await;
    assert_eq!(through("one").await, 5);
    redis.cli(&["SCRIPT", "FLUSH"]);
    assert_eq!((through("one").await, through("two").await), (0, 5));
    redis.cli(&["FLUSHALL"]);
    redis.cli(&["SCRIPT", "FLUSH"]);
    assert_eq!(through("three").await, 5);
    let again = async || (through("one").await > 0).then_some(());
    eventually("a refusal is not remembered for long", DEADLINE, again).await;
    redis.cli(&["CLIENT", "KILL", "TYPE", "normal"]);
    degraded(&gateway, false).await;
}

#[tokio::test]
async fn who_is_refused_is_no_load_for_redis() {
    let redis = Redis::start_plain().await;
    let gateway = Gateway::start(limiting(&at(&redis), "{ limit: 5/30d }")).await;
    assert_eq!(let_through(&gateway, 100, &[]).await, 5);
    assert_eq!(calls(&gateway, "success").await, 6.0, "five that pass, and one that is refused");
}

#[tokio::test]
async fn a_clock_that_steps_back_keeps_nobody_out_for_longer_than_an_empty_bucket_would() {
    let redis = Redis::start_plain().await;
    let gateway = Gateway::start(limiting(&at(&redis), "{ limit: 2/m, by: [{ header: x-tenant }] }")).await;
    assert_eq!(let_through(&gateway, 2, &[("x-tenant", "one")]).await, 2);
    let key = redis.cli(&["--raw", "KEYS", "glassgate:*"]);
    let keys: Vec<&str> = key.lines().filter(|key| !key.contains("{00000000")).collect();
    let [key] = keys.as_slice() else { panic!("{keys:?}") };
    // As a server finds it whose clock is an hour behind.
    let full_at = redis.cli(&["--raw", "GET", key]);
    let (seconds, nanos) = full_at.trim().split_once('.').unwrap();
    let later = format!("{}.{nanos}", seconds.parse::<u64>().unwrap() + 3600);
    redis.cli(&["SET", key, &later]);
    let answer = gateway.request("GET", "/a", &[("x-tenant", "one")]).await;
    assert_eq!(answer.header("retry-after").parse::<u64>().unwrap(), 30, "{answer:?}");
}

#[tokio::test]
async fn after_a_failover_the_new_primary_counts() {
    let (redis, replica) = (Redis::start_plain().await, Redis::start_plain().await);
    let gateway =
        Gateway::start(limiting(&at(&redis), "{ limit: 10/30d, by: [{ header: x-tenant }] }")).await;
    let through = async |tenant| let_through(&gateway, 12, &[("x-tenant", tenant)]).await;
    assert_eq!(through("one").await, 10);
    // It takes no writes any more, as a primary that was replaced.
    redis.cli(&["REPLICAOF", "127.0.0.1", &replica.port().to_string()]);
    degraded(&gateway, true).await;
    assert_eq!(through("two").await, 10, "counted here meanwhile");
    redis.cli(&["REPLICAOF", "NO", "ONE"]);
    degraded(&gateway, false).await;
    assert_eq!(through("three").await, 10);
    let counted = redis.cli(&["--raw", "KEYS", "glassgate:*"]);
    assert!(counted.lines().any(|key| !key.contains("{00000000")), "{counted}");
}

#[tokio::test]
async fn an_outage_gives_nobody_a_full_bucket() {
    let mut redis = Redis::start_plain().await;
    let store = format!("url: \"{}\", timeout: 1s, rate_limits: {{ instances: 2 }}", redis.url());
    let gateway = Gateway::start(limiting(&store, "{ limit: 10/30d }")).await;
    assert_eq!(let_through(&gateway, 3, &[]).await, 3);
    redis.stop();
    degraded(&gateway, true).await;
    // Its part is 5, and 3 of them are used.
    assert_eq!(let_through(&gateway, 8, &[]).await, 2);
    assert!(calls(&gateway, "skipped").await >= 8.0, "none of them waited");
    redis.bring_back().await;
    degraded(&gateway, false).await;
    // Redis knows of 3.
    assert_eq!(let_through(&gateway, 10, &[]).await, 7);
    redis.kill();
    degraded(&gateway, true).await;
    assert_eq!(let_through(&gateway, 5, &[]).await, 0);
}

#[tokio::test]
async fn without_an_answer_a_limit_does_what_it_was_told() {
    let mut redis = Redis::start_plain().await;
    let yaml = format!(
        "redis: {{ url: \"{}\", rate_limits: {{ on_failure: deny }} }}\n\
         routes:\n\
         - {{ name: a, match: {{ path: /a }}, respond: {{ status: 204 }}, \
              rate_limits: [{{ limit: 1/30d, on_failure: allow }}] }}\n\
         - {{ name: b, match: {{ path: /b }}, respond: {{ status: 204 }}, rate_limits: [{{ limit: 100/30d }}] }}\n\
         - {{ name: c, match: {{ path: /c }}, respond: {{ status: 204 }}, \
              rate_limits: [{{ limit: 100/30d }}, {{ limit: 1/30d, mode: local, name: own }}] }}\n",
        redis.url()
    );
    let gateway = Gateway::start(yaml).await;
    redis.kill();
    degraded(&gateway, true).await;
    for _ in 0..3 {
        let answer = gateway.get("/a").await;
        assert_eq!((answer.status.as_u16(), answer.header("ratelimit")), (204, ""), "it passes uncounted");
        let answer = gateway.get("/b").await;
        assert_eq!(answer.refused(503), "rate_limit_unavailable");
        assert_eq!((answer.header("retry-after"), answer.header("ratelimit")), ("1", ""));
    }
    assert_eq!(gateway.get("/c").await.refused(503), "rate_limit_unavailable");
    assert_eq!(gateway.get("/c").await.refused(429), "rate_limited", "it would be refused anyway");
    for (route, result, count) in [("a", "uncounted", 3.0), ("b", "unavailable", 3.0)] {
        let labels = [("http_route", route), ("rate_limit", "limit-1"), ("result", result)];
        gateway.metric("gateway_rate_limit_decisions_total", &labels, |found| found == count).await;
    }
    redis.start().await;
    degraded(&gateway, false).await;
    assert_eq!(gateway.get("/b").await.status, 204);
}

/// Asks again and again until it is told to stop; every answer is one of the route or of its limit.
async fn ask_on(gateway: Arc<Gateway>, stop: Arc<AtomicUsize>, asked: Arc<AtomicUsize>) {
    while stop.load(Ordering::SeqCst) == 0 {
        let_through(&gateway, 5, &[]).await;
        asked.fetch_add(5, Ordering::SeqCst);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_outage_of_redis_makes_an_error_under_load() {
    let mut redis = Redis::start_plain().await;
    for mode in ["exact", "leased"] {
        let store = format!("url: \"{}\", rate_limits: {{ mode: {mode} }}", redis.url());
        let gateway = Arc::new(Gateway::start(limiting(&store, "{ limit: 50/s }")).await);
        let (stop, asked) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let asking: Vec<_> =
            (0..8).map(|_| tokio::spawn(ask_on(gateway.clone(), stop.clone(), asked.clone()))).collect();
        let goes_on = async || {
            let before = asked.load(Ordering::SeqCst);
            let more = async || (asked.load(Ordering::SeqCst) > before + 100).then_some(());
            eventually("requests are answered", DEADLINE, more).await;
        };
        goes_on().await;
        for stop in [|redis: &mut Redis| redis.stop(), Redis::kill as fn(&mut Redis)] {
            stop(&mut redis);
            degraded(&gateway, true).await;
            goes_on().await;
            redis.bring_back().await;
            degraded(&gateway, false).await;
            goes_on().await;
        }
        redis.cli(&["FLUSHALL"]);
        redis.cli(&["SCRIPT", "FLUSH"]);
        goes_on().await;
        stop.store(1, Ordering::SeqCst);
        for asking in asking {
            asking.await.expect("no request failed");
        }
    }
}

#[tokio::test]
async fn a_reload_counts_in_the_new_place_and_goes_on_in_the_old_one() {
    let (first, second) = (Redis::start_plain().await, Redis::start_plain().await);
    let yaml = |redis: &Redis, more: &str| limiting(&at(redis), "{ limit: 10/30d }") + more;
    let gateway = Gateway::start(yaml(&first, "")).await;
    assert_eq!(let_through(&gateway, 4, &[]).await, 4);
    // The store stays as it is, and so does what is counted there and here.
    assert_eq!(gateway.reload(&yaml(&first, "x-changed: true\n")).await.status, 200);
    assert_eq!(let_through(&gateway, 4, &[]).await, 4);
    assert_eq!(gateway.reload(&yaml(&second, "")).await.status, 200);
    assert_eq!(let_through(&gateway, 14, &[]).await, 10);
    assert_eq!(gateway.reload(&yaml(&first, "")).await.status, 200);
    assert_eq!(let_through(&gateway, 4, &[]).await, 2);
}

#[tokio::test]
async fn what_graphql_operations_cost_is_taken_where_all_gateways_count() {
    let (mut redis, stubs) = (Redis::start_plain().await, Stubs::start().await);
    let limits = ", rate_limits: [{ limit: 10/30d, cost: graphql, on_failure: deny }]";
    let store = format!("redis: {{ {} }}\n", at(&redis));
    let gateways = [
        graphql::gateway_with(&stubs, limits, &store).await,
        graphql::gateway_with(&stubs, limits, &store).await,
    ];
    for (gateway, status, left) in [(0, 200, 6), (1, 200, 2), (0, 429, 2), (1, 429, 2)] {
        let answer = gateways[gateway].graphql(graphql::FOUR_SERVICES, json!({})).await;
        let expected = format!("\"limit-1\";r={left};t=");
        assert_eq!(answer.status, status);
        assert!(answer.header("ratelimit").starts_with(&expected), "{answer:?}");
    }
    assert_eq!(stubs.calls("users").await.values().sum::<u64>(), 2, "the refused ones called nobody");
    redis.kill();
    degraded(&gateways[0], true).await;
    let answer = gateways[0].graphql(graphql::FOUR_SERVICES, json!({})).await;
    assert_eq!(answer.refused(503), "rate_limit_unavailable");
}

#[tokio::test]
async fn a_request_that_is_counted_without_the_store_says_so_on_its_span() {
    let collector = Collector::start().await;
    let traces = format!(
        "telemetry: {{ traces: {{ otlp: {{ endpoint: \"{}\" }}, sample: 100% }} }}\n",
        collector.url()
    );
    let yaml = limiting(&format!("url: \"redis://{}\"", closed_port()), "{ limit: 5/h }");
    let gateway = Gateway::start(traces + &yaml).await;
    assert_eq!(gateway.get("/a").await.status, 204);
    let found = |spans: &[otlp::Span]| {
        spans
            .iter()
            .map(|span| span.attribute("gateway.rate_limit.fallback"))
            .find(|told| !told.is_empty())
            .map(str::to_owned)
    };
    assert_eq!(collector.await_spans("the span", found).await, "true");
}
