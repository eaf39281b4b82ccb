//! A share of a whole: `20%` or `0.2`.

use std::{borrow::Cow, fmt, str::FromStr};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::Invalid;

/// A share from 0 to 1. YAML: `20%` or `0.2`; a bare `1` is the whole.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Default)]
pub struct Percent(f64);

impl Percent {
    /// For defaults: `n` percent, at most 100.
    pub const fn from_percent(n: u8) -> Self {
        Self(if n > 100 { 1.0 } else { n as f64 / 100.0 })
    }

    /// From a fraction, `0.0..=1.0`.
    pub fn from_fraction(fraction: f64) -> Result<Self, Invalid> {
        if (0.0..=1.0).contains(&fraction) {
            return Ok(Self(fraction));
        }
        Err(Invalid::new(format!(
            "`{fraction}` is not between 0 and 1; write a percentage as in `20%`, or a fraction as in `0.2`"
        )))
    }

    /// True for `0%`.
    pub fn is_nothing(self) -> bool {
        self.0 <= 0.0
    }

    /// The share as a fraction, `0.0..=1.0`.
    pub const fn fraction(self) -> f64 {
        self.0
    }
}

impl FromStr for Percent {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let invalid =
            || Invalid::new(format!("`{text}` is not a percentage from 0% to 100%; write `20%` or `0.2`"));
        let Some(number) = text.trim().strip_suffix('%') else {
            return Self::from_fraction(text.trim().parse().map_err(|_| invalid())?);
        };
        let number = number.trim_end().parse::<f64>().map_err(|_| invalid())?;
        Self::from_fraction(number / 100.0).map_err(|_| invalid())
    }
}

impl fmt::Display for Percent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Twelve digits, then shortest: 0.07 * 100 is 7.000000000000001 otherwise.
        let percent = (self.0 * 1e14).round() / 1e12;
        write!(f, "{percent}%")
    }
}

impl Serialize for Percent {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Percent {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl de::Visitor<'_> for Visitor {
            type Value = Percent;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a percentage such as `20%`")
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<Percent, E> {
                text.parse().map_err(E::custom)
            }
            fn visit_f64<E: de::Error>(self, fraction: f64) -> Result<Percent, E> {
                Percent::from_fraction(fraction).map_err(E::custom)
            }
            fn visit_u64<E: de::Error>(self, number: u64) -> Result<Percent, E> {
                self.visit_f64(number as f64)
            }
            fn visit_i64<E: de::Error>(self, number: i64) -> Result<Percent, E> {
                self.visit_f64(number as f64)
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}

impl JsonSchema for Percent {
    fn schema_name() -> Cow<'static, str> {
        "Percent".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": ["string", "number"],
            "title": "percentage",
            "description": "A share of a whole: a percentage as in `20%`, or a fraction from 0 to 1 as in `0.2`.",
            "minimum": 0,
            "maximum": 1,
            "pattern": r"^([0-9]+(\.[0-9]+)? ?%|[01](\.[0-9]+)?|.*\$\{.*)$",
            "examples": ["20%", 0.2]
        })
    }
}
