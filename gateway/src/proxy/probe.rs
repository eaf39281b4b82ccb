//! Panics on demand, for the test that a panic loses one request and nothing more.
//!
//! Only in debug builds, and only where `GLASSGATE_PANIC_HEADER` names a header at the start: a request that has it
//! makes the stage panic that it names. In release builds all of it is nothing.

use pingora_proxy::Session;

/// Where to panic.
#[derive(Debug, Clone, Copy)]
pub enum Stage {
    Open,
    Admit,
    Forward,
    Reply,
}

impl Stage {
    #[cfg(debug_assertions)]
    fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Admit => "admit",
            Self::Forward => "forward",
            Self::Reply => "reply",
        }
    }
}

/// Panics on demand.
#[derive(Debug, Default)]
pub struct Probe {
    #[cfg(debug_assertions)]
    header: Option<http::HeaderName>,
}

#[cfg(debug_assertions)]
impl Probe {
    /// What the environment says.
    pub fn from_environment() -> Self {
        let header = std::env::var("GLASSGATE_PANIC_HEADER").ok().and_then(|name| name.parse().ok());
        Self { header }
    }

    /// Panics if the request asks for it.
    pub fn at(&self, stage: Stage, session: &Session) {
        let Some(header) = &self.header else { return };
        let asked = session.req_header().headers.get(header);
        assert!(asked.is_none_or(|asked| asked != stage.as_str()), "asked to panic in {}", stage.as_str());
    }
}

#[cfg(not(debug_assertions))]
impl Probe {
    /// Nothing.
    pub fn from_environment() -> Self {
        Self::default()
    }

    /// Nothing.
    pub fn at(&self, _: Stage, _: &Session) {}
}
