//! A moment as it is written: `2027-01-31T00:00:00Z` (RFC 3339).
//!
//! With its offset: a moment without one would be another on every machine.

use std::{borrow::Cow, fmt, str::FromStr, time::SystemTime};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::Invalid;

/// A moment, to the nanosecond.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(SystemTime);

impl Timestamp {
    /// The standard library's type.
    pub const fn get(self) -> SystemTime {
        self.0
    }
}

impl From<SystemTime> for Timestamp {
    fn from(time: SystemTime) -> Self {
        Self(time)
    }
}

impl FromStr for Timestamp {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let time = text.parse::<jiff::Timestamp>().map(SystemTime::from);
        time.map(Self).map_err(|_| {
            Invalid::new(format!(
                "`{text}` is not a moment; write it as RFC 3339 does: `2027-01-31T00:00:00Z`"
            ))
        })
    }
}

/// In UTC, with as many digits as it needs.
impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let time = jiff::Timestamp::try_from(self.0).map_err(|_| fmt::Error)?;
        time.fmt(f)
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

impl JsonSchema for Timestamp {
    fn schema_name() -> Cow<'static, str> {
        "Timestamp".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "title": "moment",
            "description": "A moment with its offset (RFC 3339).",
            "examples": ["2027-01-31T00:00:00Z", "2027-01-31T09:30:00+01:00"]
        })
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use super::*;

    #[test]
    fn a_moment_has_an_offset() {
        let parsed = |text: &str| text.parse::<Timestamp>().ok().map(|time| (time.get(), time.to_string()));
        let day = UNIX_EPOCH + Duration::from_secs(86_400);
        for text in ["1970-01-02T00:00:00Z", "1970-01-02T01:00:00+01:00", "1970-01-02 00:00:00Z"] {
            assert_eq!(parsed(text), Some((day, "1970-01-02T00:00:00Z".to_owned())), "{text}");
        }
        for text in ["", "1970-01-02", "1970-01-02T00:00:00", "1970-13-02T00:00:00Z", "86400", "tomorrow"] {
            assert_eq!(parsed(text), None, "{text}");
        }
    }
}
