//! How often something may happen: `100/s`, `10000/day`, `5/10s`.

use std::{
    borrow::Cow,
    fmt,
    num::{NonZeroU16, NonZeroU32},
    str::FromStr,
    time,
};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::{Duration, Invalid};

/// Periods that need no number, each with how it is printed.
const PERIODS: [(&str, &str, u64); 8] = [
    ("s", "s", 1),
    ("second", "s", 1),
    ("m", "m", 60),
    ("minute", "m", 60),
    ("h", "h", 3600),
    ("hour", "h", 3600),
    ("d", "d", 86_400),
    ("day", "d", 86_400),
];

/// Longer is no rate any more.
const LONGEST: time::Duration = time::Duration::from_secs(366 * 86_400);

/// More a second is beyond what one process serves, and finer than its arithmetic, which is in nanoseconds.
const MOST_PER_SECOND: u64 = 1_000_000;

/// So many in a period of whole seconds. YAML: a count and a period, `100/s`, `10000/day`, `5/10s`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Rate {
    count: NonZeroU32,
    period: time::Duration,
}

impl Rate {
    /// How many there may be in a period.
    pub const fn count(self) -> NonZeroU32 {
        self.count
    }

    /// The period: 1 s to 366 days, in whole seconds.
    pub const fn period(self) -> time::Duration {
        self.period
    }

    /// As many in so many periods.
    pub fn in_periods(self, periods: NonZeroU16) -> Self {
        Self { period: self.period * u32::from(periods.get()), ..self }
    }

    /// From one to the next at an even pace, in nanoseconds: at least 1,000. Rounded up, so that no period has more than
    /// was said; it has at most one in a thousand less.
    pub fn interval(self) -> u64 {
        let nanos = self.period.as_nanos();
        // Requests ask for it, and only the parts of many gateways of a long limit need more than 64 bits.
        match u64::try_from(nanos) {
            Ok(nanos) => nanos.div_ceil(u64::from(self.count.get())),
            Err(_) => nanos.div_ceil(u128::from(self.count.get())).try_into().unwrap_or(u64::MAX),
        }
    }
}

impl FromStr for Rate {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let invalid = || {
            Invalid::new(format!(
                "`{text}` is not a rate; write a count and a period, as in `100/s`, `5/10s` or `10000/day`"
            ))
        };
        let (count, period) = text.split_once('/').ok_or_else(invalid)?;
        let (count, period) = (count.trim(), period.trim());
        if count.is_empty() || !count.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(invalid());
        }
        let count = count.parse::<u32>().ok().and_then(NonZeroU32::new).ok_or_else(|| {
            Invalid::new(format!(
                "the count of `{text}` is not from 1 to {}; write for example `100/s`",
                u32::MAX
            ))
        })?;
        let named = PERIODS.iter().find(|(name, ..)| *name == period);
        let period = match named {
            Some((.., seconds)) => time::Duration::from_secs(*seconds),
            None => period.parse::<Duration>().map_err(|_| invalid())?.get(),
        };
        if period.is_zero() || period.subsec_nanos() > 0 || period > LONGEST {
            return Err(Invalid::new(format!(
                "the period of `{text}` is not whole seconds from `1s` to `366d`; write for example `100/s`"
            )));
        }
        if u64::from(count.get()) > MOST_PER_SECOND.saturating_mul(period.as_secs()) {
            return Err(Invalid::new(format!(
                "`{text}` is more than {MOST_PER_SECOND} a second; write less, or no limit"
            )));
        }
        Ok(Self { count, period })
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let named = PERIODS.iter().find(|(.., seconds)| self.period.as_secs() == *seconds);
        match named {
            Some((_, unit, _)) => write!(f, "{}/{unit}", self.count),
            None => write!(f, "{}/{}", self.count, Duration::from_secs(self.period.as_secs())),
        }
    }
}

impl Serialize for Rate {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Rate {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl de::Visitor<'_> for Visitor {
            type Value = Rate;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a rate such as `100/s`")
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<Rate, E> {
                text.parse().map_err(E::custom)
            }
            fn visit_u64<E: de::Error>(self, number: u64) -> Result<Rate, E> {
                Err(E::custom(format!(
                    "the rate `{number}` has no period; write `{number}/s` or `{number}/m`"
                )))
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}

impl JsonSchema for Rate {
    fn schema_name() -> Cow<'static, str> {
        "Rate".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "title": "rate",
            "description": "A count and a period: `s`, `m`, `h`, `d`, their names (`second`, `minute`, `hour`, `day`), or whole seconds as a duration (`10s`, `1m30s`) up to `366d`. At most 1,000,000 a second.",
            "pattern": r"^([0-9]+ */ *(second|minute|hour|day|s|m|h|d|([0-9]+(\.[0-9]+)?(ns|us|ms|s|m|h|d))+)|.*\$\{.*)$",
            "examples": ["100/s", "5/10s", "10000/day"]
        })
    }
}
