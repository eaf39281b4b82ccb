//! Signatures by ring, for the library that knows tokens.
//!
//! jsonwebtoken leaves the arithmetic to a provider. Its own two bring in aws-lc, or an `rsa` crate that leaks by its timing
//! (RUSTSEC-2023-0071); ring is here already, for TLS. Nothing is ever signed.

use std::sync::Once;

use jsonwebtoken::{
    Algorithm, AlgorithmFamily, DecodingKey, DecodingKeyKind,
    crypto::{CryptoProvider, JwtVerifier, KeyUtils},
    errors::{ErrorKind, Result},
    signature::{Error, Verifier},
};
use ring::{hmac, signature};

/// Tells the library to use ring. Whatever checks a signature calls it first; once is enough.
pub fn install() {
    static INSTALLED: Once = Once::new();
    INSTALLED.call_once(|| {
        // Fails where there is a provider already, and only this one is ever installed.
        let _ = RING.install_default();
    });
}

static RING: CryptoProvider = CryptoProvider {
    signer_factory: |_, _| Err(ErrorKind::UnsupportedAlgorithm.into()),
    verifier_factory: |algorithm, key| Ok(Box::new(Check::new(*algorithm, key)?)),
    key_utils: KeyUtils::new_unimplemented(),
};

struct Check {
    algorithm: Algorithm,
    key: DecodingKey,
}

impl Check {
    fn new(algorithm: Algorithm, key: &DecodingKey) -> Result<Self> {
        let fits = key.family() == family(algorithm);
        if fits { Ok(Self { algorithm, key: key.clone() }) } else { Err(ErrorKind::InvalidKeyFormat.into()) }
    }

    fn holds(&self, message: &[u8], tag: &[u8]) -> bool {
        let ring = match self.algorithm {
            Algorithm::HS256 => return self.hmac(hmac::HMAC_SHA256, message, tag),
            Algorithm::HS384 => return self.hmac(hmac::HMAC_SHA384, message, tag),
            Algorithm::HS512 => return self.hmac(hmac::HMAC_SHA512, message, tag),
            Algorithm::RS256 => return self.rsa(&signature::RSA_PKCS1_2048_8192_SHA256, message, tag),
            Algorithm::RS384 => return self.rsa(&signature::RSA_PKCS1_2048_8192_SHA384, message, tag),
            Algorithm::RS512 => return self.rsa(&signature::RSA_PKCS1_2048_8192_SHA512, message, tag),
            Algorithm::PS256 => return self.rsa(&signature::RSA_PSS_2048_8192_SHA256, message, tag),
            Algorithm::PS384 => return self.rsa(&signature::RSA_PSS_2048_8192_SHA384, message, tag),
            Algorithm::PS512 => return self.rsa(&signature::RSA_PSS_2048_8192_SHA512, message, tag),
            Algorithm::ES256 => &signature::ECDSA_P256_SHA256_FIXED as &dyn signature::VerificationAlgorithm,
            Algorithm::ES384 => &signature::ECDSA_P384_SHA384_FIXED,
            Algorithm::EdDSA => &signature::ED25519,
            // The library may come to know more.
            _ => return false,
        };
        let Ok(point) = self.key.try_get_as_bytes() else { return false };
        signature::UnparsedPublicKey::new(ring, point).verify(message, tag).is_ok()
    }

    fn rsa(&self, algorithm: &'static signature::RsaParameters, message: &[u8], tag: &[u8]) -> bool {
        let DecodingKeyKind::RsaModulusExponent { n, e } = self.key.kind() else { return false };
        signature::RsaPublicKeyComponents { n, e }.verify(algorithm, message, tag).is_ok()
    }

    /// In constant time.
    fn hmac(&self, algorithm: hmac::Algorithm, message: &[u8], tag: &[u8]) -> bool {
        let Ok(secret) = self.key.try_get_as_bytes() else { return false };
        hmac::verify(&hmac::Key::new(algorithm, secret), message, tag).is_ok()
    }
}

fn family(algorithm: Algorithm) -> AlgorithmFamily {
    match algorithm {
        Algorithm::HS256 | Algorithm::HS384 | Algorithm::HS512 => AlgorithmFamily::Hmac,
        Algorithm::ES256 | Algorithm::ES384 => AlgorithmFamily::Ec,
        Algorithm::EdDSA => AlgorithmFamily::Ed,
        _ => AlgorithmFamily::Rsa,
    }
}

impl Verifier<Vec<u8>> for Check {
    fn verify(&self, message: &[u8], tag: &Vec<u8>) -> std::result::Result<(), Error> {
        if self.holds(message, tag) { Ok(()) } else { Err(Error::new()) }
    }
}

impl JwtVerifier for Check {
    fn algorithm(&self) -> Algorithm {
        self.algorithm
    }
}
