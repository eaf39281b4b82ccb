//! The thread that writes the access log's lines, and where it writes them.

use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use super::{PAUSE, Shared};
use crate::telemetry::config::AccessLogOutput;
use crate::telemetry::metrics::LineLoss;

/// Failures of the output are logged this often at most.
const LOG_EVERY: Duration = Duration::from_secs(30);
/// A stream that cannot take more is tried again after so long.
const TRY_AGAIN: Duration = Duration::from_millis(5);
/// A buffer that grew beyond is given back after a burst.
const KEEP_BYTES: usize = 1024 * 1024;

/// Where lines go.
#[derive(Debug)]
pub(super) struct Output {
    /// `None`: nowhere.
    file: Option<File>,
    /// What to open again.
    path: Option<PathBuf>,
}

impl Output {
    pub(super) fn open(output: &AccessLogOutput) -> io::Result<Self> {
        // The streams are duplicated: unbuffered, and whole lines at a time.
        let (file, path) = match output {
            AccessLogOutput::Stdout => (Some(io::stdout().as_fd().try_clone_to_owned()?.into()), None),
            AccessLogOutput::Stderr => (Some(io::stderr().as_fd().try_clone_to_owned()?.into()), None),
            AccessLogOutput::File(path) => (Some(append(path)?), Some(path.clone())),
            AccessLogOutput::Off => (None, None),
        };
        Ok(Output { file, path })
    }

    fn reopen(&mut self) {
        let Some(path) = &self.path else { return };
        match append(path) {
            Ok(file) => self.file = Some(file),
            Err(error) => {
                tracing::error!(%error, file = %path.display(), "access log cannot be opened again");
            }
        }
    }

    /// Writes all, or says how much was written before it failed.
    fn write(&mut self, lines: &[u8]) -> Result<(), (usize, io::Error)> {
        let Some(file) = &mut self.file else { return Ok(()) };
        let mut written = 0;
        while written < lines.len() {
            match file.write(&lines[written..]) {
                Ok(0) => return Err((written, ErrorKind::WriteZero.into())),
                Ok(more) => written += more,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                // Another process may have made the terminal or pipe non-blocking.
                Err(error) if error.kind() == ErrorKind::WouldBlock => thread::sleep(TRY_AGAIN),
                Err(error) => return Err((written, error)),
            }
        }
        Ok(())
    }
}

/// Never waits for the other end of a pipe: it is opened where the gateway starts and reloads.
fn append(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.append(true).create(true).mode(0o640).custom_flags(libc::O_NONBLOCK);
    options.open(path).map_err(|error| match error.raw_os_error() {
        Some(libc::ENXIO) => {
            let text = format!("nobody reads the pipe `{}`; start its reader first", path.display());
            io::Error::new(error.kind(), text)
        }
        _ => error,
    })
}

pub(super) fn start(shared: Arc<Shared>, output: Output) -> io::Result<()> {
    let writer = Writer { shared, output, logged: None };
    thread::Builder::new().name("access-log".to_owned()).spawn(move || writer.run())?;
    Ok(())
}

struct Writer {
    shared: Arc<Shared>,
    output: Output,
    logged: Option<Instant>,
}

impl Writer {
    fn run(mut self) {
        let mut lines = Vec::new();
        while self.turn(&mut lines) {
            lines.clear();
            lines.shrink_to(KEEP_BYTES);
            self.pause();
        }
        self.shared.queue().ended = true;
        self.shared.ended.notify_all();
    }

    /// Waits for work and does it. False when it was the last.
    fn turn(&mut self, lines: &mut Vec<u8>) -> bool {
        let mut queue = self.shared.queue();
        while !queue.has_work() {
            queue.idle = true;
            queue = self.shared.work.wait(queue).unwrap_or_else(PoisonError::into_inner);
        }
        queue.idle = false;
        std::mem::swap(&mut queue.buffer, lines);
        queue.lines = 0;
        let switches = std::mem::take(&mut queue.switches);
        let reopen = std::mem::take(&mut queue.reopen);
        let last = queue.closing;
        drop(queue);

        let mut from = 0;
        for (to, next) in switches {
            self.write(&lines[from..to]);
            self.output = next;
            from = to;
        }
        if reopen {
            self.output.reopen();
        }
        self.write(&lines[from..]);
        !last
    }

    fn write(&mut self, lines: &[u8]) {
        let Err((written, error)) = self.output.write(lines) else {
            self.shared.metrics.lines_written(count(lines));
            return;
        };
        // A line that was cut in two is lost as well.
        let lost = count(&lines[written..]);
        self.shared.metrics.lines_written(count(&lines[..written]));
        self.shared.metrics.lines_lost(LineLoss::WriteFailed, lost);
        let now = Instant::now();
        if self.logged.is_none_or(|last| now.duration_since(last) >= LOG_EVERY) {
            self.logged = Some(now);
            tracing::error!(%error, count = lost, "access log cannot be written");
        }
    }

    /// Lets lines gather, unless the buffer is filling up or the end has come.
    fn pause(&self) {
        let queue = self.shared.queue();
        let waited = self.shared.work.wait_timeout_while(queue, PAUSE, |queue| !queue.is_urgent());
        drop(waited.unwrap_or_else(PoisonError::into_inner));
    }
}

/// Line ends stand nowhere but at the ends of lines.
fn count(lines: &[u8]) -> u64 {
    lines.iter().filter(|byte| **byte == b'\n').count() as u64
}
