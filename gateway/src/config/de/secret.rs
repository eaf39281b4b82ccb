//! Secrets: a text, or a file that holds it.
//!
//! One that cannot be read is reported, and [`UNKNOWN`] takes its place, so that the rest of its section is looked at.

use serde::de;

use super::{Reader, State, failure::split};
use crate::config::{
    de::failure::Failure,
    tree::{Kind, NodeId},
};

/// In place of a secret that cannot be read. The configuration is refused, so nobody ever uses it.
pub const UNKNOWN: &str = "unknown";

impl<'t> Reader<'_, 't> {
    pub fn secret<V: de::Visitor<'t>>(self, visitor: V) -> Result<V::Value, Failure> {
        self.state.secrets.borrow_mut().insert(self.node);
        let text = match self.kind() {
            Kind::Scalar { text, .. } => text,
            Kind::Broken => return visitor.visit_str(self.unknown()),
            Kind::List(_) | Kind::Mapping(_) => return self.expected(&visitor),
        };
        let secret = match text.strip_prefix("file:") {
            _ if self.is_nothing() || text.is_empty() => Err("the secret is empty".to_owned()),
            Some(path) => (self.state.read_secret)(path.as_ref()),
            None => Ok(text.to_string()),
        };
        match secret {
            Ok(secret) => visitor.visit_string(secret),
            Err(told) => {
                let (message, hint) = split(told);
                self.state.fault(self.node, message, hint);
                visitor.visit_str(self.unknown())
            }
        }
    }

    fn unknown(self) -> &'static str {
        self.state.unknown.borrow_mut().insert(self.node);
        UNKNOWN
    }
}

impl State<'_> {
    /// Whether what is said of a node would be said of [`UNKNOWN`].
    pub fn is_unknown(&self, node: NodeId) -> bool {
        self.unknown.borrow().contains(&node)
    }
}
