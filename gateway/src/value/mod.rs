//! Types that cannot hold a wrong value: what the configuration is made of.
//!
//! Each parses itself (`FromStr`, serde), prints itself in the shortest exact form, and knows its JSON Schema,
//! so a section's struct says `Duration` and has validation, error text and documentation with it.
//! An error text follows one convention: `what is wrong; what to do`. The configuration's error report splits
//! it there into message and hint.
//!
//! A few functions are no types, because rooms from telemetry to proxy need them alike: [`joined`] for the lines of a
//! header, [`alike()`] for their names, [`each_item`] and [`each_entry`] for long collections, [`claim()`] for what is known of
//! a caller.
//!
//! Nothing here knows about sections, file formats or the rest of the gateway.

mod alike;
mod authorities;
mod byte_size;
mod claim;
mod duration;
mod each;
mod encoded_slashes;
mod http_url;
mod joined;
mod located;
mod name;
mod network;
mod percent;
mod quota;
mod rate;
mod secret;
#[cfg(test)]
mod tests;
mod time;
mod timestamp;
mod trusted_header;

pub use alike::alike;
pub use authorities::Authorities;
pub use byte_size::ByteSize;
pub use claim::{claim, has_all_digits};
pub use duration::Duration;
pub use each::{EACH_ENTRY, EACH_ITEM, each_entry, each_item};
pub use encoded_slashes::EncodedSlashes;
pub use http_url::HttpUrl;
pub use joined::joined;
pub use located::{LOCATED, Located, Place};
pub use name::Name;
pub use network::{Cidr, ListenAddress};
pub use percent::Percent;
pub use quota::Quota;
pub use rate::Rate;
pub use secret::{SECRET, Secret};
pub use time::rfc3339;
pub use timestamp::Timestamp;
pub use trusted_header::TrustedHeader;

/// Why a text is not a valid value: `what is wrong; what to do`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Invalid(pub String);

impl Invalid {
    fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }
}
