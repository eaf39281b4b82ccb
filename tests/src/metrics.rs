//! Prometheus text, read back.

use std::collections::BTreeMap;

/// One scrape.
#[derive(Debug)]
pub struct Metrics {
    /// The text as served.
    pub text: String,
    samples: Vec<Sample>,
}

/// One line.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    /// The name, with its suffix (`_bucket`, `_count` ...).
    pub name: String,
    /// The labels.
    pub labels: BTreeMap<String, String>,
    /// The value.
    pub value: f64,
}

impl Metrics {
    /// Reads a scrape; a line that is not understood is a failed test.
    pub fn parse(text: &str) -> Self {
        let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
        let samples =
            lines.map(|line| sample(line).unwrap_or_else(|| panic!("not a sample: {line}"))).collect();
        Self { text: text.to_owned(), samples }
    }

    /// All samples of this name with at least these labels.
    ///
    /// Panics where the metric has series and none of them has such a label: a
    /// name that does not exist would select nothing, and nothing looks like 0.
    #[track_caller]
    pub fn samples<'a>(
        &'a self,
        name: &'a str,
        labels: &'a [(&'a str, &'a str)],
    ) -> impl Iterator<Item = &'a Sample> {
        self.check_labels(name, labels);
        let has = |sample: &Sample, (label, value): &(&str, &str)| {
            sample.labels.get(*label).is_some_and(|found| found == value)
        };
        self.samples
            .iter()
            .filter(move |sample| sample.name == name && labels.iter().all(|label| has(sample, label)))
    }

    /// The sum of all samples of this name with at least these labels; 0 if there is none.
    #[track_caller]
    pub fn value(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        self.samples(name, labels).map(|sample| sample.value).sum()
    }

    #[track_caller]
    fn check_labels(&self, name: &str, labels: &[(&str, &str)]) {
        let series: Vec<&Sample> = self.samples.iter().filter(|sample| sample.name == name).collect();
        let Some(first) = series.first() else { return };
        for (label, _) in labels {
            let known = series.iter().any(|sample| sample.labels.contains_key(*label));
            assert!(known, "no series of {name} has a label `{label}`; one has {:?}", first.labels);
        }
    }

    /// Whether there is a sample of this name.
    pub fn has(&self, name: &str) -> bool {
        self.samples(name, &[]).next().is_some()
    }

    /// How many lines with a value there are.
    pub fn len(&self) -> usize {
        self.samples.len()
    }

    /// Whether there is nothing at all.
    pub fn is_empty(&self) -> bool {
        self.samples.is_empty()
    }
}

fn sample(line: &str) -> Option<Sample> {
    let (name, rest) = match line.split_once('{') {
        Some((name, rest)) => (name, Some(rest)),
        None => (line.split_once(' ')?.0, None),
    };
    let (labels, value) = match rest {
        None => (BTreeMap::new(), line.split_once(' ')?.1),
        Some(rest) => read_labels(rest)?,
    };
    Some(Sample { name: name.to_owned(), labels, value: value.trim().parse().ok()? })
}

/// Reads `a="b",c="d"} 1`: the labels and what follows them.
fn read_labels(mut rest: &str) -> Option<(BTreeMap<String, String>, &str)> {
    let mut labels = BTreeMap::new();
    loop {
        rest = rest.trim_start_matches(',');
        if let Some(value) = rest.strip_prefix('}') {
            return Some((labels, value));
        }
        let (label, after) = rest.split_once("=\"")?;
        let mut value = String::new();
        let mut characters = after.char_indices();
        let end = loop {
            match characters.next()? {
                (end, '"') => break end,
                (_, '\\') => value.push(match characters.next()?.1 {
                    'n' => '\n',
                    other => other,
                }),
                (_, other) => value.push(other),
            }
        };
        labels.insert(label.to_owned(), value);
        rest = &after[end + 1..];
    }
}

#[cfg(test)]
mod tests {
    use super::Metrics;

    #[test]
    fn values_are_found_by_some_of_their_labels_and_summed() {
        let metrics = Metrics::parse(
            "# HELP a b\n# TYPE a counter\na{x=\"1\",y=\"q\\\"{}\\n\"} 2\na{x=\"1\",y=\"r\"} 3\na 1e3\nb +Inf\n",
        );
        assert_eq!(metrics.value("a", &[("x", "1")]), 5.0);
        assert_eq!(metrics.value("a", &[("y", "q\"{}\n")]), 2.0);
        assert_eq!(metrics.value("a", &[]), 1005.0);
        assert_eq!(metrics.value("c", &[]), 0.0);
        assert!(metrics.has("b") && !metrics.has("c"));
        assert_eq!(metrics.value("a", &[("x", "2")]), 0.0, "a value of a known label, not seen so far");
        assert_eq!(metrics.value("c", &[("x", "1")]), 0.0, "no series so far");
    }

    #[test]
    #[should_panic(expected = "no series of a has a label `z`")]
    fn a_label_that_no_series_has_is_a_mistake_of_the_test() {
        Metrics::parse("a{x=\"1\"} 2\n").value("a", &[("x", "1"), ("z", "1")]);
    }
}
