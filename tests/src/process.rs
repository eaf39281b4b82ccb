//! A child process whose output is captured, and which never outlives its test.

use std::io::{BufRead, BufReader, Read};
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tokio::sync::watch;

use crate::wait::{eventually, within};

/// Where a line was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stream {
    /// Standard output.
    Out,
    /// Standard error.
    Err,
}

/// One line of output.
#[derive(Debug, Clone)]
pub struct Line {
    /// Where it was written.
    pub stream: Stream,
    /// Without its line end.
    pub text: String,
}

impl Line {
    /// The line as JSON, if it is JSON.
    pub fn json(&self) -> Option<Value> {
        serde_json::from_str(&self.text).ok()
    }
}

/// How a process ended, and all it said.
#[derive(Debug)]
pub struct Exit {
    /// The exit code; absent where a signal ended it.
    pub code: Option<i32>,
    /// The signal that ended it.
    pub signal: Option<i32>,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
}

#[derive(Debug, Default)]
struct Output {
    lines: Mutex<Vec<Line>>,
    /// Nobody reads, so that pipes fill up.
    deaf: Mutex<bool>,
    hears: Condvar,
}

impl Output {
    fn lines(&self) -> Vec<Line> {
        self.lines.lock().expect("no reader panics").clone()
    }

    fn set_deaf(&self, deaf: bool) {
        *self.deaf.lock().expect("no reader panics") = deaf;
        self.hears.notify_all();
    }

    fn wait_until_heard(&self) {
        let deaf = self.deaf.lock().expect("no reader panics");
        drop(self.hears.wait_while(deaf, |deaf| *deaf).expect("no reader panics"));
    }
}

/// A running child.
#[derive(Debug)]
pub struct Process {
    name: String,
    child: Child,
    output: Arc<Output>,
    grown: watch::Receiver<()>,
    readers: Vec<thread::JoinHandle<()>>,
}

impl Process {
    /// Starts `command`; `name` stands before its output when a test fails.
    pub fn start(name: &str, command: &mut Command) -> Self {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| {
                panic!(
                    "{name} does not start from {}: {error}; `cargo build --workspace --bins` makes it",
                    command.get_program().display()
                )
            });
        let output = Arc::new(Output::default());
        let (grow, grown) = watch::channel(());
        let stdout = child.stdout.take().expect("stdout is piped");
        let stderr = child.stderr.take().expect("stderr is piped");
        let readers = vec![
            read(Stream::Out, stdout, output.clone(), grow.clone()),
            read(Stream::Err, stderr, output.clone(), grow),
        ];
        Self { name: name.to_owned(), child, output, grown, readers }
    }

    /// The process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// All lines so far.
    pub fn lines(&self) -> Vec<Line> {
        self.output.lines()
    }

    /// Waits for output in which `find` finds something; `find` gets all lines so far.
    pub async fn output<T>(&self, what: &str, deadline: Duration, find: impl Fn(&[Line]) -> Option<T>) -> T {
        let mut grown = self.grown.clone();
        let search = async {
            loop {
                grown.mark_unchanged();
                if let Some(found) = find(&self.lines()) {
                    return found;
                }
                if grown.changed().await.is_err() {
                    // Both streams are closed; what was read last may hold it.
                    return find(&self.lines()).unwrap_or_else(|| {
                        panic!("{} ended without: {what}\n{}", self.name, self.transcript())
                    });
                }
            }
        };
        within(&format!("{}: {what}", self.name), deadline, search).await
    }

    /// Reads no more of its output until it has ended: what it writes stays in the pipes, and then it can write none.
    pub fn stop_reading(&self) {
        self.output.set_deaf(true);
    }

    /// Sends a signal.
    pub fn signal(&self, signal: Signal) {
        let id = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw).expect("a process id");
        kill_process(id, signal).expect("the process is there");
    }

    /// Whether it has ended, and how.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().expect("the child is ours")
    }

    /// Waits for the end, without causing it.
    pub async fn exit(mut self, deadline: Duration) -> Exit {
        let what = format!("{} ends", self.name);
        let status = eventually(&what, deadline, async || self.ended()).await;
        self.output.set_deaf(false);
        for reader in self.readers.drain(..) {
            // A reader that panicked has lost output; the assertions on it will tell.
            let _ = reader.join();
        }
        let text = |stream| {
            let of_it = self.lines().into_iter().filter(|line| line.stream == stream);
            of_it.map(|line| line.text + "\n").collect()
        };
        Exit {
            code: status.code(),
            signal: status.signal(),
            stdout: text(Stream::Out),
            stderr: text(Stream::Err),
        }
    }

    fn transcript(&self) -> String {
        let lines = self.lines();
        let skipped = lines.len().saturating_sub(200);
        let mut text = format!("--- {} ({skipped} earlier lines left out)\n", self.name);
        for line in &lines[skipped..] {
            text += &format!("{:?} {}\n", line.stream, line.text);
        }
        text
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Ignored: it may have ended already, and then there is nothing to do.
        let _ = self.child.kill();
        let _ = self.child.wait();
        self.output.set_deaf(false);
        if thread::panicking() {
            eprintln!("{}", self.transcript());
        }
    }
}

fn read(
    stream: Stream,
    from: impl Read + Send + 'static,
    output: Arc<Output>,
    grow: watch::Sender<()>,
) -> thread::JoinHandle<()> {
    thread::spawn(move || {
        for text in BufReader::new(from).lines().map_while(Result::ok) {
            output.lines.lock().expect("no reader panics").push(Line { stream, text });
            grow.send_replace(());
            output.wait_until_heard();
        }
    })
}
