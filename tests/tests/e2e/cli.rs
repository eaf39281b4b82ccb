//! The command line: what a script can rely on.

use std::process::Output;

use tests::{Home, binaries, command, glassgate};

const GOOD: &str = "
listeners: [{ name: public, address: \"127.0.0.1:8080\" }]
routes: [{ name: ping, match: { path: /ping }, respond: { status: 200, body: pong } }]
";

#[tokio::test]
async fn check_says_yes_with_0_and_no_with_1() {
    let home = Home::new();
    let good = home.write("good.yaml", GOOD);
    let exit = glassgate(&["check", "-c", good.to_str().unwrap()]).await;
    assert_eq!(exit.code, Some(0), "{exit:?}");

    let bad = home.write("bad.yaml", GOOD.replace("respond:", "respnd:"));
    let exit = glassgate(&["check", "-c", bad.to_str().unwrap()]).await;
    assert_eq!(exit.code, Some(1), "{exit:?}");
    assert!(exit.stderr.contains("bad.yaml:3"), "file and line: {}", exit.stderr);
    assert!(exit.stderr.contains("respnd") && exit.stderr.contains("respond"), "{}", exit.stderr);

    let exit = glassgate(&["check", "-c", home.path("missing.yaml").to_str().unwrap()]).await;
    assert_eq!(exit.code, Some(1), "{exit:?}");
    assert!(exit.stderr.contains("missing.yaml"), "{}", exit.stderr);
}

#[tokio::test]
async fn check_reports_all_problems_at_once() {
    let home = Home::new();
    let yaml = "
listeners: [{ name: public, address: nowhere }]
routes:
  - { name: a, match: { path: no-slash }, respond: { status: 200 } }
  - { name: b, match: { path: /b }, upstream: missing }
  - { name: b, match: { path: /c }, respond: { status: 9000 } }
";
    let file = home.write("bad.yaml", yaml);
    let exit = glassgate(&["check", "-c", file.to_str().unwrap()]).await;
    for found in ["nowhere", "no-slash", "missing", "9000"] {
        assert!(exit.stderr.contains(found), "{found} is missing in: {}", exit.stderr);
    }
}

#[tokio::test]
async fn routes_that_cannot_be_told_apart_are_an_error() {
    let home = Home::new();
    let yaml = "
listeners: [{ name: public, address: \"127.0.0.1:8080\" }]
routes:
  - { name: first, match: { path: \"/users/{id}\" }, respond: { status: 200 } }
  - { name: second, match: { path: \"/users/{name}\" }, respond: { status: 200 } }
";
    let file = home.write("bad.yaml", yaml);
    let exit = glassgate(&["check", "-c", file.to_str().unwrap()]).await;
    assert_eq!(exit.code, Some(1));
    assert!(exit.stderr.contains("first") && exit.stderr.contains("second"), "{}", exit.stderr);
}

#[tokio::test]
async fn schema_prints_json() {
    let exit = glassgate(&["schema"]).await;
    assert_eq!(exit.code, Some(0));
    let schema: serde_json::Value = serde_json::from_str(&exit.stdout).unwrap();
    assert!(schema["properties"]["routes"].is_object());
    let committed = concat!(env!("CARGO_MANIFEST_DIR"), "/../config/glassgate.schema.json");
    let committed: serde_json::Value = serde_json::from_slice(&std::fs::read(committed).unwrap()).unwrap();
    assert!(schema == committed, "write it anew: glassgate schema > config/glassgate.schema.json");
}

#[tokio::test]
async fn the_demo_configuration_is_good() {
    let demo = concat!(env!("CARGO_MANIFEST_DIR"), "/../config/glassgate.yaml");
    let exit = glassgate(&["check", "-c", demo]).await;
    assert_eq!(exit.code, Some(0), "{}", exit.stderr);
}

#[tokio::test]
async fn help_and_version_go_to_stdout() {
    for argument in ["--help", "--version"] {
        let exit = glassgate(&[argument]).await;
        assert_eq!(exit.code, Some(0));
        assert!(exit.stdout.contains("glassgate"), "{exit:?}");
    }
    let exit = glassgate(&["no-such-command"]).await;
    assert_eq!(exit.code, Some(2), "{exit:?}");
}

/// Runs it with something on standard input.
fn with_input(arguments: &[&str], input: &str) -> Output {
    let home = Home::new();
    let input = std::fs::File::open(home.write("input", input)).unwrap();
    command(binaries().join("glassgate")).args(arguments).stdin(input).output().unwrap()
}

#[tokio::test]
async fn a_new_api_key_is_shown_once_and_its_entry_goes_into_a_file() {
    let home = Home::new();
    let exit = glassgate(&["apikey", "new", "--owner", "a \"b\": c", "--scope", "x:1", "--scope", "y"]).await;
    assert_eq!(exit.code, Some(0), "{exit:?}");
    let key = exit.stderr.lines().find_map(|line| line.trim().split_once("gg_").map(|(_, key)| key)).unwrap();
    let (id, secret) = key.split_once('.').unwrap();
    assert_eq!((id.len(), secret.len()), (12, 43), "{key}");
    assert!(exit.stdout.contains(id) && !exit.stdout.contains(secret), "{}", exit.stdout);
    home.write("keys.yaml", format!("keys:\n{}", exit.stdout));
    let yaml = "
listeners: [{ name: public, address: \"127.0.0.1:8080\" }]
authenticators: { partners: { api_keys: { file: keys.yaml } } }
routes: [{ name: a, match: { path: / }, respond: {}, authentication: { by: [partners] } }]
";
    let file = home.write("glassgate.yaml", yaml);
    let check = glassgate(&["check", "-c", file.to_str().unwrap()]).await;
    assert_eq!(check.code, Some(0), "{check:?}");
    let other = glassgate(&["apikey", "new"]).await;
    assert_ne!(other.stdout, exit.stdout);
}

#[tokio::test]
async fn an_api_key_that_exists_is_hashed() {
    let output =
        with_input(&["apikey", "hash", "--format", "json", "--expires-in", "10d"], "old-1.pass.word\n");
    assert!(output.status.success(), "{output:?}");
    let printed: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let entry = &printed["entry"];
    // `printf %s pass.word | sha256sum`.
    let hash = "bec9e2e3a3db07b7e89a2db5cbff522963636db075cdd823ae370d10ffcdcced";
    assert_eq!((&entry["id"], &entry["sha256"]), (&"old-1".into(), &hash.into()));
    assert!(entry["expires"].as_str().unwrap().ends_with('Z'), "{entry}");
    assert!(printed.get("key").is_none());
    for input in ["", "\n", "no-dot", "a b.c"] {
        let output = with_input(&["apikey", "hash"], input);
        assert_eq!(output.status.code(), Some(1), "{input:?}");
        assert!(output.stdout.is_empty() && output.stderr.starts_with(b"error: "), "{output:?}");
    }
}

#[tokio::test]
async fn what_is_missing_is_told_in_the_words_of_the_subcommand() {
    for (arguments, told) in [
        (&["apikey", "hash"][..], "`glassgate apikey hash < file`"),
        (&["password"], "`glassgate password < file`"),
        (&["apikey", "new", "--expires-in", "90"], "write `90d` for days"),
        (&["apikey", "new", "--expires-in", "soon"], "as in `50ms`"),
    ] {
        let output = with_input(arguments, "");
        let error = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success() && error.contains(told), "{arguments:?}: {error}");
    }
}

#[tokio::test]
async fn a_password_is_hashed_with_a_new_salt_each_time() {
    let hash = || {
        let output = with_input(&["password"], "sesame\n");
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    let (one, other) = (hash(), hash());
    assert!(one.starts_with("argon2id: \"$argon2id$v=19$m=19456,t=2,p=1$"), "{one}");
    assert_ne!(one, other);
    assert_eq!(with_input(&["password"], "").status.code(), Some(1));
}

#[tokio::test]
async fn new_keys_are_added_to_a_file_that_is_good_then() {
    let home = Home::new();
    let keys = home.path("keys.yaml").to_str().unwrap().to_owned();
    let yaml = "
listeners: [{ name: public, address: \"127.0.0.1:8080\" }]
authenticators: { partners: { api_keys: { file: keys.yaml } } }
routes:
  - name: a
    match: { path: / }
    respond: {}
    authentication: { by: [partners] }
    rate_limits: [{ name: calls, limit: 1/s, by: [subject] }]
";
    let file = home.write("glassgate.yaml", yaml);
    let everything = [
        "--owner=a \"b\": ${C}",
        "--scope=x:1",
        "--claim=tenant=${T} #1",
        "--limit=calls=10/m",
        "--expires-in=90d",
    ];
    for arguments in [&[][..], &everything, &["--argon2"]] {
        let exit = glassgate(&[&["apikey", "new", "--file", &keys], arguments].concat()).await;
        assert_eq!(exit.code, Some(0), "{exit:?}");
        let (id, secret) = exit.stdout.trim().split_once('.').unwrap();
        let written = std::fs::read_to_string(&keys).unwrap();
        assert!(written.contains(id) && !written.contains(secret), "{written}");
        let check = glassgate(&["check", "-c", file.to_str().unwrap()]).await;
        assert!(check.code == Some(0) && check.stderr.is_empty(), "{check:?}");
    }
    let before = std::fs::read_to_string(&keys).unwrap();
    home.write("keys.yaml", "keys: []\n");
    let exit = glassgate(&["apikey", "new", "--file", &keys]).await;
    assert_eq!((exit.code, exit.stdout.as_str()), (Some(1), ""), "{exit:?}");
    assert_eq!(std::fs::read_to_string(&keys).unwrap(), "keys: []\n");
    assert_eq!(before.matches("- id:").count(), 3, "{before}");
    for refused in ["--scope=a b", "--owner=", "--expires-in=0s", "--claim=sub=a", "--limit=calls=fast"] {
        assert_eq!(glassgate(&["apikey", "new", refused]).await.code, Some(2), "{refused}");
    }
}

#[tokio::test]
async fn a_secret_that_may_be_guessed_is_warned_of() {
    for (arguments, input, warned) in [
        (&["apikey", "hash"][..], "a.password", true),
        (&["apikey", "hash", "--argon2"], "a.password", false),
        (&["apikey", "hash"], "a.Zm9vYmFyYmF6cXV4cXV1eA", false),
    ] {
        let output = with_input(arguments, input);
        let told = String::from_utf8(output.stderr).unwrap();
        assert_eq!(told.starts_with("warning: "), warned, "{arguments:?} {told}");
    }
}
