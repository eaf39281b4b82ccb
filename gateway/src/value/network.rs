//! Addresses and networks: where to listen, and who is meant by a range.

use std::{borrow::Cow, fmt, net::IpAddr, net::SocketAddr, str::FromStr};

use ipnet::{IpNet, Ipv4Net};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::Invalid;

/// A numeric address and a port. YAML: `127.0.0.1:8080`, `[::1]:8080`; port 0 lets the system choose.
///
/// Names are refused: what `localhost` means differs between machines, and an open port should not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ListenAddress(SocketAddr);

impl ListenAddress {
    /// The standard library's type.
    pub const fn get(self) -> SocketAddr {
        self.0
    }
}

impl From<SocketAddr> for ListenAddress {
    fn from(address: SocketAddr) -> Self {
        Self(address)
    }
}

impl FromStr for ListenAddress {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        text.trim().parse().map(Self).map_err(|_| {
            Invalid::new(format!(
                "`{text}` is not an address to listen on; write an IP address and a port, \
                 as in `127.0.0.1:8080`, `0.0.0.0:8080` or `[::]:8080`"
            ))
        })
    }
}

impl fmt::Display for ListenAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl JsonSchema for ListenAddress {
    fn schema_name() -> Cow<'static, str> {
        "ListenAddress".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "title": "address",
            "description": "An IP address and a port; port 0 lets the system choose.",
            "pattern": r"^((\[[0-9a-fA-F:.]+\]|[0-9.]+):[0-9]{1,5}|.*\$\{.*)$",
            "examples": ["127.0.0.1:8080", "0.0.0.0:8080", "[::]:8080"]
        })
    }
}

/// A range of IP addresses. YAML: `10.0.0.0/8`, `fd00::/8`, or one address.
///
/// Bits beyond the prefix are refused: whoever writes `10.1.2.3/8` may mean one address, and would name 16 million.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Cidr(IpNet);

impl Cidr {
    /// Whether the range holds the address. IPv4 written as IPv6 (`::ffff:10.0.0.1`) counts as IPv4.
    pub fn contains(&self, address: IpAddr) -> bool {
        self.0.contains(&address.to_canonical())
    }

    /// Its first and its last address.
    pub fn bounds(&self) -> (IpAddr, IpAddr) {
        (self.0.network(), self.0.broadcast())
    }
}

/// IPv4 written as IPv6 (`::ffff:10.0.0.0/104`) is IPv4, as it is for addresses.
fn canonical(range: IpNet) -> IpNet {
    let IpNet::V6(v6) = range else { return range };
    let v4 = v6.network().to_ipv4_mapped().zip(v6.prefix_len().checked_sub(96));
    let v4 = v4.and_then(|(network, prefix)| Ipv4Net::new(network, prefix).ok());
    v4.map_or(range, IpNet::V4)
}

impl FromStr for Cidr {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let text = text.trim();
        let net = text.parse::<IpNet>().or_else(|_| text.parse::<IpAddr>().map(IpNet::from));
        let net = net.map_err(|_| {
            Invalid::new(format!(
                "`{text}` is not a range of addresses; write it as in `10.0.0.0/8`, `fd00::/8` or `192.0.2.1`"
            ))
        })?;
        let range = net.trunc();
        if net != range {
            return Err(Invalid::new(format!(
                "`{text}` has bits beyond its prefix; write `{range}` for the range, or `{}` for the one address",
                net.addr()
            )));
        }
        Ok(Self(canonical(range)))
    }
}

impl fmt::Display for Cidr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl JsonSchema for Cidr {
    fn schema_name() -> Cow<'static, str> {
        "Cidr".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "title": "address range",
            "description": "A range of IP addresses in CIDR notation without bits beyond its prefix, or one address.",
            "pattern": r"^([0-9a-fA-F:.]+(/[0-9]{1,3})?|.*\$\{.*)$",
            "examples": ["10.0.0.0/8", "fd00::/8", "192.0.2.1"]
        })
    }
}

impl Serialize for ListenAddress {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl Serialize for Cidr {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for ListenAddress {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

impl<'de> Deserialize<'de> for Cidr {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests;
