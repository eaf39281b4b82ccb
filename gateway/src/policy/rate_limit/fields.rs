//! `RateLimit` and `RateLimit-Policy`, by draft-ietf-httpapi-ratelimit-headers-10: lists of structured fields (RFC 9651).
//!
//! ```text
//! RateLimit-Policy: "steady";q=100;w=1, "daily";q=10000;w=86400
//! RateLimit: "steady";r=99;t=1, "daily";r=7423;t=22266
//! ```
//!
//! `q` units in `w` seconds are what was configured; where the burst is larger, more are left (`r`) at times. `t` is in
//! how many seconds there is another unit, and after a refusal enough for the same request.

use http::{HeaderName, HeaderValue};

use super::{Decision, seconds};
use crate::value::Rate;

/// What is left of the limits.
pub const RATE_LIMIT: HeaderName = HeaderName::from_static("ratelimit");

/// Which limits there are.
pub const RATE_LIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");

/// Which limits there are. The names are those of `value::Name`, which need no escape.
pub fn policy<'a>(limits: impl Iterator<Item = (&'a str, Rate)>) -> HeaderValue {
    let mut list = List::new();
    for (name, rate) in limits {
        list.item(name);
        list.parameter(b";q=", u64::from(rate.count().get()));
        list.parameter(b";w=", rate.period().as_secs());
    }
    list.value()
}

/// What is left of them.
pub fn remaining<'a>(limits: impl Iterator<Item = (&'a str, Decision)>) -> HeaderValue {
    let mut list = List::new();
    for (name, decision) in limits {
        list.item(name);
        list.parameter(b";r=", u64::from(decision.remaining));
        list.parameter(b";t=", decision.retry_after().unwrap_or(seconds(decision.reset)));
    }
    list.value()
}

struct List(Vec<u8>);

/// Bytes that three limits need, or four.
const ROOM: usize = 128;

impl List {
    fn new() -> Self {
        Self(Vec::with_capacity(ROOM))
    }

    fn item(&mut self, name: &str) {
        if !self.0.is_empty() {
            self.0.extend_from_slice(b", ");
        }
        self.0.push(b'"');
        self.0.extend_from_slice(name.as_bytes());
        self.0.push(b'"');
    }

    fn parameter(&mut self, name: &[u8], value: u64) {
        self.0.extend_from_slice(name);
        self.0.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
    }

    fn value(self) -> HeaderValue {
        HeaderValue::from_bytes(&self.0).expect("names and numbers are visible characters")
    }
}
