//! The thread that writes the access log's lines, and where it writes them.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::fd::AsFd;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use super::{PAUSE, Shared};
use crate::telemetry::config::AccessLogOutput;
use crate::telemetry::lines::{Lines, count};
use crate::telemetry::metrics::LineLoss;

/// Failures of the output are logged this often at most.
const LOG_EVERY: Duration = Duration::from_secs(30);
/// A buffer that grew beyond is given back after a burst.
const KEEP_BYTES: usize = 1024 * 1024;

/// Where lines go.
#[derive(Debug)]
pub(super) struct Output {
    /// `None`: nowhere.
    file: Option<Lines<File>>,
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
        Ok(Output { file: file.map(Lines::new), path })
    }

    fn reopen(&mut self) {
        let Some(path) = &self.path else { return };
        match append(path) {
            Ok(file) => {
                // It may be the same file, with half a line at its end.
                let torn = self.file.as_ref().is_some_and(Lines::is_torn);
                let begun = file.metadata().is_ok_and(|file| file.len() > 0);
                self.file = Some(Lines::after(file, torn && begun));
            }
            Err(error) => {
                tracing::error!(%error, file = %path.display(), "access log cannot be opened again");
            }
        }
    }

    /// Writes all, or says how much was written before it failed.
    fn write(&mut self, lines: &[u8]) -> Result<(), (usize, io::Error)> {
        self.file.as_mut().map_or(Ok(()), |file| file.write(lines))
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
