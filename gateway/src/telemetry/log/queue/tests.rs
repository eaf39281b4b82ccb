//! A stuck output costs lines and no time; a healthy one loses nothing.

use std::sync::mpsc;

use super::*;

/// An output that hands over what it is given, and takes no more than the other end allows.
struct Gate {
    written: mpsc::Sender<Vec<u8>>,
    open: mpsc::Receiver<()>,
}

impl Write for Gate {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.written.send(bytes.to_vec()).map_err(io::Error::other)?;
        // Closed for good when the test is over.
        self.open.recv().map_err(io::Error::other)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn gate() -> (Gate, mpsc::Receiver<Vec<u8>>, mpsc::Sender<()>) {
    let (written, seen) = mpsc::channel();
    let (let_pass, open) = mpsc::channel();
    (Gate { written, open }, seen, let_pass)
}

#[test]
fn a_stuck_output_costs_lines_and_no_time() {
    let (gate, seen, let_pass) = gate();
    let (queue, flush) = start_with(gate).expect("a thread");
    (&queue).write_all(b"first\n").expect("always works");
    assert_eq!(seen.recv().expect("it writes"), b"first\n");
    // The writer is in the middle of the first line; of the others as many wait as there is room for.
    let line = [b'x'; 1023].into_iter().chain([b'\n']).collect::<Vec<u8>>();
    for _ in 0..BOUND / line.len() + 7 {
        (&queue).write_all(&line).expect("always works");
    }
    assert_eq!(queue.dropped().get(), 7);
    for _ in 0..2 {
        let_pass.send(()).expect("it waits");
    }
    assert_eq!(seen.recv().expect("it writes").len(), BOUND);
    drop(flush);
    assert_eq!(queue.dropped().get(), 7);
}

#[test]
fn what_was_said_is_written_before_the_end() {
    let (gate, seen, let_pass) = gate();
    let (queue, flush) = start_with(gate).expect("a thread");
    for _ in 0..100 {
        let_pass.send(()).expect("it listens");
        (&queue).write_all(b"line\n").expect("always works");
    }
    drop(flush);
    let written: Vec<u8> = seen.try_iter().flatten().collect();
    assert_eq!(written, b"line\n".repeat(100));
}

#[test]
fn panics_do_not_wait_again_for_an_output_that_was_stuck() {
    let (gate, seen, let_pass) = gate();
    let (queue, flush) = start_with(gate).expect("a thread");
    (&queue).write_all(b"panic\n").expect("always works");
    seen.recv().expect("it writes");
    queue.after_panic();
    assert!(queue.0.waiting().stuck);
    queue.after_panic();
    let_pass.send(()).expect("it waits");
    drop(flush);
    assert!(!queue.0.waiting().stuck);
}

#[test]
fn lines_that_cannot_be_written_are_counted() {
    struct Full;
    impl Write for Full {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::StorageFull.into())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let (queue, flush) = start_with(Full).expect("a thread");
    (&queue).write_all(b"one\n").expect("always works");
    drop(flush);
    assert_eq!(queue.dropped().get(), 1);
}
