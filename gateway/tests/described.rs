//! What describes the configuration is current: the schema for editors, the reference in the docs, the demo.
//!
//! All of it is renewed by `BLESS=1 cargo test -p glassgate --test described`.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::{fs, path::Path};

use glassgate::config::{self, Severity};

const BEGIN: &str = "<!-- reference: begin -->\n";
const END: &str = "<!-- reference: end -->\n";

/// Compares a file with what it should be, or writes it.
fn current(path: &str, expected: &str) {
    let path = Path::new("..").join(path);
    if std::env::var_os("BLESS").is_some() {
        fs::write(&path, expected).unwrap();
    }
    let found = fs::read_to_string(&path).unwrap_or_default();
    let path = path.display();
    assert!(found == expected, "{path} is not current: BLESS=1 cargo test -p glassgate --test described");
}

#[test]
fn the_schema_for_editors_is_current() {
    current("config/glassgate.schema.json", &config::schema_json());
}

#[test]
fn the_reference_in_the_docs_is_current() {
    let docs = fs::read_to_string("../docs/configuration.md").unwrap();
    let (before, rest) = docs.split_once(BEGIN).unwrap();
    let (_, after) = rest.split_once(END).unwrap();
    current("docs/configuration.md", &format!("{before}{BEGIN}{}{END}{after}", config::reference()));
}

#[test]
fn every_link_of_the_reference_leads_to_a_heading() {
    let reference = config::reference();
    let letters = |c: &char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    let headings: Vec<String> = reference
        .lines()
        .filter_map(|line| line.strip_prefix("### "))
        .map(|heading| heading.to_lowercase().chars().filter(letters).collect())
        .collect();
    let links: Vec<&str> = reference.split("](#").skip(1).filter_map(|rest| rest.split(')').next()).collect();
    assert!(links.len() > 50);
    for link in links {
        assert!(headings.iter().any(|heading| heading == link), "no heading #{link}");
    }
}

#[test]
fn every_key_and_value_of_the_reference_is_explained() {
    let reference = config::reference();
    let rows: Vec<Vec<&str>> = reference
        .lines()
        .filter(|line| line.starts_with("| ") && !line.starts_with("| ---"))
        .map(|line| line.trim_matches('|').split(" | ").map(str::trim).collect())
        .collect();
    assert!(rows.len() > 100);
    for row in rows {
        let meaning = row.last().unwrap_or(&"");
        assert!(meaning.chars().count() > 3, "no meaning or example: {row:?}");
    }
}

#[test]
fn the_demo_is_good_and_has_no_warning() {
    for path in ["../config/glassgate.yaml", "../config/glassgate.redis.yaml"] {
        let checked = config::load_with(Path::new(path), &|_| None).unwrap();
        let warnings: Vec<_> =
            checked.warnings.iter().filter(|problem| problem.severity == Severity::Warning).collect();
        assert!(warnings.is_empty(), "{path}: {warnings:#?}");
        assert_eq!((checked.upstreams.len(), checked.routes.len(), checked.graphql.len()), (4, 11, 1));
    }
}

/// What the demo for several gateways has beyond the other one.
const REDIS: &str = "\
# Where rate limits are counted, for all gateways that name the same Redis. While it is slow or gone each of them counts
# for itself, with its part of every limit. glassgate.yaml is the same without this section.
redis:
  url: ${REDIS_URL:-redis://127.0.0.1:6379}
  rate_limits:
    mode: exact # one round trip a request; `leased` takes tokens in advance and needs none
    instances: 2

";

#[test]
fn the_demo_with_redis_is_the_demo_with_redis() {
    let demo = fs::read_to_string("../config/glassgate.yaml").unwrap();
    let (before, after) = demo.split_once("# How often, counted over several routes.").unwrap();
    let head = "# The demo for several gateways: glassgate.yaml, with its rate limits counted in Redis.\n";
    let (first, rest) = before.split_once('\n').unwrap();
    let with = format!("{first}\n#\n{head}{rest}{REDIS}# How often, counted over several routes.{after}");
    current("config/glassgate.redis.yaml", &with);
}

#[test]
fn examples_in_the_docs_are_good() {
    let mut checked = 0;
    for page in ["configuration", "protection"] {
        let docs = fs::read_to_string(format!("../docs/{page}.md")).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let blocks: Vec<&str> =
            docs.split("```yaml\n").skip(1).filter_map(|rest| rest.split("```").next()).collect();
        // A file that the others name.
        for keys in blocks.iter().filter(|block| block.starts_with("keys:")) {
            fs::write(folder.path().join("keys.yaml"), keys).unwrap();
        }
        for block in blocks.iter().filter(|block| block.contains("listeners:")) {
            let path = folder.path().join("example.yaml");
            fs::write(&path, block).unwrap();
            let result = config::load_with(&path, &|_| None);
            let checked_block = result.unwrap_or_else(|errors| panic!("{page}: {block}\n{errors}"));
            assert!(
                page != "protection" || checked_block.warnings.is_empty(),
                "{:#?}",
                checked_block.warnings
            );
            checked += 1;
        }
    }
    assert!(checked >= 3);
}
