//! Whole lines to a file or stream that may fail in the middle of one.

use std::io::{self, ErrorKind, Write};
use std::thread;
use std::time::Duration;

/// A stream that cannot take more is tried again after so long.
const TRY_AGAIN: Duration = Duration::from_millis(5);

/// An output that begins a new line after one that it could not finish.
#[derive(Debug)]
pub(super) struct Lines<W> {
    output: W,
    /// What was written last is the beginning of a line.
    torn: bool,
}

impl<W: Write> Lines<W> {
    pub fn new(output: W) -> Self {
        Lines { output, torn: false }
    }

    /// Goes on where another output has ended; `torn` as that one says.
    pub fn after(output: W, torn: bool) -> Self {
        Lines { output, torn }
    }

    /// Whether the next line must be kept apart from half a line before it.
    pub fn is_torn(&self) -> bool {
        self.torn
    }

    /// Writes all, or says how much of it was written before it failed.
    pub fn write(&mut self, lines: &[u8]) -> Result<(), (usize, io::Error)> {
        if self.torn && !lines.is_empty() {
            write_all(&mut self.output, b"\n").map_err(|(_, error)| (0, error))?;
            self.torn = false;
        }
        let written = write_all(&mut self.output, lines);
        if let Err((written, _)) = &written {
            self.torn = lines[..*written].last().is_some_and(|byte| *byte != b'\n');
        }
        written
    }
}

fn write_all(output: &mut impl Write, bytes: &[u8]) -> Result<(), (usize, io::Error)> {
    let mut written = 0;
    while written < bytes.len() {
        match output.write(&bytes[written..]) {
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

/// Line ends stand nowhere but at the ends of lines.
pub(super) fn count(lines: &[u8]) -> u64 {
    memchr::memchr_iter(b'\n', lines).count() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A disk that has room for so many bytes.
    #[derive(Default)]
    struct Disk {
        bytes: Vec<u8>,
        room: usize,
    }

    impl Write for Disk {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            if self.room == 0 {
                return Err(ErrorKind::StorageFull.into());
            }
            let taken = bytes.len().min(self.room);
            self.room -= taken;
            self.bytes.extend_from_slice(&bytes[..taken]);
            Ok(taken)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_line_cut_by_a_full_disk_does_not_spoil_the_next() {
        let mut lines = Lines::new(Disk { room: 6, ..Disk::default() });
        let (written, _) = lines.write(b"one\ntwo\n").expect_err("there is no room for all");
        assert_eq!(written, 6);
        let (written, _) = lines.write(b"three\n").expect_err("still full");
        assert_eq!((written, lines.is_torn()), (0, true));
        lines.output.room = 100;
        lines.write(b"four\n").expect("there is room again");
        lines.write(b"five\n").expect("there is room");
        assert_eq!(lines.output.bytes, b"one\ntw\nfour\nfive\n");
    }

    #[test]
    fn a_failure_between_two_lines_leaves_no_empty_one() {
        let mut lines = Lines::new(Disk { room: 4, ..Disk::default() });
        assert!(lines.write(b"one\ntwo\n").is_err());
        lines.output.room = 100;
        lines.write(b"three\n").expect("there is room again");
        assert_eq!(lines.output.bytes, b"one\nthree\n");
    }
}
