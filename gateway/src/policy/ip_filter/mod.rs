//! Who may call at all, by the client's address.
//!
//! Two lists of ranges. What `deny` holds is refused, whatever `allow` says; if there is an `allow`, what it does not
//! hold is refused too. Lists may be long (a country, a cloud's ranges): they are sorted and merged when they are
//! loaded, and looking up takes a binary search in each and no memory.
//!
//! Whose address it is that counts is not decided here: see [`forwarding`](super::forwarding).

pub mod config;
mod ranges;
mod review;

use std::{net::IpAddr, sync::Arc};

pub use review::Review;

use crate::{
    reason::Reason,
    value::{Cidr, Located},
};
use config::IpFilterConfig;
use ranges::Ranges;

/// Decides by the client's address. The default is off: it lets everybody in. Clones share the lists.
#[derive(Debug, Clone, Default)]
pub struct IpFilter(Option<Arc<Lists>>);

#[derive(Debug)]
struct Lists {
    /// `None` lets in everybody who is not denied.
    allow: Option<Ranges>,
    deny: Ranges,
}

/// Why a client is not let in. For the operator; a client is only told [`Reason::ClientAddressRefused`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// `deny` holds its address.
    #[error("ip_filter.deny holds the client's address")]
    Denied,
    /// There is an `allow`, and it does not hold its address.
    #[error("ip_filter.allow does not hold the client's address")]
    NotAllowed,
}

impl From<Refused> for Reason {
    fn from(_: Refused) -> Self {
        Self::ClientAddressRefused
    }
}

impl IpFilter {
    /// What was configured. Two empty lists are off.
    pub fn new(config: &IpFilterConfig) -> Self {
        let IpFilterConfig { allow, deny } = config;
        let ranges = |list: &[Located<Cidr>]| list.iter().map(|range| **range).collect();
        let lists = || Lists { allow: (!allow.is_empty()).then(|| ranges(allow)), deny: ranges(deny) };
        Self((!config.is_off()).then(|| Arc::new(lists())))
    }

    /// Whether it lets everybody in because nothing was configured.
    pub fn is_off(&self) -> bool {
        self.0.is_none()
    }

    /// Whether a client with this address is let in.
    pub fn check(&self, client: IpAddr) -> Result<(), Refused> {
        let Some(lists) = &self.0 else { return Ok(()) };
        if lists.deny.contains(client) {
            return Err(Refused::Denied);
        }
        match &lists.allow {
            Some(allow) if !allow.contains(client) => Err(Refused::NotAllowed),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests;
