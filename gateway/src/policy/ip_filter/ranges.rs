//! Sets of addresses: sorted ranges that neither overlap nor touch, so that a look-up is a binary search.
//!
//! An address is a number among those of IPv6. IPv4 has the place that IPv6 gives it (`::ffff:0:0/96`, RFC 4291 section
//! 2.5.5.2), so a client is the same however its address is written. A range of IPv6 around that place leaves it out:
//! `::/0` is every address of IPv6 and none of IPv4.

use std::{
    fmt,
    net::{IpAddr, Ipv6Addr},
};

use crate::value::Cidr;

/// A set of addresses. Takes 32 bytes for each range.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ranges(Box<[Range]>);

/// From the first to the last address, both included.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Range {
    first: u128,
    last: u128,
}

/// `10.0.0.0-10.255.255.255`.
impl fmt::Debug for Range {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let address = |number| Ipv6Addr::from_bits(number).to_canonical();
        write!(f, "{}-{}", address(self.first), address(self.last))
    }
}

/// Where IPv4 stands among the addresses of IPv6.
const IPV4: Range = Range { first: 0xffff_0000_0000, last: 0xffff_ffff_ffff };

impl FromIterator<Cidr> for Ranges {
    fn from_iter<T: IntoIterator<Item = Cidr>>(list: T) -> Self {
        let mut all: Vec<Range> = list.into_iter().flat_map(parts).collect();
        all.sort_unstable();
        let mut merged: Vec<Range> = Vec::with_capacity(all.len());
        for range in all {
            match merged.last_mut() {
                Some(before) if range.first <= before.last.saturating_add(1) => {
                    before.last = before.last.max(range.last);
                }
                _ => merged.push(range),
            }
        }
        Self(merged.into())
    }
}

impl Ranges {
    /// Whether the address is in it.
    pub fn contains(&self, address: IpAddr) -> bool {
        let number = number(address);
        self.overlapping(Range { first: number, last: number }).is_some()
    }

    /// Whether all addresses of a range are in it.
    pub fn covers(&self, range: Cidr) -> bool {
        parts(range).all(|part| {
            let found = self.overlapping(part);
            found.is_some_and(|found| found.first <= part.first && part.last <= found.last)
        })
    }

    /// Whether any address of a range is in it.
    pub fn meets(&self, range: Cidr) -> bool {
        parts(range).any(|part| self.overlapping(part).is_some())
    }

    /// Whether every address is in it.
    pub fn is_everything(&self) -> bool {
        *self.0 == [Range { first: 0, last: u128::MAX }]
    }

    /// The last range that has something in common with another one.
    fn overlapping(&self, other: Range) -> Option<Range> {
        let after = self.0.partition_point(|range| range.first <= other.last);
        self.0[..after].last().filter(|range| range.last >= other.first).copied()
    }
}

fn number(address: IpAddr) -> u128 {
    let address: Ipv6Addr = match address {
        IpAddr::V4(v4) => v4.to_ipv6_mapped(),
        IpAddr::V6(v6) => v6,
    };
    address.to_bits()
}

/// The range as numbers: one of IPv6 around the place of IPv4 is in two parts.
fn parts(range: Cidr) -> impl Iterator<Item = Range> {
    let (first, last) = range.bounds();
    let whole = Range { first: number(first), last: number(last) };
    let parts = if first.is_ipv4() {
        [Some(whole), None]
    } else {
        let below = Range { last: whole.last.min(IPV4.first - 1), ..whole };
        let above = Range { first: whole.first.max(IPV4.last + 1), ..whole };
        [below, above].map(|part| Some(part).filter(|part| part.first <= part.last))
    };
    parts.into_iter().flatten()
}
