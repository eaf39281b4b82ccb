//! The access log: one JSON line a request, with all that one searches by.

use std::sync::Arc;

use rustix::process::Signal;
use tests::{DEADLINE, Gateway, Upstream, client, eventually, full};
use tokio::sync::Notify;

#[tokio::test]
async fn a_line_tells_everything_about_a_request() {
    let upstream = Upstream::saying("hello").await;
    let gateway = Gateway::start(super::proxy_to(&upstream)).await;
    let request = client::request("POST", &gateway.url("/a/b?secret=1")).header("user-agent", "a \"test\"\\");
    let answer = gateway.send(request.body(full("four")).unwrap()).await;
    let line = gateway.access_log("the line", |line| line["path"] == "/a/b").await;
    let texts = [
        ("request_id", answer.header("x-request-id")),
        ("client", "127.0.0.1"),
        ("listener", "public"),
        ("method", "POST"),
        ("route", "all"),
        ("upstream", "up"),
        ("user_agent", "a \"test\"\\"),
    ];
    for (field, value) in texts {
        assert_eq!(line[field], value, "{field} in {line:#}");
    }
    for (field, value) in [("status", 200), ("request_bytes", 4), ("response_bytes", 5), ("attempts", 1)] {
        assert_eq!(line[field], value, "{field} in {line:#}");
    }
    assert_eq!(line["trace_id"].as_str().unwrap().len(), 32);
    assert!(line["endpoint"].as_str().unwrap().contains(&upstream.address().to_string()), "{line:#}");
    assert!(line["duration_ms"].as_f64().unwrap() > 0.0);
    assert!(line["time"].as_str().unwrap().ends_with('Z'));
    assert!(line.get("reason").is_none_or(serde_json::Value::is_null));
    assert!(!line.to_string().contains("secret"), "queries carry secrets: {line}");
}

#[tokio::test]
async fn it_can_go_to_a_file_or_nowhere() {
    let upstream = Upstream::saying("up").await;
    let with = |output: &str| {
        format!("telemetry: {{ access_log: {{ output: \"{output}\" }} }}\n{}", super::proxy_to(&upstream))
    };
    let gateway = Gateway::start(with("file:access.log")).await;
    gateway.get("/to-the-file").await;
    let path = gateway.home().path("access.log");
    eventually("the line is in the file", tests::DEADLINE, async || {
        std::fs::read_to_string(&path)
            .ok()
            .filter(|text| text.contains("\"/to-the-file\"") && text.ends_with('\n'))
    })
    .await;

    gateway.reload(&with("off")).await;
    gateway.get("/to-nowhere").await;
    gateway.reload(&with("stdout")).await;
    gateway.get("/to-stdout").await;
    gateway.access_log("the line", |line| line["path"] == "/to-stdout").await;
    let everything: String = gateway.lines().into_iter().map(|line| line.text).collect();
    assert!(
        !everything.contains("/to-nowhere")
            && !std::fs::read_to_string(&path).unwrap().contains("/to-nowhere")
    );
}

#[tokio::test]
async fn it_moves_when_the_new_configuration_runs_and_not_before() {
    let upstream = Upstream::saying("up").await;
    let (asked, release) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let slow = {
        let (asked, release) = (asked.clone(), release.clone());
        Upstream::start(move |_| {
            let (asked, release) = (asked.clone(), release.clone());
            async move {
                asked.notify_one();
                release.notified().await;
                tests::reply(200, "well")
            }
        })
        .await
    };
    let with = |output: &str, more: &str| {
        format!(
            "
            telemetry: {{ access_log: {{ output: \"file:{output}\" }} }}
            upstreams: {{ up: {{ endpoints: [\"{}\"] }}{more} }}
            routes: [{{ name: all, match: {{ path: /** }}, upstream: up }}]
            ",
            upstream.url()
        )
    };
    let gateway = Gateway::start(with("old.log", "")).await;
    let said_in = async |file: &str, path: &str| {
        let file = gateway.home().path(file);
        eventually(path, DEADLINE, async || {
            std::fs::read_to_string(&file).ok().filter(|text| text.contains(path))
        })
        .await;
    };
    let slow = format!(", slow: {{ endpoints: [\"{}\"], health: {{ path: /, timeout: 30s }} }}", slow.url());
    let next = with("new.log", &slow);
    let reload = gateway.reload(&next);
    let meanwhile = async {
        // The reload has opened all it needs, and waits for the new upstream.
        asked.notified().await;
        gateway.get("/before").await;
        said_in("old.log", "/before").await;
        release.notify_one();
    };
    assert_eq!(tokio::join!(reload, meanwhile).0.status, 200);
    gateway.get("/after").await;
    said_in("new.log", "/after").await;
}

#[tokio::test]
async fn what_a_client_sends_cannot_forge_a_line() {
    let upstream = Upstream::saying("up").await;
    let gateway = Gateway::start(super::proxy_to(&upstream)).await;
    let forged = "x\",\"status\":200,\"forged\":\"1";
    gateway.request("GET", "/%22%2C%0A", &[("user-agent", forged), ("referer", forged)]).await;
    let line = gateway.access_log("the line", |line| line["user_agent"] == forged).await;
    assert!(line.get("forged").is_none());
}

#[tokio::test]
async fn a_pipe_that_nobody_reads_is_refused_and_holds_up_nothing() {
    let upstream = Upstream::saying("up").await;
    let gateway = Gateway::start(super::proxy_to(&upstream)).await;
    let pipe = gateway.home().path("log.pipe");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().expect("coreutils").success());
    let yaml = "telemetry: { access_log: { output: \"file:log.pipe\" } }\n".to_owned();
    let answer = gateway.reload(&(yaml + &super::proxy_to(&upstream))).await;
    assert_eq!(answer.status, 422, "{answer:?}");
    let text = answer.text();
    assert!(text.contains("nobody reads the pipe") && text.contains("telemetry.access_log.output"), "{text}");
    assert_eq!(gateway.get("/").await.text(), "up");
    gateway.signal(Signal::TERM);
    assert_eq!(gateway.exit(DEADLINE).await.code, Some(0));
}
