//! `make bench`: CPU time per request, throughput and latency, side by side.
//!
//! Subjects are measured in turn, round by round, so that all of them meet the
//! same machine; the table tells medians. CPU time is the kernel's accounting
//! of the proxy's own processes, so that the load generator and the upstream,
//! which share the machine, do not count.

mod outage;
mod process;
mod protected;
mod report;
mod subjects;
mod wrk;

use std::path::{Path, PathBuf};
use std::{env, fs};

use clap::Parser;

use process::{Failure, free_address};
use protected::Counting;
use report::{Row, Sample};
use subjects::{Place, Subject};
use wrk::Load;

const BARE: &str = "bare Pingora";
const SENT_THE_SAME: &str = "bare Pingora, sent what the protected one is";
const PINNED: &str = "bare Pingora, a runtime for each thread";
const PLAIN: &str = "Glassgate, everything on";
const ENGINE: &str = "GraphQL engine behind a plain HTTP server, one thread";

/// What [`PLAIN`] may cost of a bare Pingora proxy.
const TARGET: f64 = 1.15;

const PROTECTED: &str = "Glassgate, protected: token, two limits, CORS";

/// What [`PROTECTED`] may cost of a bare Pingora proxy.
const PROTECTED_TARGET: f64 = 1.25;

/// What [`ENGINE`] may cost of a bare Pingora proxy: 80 us on a machine where that takes 15 us. Machines differ by
/// more than either figure, their ratio hardly does.
const BAR: f64 = 80.0 / 15.0;

/// Measures Glassgate beside a bare Pingora proxy and nginx.
#[derive(Parser)]
struct Options {
    /// How often each subject is measured.
    #[arg(long, default_value_t = 12)]
    rounds: usize,
    /// Seconds of each measurement. Many short ones tell more than few long ones: ratios are those within a round, and a
    /// machine is the same for a second rather than for ten.
    #[arg(long, default_value_t = 1)]
    seconds: u32,
    /// Connections, kept alive.
    #[arg(long, default_value_t = 64)]
    connections: u32,
    /// Threads of each proxy [default: as many as there are cores].
    #[arg(long)]
    threads: Option<usize>,
    /// Only subjects whose name contains this; may be repeated.
    #[arg(long)]
    only: Vec<String>,
    /// In place of all that: what requests notice when Redis, where their limits are counted, stops and dies.
    #[arg(long)]
    redis_outage: bool,
}

fn main() -> Result<(), Failure> {
    let options = Options::parse();
    let binaries = env::current_exe()?.parent().ok_or("the benchmark has no folder")?.to_owned();
    let folder = binaries.parent().ok_or("the benchmark is not in target/")?.join("bench");
    if folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    fs::create_dir_all(folder.join("logs"))?;

    let address = free_address()?;
    let _upstream = subjects::upstream(&folder, address)?;
    let threads = match options.threads {
        Some(threads) => threads,
        None => std::thread::available_parallelism()?.get(),
    };
    let place = Place { folder: folder.clone(), binaries, threads, upstream: address };
    let load = Load { connections: options.connections, threads: 1, seconds: options.seconds };
    if options.redis_outage {
        for mode in ["exact", "leased"] {
            println!("\n{}", outage::measure(&place, mode, load)?);
        }
        return Ok(());
    }
    let subjects = start(&place, &options.only)?;
    let rows = measure(&subjects, load, options.rounds, &place.access_log())?;

    let floor = rows.iter().find(|row| row.name == BARE);
    println!("\n{}", report::table(&rows, floor));
    let named = |name: &str| rows.iter().find(|row| row.name == name);
    for floor in [BARE, PINNED] {
        if let (Some(floor), Some(plain)) = (named(floor), named(PLAIN)) {
            let ratio = plain.ratio(floor);
            println!("{PLAIN}: {ratio:.2} times the CPU time of {}, target {TARGET}", floor.name);
        }
    }
    for floor in [BARE, SENT_THE_SAME] {
        if let (Some(floor), Some(protected)) = (named(floor), named(PROTECTED)) {
            let ratio = protected.ratio(floor);
            println!(
                "{PROTECTED}: {ratio:.2} times the CPU time of {}, target {PROTECTED_TARGET}",
                floor.name
            );
        }
    }
    if let (Some(floor), Some(engine)) = (named(BARE), named(ENGINE)) {
        let ratio = engine.ratio(floor);
        println!("{ENGINE}: {ratio:.2} times the CPU time of {}, target {BAR:.2}", floor.name);
    }
    let path: PathBuf = folder.join("report.json");
    fs::write(&path, format!("{:#}\n", report::json(&rows, floor)))?;
    println!("{}", path.display());
    Ok(())
}

fn start(place: &Place, only: &[String]) -> Result<Vec<Subject>, Failure> {
    type Start<'a> = Box<dyn Fn(&str) -> Result<Subject, Failure> + 'a>;
    let all: Vec<(&str, Start)> = vec![
        (BARE, Box::new(|name| place.bare_pingora(name, true))),
        (PINNED, Box::new(|name| place.bare_pingora(name, false))),
        (SENT_THE_SAME, Box::new(|name| place.bare_pingora_sent_the_same(name))),
        ("nginx", Box::new(|name| place.nginx(name))),
        (PLAIN, Box::new(|name| place.glassgate(name, 0))),
        (PROTECTED, Box::new(|name| place.protected(name, Counting::Memory))),
        ("Glassgate, protected, Redis exact", Box::new(|name| place.protected(name, Counting::Exact))),
        ("Glassgate, protected, Redis leased", Box::new(|name| place.protected(name, Counting::Leased))),
        ("Glassgate, 10 routes", Box::new(|name| place.glassgate(name, 10))),
        ("Glassgate, 1,000 routes", Box::new(|name| place.glassgate(name, 1_000))),
        ("Glassgate, 10,000 routes", Box::new(|name| place.glassgate(name, 10_000))),
        ("Glassgate, GraphQL: 100 posts, 10 users", Box::new(|name| place.graphql(name))),
        (ENGINE, Box::new(|name| place.engine(name))),
    ];
    let wanted = |name: &str| only.is_empty() || only.iter().any(|part| name.contains(part.as_str()));
    let chosen: Vec<_> = all.into_iter().filter(|(name, _)| wanted(name)).collect();
    if chosen.is_empty() {
        return Err("--only matches no subject".into());
    }
    chosen.into_iter().map(|(name, start)| start(name)).collect()
}

fn measure(subjects: &[Subject], load: Load, rounds: usize, log: &Path) -> Result<Vec<Row>, Failure> {
    let row = |subject: &Subject| Row {
        name: subject.name.clone(),
        startup_ms: subject.process.startup.as_millis(),
        memory: 0,
        samples: Vec::new(),
    };
    let mut rows: Vec<Row> = subjects.iter().map(row).collect();
    // An access log grows by a hundred megabytes within seconds, and nobody reads this one.
    let sample = |subject: &Subject, load: Load| {
        let sample = sample(subject, load);
        fs::write(log, "")?;
        sample
    };
    for subject in subjects {
        sample(subject, Load { seconds: 1, ..load })?;
    }
    for round in 1..=rounds {
        // Each begins a round in turn, so that none always comes after the same one.
        for place in (0..subjects.len()).map(|place| (place + round) % subjects.len()) {
            let (row, subject) = (&mut rows[place], &subjects[place]);
            let sample = sample(subject, load)?;
            println!(
                "round {round}: {:.1} us/request, {:.0}/s: {}",
                sample.cpu_us, sample.per_second, row.name
            );
            row.samples.push(sample);
            row.memory = subject.process.used()?.memory;
        }
    }
    Ok(rows)
}

fn sample(subject: &Subject, load: Load) -> Result<Sample, Failure> {
    let before = subject.process.used()?;
    let run = wrk::run(subject.address, &subject.requests, &subject.script, load)
        .map_err(|error| format!("{}: {error}", subject.name))?;
    let after = subject.process.used()?;
    #[expect(clippy::cast_precision_loss, reason = "counts of a few seconds are far below 2^52")]
    let cpu_us = (after.cpu_us - before.cpu_us) as f64 / run.requests as f64;
    Ok(Sample { cpu_us, per_second: run.per_second, p50_ms: run.p50_ms, p99_ms: run.p99_ms })
}
