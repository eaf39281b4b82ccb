//! The `ip_filter:` key of a route, and of `defaults:`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::value::{Cidr, Located, each_item};

/// Who may call, by the client's address; behind `trusted_proxies` the one that they name. Without `allow` and `deny`
/// everybody may: on a route `{}` switches off what `defaults` says.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct IpFilterConfig {
    /// Only these, but for those in `deny`. Empty: everybody who is not denied.
    #[serde(deserialize_with = "each_item", skip_serializing_if = "Vec::is_empty")]
    #[schemars(example = ["10.0.0.0/8", "2001:db8::/32", "192.0.2.7"])]
    pub allow: Vec<Located<Cidr>>,
    /// Never these, even where `allow` has them.
    #[serde(deserialize_with = "each_item", skip_serializing_if = "Vec::is_empty")]
    #[schemars(example = ["203.0.113.0/24"])]
    pub deny: Vec<Located<Cidr>>,
}

impl IpFilterConfig {
    /// Whether it lets everybody in.
    pub fn is_off(&self) -> bool {
        self.allow.is_empty() && self.deny.is_empty()
    }
}
