//! JWK Sets (RFC 7517).
//!
//! Issuers publish keys for other purposes beside those for signatures, and may some day publish kinds that nobody here
//! knows: what cannot be used is left out, and only a set without any usable key is an error.

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
    /// Why others cannot.
    pub left_out: Vec<String>,
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
            Err(why) => left_out.push(format!("keys[{index}] is {why}")),
        }
    }
    Ok(Jwks { keys: keys.into_iter().collect(), left_out })
}

/// The key for each algorithm that it may be used with.
fn keys_of(value: Value, allowed: &[Algorithm], secrets: bool) -> Result<Vec<Key>, String> {
    let written = value.get("alg").and_then(Value::as_str).map(ToOwned::to_owned);
    let jwk: Jwk = serde_json::from_value(value).map_err(|_| "no JWK".to_owned())?;
    let common = &jwk.common;
    let verifies = common.key_operations.as_ref().is_none_or(|list| list.contains(&KeyOperations::Verify));
    if !verifies || common.public_key_use.as_ref().is_some_and(|purpose| *purpose != PublicKeyUse::Signature)
    {
        return Err("not for signatures".into());
    }
    let material = material(&jwk.algorithm).ok_or("of a kind that is unknown here")?;
    if matches!(material, Material::Secret(_)) && !secrets {
        return Err("a secret, which nobody may publish".into());
    }
    if let Some(fault) = material.fault() {
        return Err(fault);
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

fn material(parameters: &AlgorithmParameters) -> Option<Material> {
    let decoded = |text: &str| URL_SAFE_NO_PAD.decode(text).ok();
    match parameters {
        AlgorithmParameters::RSA(rsa) => {
            let (modulus, exponent) = (without_zeros(&decoded(&rsa.n)?), without_zeros(&decoded(&rsa.e)?));
            Some(Material::Rsa { modulus, exponent })
        }
        AlgorithmParameters::EllipticCurve(ec) => {
            let point = [vec![4], decoded(&ec.x)?, decoded(&ec.y)?].concat();
            match ec.curve {
                EllipticCurve::P256 => Some(Material::P256(point)),
                EllipticCurve::P384 => Some(Material::P384(point)),
                _ => None,
            }
        }
        AlgorithmParameters::OctetKeyPair(pair) if pair.curve == EllipticCurve::Ed25519 => {
            Some(Material::Ed25519(decoded(&pair.x)?))
        }
        AlgorithmParameters::OctetKey(key) => Some(Material::Secret(decoded(&key.value)?)),
        _ => None,
    }
}
