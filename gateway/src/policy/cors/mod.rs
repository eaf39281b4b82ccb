//! Which pages of other origins may read a route's answers: CORS, by the Fetch standard.
//!
//! A browser asks before it sends what no form could send (a preflight), and reads in every answer whether its page may
//! see it. Both say what the configuration says: a preflight never gets to an upstream. A request from an origin that is
//! not allowed is answered all the same, as the standard has it: it may come from a page of the same origin, which needs
//! no permission, and it is the browser that keeps the answer from a page. The one exception are WebSockets, which
//! browsers open without asking: see [`Cors::check_websocket`].

pub mod config;
mod origin;
pub mod pattern;
mod preflight;

use std::sync::Arc;

use http::{
    HeaderMap, HeaderName, HeaderValue, Method,
    header::{
        ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
        ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ORIGIN, VARY,
    },
};

pub use preflight::{Preflight, Refused};

use config::CorsConfig;
use origin::Origin;
use pattern::Origins;
use preflight::Names;

/// Methods that need no permission of their own (the standard's CORS-safelisted methods).
const SIMPLE: [Method; 3] = [Method::GET, Method::HEAD, Method::POST];

/// Headers of an answer that are the gateway's where it has a say: an upstream's are taken away.
pub const OURS: [HeaderName; 7] = [
    ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_ALLOW_CREDENTIALS,
    ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_HEADERS,
    ACCESS_CONTROL_EXPOSE_HEADERS,
    ACCESS_CONTROL_MAX_AGE,
    HeaderName::from_static("access-control-allow-private-network"),
];

/// Whether a header is one of [`OURS`], or has a name like theirs. Most answers have none, and are spared looking for each.
pub fn is_ours(name: &HeaderName) -> bool {
    name.as_str().starts_with("access-control-")
}

/// Decides by `Origin`. The default is off: it says nothing, and leaves what an upstream says. Clones share the rules.
#[derive(Debug, Clone, Default)]
pub struct Cors(Option<Arc<Rules>>);

#[derive(Debug, Clone)]
struct Rules {
    origins: Arc<Origins>,
    methods: Names<Method>,
    /// `methods` were not written, so they are the route's.
    methods_of_route: bool,
    headers: Names<HeaderName>,
    exposed: Option<HeaderValue>,
    credentials: bool,
    /// Seconds.
    max_age: HeaderValue,
}

impl Cors {
    /// What was configured and checked: texts that are no methods or names of headers are left out. Without origins it
    /// is off.
    pub fn new(config: &CorsConfig) -> Self {
        let CorsConfig { origins, methods, headers, expose_headers, credentials, max_age } = config;
        let texts = |list: &[crate::value::Located<String>]| -> Vec<String> {
            list.iter().map(|text| (**text).clone()).collect()
        };
        let rules = || Rules {
            origins: Arc::new(origins.iter().map(|origin| &**origin).collect()),
            methods: match methods.is_empty() {
                true => SIMPLE.into_iter().collect(),
                false => Names::parse(&texts(methods), |text| Method::from_bytes(text.as_bytes()).ok()),
            },
            methods_of_route: methods.is_empty(),
            headers: Names::parse(&texts(headers), |text| text.parse().ok()),
            exposed: Names::<HeaderName>::parse(&texts(expose_headers), |text| text.parse().ok())
                .into_value(),
            credentials: *credentials,
            max_age: max_age.get().as_secs().into(),
        };
        Self((!config.is_off()).then(|| Arc::new(rules())))
    }

    /// The same for a route with these methods; none is any.
    pub fn of_route(&self, methods: &[Method]) -> Self {
        let Some(rules) = self.0.as_ref().filter(|rules| rules.methods_of_route && !methods.is_empty())
        else {
            return self.clone();
        };
        Self(Some(Arc::new(Rules { methods: methods.iter().cloned().collect(), ..(**rules).clone() })))
    }

    /// Whether nothing was configured.
    pub fn is_off(&self) -> bool {
        self.0.is_none()
    }

    /// How many headers an answer may get by it.
    pub fn most_added(&self) -> usize {
        self.0.as_ref().map_or(0, |rules| {
            let Rules { origins, credentials, exposed, .. } = &**rules;
            1 + usize::from(!origins.any) + usize::from(*credentials) + usize::from(exposed.is_some())
        })
    }

    /// The origin of a request, if an answer to it names one.
    pub fn origin(&self, headers: &HeaderMap) -> Option<HeaderValue> {
        let rules = self.0.as_ref().filter(|rules| !rules.origins.any)?;
        only_origin(headers).filter(|origin| rules.origins.have(origin.as_bytes())).cloned()
    }

    /// Whether a browser may open a WebSocket: pages of any origin can, with the user's cookies, and read what comes.
    /// Allowed are the origins that are allowed otherwise, and the host's own, `https` where the client is known to use
    /// it. Who sends no `Origin` is no browser.
    pub fn check_websocket(
        &self,
        headers: &HeaderMap,
        host: Option<&HeaderValue>,
        https: bool,
    ) -> Result<(), Refused> {
        let Some(rules) = self.0.as_ref().filter(|_| headers.contains_key(ORIGIN)) else { return Ok(()) };
        let own = |origin: &HeaderValue| {
            let host = host.map(HeaderValue::as_bytes).unwrap_or_default();
            Origin::parse(origin.as_bytes()).is_some_and(|origin| origin.is_at(host, https))
        };
        let origin = only_origin(headers);
        match origin.is_some_and(|origin| rules.origins.have(origin.as_bytes()) || own(origin)) {
            true => Ok(()),
            false => Err(Refused::origin(headers)),
        }
    }

    /// Tells the browser of a request whether its page may read the answer; `origin` is that of [`Self::origin`] or
    /// [`Self::preflight`]. The answer to a preflight is recognised by what it allows.
    pub fn share(&self, origin: Option<&HeaderValue>, headers: &mut HeaderMap) {
        let Some(rules) = &self.0 else { return };
        let origin = match rules.origins.any {
            true => Some(HeaderValue::from_static("*")),
            false => {
                vary_by_origin(headers);
                origin.cloned()
            }
        };
        let Some(origin) = origin else { return };
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        if rules.credentials {
            headers.insert(ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
        }
        if let Some(exposed) = &rules.exposed
            && !headers.contains_key(ACCESS_CONTROL_ALLOW_METHODS)
        {
            headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, exposed.clone());
        }
    }
}

/// The origin, if there is one and not several.
fn only_origin(headers: &HeaderMap) -> Option<&HeaderValue> {
    let mut lines = headers.get_all(ORIGIN).iter();
    lines.next().filter(|_| lines.next().is_none())
}

/// A shared cache must not give one origin what was meant for another.
fn vary_by_origin(headers: &mut HeaderMap) {
    let named = |value: &HeaderValue| {
        let mut names = value.as_bytes().split(|byte| *byte == b',').map(<[u8]>::trim_ascii);
        names.any(|name| name == b"*" || name.eq_ignore_ascii_case(b"origin"))
    };
    if !headers.get_all(VARY).iter().any(named) {
        headers.append(VARY, HeaderValue::from_static("Origin"));
    }
}

#[cfg(test)]
mod tests;
