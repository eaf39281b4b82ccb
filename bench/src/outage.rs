//! What requests notice of a Redis that stops, dies, comes back and forgets, while they are counted in it.
//!
//! Every answer must be a success. The 99th percentile is compared with that of the same gateway before.

use std::io::Write;
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::thread::{self, sleep};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use crate::process::{Failure, Process, free_address};
use crate::protected::counting_in;
use crate::subjects::{Place, Subject};
use crate::wrk::{self, Load, Run};

/// What happens to Redis within a run.
#[derive(Debug, Clone, Copy)]
enum Event {
    Nothing,
    /// It hangs: connections stay open, and nothing is answered.
    Stopped,
    /// It goes on.
    Continued,
    Killed,
    Restarted,
    Flushed,
}

const EVENTS: [(Event, &str); 7] = [
    (Event::Nothing, "as it should be"),
    (Event::Stopped, "stopped (SIGSTOP)"),
    (Event::Continued, "going on"),
    (Event::Killed, "killed"),
    (Event::Restarted, "restarted"),
    (Event::Flushed, "flushed"),
    (Event::Nothing, "as before"),
];

/// One run for each event, which happens a third into it. Gives the table.
pub fn measure(place: &Place, mode: &str, load: Load) -> Result<String, Failure> {
    let address = free_address()?;
    let mut redis = Some(place.redis(&format!("outage-{mode}"), address)?);
    let subject = place.guarded(&format!("Redis, {mode}"), &counting_in(address, mode))?;
    run(&subject, load)?;
    let mut table = format!(
        "| Redis ({mode}) | requests/s | p50 ms | p99 ms | to before |\n| --- | ---: | ---: | ---: | ---: |\n"
    );
    let mut before = None;
    for (event, name) in EVENTS {
        let during = thread::scope(|scope| {
            let during = scope.spawn(|| run(&subject, load).map_err(|error| error.to_string()));
            sleep(Duration::from_secs(load.seconds.into()) / 3);
            happen(event, place, mode, address, &mut redis)?;
            during.join().unwrap_or_else(|_| Err("the run has panicked".to_owned())).map_err(Failure::from)
        });
        let during: Run = during.map_err(|error| format!("Redis {name}: {error}"))?;
        let p99 = *before.get_or_insert(during.p99_ms);
        table += &format!(
            "| {name} | {:.0} | {:.2} | {:.2} | {:.2} |\n",
            during.per_second,
            during.p50_ms,
            during.p99_ms,
            during.p99_ms / p99
        );
    }
    Ok(table)
}

fn run(subject: &Subject, load: Load) -> Result<Run, Failure> {
    wrk::run(subject.address, &subject.requests, &subject.script, load)
}

fn happen(
    event: Event,
    place: &Place,
    mode: &str,
    address: SocketAddr,
    redis: &mut Option<Process>,
) -> Result<(), Failure> {
    match event {
        Event::Nothing => {}
        Event::Stopped => signal(redis.as_ref(), Signal::STOP)?,
        Event::Continued => signal(redis.as_ref(), Signal::CONT)?,
        Event::Killed => {
            signal(redis.as_ref(), Signal::KILL)?;
            *redis = None;
        }
        Event::Restarted => *redis = Some(place.redis(&format!("outage-{mode}"), address)?),
        Event::Flushed => {
            let mut stream = TcpStream::connect(address)?;
            stream.write_all(b"FLUSHALL\r\n")?;
            stream.shutdown(Shutdown::Write)?;
            std::io::copy(&mut stream, &mut std::io::sink())?;
        }
    }
    Ok(())
}

fn signal(process: Option<&Process>, signal: Signal) -> Result<(), Failure> {
    let id = process.and_then(|process| Pid::from_raw(process.id().cast_signed()));
    Ok(kill_process(id.ok_or("Redis does not run")?, signal)?)
}
