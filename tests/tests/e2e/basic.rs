//! Name and password, for small internal tools.

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::json;
use tests::{Answer, Gateway, Launch, Upstream, binaries, command};

/// `printf %s sesame | sha256sum`.
const SESAME: &str = "d0c04f4b1951e4aeaaec8223ed2039e542f3aae805a6fa7f6d794e5afff5d272";

/// The hash that `glassgate password` makes.
fn hash(password: &str) -> String {
    let home = tests::Home::new();
    let input = std::fs::File::open(home.write("password", format!("{password}\n"))).unwrap();
    let output = command(binaries().join("glassgate")).arg("password").stdin(input).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let line = String::from_utf8(output.stdout).unwrap();
    line.trim().strip_prefix("argon2id: \"").unwrap().strip_suffix('"').unwrap().to_owned()
}

async fn login(gateway: &Gateway, name: &str, password: &str) -> Answer {
    let credentials = format!("Basic {}", STANDARD.encode(format!("{name}:{password}")));
    gateway.request("GET", "/", &[("authorization", &credentials)]).await
}

fn guarded(upstream: &Upstream, basic: &str) -> String {
    format!(
        "
        upstreams: {{ up: {{ endpoints: [\"{}\"] }} }}
        authenticators: {{ staff: {{ basic: {{ {basic} }} }} }}
        routes:
          - name: tool
            match: {{ path: /** }}
            upstream: up
            authentication: {{ by: [staff], realm: Tool, headers: {{ x-user: sub, x-scope: scope }} }}
        ",
        upstream.url()
    )
}

#[tokio::test]
async fn users_log_in_with_their_passwords() {
    let upstream = Upstream::echo().await;
    let ann = format!("{{ name: ann, argon2id: \"{}\", scopes: [reports:read] }}", hash("open: sesame"));
    let file = json!({ "users": [{ "name": "bob", "argon2id": hash("pässword") }] }).to_string();
    let yaml = guarded(&upstream, &format!("users: [{ann}], file: users.yaml"));
    let gateway = Launch::new(&yaml).file("users.yaml", file).start().await;
    for (name, password, scope) in [("ann", "open: sesame", "reports:read"), ("bob", "pässword", "")] {
        let answer = login(&gateway, name, password).await;
        assert_eq!(answer.status, 200, "{name}");
        let seen = upstream.seen().pop().unwrap();
        assert_eq!((seen.header("x-user"), seen.header("x-scope")), (name, scope));
        assert_eq!(seen.header("authorization"), "");
    }
    assert_eq!(upstream.seen().len(), 2);
}

#[tokio::test]
async fn nothing_tells_a_name_that_exists_from_one_that_does_not() {
    let upstream = Upstream::saying("in").await;
    let ann = format!("{{ name: ann, argon2id: \"{}\" }}", hash("sesame"));
    let gateway = Gateway::start(guarded(&upstream, &format!("users: [{ann}]"))).await;
    let mut answers = Vec::new();
    for (name, password) in [("ann", "wrong"), ("nobody", "sesame"), ("", ""), ("Ann", "sesame")] {
        let answer = login(&gateway, name, password).await;
        assert_eq!(answer.refused(401), "credentials_invalid", "{name}");
        answers.push((
            answer.header("www-authenticate").to_owned(),
            answer.problem().title,
            answer.body.len(),
        ));
    }
    assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:?}");
    assert_eq!(answers[0].0, "Basic realm=\"Tool\", charset=\"UTF-8\"");
    let nothing = gateway.get("/").await;
    assert_eq!(nothing.refused(401), "credentials_missing");
    assert_eq!(nothing.header("www-authenticate"), "Basic realm=\"Tool\", charset=\"UTF-8\"");
    assert!(upstream.seen().is_empty());
    assert!(gateway.lines().iter().all(|line| !line.text.contains("sesame")), "a password is in a log");
}

#[tokio::test]
async fn hashes_are_not_shown_and_a_foreign_one_is_explained() {
    let upstream = Upstream::saying("in").await;
    let gateway =
        Gateway::start(guarded(&upstream, &format!("users: [{{ name: ann, sha256: {SESAME} }}]"))).await;
    assert!(!gateway.admin("/config").await.text().contains(SESAME));
    let bcrypt =
        "users: [{ name: ann, argon2id: \"$2y$05$bvIG6Nmid91Mu9RcmmWZfO5HJIMCT8riNW0hEp8f6/FuA2/mHZFpe\" }]";
    let answer = gateway.reload(&guarded(&upstream, bcrypt)).await;
    assert_ne!(answer.status, 200);
    let text = answer.text();
    assert!(text.contains("bcrypt is not supported") && text.contains("glassgate password"), "{text}");
    assert!(!text.contains("bvIG6Nmid91Mu9"), "{text}");
}
