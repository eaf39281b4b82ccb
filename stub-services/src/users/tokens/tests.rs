use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as BASE64};
use ring::signature::{ECDSA_P256_SHA256_FIXED, UnparsedPublicKey};
use serde_json::{Value, json};

use super::keys::Keys;
use super::login::{Login, claims};
use crate::seed;

/// What the token says, if one of the keys has signed it.
fn verified(token: &str, jwks: &Value) -> Option<Value> {
    let (signed, signature) = token.rsplit_once('.')?;
    let (header, payload) = signed.split_once('.')?;
    let read = |part: &str| serde_json::from_slice::<Value>(&BASE64.decode(part).ok()?).ok();
    let kid = &read(header)?["kid"];
    let key = jwks["keys"].as_array()?.iter().find(|key| &key["kid"] == kid)?;
    let coordinate = |name: &str| BASE64.decode(key[name].as_str()?).ok();
    let point = [vec![4], coordinate("x")?, coordinate("y")?].concat();
    let signature = BASE64.decode(signature).ok()?;
    UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point).verify(signed.as_bytes(), &signature).ok()?;
    read(payload)
}

#[test]
fn a_token_can_be_checked_while_its_key_is_kept() {
    let keys = Keys::new();
    let said = json!({ "sub": "7" });
    let token = keys.sign(&said);
    assert_eq!(verified(&token, &keys.jwks()), Some(said.clone()));
    let kids = [keys.rotate(2), keys.rotate(2)];
    assert_ne!(kids[0], kids[1]);
    assert_eq!(verified(&token, &keys.jwks()), Some(said.clone()), "two rotations later");
    assert_eq!(keys.jwks()["keys"][0]["kid"], kids[1], "the newest first");
    keys.rotate(2);
    assert_eq!(verified(&token, &keys.jwks()), None, "three rotations later");
    let token = keys.sign(&said);
    keys.rotate(0);
    assert_eq!(verified(&token, &keys.jwks()), None, "no key was kept");
    assert_eq!(verified(&keys.sign(&said), &keys.jwks()), Some(said));
}

#[test]
fn a_user_gets_the_scopes_of_its_number() {
    let scope = |id| claims(&seed::user(id), 0, 60)["scope"].as_str().unwrap_or_default().to_owned();
    assert_eq!(scope(1), "orders:write payments:read payments:write users:write");
    for (ids, expected) in [([10, 990], "orders:write payments:read"), ([2, 11], "orders:write")] {
        assert_eq!(ids.map(scope), [expected, expected]);
    }
    let claims = claims(&seed::user(7), 1_000, 60);
    assert_eq!((&claims["sub"], &claims["exp"]), (&json!("7"), &json!(1_060)));
}

#[test]
fn a_login_names_all_that_is_wrong_with_it() {
    let read = |body: Value| Login::read(body.to_string().as_bytes());
    let login = read(json!({ "email": "a@b.example", "password": "demo" })).expect("complete");
    assert_eq!(login.expires_in, 3_600);
    let problem = read(json!({ "expires_in": 0 })).expect_err("nothing is right");
    let fields: Vec<_> = problem.errors.iter().map(|error| error.field.as_str()).collect();
    assert_eq!(fields, ["email", "password", "expires_in"]);
}
