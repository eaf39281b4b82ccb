//! Keys: what a signature is checked with, and by which algorithm.
//!
//! The algorithm belongs to the key and never comes from a token. A key that fits several, an RSA key without `alg` for
//! instance, stands in a set once for each that is configured.

use std::{fmt, sync::Arc};

use jsonwebtoken::{DecodingKey, crypto as library};
use ring::digest;

use super::{algorithm::Algorithm, crypto, token::Token};
use crate::{
    policy::authentication::{Rejected, shortened},
    reason::Reason,
};

/// Keys of a set. More are no issuer's, and a set is searched from one end to the other.
pub const MOST_KEYS: usize = 64;

/// Keys that are tried for a token that does not say which one it is signed with.
const MOST_TRIED: usize = 8;

/// What a key is made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Material {
    /// Modulus and exponent, big endian, without leading zeros.
    Rsa { modulus: Vec<u8>, exponent: Vec<u8> },
    /// A point on P-256, uncompressed.
    P256(Vec<u8>),
    /// A point on P-384, uncompressed.
    P384(Vec<u8>),
    /// A public key of Ed25519.
    Ed25519(Vec<u8>),
    /// A shared secret.
    Secret(Vec<u8>),
}

/// A key is the same while it has this: algorithm, id and material in one hash.
pub type KeyFingerprint = [u8; 32];

/// A key for one algorithm.
#[derive(Clone)]
pub struct Key {
    id: Option<Box<str>>,
    algorithm: Algorithm,
    decoding: DecodingKey,
    fingerprint: KeyFingerprint,
}

impl Material {
    /// The algorithms it can be used with.
    pub fn algorithms(&self) -> &'static [Algorithm] {
        use Algorithm::*;
        match self {
            Self::Rsa { .. } => &[RS256, RS384, RS512, PS256, PS384, PS512],
            Self::P256(_) => &[ES256],
            Self::P384(_) => &[ES384],
            Self::Ed25519(_) => &[EdDSA],
            Self::Secret(_) => &[HS256, HS384, HS512],
        }
    }

    /// `a RSA key`, for messages.
    pub fn what(&self) -> &'static str {
        match self {
            Self::Rsa { .. } => "an RSA key",
            Self::P256(_) => "a key on P-256",
            Self::P384(_) => "a key on P-384",
            Self::Ed25519(_) => "an Ed25519 key",
            Self::Secret(_) => "a secret",
        }
    }

    /// Why it cannot be used: the sizes that ring takes, and that are sound.
    pub fn fault(&self) -> Option<String> {
        let point = |bytes: &[u8], length| bytes.len() == length && bytes.first() == Some(&4);
        match self {
            Self::Rsa { modulus, exponent } => {
                let bits =
                    modulus.len() * 8 - modulus.first().map_or(0, |first| first.leading_zeros() as usize);
                let sound = (2048..=8192).contains(&bits) && !exponent.is_empty();
                (!sound).then(|| format!("an RSA key of {bits} bits, and 2048 to 8192 can be used"))
            }
            Self::P256(bytes) => (!point(bytes, 65)).then(|| "no uncompressed point on P-256".into()),
            Self::P384(bytes) => (!point(bytes, 97)).then(|| "no uncompressed point on P-384".into()),
            Self::Ed25519(bytes) => (bytes.len() != 32).then(|| "no public key of Ed25519".into()),
            Self::Secret(_) => None,
        }
    }

    fn decoding(&self) -> DecodingKey {
        match self {
            Self::Rsa { modulus, exponent } => DecodingKey::from_rsa_raw_components(modulus, exponent),
            Self::P256(point) | Self::P384(point) => DecodingKey::from_ec_der(point),
            Self::Ed25519(bytes) => DecodingKey::from_ed_der(bytes),
            Self::Secret(bytes) => DecodingKey::from_secret(bytes),
        }
    }

    fn parts(&self) -> [&[u8]; 2] {
        match self {
            Self::Rsa { modulus, exponent } => [modulus, exponent],
            Self::P256(one) | Self::P384(one) | Self::Ed25519(one) | Self::Secret(one) => [one, &[]],
        }
    }
}

impl Key {
    /// The material for one of its algorithms; `id` is what tokens call it.
    pub fn new(id: Option<&str>, algorithm: Algorithm, material: &Material) -> Self {
        let mut hash = digest::Context::new(&digest::SHA256);
        for part in [algorithm.as_str().as_bytes(), id.unwrap_or_default().as_bytes()]
            .into_iter()
            .chain(material.parts())
        {
            hash.update(&(part.len() as u64).to_be_bytes());
            hash.update(part);
        }
        let mut fingerprint = [0; 32];
        fingerprint.copy_from_slice(hash.finish().as_ref());
        Self { id: id.map(Into::into), algorithm, decoding: material.decoding(), fingerprint }
    }

    /// What tells it from every other key.
    pub fn fingerprint(&self) -> &KeyFingerprint {
        &self.fingerprint
    }

    /// Whether it has signed the token.
    fn has_signed(&self, token: &Token<'_>) -> bool {
        crypto::install();
        library::verify(token.signature, token.message, &self.decoding, self.algorithm.library())
            .unwrap_or(false)
    }
}

/// Without the key itself.
impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.algorithm)?;
        self.id.as_ref().map_or(Ok(()), |id| write!(f, " {id}"))
    }
}

/// The keys of a provider. Clones share them.
#[derive(Debug, Clone, Default)]
pub struct KeySet(Arc<[Key]>);

/// Sets are equal while their keys are.
impl PartialEq for KeySet {
    fn eq(&self, other: &Self) -> bool {
        self.0.iter().map(Key::fingerprint).eq(other.0.iter().map(Key::fingerprint))
    }
}

/// Why no key has signed a token.
#[derive(Debug, PartialEq, Eq)]
pub enum Unsigned {
    /// The token's key is not there; it may be newer than the set.
    UnknownKey {
        /// What the token says that the key is for.
        algorithm: Algorithm,
        /// Why it does not count unless the key is found.
        rejected: Rejected,
    },
    /// There are no keys to check it with.
    NoKeys,
    /// A newer set would not help.
    Rejected(Rejected),
}

impl FromIterator<Key> for KeySet {
    fn from_iter<T: IntoIterator<Item = Key>>(keys: T) -> Self {
        Self(keys.into_iter().collect())
    }
}

impl KeySet {
    /// How many keys there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Those for some algorithms; all if none is named.
    pub fn only(&self, algorithms: &[Algorithm]) -> Self {
        let counts = |key: &&Key| algorithms.is_empty() || algorithms.contains(&key.algorithm);
        self.0.iter().filter(counts).cloned().collect()
    }

    /// Whether a key is still there.
    pub fn holds(&self, fingerprint: &KeyFingerprint) -> bool {
        self.0.iter().any(|key| key.fingerprint == *fingerprint)
    }

    /// The key that has signed the token. A token that names none is tried with those for its algorithm, and so is one
    /// whose provider's keys have no names.
    pub fn signer(&self, token: &Token<'_>) -> Result<&Key, Unsigned> {
        let untrusted = |detail: String| Rejected::new(Reason::TokenNotTrusted, detail);
        let written = || shortened(&token.header.alg).into_owned();
        let Some(algorithm) = Algorithm::named(&token.header.alg) else {
            let detail = format!("no key is for the token's algorithm `{}`", written());
            return Err(Unsigned::Rejected(untrusted(detail)));
        };
        let kid = token.header.kid.as_deref();
        let is_named = |key: &Key| kid.is_some() && key.id.as_deref() == kid;
        let may_be = |key: &&Key| is_named(key) || key.id.is_none() || kid.is_none();
        let for_it = self.0.iter().filter(may_be).filter(|key| key.algorithm == algorithm);
        let mut tried = for_it.take(MOST_TRIED).peekable();
        let is_tried = tried.peek().is_some();
        if let Some(key) = tried.find(|key| key.has_signed(token)) {
            return Ok(key);
        }
        // The name counts before the algorithm: an issuer that goes over to another algorithm has a new key for it.
        let is_known = self.0.iter().any(is_named);
        let rejected = untrusted(match (is_tried, kid) {
            (true, _) => "the signature does not fit the token and its key".into(),
            (false, Some(_)) if is_known => {
                format!("the token's key is not for its algorithm `{}`", written())
            }
            (false, Some(_)) => "no key has the token's `kid`".into(),
            (false, None) => format!("no key is for the token's algorithm `{}`", written()),
        });
        match is_known || (is_tried && kid.is_none()) {
            true => Err(Unsigned::Rejected(rejected)),
            false => Err(Unsigned::UnknownKey { algorithm, rejected }),
        }
    }
}
