//! Every kind of mistake with its exact message, and good configurations with what is made of them.
//!
//! `goldens/bad/*.yaml` and `goldens/good/*.yaml` each have a `.txt` with what `glassgate check` prints. After a change
//! that is meant, renew them (and look at the difference): `BLESS=1 cargo test -p glassgate --test goldens`.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::Instant,
};

use glassgate::{
    cli::check::{Format, report},
    config::{Checked, ConfigErrors, load_with},
};

/// What no message may ever contain.
const SECRET: &str = "hunter2";

fn environment(name: &str) -> Option<String> {
    match name {
        "PORT" => Some("8080".into()),
        "EMPTY" => Some(String::new()),
        "TOKEN" => Some(SECRET.into()),
        _ => None,
    }
}

fn load(path: &Path) -> Result<Checked, ConfigErrors> {
    load_with(path, &environment)
}

fn files(folder: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(Path::new("tests/goldens").join(folder)).unwrap();
    let mut files: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "yaml"));
    files.sort();
    files
}

/// Compares with the golden file, or writes it; returns what differs.
fn compare(path: &Path, printed: &str) -> Option<String> {
    assert!(!printed.contains(SECRET), "{} shows a secret:\n{printed}", path.display());
    let golden = path.with_extension("txt");
    if std::env::var_os("BLESS").is_some() {
        fs::write(&golden, printed).unwrap();
    }
    let expected = fs::read_to_string(&golden).unwrap_or_default();
    (expected != printed).then(|| format!("--- {}\n{expected}\n+++ printed\n{printed}", golden.display()))
}

#[test]
fn every_mistake_has_its_exact_message() {
    let files = files("bad");
    assert!(files.len() >= 40, "only {} files", files.len());
    let differing = files.iter().filter_map(|path| {
        let result = load(path);
        assert!(result.is_err(), "{} is accepted", path.display());
        compare(path, &report(path, &result, Format::Text, false))
    });
    let differing: Vec<_> = differing.collect();
    assert!(differing.is_empty(), "{}", differing.join("\n"));
}

#[test]
fn good_configurations_are_what_they_say() {
    let differing = files("good").into_iter().filter_map(|path| {
        let result = load(&path);
        let mut printed = report(&path, &result, Format::Text, false);
        if let Ok(checked) = &result {
            let json = serde_json::to_string_pretty(&checked.config).unwrap();
            let routes = checked.routes.iter().map(|route| {
                let mut text = format!("{:?}", route.action);
                if !route.policies.cors.is_off() {
                    text += &format!(" behind {:?}", route.policies.cors);
                }
                if !route.policies.ip_filter.is_off() {
                    text += &format!(" behind {:?}", route.policies.ip_filter);
                }
                if !route.policies.limits.is_off() {
                    text += &format!(" behind {:?}", route.policies.limits);
                }
                for limit in route.policies.rate_limits.iter() {
                    text += &format!("\n    {limit:?}");
                }
                if !route.policies.authentication.by.is_empty() {
                    text += &format!("\n    {:?}", route.policies.authentication);
                }
                if !route.policies.authorization.is_off() {
                    text += &format!("\n    {:?}", route.policies.authorization);
                }
                text
            });
            let routes = routes.zip(&checked.routes).map(|(action, route)| {
                let policies = &route.policies;
                match policies.concurrency {
                    None if policies.priority == Default::default() => action,
                    limit => format!("{action} with priority {:?} within {limit:?}", policies.priority),
                }
            });
            let routes: Vec<_> = routes.collect();
            printed.push_str(&format!("\n{json}\n\n{}\n", routes.join("\n")));
        }
        compare(&path, &printed)
    });
    let differing: Vec<_> = differing.collect();
    assert!(differing.is_empty(), "{}", differing.join("\n"));
}

#[test]
fn a_message_is_the_same_every_time() {
    let path = Path::new("tests/goldens/bad/everything-at-once.yaml");
    let first = load(path).unwrap_err();
    for _ in 0..5 {
        assert_eq!(load(path).unwrap_err(), first);
    }
}

/// A generator gone wrong makes one mistake ten thousand times.
#[test]
fn a_file_full_of_mistakes_is_reported_about_as_fast_as_a_good_one_loads() {
    let folder = tempfile::tempdir().unwrap();
    let time = |name: &str, rest: &str| {
        let path = folder.path().join(name);
        let routes: String = (0..10_000)
            .map(|index| {
                format!("  - {{ name: r{index}, match: {{ path: /r{index} }}, upstream: {rest} }}\n")
            })
            .collect();
        let listeners = "listeners: [{ name: public, address: 127.0.0.1:8080 }]";
        let upstreams = "upstreams: { orders: { endpoints: [\"http://127.0.0.1:7002\"] } }";
        fs::write(&path, format!("{listeners}\n{upstreams}\nroutes:\n{routes}")).unwrap();
        let start = Instant::now();
        let result = load(&path);
        (start.elapsed(), result.map_or_else(|errors| errors.problems().len(), |_| 0))
    };
    let (good, none) = time("good.yaml", "orders");
    let (bad, problems) = time("bad.yaml", "order, unknwon: 1, timeouts: { raed: 1s }");
    assert_eq!((none, problems), (0, 30_000));
    // Three times is usual; what is quadratic takes a hundred times.
    assert!(bad < good * 20, "{bad:?} instead of {good:?}");
}

/// Blocklists are long, and come from elsewhere.
#[test]
fn every_bad_entry_of_a_long_list_is_reported() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("long.yaml");
    let problems = |prefix: u8| {
        let entry = |index: u32| format!("{}/{prefix}", std::net::Ipv4Addr::from(index << 8 | 1));
        let entries: Vec<String> = (0..10_000).map(entry).collect();
        let listeners = "listeners: [{ name: public, address: 127.0.0.1:8080 }]";
        let defaults = format!("defaults: {{ ip_filter: {{ deny: [{}] }} }}", entries.join(", "));
        fs::write(&path, format!("{listeners}\n{defaults}\nroutes: []\n")).unwrap();
        load(&path).map_or_else(|errors| errors.problems().len(), |checked| checked.warnings.len())
    };
    assert_eq!((problems(32), problems(24)), (0, 10_000));
}

#[test]
fn every_problem_of_a_file_with_places_is_placed() {
    for path in files("bad") {
        for problem in load(&path).unwrap_err().problems() {
            assert!(problem.place.is_known(), "{}: {}", path.display(), problem.message);
        }
    }
}

fn glassgate(arguments: &[&str]) -> (i32, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_glassgate"));
    command.args(arguments).env_clear().envs([("PORT", "8080"), ("EMPTY", ""), ("TOKEN", SECRET)]);
    let output = command.output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

#[test]
fn the_binary_prints_problems_to_standard_error_and_exits_with_1() {
    for name in ["document-tabs", "everything-at-once", "env-unset"] {
        let path = format!("tests/goldens/bad/{name}.yaml");
        let (code, stdout, stderr) = glassgate(&["check", "-c", &path]);
        let expected = fs::read_to_string(Path::new(&path).with_extension("txt")).unwrap();
        assert_eq!((code, stdout.as_str(), stderr), (1, "", expected), "{name}");
    }
}

#[test]
fn the_binary_exits_with_0_for_a_good_file() {
    let (code, stdout, stderr) = glassgate(&["check", "--config", "tests/goldens/good/rest.yaml"]);
    assert_eq!((code, stderr.as_str()), (0, ""));
    assert_eq!(
        stdout,
        "tests/goldens/good/rest.yaml is good: 1 listener, 1 upstream, 1 route, 0 composed APIs\n"
    );
}

#[test]
fn the_binary_says_when_there_is_no_file() {
    let (code, _, stderr) = glassgate(&["check", "-c", "nowhere.yaml"]);
    assert_eq!(code, 1);
    assert!(
        stderr.starts_with("nowhere.yaml: error: cannot read the configuration: there is no such file\n"),
        "{stderr}"
    );
}

#[test]
fn json_holds_the_same_problems() {
    let path = "tests/goldens/bad/routes-unknown-names.yaml";
    let (code, stdout, _) = glassgate(&["check", "-c", path, "--format", "json"]);
    assert_eq!(code, 1);
    let report: serde_json::Value = serde_json::from_str(&stdout).unwrap();
    assert_eq!(report["ok"], false);
    let first = &report["problems"][0];
    assert_eq!(first["key"], "routes[0].upstream");
    assert_eq!(first["message"], "no upstream named `order`");
    assert_eq!(first["hint"], "did you mean `orders`?");
    assert_eq!((&first["file"], &first["line"], &first["column"]), (&path.into(), &7.into(), &47.into()));
}
