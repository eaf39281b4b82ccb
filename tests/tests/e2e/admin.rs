//! The admin listener: health, what runs, and no secrets.

use tests::{Launch, Upstream, client, empty};

#[tokio::test]
async fn health_is_shown_for_machines_and_for_people() {
    let upstream = Upstream::saying("up").await;
    let gateway = tests::Gateway::start(super::proxy_to(&upstream)).await;
    assert_eq!(gateway.admin("/health/live").await.status, 200);
    assert_eq!(gateway.admin("/health/ready").await.status, 200);
    let health = gateway.admin("/health").await;
    assert_eq!(health.header("content-type"), "application/json");
    let upstreams = health.json()["upstreams"].clone();
    assert_eq!(upstreams[0]["name"], "up");
    assert_eq!(upstreams[0]["endpoints"][0]["url"].as_str().unwrap().trim_end_matches('/'), upstream.url());
    assert_eq!(gateway.admin("/nothing").await.status, 404);
    assert_eq!(gateway.get("/health/live").await.text(), "up", "the public listener shows none of it");
}

#[tokio::test]
async fn config_shows_what_runs_and_no_secret() {
    let upstream = Upstream::saying("up").await;
    let yaml = format!(
        "
        telemetry:
          traces:
            otlp:
              endpoint: \"http://127.0.0.1:1\"
              headers: {{ authorization: \"${{TOKEN}}\", x-key: \"file:key.txt\" }}
        {}",
        tests::dedent(&super::proxy_to(&upstream)).replace('\n', "\n        ")
    );
    let launch = Launch::new(&yaml).env("TOKEN", "Bearer top-secret").file("key.txt", "very-secret\n");
    let gateway = launch.start().await;
    let shown = gateway.admin("/config").await;
    let config = shown.json();
    for key in ["version", "loaded_at", "source", "last_error"] {
        assert!(config.get(key).is_some(), "{key} is missing: {config:#}");
    }
    assert!(shown.text().contains(&upstream.url()), "{config:#}");
    assert!(shown.text().contains("***"), "{config:#}");
    for secret in ["top-secret", "very-secret"] {
        assert!(!shown.text().contains(secret), "a secret is shown: {config:#}");
        assert!(gateway.lines().iter().all(|line| !line.text.contains(secret)), "a secret is logged");
    }
}

#[tokio::test]
async fn no_web_page_can_reload() {
    let gateway = tests::Gateway::start("routes: []").await;
    let reload = async |headers: &[(&str, &str)]| {
        let mut request = client::request("POST", &format!("{}/config/reload", gateway.admin_url()));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        client::send(request.body(empty()).unwrap()).await
    };
    let pages: [&[(&str, &str)]; 4] = [
        &[("origin", "https://elsewhere.test"), ("sec-fetch-site", "cross-site")],
        &[("origin", "null")],
        &[("sec-fetch-site", "same-site")],
        // A name of the page's own that was made to point here: for the browser both are one.
        &[
            ("origin", "http://rebound.test:9901"),
            ("host", "rebound.test:9901"),
            ("sec-fetch-site", "same-origin"),
        ],
    ];
    for page in pages {
        let answer = reload(page).await;
        assert_eq!(answer.status, 403, "{page:?}: {answer:?}");
        assert!(answer.text().contains("web page"), "{answer:?}");
    }
    for other in [&[][..], &[("host", "localhost:9901")], &[("sec-fetch-site", "none")]] {
        assert_eq!(reload(other).await.status, 200, "{other:?}");
    }
}

#[tokio::test]
async fn no_web_page_can_read_by_a_name_of_its_own() {
    let asked = async |gateway: &tests::Gateway, path: &str, host: &str| {
        let request = client::request("GET", &format!("{}{path}", gateway.admin_url())).header("host", host);
        client::send(request.body(empty()).unwrap()).await
    };
    let gateway = tests::Gateway::start("routes: []").await;
    for path in ["/config", "/health", "/metrics", "/nothing"] {
        let answer = asked(&gateway, path, "rebound.test:9901").await;
        assert_eq!(answer.status, 403, "{path}: {answer:?}");
        assert!(answer.text().contains("localhost"), "{answer:?}");
    }
    for host in ["localhost:9901", "127.0.0.1", "[::1]:9901"] {
        assert_eq!(asked(&gateway, "/config", host).await.status, 200, "{host}");
    }
    // Elsewhere probes and scrapers come by names.
    let open = tests::Gateway::start("admin: { address: \"0.0.0.0:0\" }\nroutes: []").await;
    assert_eq!(asked(&open, "/config", "gateway.prod.svc:9901").await.status, 200);
}
