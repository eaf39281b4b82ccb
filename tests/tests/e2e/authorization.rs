//! What callers may do on a route: scopes, roles, claims and expressions.

use serde_json::json;
use tests::client::{Connection, Protocol};
use tests::jwt::{Issuer, jwks};
use tests::{Answer, Gateway, Launch, Stubs, Upstream, client, empty, websocket};

use super::authentication::{bearer, providers};

/// A gateway that knows callers by this issuer's tokens.
async fn gateway(issuer: &Issuer, rest: &str) -> Gateway {
    Launch::new(&format!("{}{rest}", providers())).file("jwks.json", jwks(&[issuer])).start().await
}

const KNOWN: &str = "{ by: [users] }";
const ANYBODY: &str = "{ by: [users], anonymous: true }";

/// A route that answers itself.
fn route(name: &str, path: &str, authentication: &str, authorization: &str) -> String {
    let authentication = match authentication {
        "" => String::new(),
        asked => format!(", authentication: {asked}"),
    };
    format!(
        "  - {{ name: {name}, match: {{ path: \"{path}\" }}, respond: {{ body: in }}{authentication}, authorization: {authorization} }}\n"
    )
}

async fn get(gateway: &Gateway, path: &str, token: &str) -> Answer {
    let credentials = bearer(token).map(|(name, value)| (name, value.clone()));
    let headers: Vec<(&str, &str)> =
        credentials.iter().map(|(name, value)| (*name, value.as_str())).collect();
    gateway.request("GET", path, if token.is_empty() { &[] } else { &headers }).await
}

#[tokio::test]
async fn a_missing_scope_is_named() {
    let issuer = Issuer::new("a");
    let rest = format!(
        "routes:\n{}{}",
        route("all", "/all", KNOWN, "{ scopes: [\"orders:read\", \"orders:write\"] }"),
        route("any", "/any", KNOWN, "{ scopes: [base], any_scope: [admin, staff] }"),
    );
    let gateway = gateway(&issuer, &rest).await;
    for (path, claims, missing) in [
        ("/all", json!({"scope": "orders:read orders:write"}), None),
        ("/all", json!({"scp": ["orders:write", "orders:read", "x"]}), None),
        ("/all", json!({"scopes": ["orders:write", "orders:read"]}), None),
        ("/all", json!({"scope": "orders:read"}), Some("orders:write")),
        ("/all", json!({"scope": "orders:readorders:write"}), Some("orders:read orders:write")),
        ("/all", json!({"roles": ["orders:read", "orders:write"]}), Some("orders:read orders:write")),
        ("/any", json!({"scope": "base staff"}), None),
        ("/any", json!({"scope": "base"}), Some("admin")),
        ("/any", json!({"scope": "staff"}), Some("base")),
    ] {
        let answer = get(&gateway, path, &issuer.token_with(claims.clone())).await;
        let Some(missing) = missing else {
            assert_eq!(answer.text(), "in", "{path} {claims}");
            continue;
        };
        assert_eq!(answer.refused(403), "insufficient_scope", "{path} {claims}");
        let challenge = format!("Bearer realm=\"api\", error=\"insufficient_scope\", scope=\"{missing}\"");
        assert_eq!(answer.header("www-authenticate"), challenge, "{path} {claims}");
    }
    let refused = [("http_route", "all"), ("reason", "insufficient_scope")];
    gateway.metric("gateway_requests_refused_total", &refused, |count| count == 3.0).await;
}

#[tokio::test]
async fn roles_and_claims_must_have_one_of_their_values() {
    let issuer = Issuer::new("a");
    let rest = format!(
        "routes:\n{}",
        route(
            "a",
            "/a",
            KNOWN,
            "{ roles: { claim: realm.roles, any_of: [finance, admin] }, claims: { tenant: [acme, globex], \"https://example.com/tier\": [gold] } }"
        ),
    );
    let gateway = gateway(&issuer, &rest).await;
    let good = json!({"realm": {"roles": ["dev", "admin"]}, "tenant": "globex", "https://example.com/tier": "gold", "sub": "zoe"});
    assert_eq!(get(&gateway, "/a", &issuer.token_with(good.clone())).await.text(), "in");
    for (name, value, error) in [
        ("realm", json!({"roles": ["dev"]}), "authorization.roles: `realm.roles` has none of the values"),
        (
            "realm",
            json!({"roles": {"admin": true}}),
            "authorization.roles: `realm.roles` has none of the values",
        ),
        ("tenant", json!("initech"), "authorization.claims: `tenant` has none of the values"),
        (
            "https://example.com/tier",
            json!(null),
            "authorization.claims: `https://example.com/tier` has none of the values",
        ),
    ] {
        let mut claims = good.clone();
        claims[name] = value;
        let answer = get(&gateway, "/a", &issuer.token_with(claims.clone())).await;
        assert_eq!(answer.refused(403), "access_denied", "{claims}");
        assert!(
            !format!("{answer:?}{}", answer.text()).contains("www-authenticate"),
            "another token has the same claims"
        );
        let id = answer.problem().request_id;
        let line = gateway.access_log("the line", |line| line["request_id"] == *id).await;
        assert_eq!(line["error"], error);
        assert!(!answer.text().contains("authorization"), "only the operator is told the rule");
    }
}

#[tokio::test]
async fn an_expression_compares_the_caller_with_the_path() {
    let issuer = Issuer::new("a");
    let allow = "{ allow: 'claims.tenant == request.path.tenant && \"admin\" in claims.roles' }";
    let rest = format!("routes:\n{}", route("files", "/tenants/{tenant}/**", KNOWN, allow));
    let gateway = gateway(&issuer, &rest).await;
    let token = issuer.token_with(json!({"tenant": "acme", "roles": ["admin"]}));
    for (path, lets) in [
        ("/tenants/acme/files", true),
        ("/tenants/acme", true),
        ("/tenants/%61cme/files", true),
        ("//tenants/./acme//files", true),
        ("/tenants/other/../acme/files", true),
        ("/tenants/other/files", false),
        ("/tenants/acme/../other/files", false),
        ("/tenants/Acme/files", false),
        ("/tenants/acme%3B/files", false),
        ("/tenants/acme;x/files", false),
        ("/tenants/acme%00/files", false),
        ("/tenants/acme%20/files", false),
        ("/tenants/acme%2Fother/files", false),
    ] {
        let answer = get(&gateway, path, &token).await;
        assert_eq!(answer.status == 200, lets, "{path}: {}", answer.text());
    }
    for (claims, error) in [
        (json!({"tenant": "acme", "roles": ["dev"]}), "authorization.allow is false"),
        (json!({"tenant": "acme"}), "authorization.allow: there is no `roles`"),
        (json!({"tenant": "acme", "roles": "administrator"}), "authorization.allow: "),
        (
            json!({"tenant": "acme", "roles": vec!["x"; 300]}),
            "authorization.allow: what it reads has more than 256 values or 16384 bytes",
        ),
    ] {
        let answer = get(&gateway, "/tenants/acme/x", &issuer.token_with(claims.clone())).await;
        assert_eq!(answer.refused(403), "access_denied", "{claims}");
        let id = answer.problem().request_id;
        let line = gateway.access_log("the line", |line| line["request_id"] == *id).await;
        assert!(line["error"].as_str().unwrap().starts_with(error), "{line}");
    }
}

#[tokio::test]
async fn what_needs_no_caller_needs_no_authentication() {
    let rest = format!(
        "routes:\n{}{}",
        route(
            "team",
            "/team",
            "",
            "{ allow: 'request.headers[\"x-team\"] == \"blue\" || request.query.team == \"red\"' }"
        ),
        route(
            "get",
            "/get",
            "",
            "{ allow: 'request.method == \"GET\" && request.client == \"127.0.0.1\" && request.host.startsWith(\"127.\")' }"
        ),
    );
    let gateway = Gateway::start(&rest).await;
    for (path, headers, lets) in [
        ("/team", &[("x-team", "blue")][..], true),
        ("/team", &[("X-Team", "blue")], true),
        ("/team?team=red", &[], true),
        ("/team?team=r%65d", &[], true),
        ("/team?team=red&team=red", &[], false),
        ("/team", &[("x-team", "blue"), ("x-team", "red")], false),
        ("/team", &[], false),
        ("/get", &[], true),
    ] {
        let answer = gateway.request("GET", path, headers).await;
        match lets {
            true => assert_eq!(answer.text(), "in", "{path} {headers:?}"),
            // Nobody can do better with credentials, so it is no 401.
            false => assert_eq!(answer.refused(403), "access_denied", "{path} {headers:?}"),
        }
    }
    assert_eq!(gateway.request("POST", "/get", &[]).await.refused(403), "access_denied");
}

#[tokio::test]
async fn who_is_not_known_is_asked_who_it_is() {
    let issuer = Issuer::new("a");
    let rules = [
        "{ scopes: [a] }",
        "{ any_scope: [a] }",
        "{ roles: { any_of: [a] } }",
        "{ claims: { sub: [zoe] } }",
        "{ allow: 'claims.sub == \"zoe\"' }",
        "{ allow: '\"a\" in scopes' }",
    ];
    let routes = rules
        .iter()
        .enumerate()
        .map(|(number, rule)| route(&format!("r{number}"), &format!("/r{number}"), ANYBODY, rule));
    let rest = format!(
        "routes:\n{}{}",
        routes.collect::<String>(),
        route("get", "/get", ANYBODY, "{ allow: 'request.method == \"POST\"' }")
    );
    let gateway = gateway(&issuer, &rest).await;
    let token = issuer.token_with(json!({"sub": "zoe", "scope": "a", "roles": "a"}));
    for (number, rule) in rules.iter().enumerate() {
        let path = format!("/r{number}");
        let answer = get(&gateway, &path, "").await;
        assert_eq!(answer.refused(401), "credentials_missing", "{rule}");
        assert_eq!(answer.header("www-authenticate"), "Bearer realm=\"api\"", "{rule}");
        assert_eq!(get(&gateway, &path, &token).await.text(), "in", "{rule}");
    }
    assert_eq!(get(&gateway, "/get", "").await.refused(403), "access_denied", "credentials change nothing");
}

#[tokio::test]
async fn nothing_that_a_client_sends_is_taken_for_a_claim() {
    let issuer = Issuer::new("a");
    let rest = format!(
        "routes:\n{}",
        route(
            "a",
            "/a",
            "{ by: [users], anonymous: true, headers: { x-scope: scope, x-user: sub } }",
            "{ scopes: [admin] }"
        )
    );
    let gateway = gateway(&issuer, &rest).await;
    let spoofed = [
        ("scope", "admin"),
        ("x-scope", "admin"),
        ("x-user", "root"),
        ("x-claims", "{\"scope\":\"admin\"}"),
        ("x-scopes", "admin"),
    ];
    assert_eq!(
        gateway.request("GET", "/a?scope=admin&claims.scope=admin", &spoofed).await.refused(401),
        "credentials_missing"
    );
    let token = format!("Bearer {}", issuer.token("zoe"));
    let mut headers = spoofed.to_vec();
    headers.push(("authorization", &token));
    assert_eq!(gateway.request("GET", "/a?scope=admin", &headers).await.refused(403), "insufficient_scope");
}

#[tokio::test]
async fn a_route_says_otherwise_than_the_default() {
    let issuer = Issuer::new("a");
    let rest = format!(
        "defaults: {{ authentication: {KNOWN}, authorization: {{ scopes: [api] }} }}\n\
         routes:\n  - {{ name: silent, match: {{ path: /silent }}, respond: {{ body: in }} }}\n{}{}",
        route("own", "/own", "", "{ allow: 'claims.sub == \"zoe\"' }"),
        route("off", "/off", "", "{}"),
    );
    let gateway = gateway(&issuer, &rest).await;
    let (api, zoe) = (issuer.token_with(json!({"scope": "api"})), issuer.token("zoe"));
    for (path, with_api, with_zoe) in [("/silent", 200, 403), ("/own", 403, 200), ("/off", 200, 200)] {
        assert_eq!(get(&gateway, path, &api).await.status, with_api, "{path}");
        assert_eq!(get(&gateway, path, &zoe).await.status, with_zoe, "{path}");
        assert_eq!(get(&gateway, path, "").await.status, 401, "{path}");
    }
    let closed = rest.replace("'claims.sub == \"zoe\"'", "'false'");
    assert_eq!(gateway.reload(&format!("{}{closed}", providers())).await.status, 200);
    assert_eq!(get(&gateway, "/own", &zoe).await.status, 403, "a reload holds for the next request");
}

#[tokio::test]
async fn websockets_and_grpc_are_guarded_in_the_same_way() {
    let issuer = Issuer::new("a");
    let upstream = Upstream::start(websocket::echo).await;
    let rest = format!(
        "upstreams: {{ up: {{ endpoints: [\"{}\"] }} }}\nroutes:\n\
         {}{}  - {{ name: chat, match: {{ path: /chat }}, upstream: up, authorization: {{ allow: 'request.query.room == \"open\"' }} }}\n",
        upstream.url(),
        route("scoped", "/scoped", KNOWN, "{ scopes: [rpc] }"),
        route("open", "/open", ANYBODY, "{ scopes: [rpc] }"),
    );
    let gateway = gateway(&issuer, &rest).await;
    let error = websocket::open(gateway.address(), "/chat?room=other").await.unwrap_err();
    assert!(error.to_string().contains("403"), "{error}");
    assert!(upstream.seen().is_empty());
    let mut client = websocket::open(gateway.address(), "/chat?room=open").await.unwrap();
    assert_eq!(websocket::ask(&mut client, "hello").await.into_text().unwrap(), "hello");

    let token = issuer.token("zoe");
    let mut connection = Connection::open(gateway.address(), Protocol::H2c).await;
    for (path, token, status) in [("/scoped", &*token, "7"), ("/open", "", "16")] {
        let mut request = client::request("POST", &gateway.url(path))
            .header("content-type", "application/grpc")
            .header("te", "trailers");
        if !token.is_empty() {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        let answer = connection.send(request.body(empty()).unwrap()).await.unwrap();
        assert_eq!((answer.status.as_u16(), answer.header("grpc-status")), (200, status), "{path}");
    }
}

#[tokio::test]
async fn the_whole_graphql_api_is_guarded_before_any_service_is_called() {
    let stubs = Stubs::start().await;
    let closed = "defaults: { authorization: { allow: 'request.headers[\"x-team\"] == \"blue\"' } }\n";
    let gateway = super::graphql::gateway(&stubs, closed).await;
    assert_eq!(gateway.graphql("{ users { name } }", json!({})).await.refused(403), "access_denied");
    assert!(stubs.calls("users").await.is_empty());
}
