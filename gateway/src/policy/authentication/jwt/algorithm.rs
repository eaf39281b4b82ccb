//! The signature algorithms that count (RFC 7518 section 3, RFC 8037).

use std::fmt;

use jsonwebtoken as library;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A signature algorithm.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub enum Algorithm {
    /// RSASSA-PKCS1-v1_5 with SHA-256.
    RS256,
    /// RSASSA-PKCS1-v1_5 with SHA-384.
    RS384,
    /// RSASSA-PKCS1-v1_5 with SHA-512.
    RS512,
    /// RSASSA-PSS with SHA-256.
    PS256,
    /// RSASSA-PSS with SHA-384.
    PS384,
    /// RSASSA-PSS with SHA-512.
    PS512,
    /// ECDSA on P-256 with SHA-256.
    ES256,
    /// ECDSA on P-384 with SHA-384.
    ES384,
    /// Ed25519.
    EdDSA,
    /// HMAC with SHA-256: who can check a token can make one.
    HS256,
    /// HMAC with SHA-384.
    HS384,
    /// HMAC with SHA-512.
    HS512,
}

impl Algorithm {
    /// All of them.
    pub const ALL: [Self; 12] = [
        Self::RS256,
        Self::RS384,
        Self::RS512,
        Self::PS256,
        Self::PS384,
        Self::PS512,
        Self::ES256,
        Self::ES384,
        Self::EdDSA,
        Self::HS256,
        Self::HS384,
        Self::HS512,
    ];

    /// The one that a token or a key names, case and all. `Ed25519` is RFC 9864's word for the only curve of EdDSA that
    /// there is here.
    pub fn named(name: &str) -> Option<Self> {
        if name == "Ed25519" {
            return Some(Self::EdDSA);
        }
        Self::ALL.into_iter().find(|algorithm| algorithm.as_str() == name)
    }

    /// Its name in tokens and keys.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::RS256 => "RS256",
            Self::RS384 => "RS384",
            Self::RS512 => "RS512",
            Self::PS256 => "PS256",
            Self::PS384 => "PS384",
            Self::PS512 => "PS512",
            Self::ES256 => "ES256",
            Self::ES384 => "ES384",
            Self::EdDSA => "EdDSA",
            Self::HS256 => "HS256",
            Self::HS384 => "HS384",
            Self::HS512 => "HS512",
        }
    }

    /// How many bytes a secret must have, as many as the hash (RFC 7518 section 3.2). `None` where there is none.
    pub fn least_secret(self) -> Option<usize> {
        match self {
            Self::HS256 => Some(32),
            Self::HS384 => Some(48),
            Self::HS512 => Some(64),
            _ => None,
        }
    }

    /// The library's word for it.
    pub(super) fn library(self) -> library::Algorithm {
        match self {
            Self::RS256 => library::Algorithm::RS256,
            Self::RS384 => library::Algorithm::RS384,
            Self::RS512 => library::Algorithm::RS512,
            Self::PS256 => library::Algorithm::PS256,
            Self::PS384 => library::Algorithm::PS384,
            Self::PS512 => library::Algorithm::PS512,
            Self::ES256 => library::Algorithm::ES256,
            Self::ES384 => library::Algorithm::ES384,
            Self::EdDSA => library::Algorithm::EdDSA,
            Self::HS256 => library::Algorithm::HS256,
            Self::HS384 => library::Algorithm::HS384,
            Self::HS512 => library::Algorithm::HS512,
        }
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
