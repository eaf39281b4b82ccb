//! Who calls: the frame around every way to authenticate.

use serde_json::json;
use tests::client::{Connection, Protocol};
use tests::jwt::{AUDIENCE, ISSUER, Issuer, claims, jwks, with_secret};
use tests::{Collector, Gateway, Launch, Stubs, Upstream, client, empty, full, websocket};

pub const SECRET: &str = "thirty-two bytes are the least for it";

/// Two providers, `users` by a key in a file and `partners` by a secret.
pub fn providers() -> String {
    format!(
        "authenticators:
  users: {{ jwt: {{ issuer: \"{ISSUER}\", audiences: [{AUDIENCE}], keys: {{ file: jwks.json }} }} }}
  partners: {{ jwt: {{ issuer: \"https://partners.test\", audiences: [{AUDIENCE}], keys: {{ secret: \"{SECRET}\" }} }} }}\n"
    )
}

/// A gateway whose providers know this key, with routes of one's own.
pub async fn gateway(issuer: &Issuer, rest: &str) -> Gateway {
    Launch::new(&format!("{}{rest}", providers())).file("jwks.json", jwks(&[issuer])).start().await
}

/// Routes to an upstream, each with what it asks; an empty one says nothing.
pub fn routes(upstream: &Upstream, asked: &[(&str, &str)]) -> String {
    let route = |(name, asked): &(&str, &str)| {
        let asked = if asked.is_empty() { String::new() } else { format!(", authentication: {asked}") };
        format!("  - {{ name: {name}, match: {{ path: /{name} }}, upstream: up{asked} }}\n")
    };
    let routes: String = asked.iter().map(route).collect();
    format!("upstreams: {{ up: {{ endpoints: [\"{}\"] }} }}\nroutes:\n{routes}", upstream.url())
}

pub fn bearer(token: &str) -> [(&'static str, String); 1] {
    [("authorization", format!("Bearer {token}"))]
}

pub async fn get(gateway: &Gateway, path: &str, headers: &[(&str, String)]) -> tests::Answer {
    let headers: Vec<(&str, &str)> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
    gateway.request("GET", path, &headers).await
}

#[tokio::test]
async fn a_service_is_told_who_calls_and_not_shown_how_that_is_known() {
    let (issuer, upstream) = (Issuer::new("a"), Upstream::echo().await);
    let asked =
        "{ by: [users], headers: { x-user-id: sub, x-tenant: tenant.id, x-roles: roles, x-none: nothing } }";
    let kept = asked.replace("by:", "credentials: keep, by:");
    let gateway = gateway(&issuer, &routes(&upstream, &[("a", asked), ("kept", &kept)])).await;
    let token =
        issuer.token_with(json!({ "sub": "7", "tenant": { "id": "acme" }, "roles": ["admin", "staff"] }));
    let answer = get(&gateway, "/a", &bearer(&token)).await;
    let headers = &answer.json()["headers"];
    assert_eq!(headers["x-user-id"], json!(["7"]));
    assert_eq!(headers["x-tenant"], json!(["acme"]));
    assert_eq!(headers["x-roles"], json!(["admin,staff"]));
    assert!(headers.get("x-none").is_none() && headers.get("authorization").is_none(), "{headers}");
    let answer = get(&gateway, "/kept", &bearer(&token)).await;
    assert_eq!(answer.json()["headers"]["authorization"], json!([format!("Bearer {token}")]));
}

#[tokio::test]
async fn no_client_can_send_what_services_believe() {
    let (issuer, upstream) = (Issuer::new("a"), Upstream::echo().await);
    let rest = routes(
        &upstream,
        &[
            ("asks", "{ by: [users], headers: { x-user-id: sub, x-tenant: tenant } }"),
            ("anonymous", "{ by: [users], anonymous: true, headers: { x-user-id: sub } }"),
            ("open", ""),
        ],
    );
    // A condition on such a header is never met.
    let rest = format!(
        "{rest}  - {{ name: conditional, match: {{ path: /open, headers: [{{ name: x-user-id }}] }}, respond: {{ body: forged }} }}\n"
    );
    let gateway = gateway(&issuer, &rest).await;
    let spoofed = ["x-user-id", "X-User-Id", "x_user_id", "x-user_id", "x-tenant", "X_Tenant"];
    let mut sent: Vec<(&str, String)> = spoofed.iter().map(|name| (*name, "1".to_owned())).collect();
    sent.push(("x-user-ids", "mine".into()));
    sent.push(("connection", "close, x-user-id".into()));
    for (path, credentials, expected) in [
        ("/asks", true, Some("7")),
        ("/anonymous", true, Some("7")),
        ("/anonymous", false, None),
        ("/open", true, None),
        ("/open", false, None),
    ] {
        let mut sent = sent.clone();
        if credentials {
            sent.extend(bearer(&issuer.token("7")));
        }
        let answer = get(&gateway, path, &sent).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
        let headers = answer.json()["headers"].clone();
        assert_eq!(headers.get("x-user-id"), expected.map(|id| json!([id])).as_ref(), "{path} {headers}");
        for name in ["x_user_id", "x-user_id", "x-tenant", "x_tenant"] {
            assert!(headers.get(name).is_none(), "{path}: {name} in {headers}");
        }
        assert_eq!(headers["x-user-ids"], json!(["mine"]));
    }
}

#[tokio::test]
async fn a_claim_cannot_say_more_than_itself() {
    let (issuer, upstream) = (Issuer::new("a"), Upstream::echo().await);
    let rest = routes(&upstream, &[("a", "{ by: [users], headers: { x-user-id: sub, x-roles: roles } }")]);
    let gateway = gateway(&issuer, &rest).await;
    for others in [
        json!({ "sub": "7\r\nx-role: admin" }),
        json!({ "sub": " 1" }),
        json!({ "sub": "7", "roles": ["staff,admin"] }),
    ] {
        let answer = get(&gateway, "/a", &bearer(&issuer.token_with(others.clone()))).await;
        assert_eq!(answer.refused(401), "token_claims_refused", "{others}");
    }
    assert!(upstream.seen().is_empty());
    let error = "users: the claim `sub` has control characters, so no header can carry it";
    gateway.access_log("the refusal", |line| line["error"] == error).await;
}

#[tokio::test]
async fn a_401_says_how_to_do_better() {
    let (issuer, upstream) = (Issuer::new("a"), Upstream::echo().await);
    let asked = [
        ("a", "{ by: [users, partners] }"),
        ("b", "{ by: [users], anonymous: true, realm: \"the \\\"shop\\\"\" }"),
    ];
    let gateway = gateway(&issuer, &routes(&upstream, &asked)).await;
    let missing = gateway.get("/a").await;
    assert_eq!(missing.refused(401), "credentials_missing");
    assert_eq!(missing.header("www-authenticate"), "Bearer realm=\"api\"");
    assert_eq!(missing.headers.get_all("www-authenticate").iter().count(), 1, "one for each scheme");
    let other = gateway.request("GET", "/a", &[("authorization", "Basic dXNlcjpwYXNz")]).await;
    assert_eq!(other.refused(401), "credentials_invalid");
    assert_eq!(other.header("www-authenticate"), "Bearer realm=\"api\"", "no token was sent");

    let expired = issuer.token_with(json!({ "exp": 1 }));
    for path in ["/a", "/b"] {
        let answer = get(&gateway, path, &bearer(&expired)).await;
        assert_eq!(answer.refused(401), "token_expired", "{path}");
        let challenge = answer.header("www-authenticate");
        let said = ", error=\"invalid_token\", error_description=\"The token has expired\"";
        assert!(challenge.starts_with("Bearer realm=\"") && challenge.ends_with(said), "{challenge}");
    }
    let answer = get(&gateway, "/b", &bearer("x")).await;
    assert!(
        answer.header("www-authenticate").starts_with("Bearer realm=\"the \\\"shop\\\"\", "),
        "{answer:?}"
    );
    assert_eq!(gateway.get("/b").await.status, 200, "nobody may pass");
    assert_eq!(upstream.seen().len(), 1);
}

#[tokio::test]
async fn the_issuer_decides_which_provider_is_asked() {
    let (issuer, upstream) = (Issuer::new("a"), Upstream::echo().await);
    let asked = [("both", "{ by: [users, partners], headers: { x-by: iss } }"), ("one", "{ by: [users] }")];
    let gateway = gateway(&issuer, &routes(&upstream, &asked)).await;
    let partner = with_secret(SECRET, &claims(json!({ "iss": "https://partners.test", "sub": "p" })));
    let stranger = with_secret(SECRET, &claims(json!({ "iss": "https://stranger.test" })));
    for (token, by) in [(issuer.token("7"), ISSUER), (partner.clone(), "https://partners.test")] {
        let answer = get(&gateway, "/both", &bearer(&token)).await;
        assert_eq!(answer.json()["headers"]["x-by"], json!([by]));
    }
    assert_eq!(get(&gateway, "/both", &bearer(&stranger)).await.refused(401), "token_claims_refused");
    assert_eq!(get(&gateway, "/one", &bearer(&partner)).await.refused(401), "token_claims_refused");
    // What one provider has to refuse is not another's.
    let forged = with_secret(SECRET, &claims(json!({ "sub": "7" })));
    assert_eq!(get(&gateway, "/both", &bearer(&forged)).await.refused(401), "token_not_trusted");
    let metrics = gateway.metrics().await;
    let count = |authenticator: &str, result: &str| {
        metrics
            .value("gateway_authentications_total", &[("authenticator", authenticator), ("result", result)])
    };
    assert_eq!((count("users", "accepted"), count("partners", "accepted")), (1.0, 1.0));
    assert_eq!((count("users", "token_claims_refused"), count("users", "token_not_trusted")), (2.0, 1.0));
}

#[tokio::test]
async fn a_route_says_otherwise_than_the_default() {
    let (issuer, upstream) = (Issuer::new("a"), Upstream::echo().await);
    let routes = routes(&upstream, &[("silent", ""), ("own", "{ by: [partners] }"), ("off", "{}")]);
    let gateway =
        gateway(&issuer, &format!("defaults: {{ authentication: {{ by: [users] }} }}\n{routes}")).await;
    let user = bearer(&issuer.token("7"));
    let partner = bearer(&with_secret(SECRET, &claims(json!({ "iss": "https://partners.test" }))));
    for (path, nobody, by_user, by_partner) in
        [("/silent", 401, 200, 401), ("/own", 401, 401, 200), ("/off", 200, 200, 200)]
    {
        assert_eq!(get(&gateway, path, &[]).await.status.as_u16(), nobody, "{path}");
        assert_eq!(get(&gateway, path, &user).await.status.as_u16(), by_user, "{path}");
        assert_eq!(get(&gateway, path, &partner).await.status.as_u16(), by_partner, "{path}");
    }
}

#[tokio::test]
async fn a_redirect_does_not_pass_on_a_token() {
    let issuer = Issuer::new("a");
    let providers = providers().replace("keys: { file", "from: { query: token }, keys: { file");
    let routes = "routes: [{ name: a, match: { path: /a }, redirect: { to: \"https://other.test/\" }, authentication: { by: [users] } }]";
    let gateway =
        Launch::new(&format!("{providers}{routes}\n")).file("jwks.json", jwks(&[&issuer])).start().await;
    for (query, location) in [
        ("x=1&token=T", "https://other.test/?x=1"),
        ("token=T", "https://other.test/"),
        ("x=1&t%6Fken=T", "https://other.test/?x=1"),
    ] {
        let answer = gateway.get(&format!("/a?{}", query.replace('T', &issuer.token("7")))).await;
        assert_eq!((answer.status.as_u16(), answer.header("location")), (308, location));
    }
}

#[tokio::test]
async fn every_kind_of_route_is_guarded_and_the_connection_kept() {
    let (issuer, upstream) = (Issuer::new("a"), Upstream::echo().await);
    let rest = format!(
        "defaults: {{ authentication: {{ by: [users] }} }}
upstreams: {{ up: {{ endpoints: [\"{}\"] }} }}
routes:
  - {{ name: proxied, match: {{ path: /proxied }}, upstream: up }}
  - {{ name: moved, match: {{ path: /moved }}, redirect: {{ to: /else }} }}
  - {{ name: fixed, match: {{ path: /fixed }}, respond: {{ body: secret }} }}\n",
        upstream.url()
    );
    let gateway = gateway(&issuer, &rest).await;
    let token = issuer.token("7");
    for protocol in [Protocol::H1, Protocol::H2c] {
        let mut connection = Connection::open(gateway.address(), protocol).await;
        for path in ["/proxied", "/moved", "/fixed"] {
            let request = || client::request("POST", &gateway.url(path));
            let answer = connection.send(request().body(full("a body")).unwrap()).await.unwrap();
            assert_eq!(answer.refused(401), "credentials_missing", "{path}");
            let allowed = request().header("authorization", format!("Bearer {token}"));
            let answer = connection.send(allowed.body(full("a body")).unwrap()).await.unwrap();
            assert!(answer.status.as_u16() < 400, "{path}");
        }
        assert!(!connection.is_closed());
    }
}

#[tokio::test]
async fn a_grpc_caller_is_unauthenticated() {
    let (issuer, upstream) = (Issuer::new("a"), Upstream::echo().await);
    let gateway = gateway(&issuer, &routes(&upstream, &[("a", "{ by: [users] }")])).await;
    let mut connection = Connection::open(gateway.address(), Protocol::H2c).await;
    let request = client::request("POST", &gateway.url("/a")).header("content-type", "application/grpc");
    let answer = connection.send(request.body(empty()).unwrap()).await.unwrap();
    assert_eq!((answer.status.as_u16(), answer.header("grpc-status")), (200, "16"));
}

#[tokio::test]
async fn a_websocket_is_guarded_when_it_is_opened() {
    let (issuer, upstream) = (Issuer::new("a"), Upstream::start(websocket::echo).await);
    let providers = providers().replace("keys: { file", "from: { query: token }, keys: { file");
    let yaml = format!("{providers}{}", routes(&upstream, &[("chat", "{ by: [users] }")]));
    let gateway = Launch::new(&yaml).file("jwks.json", jwks(&[&issuer])).start().await;
    let error = websocket::open(gateway.address(), "/chat").await.unwrap_err();
    assert!(error.to_string().contains("401"), "{error}");
    let path = format!("/chat?token={}", issuer.token("7"));
    let mut client = websocket::open(gateway.address(), &path).await.unwrap();
    assert_eq!(websocket::ask(&mut client, "hello").await.into_text().unwrap(), "hello");
    assert_eq!(upstream.only().target(), "/chat");
}

#[tokio::test]
async fn graphql_is_guarded_before_any_service_is_called() {
    let (issuer, stubs) = (Issuer::new("a"), Stubs::start().await);
    let rest = format!(
        "{}defaults: {{ authentication: {{ by: [partners] }} }}\n",
        providers().replace("file: jwks.json", "secret: \"another secret of thirty-two bytes\"")
    );
    let gateway = super::graphql::gateway(&stubs, &rest).await;
    assert_eq!(gateway.graphql("{ users { name } }", json!({})).await.refused(401), "credentials_missing");
    assert!(stubs.calls("users").await.is_empty());
    drop(issuer);
}

#[tokio::test]
async fn a_request_shows_who_it_was_and_never_the_token() {
    let (issuer, upstream, collector) = (Issuer::new("a"), Upstream::echo().await, Collector::start().await);
    let telemetry = format!(
        "telemetry:
  log: {{ level: trace }}
  traces: {{ sample: 100%, otlp: {{ endpoint: \"{}\" }} }}\n",
        collector.url()
    );
    let providers =
        providers().replace("keys: { file", "from: { query: token, cookie: session }, keys: { file");
    let yaml = format!("{telemetry}{providers}{}", routes(&upstream, &[("a", "{ by: [users] }")]));
    let gateway = Launch::new(&yaml).file("jwks.json", jwks(&[&issuer])).start().await;
    let token = issuer.token("somebody");
    let tag = token.rsplit('.').next().unwrap().to_owned();
    let forged = Issuer::new("a").token("somebody");
    for (token, status) in [(&token, 200), (&forged, 401)] {
        for sent in [
            get(&gateway, "/a", &bearer(token)).await,
            gateway.get(&format!("/a?x=1&token={token}&y=2")).await,
            get(&gateway, "/a", &[("cookie", format!("theme=dark; session={token}; x=1"))]).await,
        ] {
            assert_eq!(sent.status.as_u16(), status, "{}", sent.text());
            assert!(!format!("{sent:?}{}", sent.text()).contains(&tag));
        }
    }
    for seen in upstream.seen() {
        assert!(!format!("{seen:?}").contains(&tag), "{seen:?}");
    }
    assert_eq!(upstream.seen()[1].target(), "/a?x=1&y=2");
    assert_eq!(upstream.seen()[2].header("cookie"), "theme=dark; x=1");

    let line = gateway.access_log("an accepted request", |line| line["status"] == 200).await;
    assert_eq!((&line["authenticator"], &line["subject"]), (&json!("users"), &json!("somebody")));
    let line = gateway.access_log("a refused request", |line| line["status"] == 401).await;
    assert!(line.get("subject").is_none() && line.get("authenticator").is_none(), "{line}");
    assert_eq!(line["error"], "users: the signature does not fit the token and its key");
    let spans = collector.trace(line["trace_id"].as_str().unwrap(), 1).await;
    let accepted = collector.await_spans("an accepted request", |spans| {
        spans.iter().find(|span| span.attribute("gateway.authenticator") == "users").cloned()
    });
    let all = format!("{spans:?}{:?}", accepted.await);
    assert!(!all.contains(&tag) && !all.contains("somebody"), "{all}");
    let lines: String = gateway.lines().into_iter().map(|line| line.text).collect();
    let claims = token.split('.').nth(1).unwrap();
    for part in [&*tag, &forged[forged.len() - 40..], claims] {
        assert!(!lines.contains(part), "{part} in a log");
    }
}
