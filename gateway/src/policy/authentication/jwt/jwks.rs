//! JWK Sets (RFC 7517).
//!
//! Issuers publish keys for other purposes beside those for signatures, and may some day publish kinds that nobody here
//! knows: what cannot be used is left out, and only a set without any usable key is an error. What was left out is told:
//! tokens that such a key signs are refused.

use std::fmt;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, KeyOperations, PublicKeyUse};
use serde::Deserialize;
use serde_json::Value;

use super::{
    algorithm::Algorithm,
    key::{Key, KeySet, MOST_KEYS, Material},
    pem::without_zeros,
};

/// A set, and what was left out.
#[derive(Debug)]
pub struct Jwks {
    /// The keys that can be used.
    pub keys: KeySet,
    /// Those that cannot, in their order.
    pub left_out: Vec<LeftOut>,
}

/// A key that cannot be used, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeftOut {
    index: usize,
    why: Unusable,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Unusable {
    OtherPurpose,
    Faulty(String),
}

impl LeftOut {
    /// It is for signatures, so that tokens may come that it has signed.
    pub fn is_missed(&self) -> bool {
        self.why != Unusable::OtherPurpose
    }
}

/// `keys[2] is an RSA key of 1024 bits, and 2048 to 8192 can be used`.
impl fmt::Display for LeftOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let why = match &self.why {
            Unusable::OtherPurpose => "not for signatures",
            Unusable::Faulty(why) => why,
        };
        write!(f, "keys[{}] is {why}", self.index)
    }
}

impl From<String> for Unusable {
    fn from(why: String) -> Self {
        Self::Faulty(why)
    }
}

#[derive(Deserialize)]
struct Document {
    keys: Vec<Value>,
}

/// Reads a set. `algorithms` are those that count, all if empty; `secrets` says whether the set may hold shared secrets,
/// which one that anybody can fetch may not.
pub fn read_jwks(json: &[u8], algorithms: &[Algorithm], secrets: bool) -> Result<Jwks, String> {
    let document: Document = serde_json::from_slice(json)
        .map_err(|_| "it is no JWK Set, a JSON object with a list `keys`".to_owned())?;
    if document.keys.len() > MOST_KEYS {
        return Err(format!("it has {} keys, and {MOST_KEYS} are the most", document.keys.len()));
    }
    let (mut keys, mut left_out) = (Vec::new(), Vec::new());
    for (index, jwk) in document.keys.into_iter().enumerate() {
        match keys_of(jwk, algorithms, secrets) {
            Ok(some) => keys.extend(some),
            Err(why) => left_out.push(LeftOut { index, why }),
        }
    }
    Ok(Jwks { keys: keys.into_iter().collect(), left_out })
}

/// The key for each algorithm that it may be used with.
fn keys_of(value: Value, allowed: &[Algorithm], secrets: bool) -> Result<Vec<Key>, Unusable> {
    let written = value.get("alg").and_then(Value::as_str).map(ToOwned::to_owned);
    let jwk: Jwk = serde_json::from_value(value).map_err(|_| "no JWK".to_owned())?;
    let common = &jwk.common;
    let verifies = common.key_operations.as_ref().is_none_or(|list| list.contains(&KeyOperations::Verify));
    if !verifies || common.public_key_use.as_ref().is_some_and(|purpose| *purpose != PublicKeyUse::Signature)
    {
        return Err(Unusable::OtherPurpose);
    }
    let material = material(&jwk.algorithm)?;
    if matches!(material, Material::Secret(_)) && !secrets {
        return Err(Unusable::Faulty("a secret, which nobody may publish".into()));
    }
    if let Some(fault) = material.fault() {
        return Err(Unusable::Faulty(fault));
    }
    let algorithms = algorithms_of(&material, written.as_deref(), allowed)?;
    let key = |algorithm: Algorithm| Key::new(common.key_id.as_deref(), algorithm, &material);
    Ok(algorithms.into_iter().map(key).collect())
}

/// Those that a key is for: the one that it names, else those of its kind that are allowed. For RSA that is RS256 where
/// nothing is said.
pub fn algorithms_of(
    material: &Material,
    written: Option<&str>,
    allowed: &[Algorithm],
) -> Result<Vec<Algorithm>, String> {
    let possible = material.algorithms();
    let is_allowed = |algorithm: &Algorithm| allowed.is_empty() || allowed.contains(algorithm);
    let found: Vec<Algorithm> = match written {
        Some(written) => {
            let algorithm = Algorithm::named(written).filter(|algorithm| possible.contains(algorithm));
            let algorithm =
                algorithm.ok_or_else(|| format!("{}, but `alg` is not for that", material.what()))?;
            [algorithm].into_iter().filter(is_allowed).collect()
        }
        None if allowed.is_empty() => possible[..1].to_vec(),
        None => possible.iter().copied().filter(is_allowed).collect(),
    };
    let short = |algorithm: &Algorithm| match (material, algorithm.least_secret()) {
        (Material::Secret(bytes), Some(least)) => bytes.len() < least,
        _ => false,
    };
    match found.iter().find(|algorithm| short(algorithm)) {
        Some(algorithm) => {
            let least = algorithm.least_secret().unwrap_or_default();
            Err(format!("a secret of fewer than the {least} bytes that {algorithm} needs"))
        }
        None if found.is_empty() => {
            Err(format!("{}, which is for none of the `algorithms`", material.what()))
        }
        None => Ok(found),
    }
}

fn material(parameters: &AlgorithmParameters) -> Result<Material, String> {
    match parameters {
        AlgorithmParameters::RSA(rsa) => {
            let (modulus, exponent) = (decoded("n", &rsa.n)?, decoded("e", &rsa.e)?);
            Ok(Material::Rsa { modulus: without_zeros(&modulus), exponent: without_zeros(&exponent) })
        }
        AlgorithmParameters::EllipticCurve(ec) => {
            let point = || Ok::<_, String>([vec![4], decoded("x", &ec.x)?, decoded("y", &ec.y)?].concat());
            match ec.curve {
                EllipticCurve::P256 => Ok(Material::P256(point()?)),
                EllipticCurve::P384 => Ok(Material::P384(point()?)),
                _ => Err(UNKNOWN.into()),
            }
        }
        AlgorithmParameters::OctetKeyPair(pair) if pair.curve == EllipticCurve::Ed25519 => {
            Ok(Material::Ed25519(decoded("x", &pair.x)?))
        }
        AlgorithmParameters::OctetKey(key) => Ok(Material::Secret(decoded("k", &key.value)?)),
        _ => Err(UNKNOWN.into()),
    }
}

const UNKNOWN: &str = "of a kind that is unknown here";

/// RFC 7518 section 2: Base64urlUInt.
fn decoded(name: &str, text: &str) -> Result<Vec<u8>, String> {
    let fault =
        || format!("a key whose `{name}` is not base64url, which has neither `+` nor `/` nor `=` at its end");
    URL_SAFE_NO_PAD.decode(text).map_err(|_| fault())
}
