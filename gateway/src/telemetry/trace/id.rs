//! Trace and span ids, and the random numbers they are made of.

use std::cell::RefCell;
use std::collections::hash_map::RandomState;
use std::fmt;
use std::hash::BuildHasher;
use std::num::{NonZeroU64, NonZeroU128};
use std::ops::Deref;

/// Names a trace: 16 bytes, never all zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TraceId(NonZeroU128);

/// Names a span within its trace: 8 bytes, never all zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SpanId(NonZeroU64);

impl TraceId {
    /// A new random id.
    pub fn random() -> Self {
        loop {
            let id = u128::from(random_u64()) << 64 | u128::from(random_u64());
            if let Some(id) = NonZeroU128::new(id) {
                return TraceId(id);
            }
        }
    }

    /// `None` for zero, which is no id.
    pub fn new(id: u128) -> Option<Self> {
        NonZeroU128::new(id).map(TraceId)
    }

    /// The id as a big-endian number.
    pub fn get(self) -> u128 {
        self.0.get()
    }

    /// 32 lower-case hexadecimal digits.
    pub fn hex(self) -> Hex<32> {
        Hex::new(&self.get().to_be_bytes())
    }
}

impl SpanId {
    /// A new random id.
    pub fn random() -> Self {
        loop {
            if let Some(id) = NonZeroU64::new(random_u64()) {
                return SpanId(id);
            }
        }
    }

    /// `None` for zero, which is no id.
    pub fn new(id: u64) -> Option<Self> {
        NonZeroU64::new(id).map(SpanId)
    }

    /// The id as a big-endian number.
    pub fn get(self) -> u64 {
        self.0.get()
    }

    /// 16 lower-case hexadecimal digits.
    pub fn hex(self) -> Hex<16> {
        Hex::new(&self.get().to_be_bytes())
    }
}

impl fmt::Display for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.hex())
    }
}

impl fmt::Display for SpanId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.hex())
    }
}

/// `N` hexadecimal digits without an allocation; aligned, so that they are read a word at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(align(8))]
pub struct Hex<const N: usize>([u8; N]);

impl<const N: usize> Hex<N> {
    fn new(bytes: &[u8]) -> Self {
        let mut digits = [b'0'; N];
        for (pair, byte) in digits.as_chunks_mut().0.iter_mut().zip(bytes) {
            *pair = PAIRS[usize::from(*byte)];
        }
        Hex(digits)
    }
}

/// The digits of every byte.
static PAIRS: [[u8; 2]; 256] = {
    let digits = b"0123456789abcdef";
    let mut pairs = [[0; 2]; 256];
    let mut byte = 0;
    while byte < pairs.len() {
        pairs[byte] = [digits[byte >> 4], digits[byte & 15]];
        byte += 1;
    }
    pairs
};

impl<const N: usize> Deref for Hex<N> {
    type Target = str;

    fn deref(&self) -> &str {
        std::str::from_utf8(&self.0).expect("only digits are put in")
    }
}

/// A random number of this thread's generators, for ids: not for secrets.
///
/// Two generators take turns, each seeded by the operating system, because
/// one has only 64 bits of state: threads of a large fleet would sooner or
/// later run into each other's sequence.
pub(crate) fn random_u64() -> u64 {
    thread_local!(static GENERATORS: RefCell<[fastrand::Rng; 2]> = RefCell::new([seeded(), seeded()]));
    GENERATORS.with_borrow_mut(|generators| {
        generators.swap(0, 1);
        generators[0].u64(..)
    })
}

fn seeded() -> fastrand::Rng {
    // The standard library's hasher is keyed by the operating system.
    fastrand::Rng::with_seed(RandomState::new().hash_one(std::thread::current().id()))
}
