//! Load by wrk, and what it reports.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{fs, io};

use crate::process::Failure;

/// How hard and how long.
#[derive(Debug, Clone, Copy)]
pub struct Load {
    /// Open connections, kept alive.
    pub connections: u32,
    /// wrk's threads.
    pub threads: u32,
    /// Seconds of one run.
    pub seconds: u32,
}

/// What is requested.
#[derive(Debug, Clone)]
pub enum Requests {
    /// `GET` of one path.
    Get(&'static str),
    /// `GET` of one path by a page of this origin, with this token.
    Authorized { path: &'static str, origin: &'static str, token: String },
    /// `GET` of ten paths in turn, spread over this many routes.
    Spread(usize),
    /// `POST` of one JSON body to `/graphql`.
    GraphQl(&'static str),
}

/// One run.
#[derive(Debug, Clone, Copy)]
pub struct Run {
    /// Answers received.
    pub requests: u64,
    /// Answers per second.
    pub per_second: f64,
    /// Median latency in milliseconds.
    pub p50_ms: f64,
    /// 99th percentile of latency in milliseconds.
    pub p99_ms: f64,
}

impl Requests {
    /// Writes wrk's script for them.
    pub fn script(&self, folder: &Path, name: &str) -> io::Result<PathBuf> {
        let host = "wrk.headers[\"Host\"] = \"bench.test\"\n";
        let script = match self {
            Self::Get(_) => host.to_owned(),
            Self::Authorized { origin, token, .. } => format!(
                "{host}wrk.headers[\"Origin\"] = \"{origin}\"\n\
                 wrk.headers[\"Authorization\"] = \"Bearer {token}\"\n"
            ),
            // Rendered before the run, and ten whatever the number of routes: what is to be seen is the lookup, and
            // not how many routes' numbers fit into the processor's cache.
            Self::Spread(routes) => format!(
                "{host}local requests, at = {{}}, 0\n\
                 function init()\n\
                 \x20 for i = 0, 9 do requests[i] = wrk.format(\"GET\", \"/svc\" .. math.floor(i * {routes} / 10) .. \"/items/42\") end\n\
                 end\n\
                 function request() at = (at + 1) % 10; return requests[at] end\n"
            ),
            Self::GraphQl(body) => format!(
                "{host}wrk.method = \"POST\"\nwrk.body = [[{body}]]\n\
                 wrk.headers[\"Content-Type\"] = \"application/json\"\n"
            ),
        };
        let path = folder.join(format!("{name}.lua"));
        fs::write(&path, script)?;
        Ok(path)
    }

    fn path(&self) -> &str {
        match self {
            Self::Get(path) | Self::Authorized { path, .. } => path,
            Self::Spread(_) => "/",
            Self::GraphQl(_) => "/graphql",
        }
    }
}

/// Puts load on `address`; an answer that is no success is a failure of the benchmark.
pub fn run(address: SocketAddr, requests: &Requests, script: &Path, load: Load) -> Result<Run, Failure> {
    let mut command = Command::new("wrk");
    command.arg("--latency");
    command.arg(format!("-t{}", load.threads));
    command.arg(format!("-c{}", load.connections));
    command.arg(format!("-d{}s", load.seconds));
    command.arg("-s").arg(script);
    let output = command.arg(format!("http://{address}{}", requests.path())).output()?;
    parse(&String::from_utf8_lossy(&output.stdout))
}

fn parse(report: &str) -> Result<Run, Failure> {
    for trouble in ["Non-2xx", "Socket errors"] {
        if let Some(line) = report.lines().find(|line| line.contains(trouble)) {
            return Err(format!("wrk saw failures: {}", line.trim()).into());
        }
    }
    let after = |label: &str| {
        let line = report.lines().find_map(|line| line.trim().strip_prefix(label));
        line.map(str::trim).ok_or_else(|| format!("wrk does not tell `{label}`: {report}"))
    };
    let requests = report.lines().find_map(|line| line.trim().split_once(" requests in "));
    let (requests, _) = requests.ok_or_else(|| format!("wrk does not count requests: {report}"))?;
    Ok(Run {
        requests: requests.parse()?,
        per_second: after("Requests/sec:")?.parse()?,
        p50_ms: milliseconds(after("50%")?)?,
        p99_ms: milliseconds(after("99%")?)?,
    })
}

fn milliseconds(text: &str) -> Result<f64, Failure> {
    let units = [("us", 0.001), ("ms", 1.0), ("s", 1000.0), ("m", 60_000.0)];
    for (unit, factor) in units {
        if let Some(Ok(number)) = text.strip_suffix(unit).map(|number| number.trim().parse::<f64>()) {
            return Ok(number * factor);
        }
    }
    Err(format!("not a time: {text}").into())
}

#[cfg(test)]
mod tests {
    use super::{milliseconds, parse};

    const REPORT: &str = "\
Running 1s test @ http://127.0.0.1:1/
  2 threads and 64 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency   744.95us  415.30us   6.50ms   87.63%
  Latency Distribution
     50%  652.00us
     75%    0.88ms
     90%    1.17ms
     99%    2.26ms
  89474 requests in 1.10s, 21.50MB read
Requests/sec:  81297.62
Transfer/sec:     19.54MB
";

    #[test]
    fn a_report_is_read() {
        let run = parse(REPORT).unwrap();
        assert_eq!((run.requests, run.per_second), (89474, 81297.62));
        assert_eq!((run.p50_ms, run.p99_ms), (0.652, 2.26));
        assert_eq!(milliseconds("1.50s").unwrap(), 1500.0);
    }

    #[test]
    fn answers_that_are_no_success_fail_the_benchmark() {
        let report = format!("{REPORT}  Non-2xx or 3xx responses: 12\n");
        assert!(parse(&report).unwrap_err().to_string().contains("12"));
    }
}
