//! Reloads: those in flight stay counted, those who wait keep their turn, and what was learned stays known.

use futures::future::select_all;

use super::*;

#[tokio::test]
async fn a_higher_limit_lets_in_who_waits_and_a_lower_one_cuts_nobody_off() {
    let held = Held::start().await;
    for (label, name) in [("http_route", "a"), ("upstream", "up")] {
        // With something else that makes another upstream of it.
        let yaml = |max, timeout: &str| match label {
            "upstream" => {
                let more = format!("{}, timeouts: {{ read: {timeout} }}", limit(max, 2));
                held.behind(&more, &[("a", "")])
            }
            _ => held.behind(&format!(", timeouts: {{ read: {timeout} }}"), &[("a", &limit(max, 2))]),
        };
        let gateway = Gateway::start(yaml(2, "40s")).await;
        let mut answers = vec![ask(&gateway, "/a"), ask(&gateway, "/a")];
        held.holds(2).await;
        answers.extend([ask(&gateway, "/a"), ask(&gateway, "/a")]);
        queued(&gateway, label, name, 2).await;
        assert_eq!(gateway.reload(&yaml(3, "41s")).await.status, 200);
        held.holds(3).await;
        queued(&gateway, label, name, 1).await;

        assert_eq!(gateway.reload(&yaml(1, "42s")).await.status, 200);
        gateway.metric("gateway_concurrency_limit", &[(label, name)], |limit| limit == 1.0).await;
        gateway.metric("gateway_concurrency_in_flight", &[(label, name)], |count| count == 3.0).await;
        held.release(2);
        held.holds(1).await;
        queued(&gateway, label, name, 1).await;
        held.release(2);
        for answer in answers {
            assert_eq!(answer.await.unwrap().status, 200);
        }
    }
}

#[tokio::test]
async fn a_limit_that_is_switched_off_lets_everybody_in_and_leaves_the_metrics() {
    let held = Held::start().await;
    let gateway = Gateway::start(held.behind("", &[("a", &limit(1, 1))])).await;
    let mut answers = vec![ask(&gateway, "/a")];
    held.holds(1).await;
    answers.push(ask(&gateway, "/a"));
    queued(&gateway, "http_route", "a", 1).await;
    assert_eq!(gateway.reload(&held.behind("", &[("a", "")])).await.status, 200);
    answers.push(ask(&gateway, "/a"));
    held.holds(2).await;
    held.release(3);
    for answer in answers {
        assert_eq!(answer.await.unwrap().status, 200, "who waited goes on when it is its turn");
    }
    eventually("the gauges are gone", DEADLINE, async || {
        let metrics = gateway.metrics().await;
        (!metrics.text.contains("gateway_concurrency_limit{")).then_some(())
    })
    .await;
}

#[tokio::test]
async fn what_an_adaptive_limit_has_learned_outlives_a_reload() {
    let upstream = Upstream::saying("fast").await;
    let yaml = |extra: &str| {
        let limit = "{ adaptive: { initial: 2, min: 2, max: 50 } }";
        format!(
            "upstreams: {{ up: {{ endpoints: [\"{}\"] }} }}\n\
             routes: [{{ name: a, match: {{ path: /a }}, upstream: up, concurrency: {limit} }}{extra}]\n",
            upstream.url()
        )
    };
    let gateway = Gateway::start(yaml("")).await;
    assert_eq!(gateway.get("/a").await.status, 200);
    let of_a = [("http_route", "a")];
    gateway.metric("gateway_concurrency_limit", &of_a, |limit| limit == 2.0).await;
    let client = async || {
        let mut connection = Connection::open(gateway.address(), Protocol::H1).await;
        loop {
            let request = client::request("GET", &gateway.url("/a")).body(empty()).unwrap();
            let answer = connection.send(request).await.unwrap();
            assert!([200, 503].contains(&answer.status.as_u16()), "{answer:?}");
        }
    };
    let clients = select_all((0..8).map(|_| Box::pin(client())));
    let learned = gateway.metric("gateway_concurrency_limit", &of_a, |limit| limit > 4.0);
    tokio::select! {
        _ = clients => unreachable!("clients go on for ever"),
        _ = learned => {}
    }
    gateway.metric("gateway_concurrency_in_flight", &of_a, |count| count == 0.0).await;
    let before = gateway.metrics().await.value("gateway_concurrency_limit", &of_a);
    let other = ", { name: b, match: { path: /b }, respond: { body: b } }";
    assert_eq!(gateway.reload(&yaml(other)).await.status, 200);
    assert_eq!(gateway.get("/b").await.text(), "b");
    assert_eq!(gateway.metrics().await.value("gateway_concurrency_limit", &of_a), before);
}
