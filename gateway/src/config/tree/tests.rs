//! Places, types, anchors, environment; what the document itself may not contain.

use super::*;

fn environment(name: &str) -> Option<String> {
    match name {
        "PORT" => Some("8080".into()),
        "EMPTY" => Some(String::new()),
        "EVIL" => Some("a: b\nc: [".into()),
        _ => None,
    }
}

fn tree(text: &str) -> Tree {
    let (tree, faults) = parse("f.yaml".into(), text, &environment);
    assert!(faults.is_empty(), "{faults:?}");
    tree.unwrap()
}

fn faults(text: &str) -> Vec<String> {
    let (_, faults) = parse("f.yaml".into(), text, &environment);
    faults
        .iter()
        .map(|f| format!("{}:{} {}: {}", f.place.line, f.place.column, f.place.path, f.message))
        .collect()
}

fn at(tree: &Tree, keys: &[&str]) -> NodeId {
    keys.iter().fold(tree.root(), |node, key| match tree.kind(node) {
        Kind::List(items) => items[key.parse::<usize>().unwrap()],
        _ => tree.get(node, key).unwrap(),
    })
}

#[test]
fn every_node_knows_its_line_column_and_path() {
    let tree = tree("a:\n  - b: 1\n    \"c.d\": [x, {e: ü, f: y}]\n");
    let place = |keys: &[&str]| {
        let place = tree.place(at(&tree, keys));
        format!("{}:{} {}", place.line, place.column, place.path)
    };
    assert_eq!(place(&["a"]), "1:1 a");
    assert_eq!(place(&["a", "0"]), "2:5 a[0]");
    assert_eq!(place(&["a", "0", "b"]), "2:8 a[0].b");
    assert_eq!(place(&["a", "0", "c.d", "1", "f"]), "3:26 a[0][\"c.d\"][1].f");
}

#[test]
fn plain_scalars_are_typed_by_the_core_schema() {
    let text = "[1, -1, 0x10, 1.5, true, ~, no, 007, 1.2.3, '1', \"true\", !!str 1, 1e3]";
    let tree = tree(text);
    let Kind::List(items) = tree.kind(tree.root()) else { panic!() };
    use Scalar::*;
    let expected = [
        Unsigned(1),
        Signed(-1),
        Unsigned(16),
        Float(1.5),
        Flag(true),
        Nothing,
        Text("no"),
        Text("007"),
        Text("1.2.3"),
        Text("1"),
        Text("true"),
        Text("1"),
        Float(1000.0),
    ];
    let found: Vec<_> = items.iter().map(|id| tree.scalar(*id).unwrap()).collect();
    assert_eq!(found, expected);
}

#[test]
fn variables_are_filled_in_and_then_typed() {
    let values = [
        "${PORT}",
        "'${PORT}'",
        "a${PORT:-1}b",
        "${EMPTY:-7}",
        "${NO:-}",
        "'${NO:-}'",
        "$${PORT}",
        "$PORT",
        "${EVIL}",
    ];
    let tree = tree(&format!("- {}\n", values.join("\n- ")));
    let Kind::List(items) = tree.kind(tree.root()) else { panic!() };
    let found: Vec<_> = items.iter().map(|id| tree.scalar(*id).unwrap()).collect();
    use Scalar::*;
    assert_eq!(found[..4], [Unsigned(8080), Unsigned(8080), Text("a8080b"), Unsigned(7)]);
    assert_eq!(found[4..], [Nothing, Text(""), Text("${PORT}"), Text("$PORT"), Text("a: b\nc: [")]);
}

#[test]
fn a_variable_that_is_missing_or_misspelt_is_reported_where_it_stands() {
    assert_eq!(
        faults("a: x\nb: ['${NO}', \"${1}\", '${PORT']"),
        [
            "2:5 b[0]: the environment variable `NO` is not set",
            "2:14 b[1]: `${1}` does not name an environment variable",
            "2:22 b[2]: `${` without `}`",
        ]
    );
}

#[test]
fn anchors_are_copied_and_merged_with_their_own_paths() {
    let tree = tree("base: &b {x: 1, y: 2}\nuse: {<<: *b, y: 3}\nlist: [*b]\n");
    let uses = at(&tree, &["use"]);
    let keys: Vec<_> = tree.entries(uses).iter().map(|(key, _)| tree.text(*key).unwrap()).collect();
    assert_eq!(keys, ["y", "x"]);
    assert_eq!(tree.scalar(tree.get(uses, "y").unwrap()), Some(Scalar::Unsigned(3)));
    let merged = tree.place(at(&tree, &["use", "x"]));
    assert_eq!((merged.line, merged.path.as_str()), (1, "use.x"));
    assert_eq!(tree.path(at(&tree, &["list", "0", "x"])), "list[0].x");
}

#[test]
fn of_two_bases_the_earlier_wins() {
    let tree = tree("a: &a {x: 1}\nb: &b {x: 2, y: 2}\nc: {<<: [*a, *b]}\n");
    assert_eq!(tree.scalar(at(&tree, &["c", "x"])), Some(Scalar::Unsigned(1)));
    assert_eq!(tree.scalar(at(&tree, &["c", "y"])), Some(Scalar::Unsigned(2)));
}

#[test]
fn the_document_may_not_contain() {
    assert_eq!(faults(""), ["1:1 : the file is empty"]);
    assert_eq!(faults("# nothing\n"), ["1:1 : the file is empty"]);
    assert_eq!(faults("a: 1\n---\nb: 2\n"), ["2:1 : a second document"]);
    assert_eq!(faults("a: 1\nb: 2\na: 3\n"), ["3:1 a: the key `a` is already given in line 1"]);
    assert_eq!(faults("a: !binary x\n"), ["1:4 : the tag `!binary` has no meaning here"]);
    assert_eq!(faults("? [a]\n: 1\n"), ["1:3 : a key must be a text"]);
    assert_eq!(faults("a: &a [*a]\n"), ["1:8 a: this alias cannot be expanded"]);
    assert_eq!(faults("a: {<<: 1}\n"), ["1:9 a.<<: `<<` takes mappings"]);
    assert_eq!(faults("a: *b\n").len(), 1);
    assert_eq!(faults("a:\n\tb: 1\n").len(), 1);
    assert!(faults(&format!("{}x", "[".repeat(100)))[0].contains("not valid YAML"));
}

#[test]
fn aliases_that_blow_up_are_refused() {
    let mut bomb = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
    for n in 1..9 {
        let items = vec![format!("*a{}", n - 1); 10].join(", ");
        bomb.push_str(&format!("a{n}: &a{n} [{items}]\n"));
    }
    let faults = faults(&bomb);
    assert!(!faults.is_empty() && faults.iter().all(|f| f.contains("cannot be expanded")), "{faults:?}");
}

#[test]
fn characters_of_a_text_are_found_in_the_file() {
    for (text, path, word) in [
        ("a: x && yy", "a", "yy"),
        ("a: 'x && ''q'' yy'", "a", "yy"),
        ("a: \"x && \\\"q\\\" && yy\"", "a", "yy"),
        ("a: \"'q' in yy\"", "a", "'q'"),
        ("a: '\"q\" in yy'", "a", "\"q\""),
        ("a: |\n  x &&\n  yy\n", "a", "yy"),
        ("a: >-\n  x &&\n    yy && x\n  zz\n", "a", "zz"),
        ("a: |\n  \"q\" in yy\n", "a", "\"q\""),
        ("l:\n  - a: x\n      yy\n", "l[0].a", "yy"),
        ("a: 'é  yy'", "a", "yy"),
        ("a: { b: x, c: [x yy] }", "a.c[0]", "yy"),
    ] {
        let tree = tree(text);
        let node = tree.find(path).unwrap();
        let scalar = tree.text(node).unwrap();
        let position = scalar[..scalar.find(word).unwrap()].chars().count() + 1;
        let place = tree.place_within(path, position).unwrap();
        let line: Vec<char> = text.lines().nth(place.line as usize - 1).unwrap().chars().collect();
        let found: String = line[place.column as usize - 1..].iter().take(word.len()).collect();
        assert_eq!((found.as_str(), place.path.as_str()), (word, path), "{text}");
    }
    let tree = tree("a: x${PORT}\nb: [x]\n");
    assert_eq!(
        (tree.place_within("a", 1), tree.place_within("b", 1), tree.place_within("c", 1)),
        (None, None, None)
    );
}
