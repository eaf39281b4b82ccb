//! Everything that is wrong is reported in one go; what is right comes out.

use std::path::PathBuf;

use indexmap::IndexMap;

use super::*;
use crate::config::tree;
use crate::value::{Located, Name, Secret, each_entry, each_item};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(deserialize_with = "each_item")]
    routes: Vec<Route>,
    #[serde(default, deserialize_with = "each_entry")]
    upstreams: IndexMap<Located<Name>, Upstream>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(dead_code)]
struct Route {
    name: Located<Name>,
    #[serde(default)]
    port: Option<u16>,
    #[serde(default)]
    mode: Mode,
    #[serde(default)]
    tags: Vec<String>,
    #[serde(default)]
    secret: Option<Secret>,
}

#[derive(Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Mode {
    #[default]
    Plain,
    Strip(String),
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(dead_code)]
struct Upstream {
    path: PathBuf,
    on: bool,
}

fn run(text: &str) -> (Option<File>, Vec<String>) {
    let environment = |name: &str| (name == "SECRET").then(|| "hunter2".into());
    let (tree, faults) = tree::parse("f".into(), text, &environment);
    assert!(faults.is_empty(), "{faults:?}");
    let tree = tree.unwrap();
    let (file, findings) = read(&tree, Document::Configuration, &|path| match path.to_str() {
        Some("there") => Ok("content".into()),
        _ => Err("cannot read it; look".into()),
    });
    let line = |f: &Fault| {
        let hint = f.hint.as_ref().map(|hint| format!(" ({hint})")).unwrap_or_default();
        format!("{}:{} {}: {}{hint}", f.place.line, f.place.column, f.place.path, f.message)
    };
    (file, findings.faults.iter().map(line).collect())
}

#[test]
fn what_is_right_comes_out_with_places() {
    let (file, faults) = run(concat!(
        "routes:\n  - {name: a, port: 80, mode: plain, tags: [1, no, x], secret: s}\n",
        "  - {name: b, mode: {strip: /x}, secret: 'file:there'}\n",
        "upstreams:\n  u: {path: p, on: true}\n",
    ));
    assert!(faults.is_empty(), "{faults:?}");
    let file = file.unwrap();
    assert_eq!(file.routes[0].tags, ["1", "no", "x"]);
    assert_eq!(file.routes[1].mode, Mode::Strip("/x".into()));
    assert_eq!(file.routes[1].secret.as_ref().unwrap().expose(), "content");
    let place = file.routes[1].name.place();
    assert_eq!((place.line, place.column, place.path.as_str()), (3, 12, "routes[1].name"));
    let (key, upstream) = file.upstreams.first().unwrap();
    assert_eq!((key.place().line, key.place().column), (5, 3));
    assert_eq!(upstream.path, PathBuf::from("p"));
}

#[test]
fn all_problems_are_reported_at_once() {
    let (file, faults) = run(concat!(
        "routes:\n",
        "  - {name: 'a b', port: 70000, mode: plain, tag: x}\n",
        "  - {port: '80', mode: {stripp: x}, secret: [x]}\n",
        "  - {name: ok, tags: {}}\n",
        "  - {name: fine}\n",
        "upstreams:\n",
        "  'x y': {path: p, on: yes}\n",
        "  y: {pth: p}\n",
        "  z: 7\n",
        "route: []\n",
    ));
    assert_eq!(
        faults,
        [
            "10:1 route: unknown key `route` (did you mean `routes`?)",
            "2:45 routes[0].tag: unknown key `tag` (did you mean `tags`?)",
            "2:12 routes[0].name: the name `a b` contains ' ' (use letters, digits, `_`, `.` and `-`)",
            "2:25 routes[0].port: `70000` is not a whole number from 0 to 65535",
            "3:12 routes[1].port: expected a whole number from 0 to 65535, found a text (remove the quotes)",
            "3:25 routes[1].mode.stripp: unknown key `stripp` (did you mean `strip`?)",
            "3:37 routes[1].secret: expected a secret: a text, or `file:` and a path, found a list",
            "3:5 routes[1]: the key `name` is missing",
            "4:16 routes[2].tags: expected a list, found a mapping (write `[]` for none)",
            "7:3 upstreams[\"x y\"]: the name `x y` contains ' ' (use letters, digits, `_`, `.` and `-`)",
            "8:7 upstreams.y.pth: unknown key `pth` (did you mean `path`?)",
            "8:3 upstreams.y: the key `path` is missing",
            "9:6 upstreams.z: expected a mapping, found a number",
        ]
    );
    let file = file.unwrap();
    let names: Vec<_> = file.routes.iter().map(|route| route.name.as_str()).collect();
    assert_eq!(names, ["ok", "fine"], "with defaults for what was refused");
}

#[test]
fn a_value_from_the_environment_is_not_shown() {
    let (_, faults) = run("routes: [{name: a, port: '${SECRET}'}, {name: 'x ${SECRET}'}]\n");
    assert_eq!(faults.len(), 2);
    assert!(!faults.join("\n").contains("hunter2"), "{faults:?}");
}

#[test]
fn an_empty_section_has_only_defaults() {
    let (file, faults) = run("routes:\nupstreams:\n");
    assert!(faults.is_empty(), "{faults:?}");
    assert!(file.unwrap().routes.is_empty());
}

#[test]
fn thousands_of_broken_elements_take_no_time() {
    let mut text = String::from("routes:\n");
    for n in 0..20_000 {
        text.push_str(&format!("  - {{name: 'r {n}', port: x, mode: y}}\n"));
    }
    let begin = std::time::Instant::now();
    let (_, faults) = run(&text);
    assert_eq!(faults.len(), 60_000);
    assert!(begin.elapsed().as_secs() < 20, "{:?}", begin.elapsed());
}
