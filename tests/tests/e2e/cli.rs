//! The command line: what a script can rely on.

use tests::{Home, glassgate};

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
