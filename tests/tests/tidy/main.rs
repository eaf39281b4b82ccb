//! The invariants of ARCHITECTURE.md, as tests over the source.
//!
//! `rules.rs` holds the rules, `source.rs` what they look at, `snippets.rs`
//! shows each of them a breach. What the compiler or clippy can hold is not
//! repeated here.

mod rules;
mod snippets;
mod source;

use std::path::{Path, PathBuf};

use source::{Finding, Source, files};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("tests/ is in the workspace").to_owned()
}

/// What a folder ships: its files without those that only tests use.
fn shipped(folder: &str) -> Vec<Source> {
    let files = files(&root(), folder, ".rs").into_iter().filter(|(path, _)| !rules::is_test(path));
    files.map(|(path, text)| Source::new(&path, &text)).collect()
}

/// Every Rust file of the workspace, tests included.
fn everything() -> Vec<Source> {
    let folders = ["gateway", "graphql", "stub-services", "tests", "bench"];
    let files = folders.iter().flat_map(|folder| files(&root(), folder, ".rs"));
    files.map(|(path, text)| Source::new(&path, &text)).collect()
}

#[track_caller]
fn hold(rule: impl Fn(&Source) -> Vec<Finding>, sources: &[Source]) {
    assert!(!sources.is_empty(), "there is nothing to look at");
    let findings: Vec<String> = sources
        .iter()
        .flat_map(rule)
        .map(|Finding { path, line, text }| format!("{path}:{line}: {text}"))
        .collect();
    assert!(findings.is_empty(), "\n{}", findings.join("\n"));
}

#[test]
fn rooms_import_in_one_direction() {
    hold(rules::rooms_import_in_one_direction, &shipped("gateway/src"));
}

#[test]
fn frameworks_stay_in_their_rooms() {
    hold(rules::frameworks_stay_in_their_rooms, &shipped("gateway/src"));
}

#[test]
fn policies_decide_from_values() {
    hold(rules::policies_decide_from_values, &shipped("gateway/src"));
}

#[test]
fn composition_knows_no_files_or_sockets() {
    hold(rules::composition_knows_no_files_or_sockets, &shipped("graphql/src"));
}

#[test]
fn files_are_short() {
    hold(rules::files_are_short, &everything());
}

#[test]
fn files_say_what_they_own() {
    hold(rules::files_say_what_they_own, &everything());
}

#[test]
fn nothing_is_unwrapped() {
    for folder in ["gateway/src", "graphql/src", "stub-services/src", "bench/src"] {
        hold(rules::nothing_is_unwrapped, &shipped(folder));
    }
}

#[test]
fn unsafe_code_is_proven() {
    hold(rules::unsafe_code_is_proven, &everything());
}

#[test]
fn every_reason_has_its_paragraph() {
    let table = files(&root(), "gateway/src", "src/reason.rs").remove(0);
    let codes = rules::reason_codes(&Source::new(&table.0, &table.1));
    assert!(codes.len() > 20, "the table of reasons is not understood: {codes:?}");
    let page = files(&root(), "docs", "docs/reasons.md").pop().map_or(String::new(), |(_, page)| page);
    let missing = rules::without_paragraph(&codes, &page);
    assert!(missing.is_empty(), "docs/reasons.md has no heading for {missing:?}");
}

#[test]
fn log_fields_are_listed() {
    let list = files(&root(), "gateway/src/telemetry/names", "fields.rs").remove(0);
    let literals = Source::new(&list.0, &list.1).tokens.into_iter().map(|token| token.text);
    let names: Vec<String> =
        literals.filter_map(|text| Some(text.strip_prefix('"')?.strip_suffix('"')?.to_owned())).collect();
    assert!(names.len() > 20, "the list of fields is not understood: {names:?}");
    hold(|source| rules::log_fields_are_listed(source, &names), &shipped("gateway/src"));
}

/// The names that the files of a folder with this ending define, of the form that metrics have.
fn named(folder: &str, ending: &str) -> Vec<String> {
    let sources = files(&root(), folder, ending);
    sources.iter().flat_map(|(path, text)| rules::metric_names(&Source::new(path, text))).collect()
}

#[test]
fn documents_and_dashboards_use_only_metrics_that_exist() {
    let metrics = named("gateway/src/telemetry/names", "/metrics.rs");
    assert!(metrics.len() > 20, "the table of metrics is not understood: {metrics:?}");
    let dashboards = [".json", ".yaml", ".yml"].map(|ending| files(&root(), "dashboards", ending)).concat();
    for (path, text) in dashboards {
        let unknown = rules::unknown_metrics(&text, &metrics);
        assert!(unknown.is_empty(), "{path} uses {unknown:?}, which telemetry/names does not define");
    }

    // Pages speak of fields, reasons and values of keys, too, and some of those have the same form.
    let mut known = metrics.clone();
    known.extend(named("gateway/src/telemetry/names", ".rs"));
    known.extend(named("gateway/src", "src/reason.rs"));
    known.extend(named("graphql/src", "src/code.rs"));
    known.extend(named("gateway/src/policy/rate_limit", "rate_limit/config.rs"));
    let mut pages = files(&root(), "docs", ".md");
    let readme = std::fs::read_to_string(root().join("README.md")).expect("there is a README");
    pages.push(("README.md".to_owned(), readme));
    let mut checked = 0;
    for (path, text) in pages {
        let unknown = rules::unknown_metrics(&text, &known);
        assert!(unknown.is_empty(), "{path} names {unknown:?}, which nothing defines");
        checked += rules::metrics_used(&text).len() - rules::unknown_metrics(&text, &metrics).len();
    }
    assert!(checked > 50, "only {checked} uses of metrics are found: the pages are not understood");
}
