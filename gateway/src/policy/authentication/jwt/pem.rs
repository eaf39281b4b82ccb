//! Public keys from PEM files: `PUBLIC KEY` (RFC 5280), `RSA PUBLIC KEY` (RFC 8017), `CERTIFICATE`.

use x509_parser::{
    oid_registry::{OID_EC_P256, OID_NIST_EC_P384, OID_SIG_ED25519},
    pem::Pem,
    prelude::FromDer,
    public_key::{PublicKey, RSAPublicKey},
    x509::SubjectPublicKeyInfo,
};

use super::key::Material;

/// The first key of a PEM file, or what is wrong with it: `what is wrong; what to do`.
pub fn read_pem(content: &[u8]) -> Result<Material, String> {
    let no_pem = "it is no PEM file; it begins with `-----BEGIN PUBLIC KEY-----`";
    let pem = Pem::iter_from_buffer(content).next().and_then(Result::ok).ok_or(no_pem)?;
    let broken = "its key cannot be read; write it anew, with `openssl pkey -pubout` for instance";
    let material = match pem.label.as_str() {
        "PUBLIC KEY" => {
            let (_, info) = SubjectPublicKeyInfo::from_der(&pem.contents).map_err(|_| broken)?;
            of_info(&info)?
        }
        "CERTIFICATE" => of_info(pem.parse_x509().map_err(|_| broken)?.public_key())?,
        "RSA PUBLIC KEY" => of_rsa(&RSAPublicKey::from_der(&pem.contents).map_err(|_| broken)?.1),
        label if label.contains("PRIVATE KEY") => {
            return Err("it is a private key, which only the issuer may have; name the public one, made with `openssl pkey -pubout`".into());
        }
        label => return Err(format!("it is a `{label}`; name a public key or a certificate")),
    };
    match material.fault() {
        Some(fault) => Err(format!("it holds {fault}; name another key")),
        None => Ok(material),
    }
}

fn of_info(info: &SubjectPublicKeyInfo<'_>) -> Result<Material, String> {
    let bytes = info.subject_public_key.data.as_ref();
    if info.algorithm.algorithm == OID_SIG_ED25519 {
        return Ok(Material::Ed25519(bytes.to_vec()));
    }
    match info.parsed() {
        Ok(PublicKey::RSA(key)) => Ok(of_rsa(&key)),
        Ok(PublicKey::EC(_)) => {
            let curve = info.algorithm.parameters.as_ref().and_then(|parameters| parameters.as_oid().ok());
            match curve {
                Some(curve) if curve == OID_EC_P256 => Ok(Material::P256(bytes.to_vec())),
                Some(curve) if curve == OID_NIST_EC_P384 => Ok(Material::P384(bytes.to_vec())),
                _ => Err("its curve is unknown here; use P-256, P-384 or Ed25519".into()),
            }
        }
        _ => Err("its kind of key is unknown here; use RSA, P-256, P-384 or Ed25519".into()),
    }
}

fn of_rsa(key: &RSAPublicKey<'_>) -> Material {
    Material::Rsa { modulus: without_zeros(key.modulus), exponent: without_zeros(key.exponent) }
}

/// A number without leading zeros, which ring refuses.
pub fn without_zeros(number: &[u8]) -> Vec<u8> {
    let zeros = number.iter().take_while(|byte| **byte == 0).count();
    number[zeros..].to_vec()
}
