//! A set of methods that is tested without a lookup.

use http::Method;

const KNOWN: [Method; 9] = [
    Method::GET,
    Method::HEAD,
    Method::POST,
    Method::PUT,
    Method::PATCH,
    Method::DELETE,
    Method::OPTIONS,
    Method::TRACE,
    Method::CONNECT,
];

/// The methods a route is for. `GET` includes `HEAD`, as RFC 9110 section 9.1
/// asks of every server.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MethodSet {
    /// One bit per entry of `KNOWN`; `None` for any method at all.
    known: Option<u16>,
    extensions: Vec<Method>,
}

impl MethodSet {
    /// Every method.
    pub fn any() -> MethodSet {
        MethodSet::default()
    }

    /// Exactly these methods, and `HEAD` where `GET` is among them.
    pub fn of(methods: impl IntoIterator<Item = Method>) -> MethodSet {
        let mut known = 0;
        let mut extensions = Vec::new();
        for method in methods {
            match bit(&method) {
                Some(bit) => known |= bit,
                None if !extensions.contains(&method) => extensions.push(method),
                None => {}
            }
        }
        if known & 1 == 1 {
            known |= 2;
        }
        MethodSet { known: Some(known), extensions }
    }

    /// Whether it has every method.
    pub fn is_any(&self) -> bool {
        self.known.is_none()
    }

    /// Whether it has this one.
    pub fn contains(&self, method: &Method) -> bool {
        let Some(known) = self.known else { return true };
        match bit(method) {
            Some(bit) => known & bit != 0,
            None => self.extensions.contains(method),
        }
    }

    /// Whether some method is in both.
    pub fn intersects(&self, other: &MethodSet) -> bool {
        match (self.known, other.known) {
            (Some(a), Some(b)) => a & b != 0 || self.extensions.iter().any(|m| other.extensions.contains(m)),
            _ => true,
        }
    }

    /// The methods, in a fixed order; nothing where any is allowed.
    pub fn iter(&self) -> impl Iterator<Item = &Method> {
        let known = self.known.unwrap_or(0);
        let listed = KNOWN.iter().enumerate().filter(move |(i, _)| known & (1 << i) != 0);
        listed.map(|(_, method)| method).chain(self.extensions.iter())
    }

    /// Adds all of the other's methods; any and something is any.
    pub fn extend(&mut self, other: &MethodSet) {
        self.known = self.known.zip(other.known).map(|(a, b)| a | b);
        for method in &other.extensions {
            if !self.extensions.contains(method) {
                self.extensions.push(method.clone());
            }
        }
    }
}

fn bit(method: &Method) -> Option<u16> {
    KNOWN.iter().position(|known| known == method).map(|index| 1 << index)
}
