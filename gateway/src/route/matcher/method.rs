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

/// Methods that no route is for unless it lists them.
const BY_NAME: [Method; 2] = [Method::TRACE, Method::CONNECT];

/// The methods a route is for. `GET` includes `HEAD`, as RFC 9110 section 9.1
/// asks of every server.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MethodSet {
    /// One bit per entry of `KNOWN`; `None` for any method at all.
    known: Option<u16>,
    extensions: Vec<Method>,
}

impl MethodSet {
    /// Every method but those that must be asked for by name: `TRACE` echoes what the gateway adds for the upstream
    /// only, `CONNECT` is no request to a route at all.
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

    /// Whether it was not limited to certain methods.
    pub fn is_any(&self) -> bool {
        self.known.is_none()
    }

    /// Whether it has this one.
    pub fn contains(&self, method: &Method) -> bool {
        let Some(known) = self.known else { return !BY_NAME.contains(method) };
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

    /// The methods, in a fixed order; where any is allowed, those that everybody knows.
    pub fn iter(&self) -> impl Iterator<Item = &Method> {
        let listed = KNOWN.iter().enumerate().filter(|(i, method)| match self.known {
            Some(known) => known & (1 << i) != 0,
            None => !BY_NAME.contains(method),
        });
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
