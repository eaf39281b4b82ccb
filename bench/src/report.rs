//! From runs to a table: medians, and ratios within each round.

use serde_json::{Value, json};

/// One subject in one round.
#[derive(Debug, Clone, Copy)]
pub struct Sample {
    /// CPU microseconds per request.
    pub cpu_us: f64,
    /// Answers per second.
    pub per_second: f64,
    /// Median latency in milliseconds.
    pub p50_ms: f64,
    /// 99th percentile of latency in milliseconds.
    pub p99_ms: f64,
}

/// All of a subject.
#[derive(Debug)]
pub struct Row {
    /// Its name.
    pub name: String,
    /// Milliseconds from start to ready.
    pub startup_ms: u128,
    /// Resident bytes at the end.
    pub memory: u64,
    /// One a round.
    pub samples: Vec<Sample>,
}

/// The middle of some values.
pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    match values.len() {
        0 => f64::NAN,
        count if count % 2 == 1 => values[count / 2],
        count => f64::midpoint(values[count / 2 - 1], values[count / 2]),
    }
}

impl Row {
    fn median(&self, of: impl Fn(&Sample) -> f64) -> f64 {
        median(self.samples.iter().map(of).collect())
    }

    /// CPU microseconds per request.
    pub fn cpu_us(&self) -> f64 {
        self.median(|sample| sample.cpu_us)
    }

    /// The median of the ratios to `floor` in the same round: what disturbs the
    /// machine for a while disturbs both.
    pub fn ratio(&self, floor: &Row) -> f64 {
        let pairs = self.samples.iter().zip(&floor.samples);
        median(pairs.map(|(own, floor)| own.cpu_us / floor.cpu_us).collect())
    }

    fn json(&self, floor: Option<&Row>) -> Value {
        json!({
            "name": self.name,
            "cpu_us_per_request": self.cpu_us(),
            "ratio_to_bare_pingora": floor.map(|floor| self.ratio(floor)),
            "requests_per_second": self.median(|sample| sample.per_second),
            "p50_ms": self.median(|sample| sample.p50_ms),
            "p99_ms": self.median(|sample| sample.p99_ms),
            "memory_bytes": self.memory,
            "startup_ms": self.startup_ms,
            "cpu_us_of_each_round": self.samples.iter().map(|sample| sample.cpu_us).collect::<Vec<_>>(),
        })
    }
}

/// The report for machines.
pub fn json(rows: &[Row], floor: Option<&Row>) -> Value {
    json!({ "rows": rows.iter().map(|row| row.json(floor)).collect::<Vec<_>>() })
}

/// The report for people.
pub fn table(rows: &[Row], floor: Option<&Row>) -> String {
    let mut table = String::from(
        "| | CPU us/request | to bare Pingora | requests/s | p50 ms | p99 ms | memory MiB | startup ms |\n\
         | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |\n",
    );
    for row in rows {
        let ratio = floor.map_or("".to_owned(), |floor| format!("{:.2}", row.ratio(floor)));
        table += &format!(
            "| {} | {:.1} | {ratio} | {:.0} | {:.2} | {:.2} | {} | {} |\n",
            row.name,
            row.cpu_us(),
            row.median(|sample| sample.per_second),
            row.median(|sample| sample.p50_ms),
            row.median(|sample| sample.p99_ms),
            row.memory / (1 << 20),
            row.startup_ms,
        );
    }
    table
}

#[cfg(test)]
mod tests {
    use super::{Row, Sample, median};

    #[test]
    fn ratios_compare_within_a_round() {
        let row = |cpu: [f64; 3]| Row {
            name: String::new(),
            startup_ms: 0,
            memory: 0,
            samples: cpu.map(|cpu_us| Sample { cpu_us, per_second: 0.0, p50_ms: 0.0, p99_ms: 0.0 }).to_vec(),
        };
        // The machine was slow in the second round, for both.
        assert_eq!(row([11.0, 33.0, 12.0]).ratio(&row([10.0, 30.0, 10.0])), 1.1);
        assert_eq!(median(vec![3.0, 1.0]), 2.0);
    }
}
