//! A token as it is written: three parts (RFC 7515 section 3.1), taken apart and believed in nothing.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, Deserializer, de::IgnoredAny};
use serde_json::{Map, Value};

use crate::{policy::authentication::Rejected, reason::Reason};

/// Longer is refused unread. Tokens of a few KiB are large already, and each costs a hash of all its bytes.
pub const MOST_BYTES: usize = 16 << 10;

/// A token, taken apart.
#[derive(Debug)]
pub struct Token<'a> {
    /// What it says of itself.
    pub header: Header,
    /// What it claims; no word of it is proven yet.
    pub claims: Map<String, Value>,
    /// What was signed: header and claims as they are written.
    pub message: &'a [u8],
    /// The signature as it is written; its encoding is sound.
    pub signature: &'a str,
}

/// The part of a header that matters. A key or an address of one that stands beside is not even looked at: an attacker
/// may write what he likes (`jwk`, `jku`, `x5u`, `x5c`).
#[derive(Debug, Deserialize)]
pub struct Header {
    /// The algorithm, to be compared with the key's.
    pub alg: String,
    /// Which of the provider's keys it was signed with.
    #[serde(default)]
    pub kid: Option<String>,
    /// What kind of token it is (RFC 8725 section 3.11).
    #[serde(default)]
    pub typ: Option<String>,
    /// Extensions that whoever does not know them must not ignore (RFC 7515 section 4.1.11). None is known here.
    #[serde(default, deserialize_with = "is_there")]
    crit: bool,
    /// The claims would not be encoded (RFC 7797).
    #[serde(default, deserialize_with = "is_there")]
    b64: bool,
}

fn is_there<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    IgnoredAny::deserialize(deserializer).map(|_| true)
}

impl<'a> Token<'a> {
    /// Whether it is worth reading: there is something, and not too much of it.
    pub fn check_size(bytes: &[u8]) -> Result<(), Rejected> {
        match bytes.len() {
            0 => Err(malformed("there is no token where one should be")),
            1..=MOST_BYTES => Ok(()),
            _ => Err(malformed("the token has more than 16 KiB")),
        }
    }

    /// Takes it apart. What is no token may still mean something to another authenticator.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, Rejected> {
        Self::check_size(bytes)?;
        let text = str::from_utf8(bytes).map_err(|_| malformed("the token is no text"))?;
        let mut parts = text.split('.');
        let (Some(header), Some(claims), Some(signature), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(malformed("the token has not three parts"));
        };
        let header = decoded(header).ok_or_else(|| malformed("the token's header is not base64url"))?;
        // serde would take a list for a struct.
        if !header.trim_ascii_start().starts_with(b"{") {
            return Err(malformed("the token's header is no JSON object"));
        }
        let header: Header = serde_json::from_slice(&header)
            .map_err(|_| malformed("the token's header is not JSON, or has no `alg`"))?;
        if header.crit || header.b64 {
            return Err(malformed(
                "the token's header has extensions that nobody knows here (`crit`, `b64`)",
            ));
        }
        let written = decoded(claims).ok_or_else(|| malformed("the token's claims are not base64url"))?;
        let claims = serde_json::from_slice(&written)
            .map_err(|_| malformed("the token's claims are no JSON object"))?;
        decoded(signature).ok_or_else(|| malformed("the token's signature is not base64url"))?;
        let message = &bytes[..bytes.len() - signature.len() - 1];
        Ok(Self { header, claims, message, signature })
    }
}

fn malformed(detail: &'static str) -> Rejected {
    Rejected::foreign(Reason::TokenMalformed, detail)
}

fn decoded(part: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(part).ok()
}
