//! The keys that sign: the newest one, and those before it that can still be checked.

use std::collections::VecDeque;
use std::sync::{PoisonError, RwLock};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as BASE64};
use ring::digest::{SHA256, digest};
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use serde_json::{Value, json};

/// How many keys stay after a rotation, besides the one that signs.
pub const KEPT: usize = 2;

/// The newest first.
#[derive(Debug)]
pub struct Keys(RwLock<VecDeque<Key>>);

#[derive(Debug)]
struct Key {
    kid: String,
    pair: EcdsaKeyPair,
    random: SystemRandom,
}

impl Keys {
    /// One new key.
    pub fn new() -> Keys {
        Keys(RwLock::new(VecDeque::from([Key::generate()])))
    }

    /// The claims as a token (RFC 7519), signed with the newest key.
    pub fn sign(&self, claims: &Value) -> String {
        let keys = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let key = keys.front().expect("there is always one");
        let header = json!({ "alg": "ES256", "typ": "JWT", "kid": key.kid });
        let signed = format!("{}.{}", part(&header), part(claims));
        format!("{signed}.{}", BASE64.encode(key.sign(signed.as_bytes())))
    }

    /// All keys as a JWK Set (RFC 7517).
    pub fn jwks(&self) -> Value {
        let keys = self.0.read().unwrap_or_else(PoisonError::into_inner);
        json!({ "keys": keys.iter().map(Key::jwk).collect::<Vec<_>>() })
    }

    /// Signs with a new key from now on, and keeps so many of the others. Gives the new one's id.
    pub fn rotate(&self, keep: usize) -> String {
        let key = Key::generate();
        let kid = key.kid.clone();
        let mut keys = self.0.write().unwrap_or_else(PoisonError::into_inner);
        keys.truncate(keep);
        keys.push_front(key);
        kid
    }
}

impl Key {
    fn generate() -> Key {
        let random = SystemRandom::new();
        let algorithm = &ECDSA_P256_SHA256_FIXED_SIGNING;
        let pkcs8 = EcdsaKeyPair::generate_pkcs8(algorithm, &random).expect("the system has randomness");
        let pair = EcdsaKeyPair::from_pkcs8(algorithm, pkcs8.as_ref(), &random).expect("it was just made");
        let mut key = Key { kid: String::new(), pair, random };
        key.kid = key.thumbprint();
        key
    }

    fn sign(&self, message: &[u8]) -> Vec<u8> {
        let signature = self.pair.sign(&self.random, message).expect("the system has randomness");
        signature.as_ref().to_vec()
    }

    /// The point's coordinates, without the byte that says they are both there (SEC 1 section 2.3.3).
    fn coordinates(&self) -> (String, String) {
        let point = &self.pair.public_key().as_ref()[1..];
        let (x, y) = point.split_at(point.len() / 2);
        (BASE64.encode(x), BASE64.encode(y))
    }

    /// RFC 7638: a key's id tells it from all others, those of other processes included.
    fn thumbprint(&self) -> String {
        let (x, y) = self.coordinates();
        let canonical = format!(r#"{{"crv":"P-256","kty":"EC","x":"{x}","y":"{y}"}}"#);
        BASE64.encode(digest(&SHA256, canonical.as_bytes()))
    }

    fn jwk(&self) -> Value {
        let (x, y) = self.coordinates();
        json!({ "kty": "EC", "crv": "P-256", "x": x, "y": y, "kid": self.kid, "alg": "ES256", "use": "sig" })
    }
}

fn part(json: &Value) -> String {
    BASE64.encode(json.to_string())
}
