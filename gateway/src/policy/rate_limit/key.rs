//! Whose bucket a request takes from: a key of 128 bits, made of what the request says.
//!
//! Keys are hashes, so that what clients send is neither kept nor bounded by anything but [`HeaderMap`]; they are keyed
//! with random numbers, so that nobody can choose two that are alike. Gateways that count together must come to the same
//! keys: [`CommonKeys`] has no random numbers, and a hash for which nobody can find two that are alike.

use std::{
    hash::{BuildHasher, Hash, Hasher, RandomState},
    net::IpAddr,
};

use http::{HeaderMap, HeaderName};
use serde_json::Value;
use sha2::{Digest, Sha256};
use smallvec::SmallVec;

use super::Limit;
use crate::value::{self, Quota, has_all_digits};

/// What a key is made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part {
    /// The client's address. Of IPv6 the network of 64 bits: whoever has one address of it has all.
    ClientAddress,
    /// The route, for limits that several routes share.
    Route,
    /// A header; all its lines, in their order. All requests without it are one caller.
    Header(HeaderName),
    /// Whom the caller's credentials are about, as its authenticator knows it. Without, the client's address.
    Subject,
    /// The API key that the caller has used, as its authenticator knows it. Without, the client's address.
    ApiKey,
    /// A claim of the caller, by its path; the same value from two authenticators is one. Without, or where it is a number
    /// that is no integer of 64 bits, the client's address.
    Claim(Box<str>),
}

impl Part {
    /// Whether it says who calls.
    pub fn needs_identity(&self) -> bool {
        match self {
            Self::ClientAddress | Self::Route | Self::Header(_) => false,
            Self::Subject | Self::ApiKey | Self::Claim(_) => true,
        }
    }

    /// Every part writes what cannot be the beginning of another, so that no two lists of values look alike.
    fn write(&self, asked: &Asked<'_>, into: &mut Bytes) {
        match self {
            Self::ClientAddress => address(asked.client, into),
            Self::Route => text(asked.route.as_bytes(), into),
            Self::Header(name) => {
                let lines = asked.headers.get_all(name);
                lines.iter().for_each(|line| text(line.as_bytes(), into));
                into.tag(END);
            }
            Self::Subject => match asked.caller.and_then(|caller| Some((caller, caller.claim("sub")?))) {
                Some((caller, subject)) => {
                    text(caller.authenticator.as_bytes(), into);
                    claim(subject, into);
                }
                None => address(asked.client, into),
            },
            Self::ApiKey => match asked.caller.and_then(|caller| Some((caller, caller.api_key?))) {
                Some((caller, key)) => {
                    text(caller.authenticator.as_bytes(), into);
                    text(key.as_bytes(), into);
                }
                None => address(asked.client, into),
            },
            Self::Claim(path) => match asked.caller.and_then(|caller| caller.claim(path)) {
                Some(value) => claim(value, into),
                None => address(asked.client, into),
            },
        }
    }
}

const TEXT: u8 = 0;
const END: u8 = 1;
const QUOTA: u8 = 2;
const IPV4: u8 = 4;
const IPV6: u8 = 6;

/// What a key is made of, as bytes that are the same on every machine. Most are short.
#[derive(Default)]
struct Bytes(SmallVec<[u8; 64]>);

impl Bytes {
    fn tag(&mut self, tag: u8) {
        self.0.push(tag);
    }

    fn bytes(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }

    fn number(&mut self, number: u64) {
        self.bytes(&number.to_be_bytes());
    }
}

fn text(bytes: &[u8], into: &mut Bytes) {
    into.tag(TEXT);
    into.number(bytes.len() as u64);
    into.bytes(bytes);
}

/// A text as it is, anything else as JSON.
fn claim(claim: &Value, into: &mut Bytes) {
    match claim {
        Value::String(claim) => text(claim.as_bytes(), into),
        other => text(other.to_string().as_bytes(), into),
    }
}

fn address(address: IpAddr, into: &mut Bytes) {
    match address.to_canonical() {
        IpAddr::V4(address) => {
            into.tag(IPV4);
            into.bytes(&address.octets());
        }
        IpAddr::V6(address) => {
            into.tag(IPV6);
            into.bytes(&address.octets()[..8]);
        }
    }
}

fn write_quota(Quota { rate, burst }: Quota, into: &mut Bytes) {
    into.number(rate.interval());
    into.bytes(&burst.get().to_be_bytes());
}

/// What a request says that keys can be made of.
#[derive(Clone, Copy)]
pub struct Asked<'a> {
    /// The client's address.
    pub client: IpAddr,
    /// The name of its route.
    pub route: &'a str,
    /// Its headers.
    pub headers: &'a HeaderMap,
    /// Who calls, if that is known.
    pub caller: Option<Caller<'a>>,
}

impl Asked<'_> {
    /// What was counted of another quota means nothing for this one, so its buckets are others.
    fn bytes(&self, by: &[Part]) -> Bytes {
        let mut bytes = Bytes::default();
        by.iter().for_each(|part| part.write(self, &mut bytes));
        if let Some(quota) = self.quota() {
            bytes.tag(QUOTA);
            write_quota(quota, &mut bytes);
        }
        bytes
    }

    /// What the caller has in place of what everybody has.
    pub(super) fn quota(&self) -> Option<Quota> {
        self.caller?.quota
    }
}

/// A caller whose credentials were accepted.
#[derive(Clone, Copy)]
pub struct Caller<'a> {
    /// Who accepted them: subjects of two authenticators are two.
    pub authenticator: &'a str,
    /// What is known of them: an object.
    pub claims: &'a Value,
    /// The id of the API key that was accepted, if it was one.
    pub api_key: Option<&'a str>,
    /// What the caller has of this limit in place of what everybody has.
    pub quota: Option<Quota>,
}

impl<'a> Caller<'a> {
    /// Null is no claim, and a number that lost digits could be another caller's.
    fn claim(&self, path: &str) -> Option<&'a Value> {
        value::claim(self.claims, path).filter(|claim| !claim.is_null() && has_all_digits(claim))
    }
}

/// Names a bucket among those of one limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Key(pub(super) [u64; 2]);

/// The store goes by one half for the map, by the other for the shard.
impl Hash for Key {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.0[0]);
    }
}

/// Where a caller's units are counted.
#[derive(Debug, Clone, Copy)]
pub struct Bucket {
    /// Which one.
    pub(super) key: Key,
    /// How large it is, where not as the limit says.
    pub(super) own: Option<Quota>,
}

/// Makes the keys of one limit: SipHash with random numbers, twice.
#[derive(Debug, Clone)]
pub struct Keys([RandomState; 2]);

impl Keys {
    /// With random numbers of their own, so that its keys are those of no other.
    pub fn random() -> Self {
        Self([RandomState::new(), RandomState::new()])
    }

    /// The key of a request.
    pub fn key(&self, by: &[Part], asked: &Asked<'_>) -> Key {
        let Bytes(bytes) = asked.bytes(by);
        Key(self.0.each_ref().map(|state| {
            let mut half = state.build_hasher();
            half.write(&bytes);
            half.finish()
        }))
    }
}

/// Makes the keys of one limit that several gateways count together: SHA-256, cut to 128 bits.
#[derive(Debug, Clone)]
pub struct CommonKeys(Sha256);

impl CommonKeys {
    /// Of a limit by its owner and its name. One that says something else has other keys, so that what was counted of the
    /// old one means nothing for it.
    pub fn new(owner: &str, name: &str, limit: &Limit) -> Self {
        let mut bytes = Bytes::default();
        let Limit { quota, by, .. } = limit;
        // Gateways that write the parts in other words, as another version may, count apart: nothing worse.
        for said in [owner, name, &format!("{by:?}")] {
            text(said.as_bytes(), &mut bytes);
        }
        write_quota(*quota, &mut bytes);
        Self(Sha256::new_with_prefix(bytes.0))
    }

    /// The key of a request.
    pub fn key(&self, by: &[Part], asked: &Asked<'_>) -> u128 {
        let Bytes(bytes) = asked.bytes(by);
        let digest: [u8; 32] = self.0.clone().chain_update(bytes).finalize().into();
        let (half, _) = digest.split_first_chunk::<16>().expect("32 bytes");
        u128::from_be_bytes(*half)
    }
}
