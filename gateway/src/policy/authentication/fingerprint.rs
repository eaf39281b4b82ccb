//! Stands for credentials in memory without telling them.

use ring::rand::{SecureRandom, SystemRandom};
use sha2::{Digest, Sha256};

/// 256 bits that stand for credentials.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Fingerprint([u8; 32]);

/// Makes fingerprints by a key of its own: nobody else can make the same, nor find credentials by trying.
pub struct Fingerprints([u8; 32]);

impl Fingerprints {
    /// With a new key.
    pub fn new() -> Self {
        let mut key = [0; 32];
        SystemRandom::new().fill(&mut key).expect("the system has randomness: TLS needs it, too");
        Self(key)
    }

    /// That of some parts, whose borders count.
    pub fn of(&self, parts: &[&[u8]]) -> Fingerprint {
        let mut hasher = Sha256::new_with_prefix(self.0);
        for part in parts {
            hasher.update((part.len() as u64).to_be_bytes());
            hasher.update(part);
        }
        Fingerprint(hasher.finalize().into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fingerprint_depends_on_the_key_and_on_every_part() {
        let (one, other) = (Fingerprints::new(), Fingerprints::new());
        assert_eq!(one.of(&[b"a", b"b"]), one.of(&[b"a", b"b"]));
        assert_ne!(one.of(&[b"a", b"b"]), other.of(&[b"a", b"b"]));
        for parts in [&[&b"ab"[..], b""][..], &[b"", b"ab"], &[b"ab"], &[b"a", b"c"]] {
            assert_ne!(one.of(&[b"a", b"b"]), one.of(parts));
        }
    }
}
