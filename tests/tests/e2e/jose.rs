//! Tokens of an issuer that is not ours: signed with jose, as most issuers in JavaScript do.

use std::path::Path;

use serde_json::{Value, json};
use tests::jwt::{AUDIENCE, ISSUER};
use tests::{Launch, command};

/// Keys of every kind and tokens by them; see `jose/tokens.mjs`.
fn made_by_jose() -> Value {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let package = root.join("../target/jose/node_modules/jose");
    assert!(package.exists(), "jose is missing: `make test` gets it with scripts/npm.sh");
    let claims = json!({ "iss": ISSUER, "aud": [AUDIENCE, "else"], "sub": "7" }).to_string();
    let script = root.join("tests/e2e/jose/tokens.mjs");
    let output = command("node").arg(script).arg(package).arg(claims).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    serde_json::from_slice(&output.stdout).unwrap()
}

#[tokio::test]
async fn tokens_by_every_kind_of_key_are_accepted_and_forged_ones_are_not() {
    let made = made_by_jose();
    let yaml = format!(
        "authenticators: {{ users: {{ jwt: {{ issuer: \"{ISSUER}\", audiences: [{AUDIENCE}], keys: {{ file: jwks.json }} }} }} }}
routes: [{{ name: all, match: {{ path: /** }}, respond: {{ body: in }}, authentication: {{ by: [users] }} }}]\n"
    );
    let gateway = Launch::new(&yaml).file("jwks.json", made["jwks"].to_string()).start().await;
    let ask = async |token: &Value| {
        let field = format!("Bearer {}", token.as_str().unwrap());
        gateway.request("GET", "/", &[("authorization", &field)]).await
    };
    for algorithm in ["RS256", "PS256", "ES256", "ES384", "EdDSA", "HS256"] {
        assert_eq!(ask(&made["tokens"][algorithm]).await.text(), "in", "{algorithm}");
        let forged = ask(&made["forged"][algorithm]).await;
        assert_eq!(forged.refused(401), "token_not_trusted", "{algorithm}");
    }
}
