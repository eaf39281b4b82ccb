//! Processes under measurement: start, wait until they answer, account, end.

use std::collections::BTreeSet;
use std::fs;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use rustix::process::{Signal, set_parent_process_death_signal};

/// Whatever failed, in words for whoever ran the benchmark.
pub type Failure = Box<dyn std::error::Error>;

/// A running process; it is ended when dropped, and by the kernel where the benchmark is killed.
pub struct Process {
    child: Child,
    /// From start to the first good answer.
    pub startup: Duration,
}

/// What a process and its children have used so far.
#[derive(Debug, Clone, Copy, Default)]
pub struct Used {
    /// Microseconds of user and system time.
    pub cpu_us: u64,
    /// Resident bytes.
    pub memory: u64,
}

impl Process {
    /// Starts `command` with its output in `log`, and waits until `path` at
    /// `address` is answered with 200.
    pub fn start(
        command: &mut Command,
        log: &Path,
        address: SocketAddr,
        path: &str,
    ) -> Result<Self, Failure> {
        Self::start_until(command, log, &format!("{address}{path}"), || answers(address, path))
    }

    /// Starts `command` with its output in `log`, and waits until it is ready; `what` it does not do if that never
    /// happens.
    pub fn start_until(
        command: &mut Command,
        log: &Path,
        what: &str,
        is_ready: impl Fn() -> bool,
    ) -> Result<Self, Failure> {
        let name = command.get_program().display().to_string();
        let output = fs::File::create(log)?;
        let begin = Instant::now();
        let child = ends_with_us(command)
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output)
            .spawn()
            .map_err(|error| format!("{name} does not start: {error}"))?;
        let mut process = Self { child, startup: Duration::ZERO };
        while !is_ready() {
            if let Some(status) = process.child.try_wait()? {
                return Err(format!("{name} ended with {status}: {}", tail(log)).into());
            }
            if begin.elapsed() > Duration::from_secs(60) {
                return Err(format!("{name} does not answer at {what}: {}", tail(log)).into());
            }
            sleep(Duration::from_millis(5));
        }
        process.startup = begin.elapsed();
        Ok(process)
    }

    /// Its number.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// What it and its children have used so far.
    pub fn used(&self) -> io::Result<Used> {
        let mut family = BTreeSet::from([self.child.id()]);
        for entry in fs::read_dir("/proc")? {
            let id = entry?.file_name().to_str().and_then(|name| name.parse().ok());
            if let Some(id) = id
                && parent(id).is_some_and(|parent| parent == self.child.id())
            {
                family.insert(id);
            }
        }
        let mut used = Used::default();
        for id in family {
            let fields = stat(id).unwrap_or_default();
            let number =
                |index: usize| fields.get(index).and_then(|field| field.parse::<u64>().ok()).unwrap_or(0);
            // utime and stime are in hundredths of a second on Linux; rss is in pages.
            used.cpu_us += (number(11) + number(12)) * 10_000;
            used.memory += number(21) * 4096;
        }
        Ok(used)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(Some(_)) | Err(_)) {
            return;
        }
        // Ignored here and below: then it ends with us at the latest, see `ends_with_us`.
        let _ = Command::new("kill").arg(self.child.id().to_string()).status();
        let deadline = Instant::now() + Duration::from_secs(2);
        while Instant::now() < deadline {
            if matches!(self.child.try_wait(), Ok(Some(_)) | Err(_)) {
                return;
            }
            sleep(Duration::from_millis(10));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Has the kernel send SIGTERM to the process when this thread ends, which is the main one, however it ends.
/// `Drop` does not run where a signal ends the benchmark.
fn ends_with_us(command: &mut Command) -> &mut Command {
    let before_exec = || set_parent_process_death_signal(Some(Signal::TERM)).map_err(io::Error::from);
    // SAFETY: between fork and exec only what is async-signal-safe may be done. This is one system call; it allocates
    // nothing, takes no lock, and captures nothing.
    #[expect(unsafe_code, reason = "the standard library has no other way to the child before its exec")]
    unsafe {
        command.pre_exec(before_exec)
    }
}

/// The fields of `/proc/ID/stat` after the process's name, state first.
fn stat(id: u32) -> Option<Vec<String>> {
    let text = fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
    // The name may hold spaces and parentheses itself.
    let (_, after_name) = text.rsplit_once(") ")?;
    Some(after_name.split_whitespace().map(str::to_owned).collect())
}

fn parent(id: u32) -> Option<u32> {
    stat(id)?.get(1)?.parse().ok()
}

fn tail(log: &Path) -> String {
    let text = fs::read_to_string(log).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(10)..].join("\n")
}

/// A free address on loopback.
pub fn free_address() -> io::Result<SocketAddr> {
    TcpListener::bind("127.0.0.1:0")?.local_addr()
}

fn answers(address: SocketAddr, path: &str) -> bool {
    let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    exchange(address, request.as_bytes()).is_ok_and(|answer| answer.starts_with("HTTP/1.1 200"))
}

/// Sends bytes and reads all that comes back.
pub fn exchange(address: SocketAddr, request: &[u8]) -> io::Result<String> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(Duration::from_secs(5)))?;
    stream.write_all(request)?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}
