//! The store that gateways share: connected to in every way, and lost and found again.

mod counting;

use serde_json::{Value, json};
use tests::{DEADLINE, Gateway, Launch, LaunchRedis, Redis, RedisCluster, eventually};

/// A route that answers by itself, and this store.
fn answering(redis: &str) -> String {
    format!(
        "redis: {{ {redis} }}\nroutes: [{{ name: a, match: {{ path: /a }}, respond: {{ status: 204 }} }}]\n"
    )
}

async fn health(gateway: &Gateway) -> Value {
    gateway.admin("/health").await.json()["redis"].clone()
}

async fn degraded(gateway: &Gateway, degraded: bool) -> Value {
    let expected = f64::from(u8::from(degraded));
    gateway.metric("gateway_degraded", &[("component", "redis")], |value| value == expected).await;
    let what = format!("/health says degraded: {degraded}");
    eventually(&what, DEADLINE, async || {
        Some(health(gateway).await).filter(|redis| redis["degraded"] == degraded)
    })
    .await
}

#[tokio::test]
async fn a_store_that_answers_is_used_as_soon_as_the_gateway_is_ready() {
    let redis = Redis::start_plain().await;
    let gateway = Gateway::start(answering(&format!("url: \"{}/3\"", redis.url()))).await;
    let expected =
        json!({ "address": format!("{}/3", redis.url()), "degraded": false, "since": null, "reason": null });
    assert_eq!(health(&gateway).await, expected);
    assert_eq!(gateway.metrics().await.value("gateway_degraded", &[("component", "redis")]), 0.0);
}

#[tokio::test]
async fn an_outage_shows_without_a_request_and_ends_by_itself() {
    let mut redis = Redis::start_plain().await;
    let gateway = Gateway::start(answering(&format!("url: \"{}\"", redis.url()))).await;
    for stop in [Redis::kill as fn(&mut Redis), |redis: &mut Redis| redis.stop()] {
        stop(&mut redis);
        let shown = degraded(&gateway, true).await;
        assert!(shown["since"].is_string() && shown["reason"].is_string(), "{shown}");
        let told = |line: &Value| line["component"] == "redis" && line["level"] == "WARN";
        gateway.log("the outage is told", told).await;
        assert_eq!(gateway.admin("/health/ready").await.status, 200, "it serves all the same");
        redis.bring_back().await;
        degraded(&gateway, false).await;
        gateway.log("its end is told", |line| line["component"] == "redis" && line["level"] == "INFO").await;
    }
}

#[tokio::test]
async fn a_user_of_an_acl_needs_no_more_than_the_script_and_its_keys() {
    let rules = "resetkeys ~limits:* resetchannels -@all +evalsha +eval +time +get +set +del";
    let redis = LaunchRedis::default().user("gateway", "pass@word/1", rules).start().await;
    let within = redis.url().replace("://", "://gateway:pass%40word%2F1@");
    let beside = format!("url: \"{}\", user: gateway, password: \"pass@word/1\"", redis.url());
    for login in [format!("url: \"{within}\""), beside] {
        let gateway = Gateway::start(answering(&format!("{login}, prefix: limits"))).await;
        let shown = degraded(&gateway, false).await;
        assert_eq!(shown["address"], redis.url().replace("://", "://gateway:***@"));
        assert!(
            !gateway.admin("/config").await.text().contains("%40word")
                && !gateway.admin("/config").await.text().contains("@word")
        );
    }
    // Another database is chosen by a command of its own.
    let other = format!("url: \"{within}/3\", prefix: limits");
    let gateway = Gateway::start(answering(&other)).await;
    let shown = degraded(&gateway, true).await;
    assert!(shown["reason"].as_str().unwrap().contains("select"), "{shown}");
    let redis =
        LaunchRedis::default().user("gateway", "pass@word/1", &format!("{rules} +select")).start().await;
    let within = redis.url().replace("://", "://gateway:pass%40word%2F1@");
    let gateway = Gateway::start(answering(&format!("url: \"{within}/3\", prefix: limits"))).await;
    degraded(&gateway, false).await;
}

#[tokio::test]
async fn with_a_wrong_password_it_starts_and_says_why_but_not_with_which() {
    let redis = LaunchRedis::default().password("correct").start().await;
    let wrong = redis.url().replace("://", "://:wrong-horse@");
    let gateway = Launch::new(&answering("url: \"${REDIS}\"")).env("REDIS", &wrong).start().await;
    assert_eq!(gateway.get("/a").await.status, 204);
    let shown = degraded(&gateway, true).await;
    let reason = shown["reason"].as_str().unwrap();
    assert!(reason.contains("WRONGPASS") || reason.contains("uthentication"), "{reason}");
    for told in [
        gateway.admin("/health").await.text(),
        gateway.admin("/config").await.text(),
        gateway.lines().into_iter().map(|line| line.text).collect(),
    ] {
        assert!(!told.contains("wrong-horse"), "{told}");
    }
    // A secret in a file is found again when it has changed.
    gateway.home().write("url", redis.url().replace("://", "://:correct@"));
    assert_eq!(gateway.reload(&answering("url: file:url")).await.status, 200);
    degraded(&gateway, false).await;
}

#[tokio::test]
async fn tls_trusts_the_authority_that_is_named_and_no_other() {
    let redis = LaunchRedis::default().tls().start().await;
    let known = answering(&format!("url: \"{}\", ca: {}", redis.url(), redis.authority().display()));
    let gateway = Gateway::start(known).await;
    degraded(&gateway, false).await;
    let other = LaunchRedis::default().tls().start().await;
    let strange = answering(&format!("url: \"{}\", ca: {}", redis.url(), other.authority().display()));
    assert_eq!(gateway.reload(&strange).await.status, 200);
    let shown = degraded(&gateway, true).await;
    assert!(shown["reason"].as_str().unwrap().contains("certificate"), "{shown}");
}

#[tokio::test]
async fn a_cluster_is_known_by_one_of_its_nodes() {
    let cluster = RedisCluster::start(3).await;
    let gateway = Gateway::start(answering(&format!("cluster: [\"{}\"]", cluster.nodes()[1].url()))).await;
    degraded(&gateway, false).await;
    let keys = async || cluster.nodes().iter().all(|node| node.cli(&["DBSIZE"]).trim() != "0").then_some(());
    eventually("every node was written to", DEADLINE, keys).await;
}

#[tokio::test]
async fn a_reload_leads_to_another_server_and_leaves_the_old_one() {
    let (first, second) = (Redis::start_plain().await, Redis::start_plain().await);
    let gateway = Gateway::start(answering(&format!("url: \"{}\"", first.url()))).await;
    // One of them is the command that asks.
    let clients = |redis: &Redis| redis.cli(&["CLIENT", "LIST"]).lines().count() - 1;
    let used = async |redis: &Redis, used: bool| {
        eventually("the server is used or not", DEADLINE, async || {
            ((clients(redis) > 0) == used).then_some(())
        })
        .await;
    };
    assert_eq!(gateway.reload(&answering(&format!("url: \"{}\"", second.url()))).await.status, 200);
    assert_eq!(health(&gateway).await["address"], second.url());
    used(&second, true).await;
    used(&first, false).await;
    assert_eq!(gateway.reload("routes: []").await.status, 200);
    assert!(health(&gateway).await.is_null());
    used(&second, false).await;
}
