//! What is said of a name that is not there.

use super::*;
use crate::config::tree::parse;

fn tree(upstreams: &[String]) -> Tree {
    let names: Vec<String> = upstreams.iter().map(|name| format!("  {name}: {{ refused: yes }}\n")).collect();
    let (tree, faults) = parse("f".into(), &format!("upstreams:\n{}", names.concat()), &|_| None);
    assert!(faults.is_empty(), "{faults:?}");
    tree.unwrap()
}

#[test]
fn a_name_counts_as_known_whatever_is_below_it() {
    let tree = tree(&["users".into(), "orders".into()]);
    let mut names = Names::of(&tree, "upstreams", "upstream");
    assert_eq!(names.unknown("users"), None);
    assert_eq!(names.unknown("order").unwrap(), "no upstream named `order`; did you mean `orders`?");
    assert_eq!(names.all().collect::<Vec<_>>(), ["users", "orders"]);
}

#[test]
fn a_section_that_is_missing_has_no_names() {
    let tree = tree(&["users".into()]);
    let mut names = Names::of(&tree, "graphql", "composed API");
    assert_eq!(names.unknown("main").unwrap(), "no composed API named `main`; there are none");
}

#[test]
fn looking_for_what_was_meant_ends() {
    let many: Vec<String> = (0..1_000).map(|index| format!("service-{index}")).collect();
    let tree = tree(&many);
    let mut names = Names::of(&tree, "upstreams", "upstream");
    let hints: Vec<String> =
        (0..300).map(|index| names.unknown(&format!("srvice-{index}")).unwrap()).collect();
    assert_eq!(hints[0], "no upstream named `srvice-0`; did you mean `service-0`?");
    assert_eq!(hints[299], "no upstream named `srvice-299`; there are 1000 others");
    assert_eq!(names.unknown("srvice-0").unwrap(), hints[0], "what was found is remembered");
}
