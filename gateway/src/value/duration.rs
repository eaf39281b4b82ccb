//! A span of time as people write it: `50ms`, `5s`, `1m30s`.
//!
//! A number without a unit is refused: half of the world would read `30` as seconds, the other half as milliseconds.

use std::{borrow::Cow, fmt, str::FromStr, time};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::Invalid;

/// Units from long to short, in nanoseconds.
const UNITS: [(&str, u128); 7] = [
    ("d", 86_400_000_000_000),
    ("h", 3_600_000_000_000),
    ("m", 60_000_000_000),
    ("s", 1_000_000_000),
    ("ms", 1_000_000),
    ("us", 1_000),
    ("ns", 1),
];

/// Longer is surely a mistake, and would overflow clocks further on.
const MAX: time::Duration = time::Duration::from_secs(3650 * 86_400);

/// A span of time from 0 to ten years. YAML: numbers with units, `50ms`, `1.5s`, `1m30s`; units `ns us ms s m h d`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Duration(time::Duration);

impl Duration {
    /// For defaults: `const fn`s of the sections.
    pub const fn from_secs(seconds: u64) -> Self {
        Self(time::Duration::from_secs(seconds))
    }

    /// For defaults that are short.
    pub const fn from_millis(milliseconds: u64) -> Self {
        Self(time::Duration::from_millis(milliseconds))
    }

    /// The standard library's type.
    pub const fn get(self) -> time::Duration {
        self.0
    }

    /// True for `0s`.
    pub const fn is_zero(self) -> bool {
        self.0.is_zero()
    }
}

impl FromStr for Duration {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let invalid = || {
            Invalid::new(format!(
                "`{text}` is not a duration; write a number and a unit, as in `50ms`, `5s` or `1m30s`"
            ))
        };
        let mut rest = text.trim();
        if rest.is_empty() {
            return Err(invalid());
        }
        if rest.bytes().all(|b| b.is_ascii_digit()) {
            return Err(without_unit(rest));
        }
        let mut nanos: u128 = 0;
        while !rest.is_empty() {
            let number_ends = rest.find(|c: char| !c.is_ascii_digit() && c != '.').ok_or_else(invalid)?;
            let (number, tail) = rest.split_at(number_ends);
            let unit_ends = tail.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(tail.len());
            let (unit, tail) = tail.split_at(unit_ends);
            let (_, scale) = *UNITS.iter().find(|(name, _)| *name == unit).ok_or_else(invalid)?;
            nanos = nanos.saturating_add(scaled(number, scale).ok_or_else(invalid)?);
            rest = tail;
        }
        let span = u64::try_from(nanos).map(time::Duration::from_nanos).ok().filter(|span| *span <= MAX);
        span.map(Self).ok_or_else(|| Invalid::new(format!("`{text}` is too long; the most is 3650d")))
    }
}

fn without_unit(number: &str) -> Invalid {
    Invalid::new(format!("the duration `{number}` has no unit; write `{number}s` or `{number}ms`"))
}

/// `number * scale`, exact; `None` if it is not a decimal number or finer than a nanosecond.
fn scaled(number: &str, scale: u128) -> Option<u128> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
    let whole = whole.parse::<u128>().ok()?.checked_mul(scale)?;
    let digits = u32::try_from(fraction.len()).ok().filter(|digits| *digits <= 15)?;
    let parts = fraction.parse::<u128>().ok()?.checked_mul(scale)?;
    let ten = 10u128.pow(digits);
    (parts.is_multiple_of(ten)).then(|| whole.checked_add(parts / ten))?
}

impl fmt::Display for Duration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_zero() {
            return f.write_str("0s");
        }
        let mut rest = self.0.as_nanos();
        for (unit, scale) in UNITS {
            let count = rest / scale;
            rest %= scale;
            if count > 0 {
                write!(f, "{count}{unit}")?;
            }
        }
        Ok(())
    }
}

impl Serialize for Duration {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Duration {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl de::Visitor<'_> for Visitor {
            type Value = Duration;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a duration such as `5s`")
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<Duration, E> {
                text.parse().map_err(E::custom)
            }
            fn visit_u64<E: de::Error>(self, number: u64) -> Result<Duration, E> {
                Err(E::custom(without_unit(&number.to_string())))
            }
            fn visit_f64<E: de::Error>(self, number: f64) -> Result<Duration, E> {
                Err(E::custom(without_unit(&number.to_string())))
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}

impl JsonSchema for Duration {
    fn schema_name() -> Cow<'static, str> {
        "Duration".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "title": "duration",
            "description": "A span of time: numbers with units (`ns`, `us`, `ms`, `s`, `m`, `h`, `d`), as in `50ms`, `1.5s`, `1m30s`.",
            "pattern": r"^((([0-9]+(\.[0-9]+)?(ns|us|ms|s|m|h|d))+)|.*\$\{.*)$",
            "examples": ["50ms", "5s", "1m30s"]
        })
    }
}
