//! What is kept of a secret: its SHA-256, or its Argon2id with salt and parameters.
//!
//! SHA-256 is right for secrets made at random (256 bits of them nobody guesses, however fast the hash), and costs a
//! request next to nothing. What people choose is guessed: it needs Argon2id (RFC 9106), which takes milliseconds and
//! megabytes on purpose.

use std::{fmt, sync::Arc};

use argon2::{
    Algorithm, Argon2, Params, Version,
    password_hash::{Ident, PasswordHash},
};
use base64::{Engine, engine::general_purpose::STANDARD_NO_PAD};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

/// Memory of one Argon2id at most, in KiB: 256 MiB. RFC 9106 recommends 64 MiB where memory is scarce.
const MOST_MEMORY: u32 = 256 << 10;

/// Passes over that memory at most.
const MOST_PASSES: u32 = 64;

/// Lanes at most.
const MOST_LANES: u32 = 16;

/// Bytes that an Argon2id begins with.
const SALT: usize = 16;

/// What is kept of a secret. Debug output says only of which kind it is.
#[derive(Clone, PartialEq, Eq)]
pub enum SecretHash {
    /// The plain digest.
    Sha256([u8; 32]),
    /// The digest that costs.
    Argon2id(Arc<Argon2id>),
}

/// An Argon2id digest with all that is needed to compute it again.
#[derive(Clone, PartialEq, Eq)]
pub struct Argon2id {
    params: Params,
    salt: Box<[u8]>,
    digest: Box<[u8]>,
}

impl fmt::Debug for SecretHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Sha256(_) => "sha256",
            Self::Argon2id(_) => "argon2id",
        })
    }
}

impl fmt::Debug for Argon2id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (memory, passes, lanes) = (self.params.m_cost(), self.params.t_cost(), self.params.p_cost());
        write!(f, "argon2id(m={memory}, t={passes}, p={lanes})")
    }
}

impl SecretHash {
    /// Reads 64 hexadecimal digits, as `sha256sum` writes them.
    ///
    /// # Errors
    /// What is wrong, without the text, which may be a secret in the wrong place.
    pub fn sha256(text: &str) -> Result<Self, &'static str> {
        let digit = |byte: u8| (byte as char).to_digit(16);
        let pair = |pair: &[u8]| Some(u8::try_from(digit(pair[0])? << 4 | digit(pair[1])?).unwrap_or(0));
        let digest: Option<Vec<u8>> = match text.len() {
            64 => text.as_bytes().chunks_exact(2).map(pair).collect(),
            _ => None,
        };
        let digest = digest.and_then(|digest| digest.try_into().ok());
        digest.map(Self::Sha256).ok_or("this is not a SHA-256 in hexadecimal, which has 64 digits")
    }

    /// Reads a PHC string: `$argon2id$v=19$m=19456,t=2,p=1$SALT$HASH`.
    ///
    /// # Errors
    /// `what is wrong; what to do`, without the text.
    pub fn argon2id(text: &str) -> Result<Self, &'static str> {
        if let Some(refusal) = foreign(text) {
            return Err(refusal);
        }
        Argon2id::read(text).map(|hash| Self::Argon2id(Arc::new(hash)))
    }

    /// How dear it is beside others; `None` if it costs nothing to speak of.
    pub fn cost(&self) -> Option<u64> {
        match self {
            Self::Sha256(_) => None,
            Self::Argon2id(hash) => Some(hash.cost()),
        }
    }

    /// Whether it is the one of this secret, in a time that does not depend on where they differ.
    pub fn is_of(&self, secret: &[u8]) -> bool {
        match self {
            Self::Sha256(digest) => Sha256::digest(secret).ct_eq(digest).into(),
            Self::Argon2id(hash) => hash.is_of(secret),
        }
    }

    /// Hashes a secret, as [`Self::sha256`] reads it.
    pub fn write_sha256(secret: &[u8]) -> String {
        Sha256::digest(secret).iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// Hashes a secret with this salt and the parameters that OWASP recommends, as [`Self::argon2id`] reads it.
    pub fn write_argon2id(secret: &[u8], salt: [u8; SALT]) -> String {
        let hash = Argon2id::of(secret, salt, Params::DEFAULT);
        let base64 = |bytes: &[u8]| STANDARD_NO_PAD.encode(bytes);
        let (memory, passes, lanes) = (hash.params.m_cost(), hash.params.t_cost(), hash.params.p_cost());
        let (salt, digest) = (base64(&hash.salt), base64(&hash.digest));
        format!("$argon2id$v=19$m={memory},t={passes},p={lanes}${salt}${digest}")
    }
}

/// Hashes that others write, and that are not read here.
fn foreign(text: &str) -> Option<&'static str> {
    let begins = |with: &[&str]| with.iter().any(|with| text.starts_with(with));
    if begins(&["$2a$", "$2b$", "$2x$", "$2y$"]) {
        return Some("bcrypt is not supported; hash the password anew with `glassgate password`");
    }
    if begins(&["$apr1$", "$1$", "$5$", "$6$", "$y$", "{SHA}"]) {
        return Some(
            "this hash of `htpasswd` or `crypt` is not supported; hash the password anew with `glassgate password`",
        );
    }
    if begins(&["$argon2i$", "$argon2d$"]) {
        return Some("only Argon2id is supported; hash the password anew with `glassgate password`");
    }
    None
}

impl Argon2id {
    fn read(text: &str) -> Result<Self, &'static str> {
        const MALFORMED: &str =
            "this is not a PHC string of Argon2id; `glassgate password` writes one: `$argon2id$v=19$m=...`";
        let parsed = PasswordHash::new(text).map_err(|_| MALFORMED)?;
        if parsed.algorithm != Ident::new_unwrap("argon2id") || parsed.version != Some(19) {
            return Err(MALFORMED);
        }
        let params = Params::try_from(&parsed).map_err(|_| MALFORMED)?;
        if params.m_cost() > MOST_MEMORY || params.t_cost() > MOST_PASSES || params.p_cost() > MOST_LANES {
            return Err(
                "this Argon2id costs too much for a gateway; use at most m=262144 (256 MiB), t=64, p=16",
            );
        }
        let (salt, digest) = parsed.salt.zip(parsed.hash).ok_or(MALFORMED)?;
        let mut room = [0; 64];
        let salt = salt.decode_b64(&mut room).map_err(|_| MALFORMED)?;
        if salt.len() < argon2::MIN_SALT_LEN {
            return Err("the salt is shorter than 8 bytes; hash the secret anew with `glassgate password`");
        }
        Ok(Self { params, salt: salt.into(), digest: digest.as_bytes().into() })
    }

    /// That of a secret. Takes milliseconds and megabytes.
    pub fn of(secret: &[u8], salt: [u8; SALT], params: Params) -> Self {
        let mut hash = Self { params, salt: salt.into(), digest: vec![0; Params::DEFAULT_OUTPUT_LEN].into() };
        hash.digest = hash.compute(secret);
        hash
    }

    /// One that takes as long as this one, and is of no secret that anybody knows.
    pub fn decoy(&self) -> Self {
        Self {
            params: self.params.clone(),
            salt: self.salt.clone(),
            digest: vec![0; self.digest.len()].into(),
        }
    }

    /// What tells it from every other one: memory, passes and lanes, the salt, the digest.
    pub fn parts(&self) -> ([u8; 12], &[u8], &[u8]) {
        let mut parameters = [0; 12];
        let all = [self.params.m_cost(), self.params.t_cost(), self.params.p_cost()];
        for (room, value) in parameters.chunks_exact_mut(4).zip(all) {
            room.copy_from_slice(&value.to_be_bytes());
        }
        (parameters, &self.salt, &self.digest)
    }

    /// How dear it is beside others.
    pub fn cost(&self) -> u64 {
        u64::from(self.params.m_cost()) * u64::from(self.params.t_cost())
    }

    /// Whether it is the one of this secret. Takes milliseconds and megabytes.
    pub fn is_of(&self, secret: &[u8]) -> bool {
        self.compute(secret).ct_eq(&self.digest).into()
    }

    fn compute(&self, secret: &[u8]) -> Box<[u8]> {
        let mut digest = vec![0; self.digest.len()];
        let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, self.params.clone());
        argon2
            .hash_password_into(secret, &self.salt, &mut digest)
            .expect("lengths and parameters were checked when it was read");
        digest.into()
    }
}
