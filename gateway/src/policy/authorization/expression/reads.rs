//! What an expression reads of the caller and the request: nothing else is looked at.

use http::HeaderName;

use super::{MAX_VALUES, Parameter};

/// What a map is read for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Keys {
    /// Nobody knows in advance.
    All,
    /// These members.
    These(Vec<Box<str>>),
}

/// What an expression reads.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reads {
    pub claims: Option<Keys>,
    pub scopes: bool,
    pub method: bool,
    pub host: bool,
    pub url_path: bool,
    pub client: bool,
    pub parameters: Option<Vec<Parameter>>,
    pub headers: Option<Keys>,
    pub query: Option<Keys>,
}

impl Reads {
    /// How many variables that are.
    pub fn count(&self) -> usize {
        let flags =
            [self.scopes, self.method, self.host, self.url_path, self.client, self.parameters.is_some()];
        let maps = [&self.claims, &self.headers, &self.query];
        flags.into_iter().chain(maps.map(Option::is_some)).filter(|read| *read).count()
    }

    /// Notes that a variable is read as a whole.
    pub fn whole(&mut self, variable: Variable, parameters: Option<&[Parameter]>) {
        match variable {
            Variable::Claims => self.claims = Some(Keys::All),
            Variable::Headers => self.headers = Some(Keys::All),
            Variable::Query => self.query = Some(Keys::All),
            Variable::Path => self.parameters = Some(parameters.unwrap_or_default().to_vec()),
            Variable::Scopes => self.scopes = true,
            Variable::Method => self.method = true,
            Variable::Host => self.host = true,
            Variable::UrlPath => self.url_path = true,
            Variable::Client => self.client = true,
        }
    }

    /// Notes that a member of a map is read.
    ///
    /// # Errors
    /// There is never such a member; what is wrong.
    pub fn member(
        &mut self,
        variable: Variable,
        key: &str,
        parameters: Option<&[Parameter]>,
    ) -> Result<(), String> {
        let keys = match variable {
            Variable::Headers if HeaderName::from_lowercase(key.as_bytes()).is_err() => {
                let lower = key.to_ascii_lowercase();
                return Err(format!(
                    "no header is called `{key}`; their names are in lower case here: `{lower}`"
                ));
            }
            Variable::Path => return self.parameter(key, parameters),
            Variable::Headers => &mut self.headers,
            Variable::Query => &mut self.query,
            _ => &mut self.claims,
        };
        match keys.get_or_insert_with(|| Keys::These(Vec::new())) {
            Keys::These(keys) if !keys.iter().any(|known| **known == *key) => keys.push(key.into()),
            Keys::These(_) | Keys::All => {}
        }
        Ok(())
    }

    fn parameter(&mut self, name: &str, parameters: Option<&[Parameter]>) -> Result<(), String> {
        let Some(parameters) = parameters else { return Ok(()) };
        let known = self.parameters.get_or_insert_with(Vec::new);
        match parameters.iter().find(|parameter| *parameter.name == *name) {
            Some(parameter) if known.contains(parameter) => Ok(()),
            Some(parameter) => {
                known.push(parameter.clone());
                Ok(())
            }
            None => {
                let names: Vec<String> =
                    parameters.iter().map(|parameter| format!("`{{{}}}`", parameter.name)).collect();
                let there = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
                Err(format!("the route's path has no parameter `{{{name}}}`; it has {there}"))
            }
        }
    }
}

/// A variable that is given.
#[derive(Clone, Copy, PartialEq)]
pub enum Variable {
    Claims,
    Scopes,
    Method,
    Host,
    UrlPath,
    Client,
    Path,
    Headers,
    Query,
}

impl Variable {
    pub const PARTS: [(&'static str, Variable); 7] = [
        ("method", Variable::Method),
        ("host", Variable::Host),
        ("path", Variable::Path),
        ("url_path", Variable::UrlPath),
        ("query", Variable::Query),
        ("headers", Variable::Headers),
        ("client", Variable::Client),
    ];

    pub fn is_map(self) -> bool {
        matches!(self, Self::Claims | Self::Path | Self::Headers | Self::Query)
    }

    /// Values in one member of it.
    pub fn member_size(self) -> usize {
        if self == Self::Claims { MAX_VALUES } else { 1 }
    }
}
