//! Getting a token, and the keys that it can be checked with.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as BASE64};
use http::Method;
use serde_json::{Value, json};

use crate::process::Process;

fn login(email: &str, password: &str) -> Value {
    json!({ "email": email, "password": password })
}

fn header(token: &Value) -> Value {
    let header = token.as_str().and_then(|token| token.split('.').next()).unwrap();
    serde_json::from_slice(&BASE64.decode(header).unwrap()).unwrap()
}

#[tokio::test]
async fn who_knows_the_password_gets_a_token_whose_key_is_published() {
    let process = Process::start(&["users"]).await;
    let user = process.get("users", "/users/10").await.json();
    let email = user["email"].as_str().unwrap().to_uppercase();
    let answer = process.post("users", "/login", login(&email, "demo")).await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.headers["cache-control"], "no-store");
    let body = answer.json();
    assert_eq!((&body["token_type"], &body["expires_in"]), (&json!("Bearer"), &json!(3_600)));
    assert_eq!(body["scope"], "orders:write payments:read");
    let header = header(&body["access_token"]);
    assert_eq!(header["alg"], "ES256");
    let keys = process.get("users", "/.well-known/jwks.json").await;
    assert_eq!(keys.headers["cache-control"], "public, max-age=300");
    assert_eq!(keys.json()["keys"][0]["kid"], header["kid"]);
}

#[tokio::test]
async fn nobody_learns_whether_a_user_exists() {
    let process = Process::start(&["users"]).await;
    let user = process.get("users", "/users/1").await.json();
    let known = process.post("users", "/login", login(user["email"].as_str().unwrap(), "wrong")).await;
    let unknown = process.post("users", "/login", login("nobody@example.com", "demo")).await;
    assert_eq!((known.status.as_u16(), unknown.status.as_u16()), (401, 401));
    assert_eq!(known.body, unknown.body);
}

#[tokio::test]
async fn after_a_rotation_the_next_token_has_another_key() {
    let process = Process::start(&["users"]).await;
    let email = process.get("users", "/users/1").await.json()["email"].as_str().unwrap().to_owned();
    let kid = async || {
        let answer = process.post("users", "/login", login(&email, "demo")).await.json();
        header(&answer["access_token"])["kid"].clone()
    };
    let before = kid().await;
    let rotated = process.post("users", "/keys/rotate", json!({})).await.json();
    let after = kid().await;
    assert_eq!(after, rotated["kid"]);
    let published = async || {
        let keys = process.get("users", "/.well-known/jwks.json").await.json();
        keys["keys"].as_array().unwrap().iter().map(|key| key["kid"].clone()).collect::<Vec<_>>()
    };
    assert_eq!(published().await, [after, before]);
    process.ask("users", Method::POST, "/keys/rotate?keep=0", &[], Value::Null).await;
    assert_eq!(published().await.len(), 1);
}
