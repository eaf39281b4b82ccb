//! An issuer of tokens: a key, and what is signed with it.

use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::hmac;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use serde_json::{Value, json};

/// What tokens of [`Issuer::claims`] say in `iss`.
pub const ISSUER: &str = "https://issuer.test";
/// What they say in `aud`.
pub const AUDIENCE: &str = "shop";

/// A key for ES256 with a name.
#[derive(Debug)]
pub struct Issuer {
    kid: String,
    pair: EcdsaKeyPair,
}

impl Issuer {
    /// A new key.
    pub fn new(kid: &str) -> Self {
        let random = SystemRandom::new();
        let pkcs8 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).expect("a key");
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8.as_ref(), &random);
        Self { kid: kid.to_owned(), pair: pair.expect("the key that was just made") }
    }

    /// The public key, as issuers publish it.
    pub fn jwk(&self) -> Value {
        let (x, y) = self.pair.public_key().as_ref()[1..].split_at(32);
        json!({ "kty": "EC", "crv": "P-256", "use": "sig", "alg": "ES256", "kid": self.kid, "x": encode(x), "y": encode(y) })
    }

    /// A token that counts for ten minutes, about somebody.
    pub fn token(&self, subject: &str) -> String {
        self.token_with(json!({ "sub": subject }))
    }

    /// The same with other claims; `null` takes one away.
    pub fn token_with(&self, others: Value) -> String {
        self.sign(&json!({ "alg": "ES256", "kid": self.kid }), &claims(others))
    }

    /// Signs what it is told to.
    pub fn sign(&self, header: &Value, claims: &Value) -> String {
        let message = unsigned(header, claims);
        let tag = self.pair.sign(&SystemRandom::new(), message.as_bytes()).expect("a signature");
        format!("{message}.{}", encode(tag))
    }
}

/// What a good token claims, and others; `null` takes one away.
pub fn claims(others: Value) -> Value {
    let mut claims = json!({ "iss": ISSUER, "aud": AUDIENCE, "exp": now() + 600 });
    for (name, value) in others.as_object().expect("claims are an object") {
        claims[name] = value.clone();
    }
    claims.as_object_mut().expect("claims are an object").retain(|_, value| !value.is_null());
    claims
}

/// A set of public keys.
pub fn jwks(issuers: &[&Issuer]) -> String {
    let keys: Vec<Value> = issuers.iter().map(|issuer| issuer.jwk()).collect();
    json!({ "keys": keys }).to_string()
}

/// Header and claims, ready to be signed.
pub fn unsigned(header: &Value, claims: &Value) -> String {
    format!("{}.{}", encode(header.to_string()), encode(claims.to_string()))
}

/// A token that is signed with a secret by HS256.
pub fn with_secret(secret: &str, claims: &Value) -> String {
    let message = unsigned(&json!({ "alg": "HS256" }), claims);
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes()), message.as_bytes());
    format!("{message}.{}", encode(tag))
}

/// As parts of a token are written.
pub fn encode(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// Seconds since 1970.
pub fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock that is right").as_secs()
}
