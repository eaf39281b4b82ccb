//! The reference page knows what the loader knows.

use super::*;

const PAGE: &str = include_str!("../../../../docs/graphql.md");

/// The text under a heading, up to the next heading of its level or above.
fn section(heading: &str) -> &'static str {
    let start = PAGE.find(&format!("\n{heading}\n")).unwrap_or_else(|| panic!("no heading {heading}"));
    let body = &PAGE[start + heading.len() + 2..];
    let level = heading.find(' ').expect("a heading");
    let end = body
        .match_indices("\n#")
        .map(|(at, _)| at)
        .find(|at| body[at + 1..].find(' ').is_some_and(|depth| depth <= level))
        .unwrap_or(body.len());
    &body[..end]
}

#[test]
fn every_argument_of_every_directive_has_its_row() {
    for (directive, arguments) in ARGUMENTS {
        let heading = match *directive {
            "rest.batch" => "### Batches".to_owned(),
            name => format!("## @{name}"),
        };
        let section = section(&heading);
        for argument in *arguments {
            let row = section.lines().any(|line| {
                line.starts_with('|')
                    && line.split('|').nth(1).is_some_and(|cell| cell.contains(&format!("`{argument}`")))
            });
            assert!(row, "docs/graphql.md: `{argument}` has no row under {heading}");
        }
    }
}

#[test]
fn its_examples_load() {
    let mut examples =
        PAGE.split("```graphql\n").skip(1).map(|rest| rest.split("```").next().expect("an end"));
    let first = examples.next().expect("an example");
    assert_eq!(warnings(first), "");
    let types = examples.find(|example| example.starts_with("interface Method")).expect("an example");
    good(&format!("{types} type Query {{ m: Method @rest(source: \"users\", GET: \"/m\") }}"));
}
