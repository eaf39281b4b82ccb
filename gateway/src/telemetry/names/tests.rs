//! The table is complete and its names are well formed.

use std::collections::HashSet;

use super::*;

#[test]
fn every_metric_constant_stands_in_a_section() {
    let source = include_str!("metrics.rs");
    let constants = source.matches(": Metric = ").count();
    assert_eq!(metrics::all().count(), constants);
}

#[test]
fn names_are_unique_and_say_their_unit() {
    let mut seen = HashSet::new();
    for metric in metrics::all() {
        assert!(seen.insert(metric.name), "{} stands twice", metric.name);
        let total = metric.name.ends_with("_total");
        assert_eq!(total, metric.kind == Kind::Counter, "{}: _total is for counters", metric.name);
        assert!(metric.help.ends_with('.'), "{}: help is a sentence", metric.name);
        match metric.kind {
            Kind::Histogram(Buckets::Seconds) => assert_eq!(metric.unit(), "seconds"),
            Kind::Histogram(Buckets::Bytes) => assert_eq!(metric.unit(), "bytes"),
            _ => {}
        }
    }
}

#[test]
fn no_label_of_a_metric_stands_twice() {
    for metric in metrics::all() {
        let distinct: HashSet<_> = metric.labels.iter().collect();
        assert_eq!(distinct.len(), metric.labels.len(), "{}", metric.name);
    }
}

#[test]
fn buckets_ascend() {
    for buckets in [Buckets::Seconds, Buckets::Bytes, Buckets::Count] {
        assert!(buckets.bounds().is_sorted_by(|a, b| a < b), "{buckets:?}");
    }
}

/// `docs/metrics.md` as the table wants it.
fn documentation() -> String {
    let mut page = String::from(include_str!("metrics.intro.md"));
    for section in metrics::SECTIONS {
        page += &format!("\n## {}\n", section.title);
        for metric in section.metrics {
            let kind = match metric.kind {
                Kind::Counter => "counter".to_owned(),
                Kind::Gauge => "gauge".to_owned(),
                Kind::Histogram(buckets) => format!("histogram, buckets {}", bounds(buckets)),
            };
            let labels: Vec<String> = metric.labels.iter().map(|label| format!("`{label}`")).collect();
            let labels = if labels.is_empty() { "no labels".to_owned() } else { labels.join(", ") };
            page += &format!("\n### `{}`\n{kind}; {labels}  \n{}\n", metric.name, metric.help);
        }
    }
    page
}

fn bounds(buckets: Buckets) -> String {
    let bounds = buckets.bounds().iter().map(|bound| (*bound as f64 / buckets.per_unit()).to_string());
    bounds.collect::<Vec<_>>().join(" ")
}

#[test]
fn the_documentation_of_metrics_is_current() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/metrics.md");
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(path, documentation()).expect("writes");
    }
    let page = std::fs::read_to_string(path).unwrap_or_default();
    assert!(page == documentation(), "docs/metrics.md is behind the table: run the tests with UPDATE_DOCS=1");
}
