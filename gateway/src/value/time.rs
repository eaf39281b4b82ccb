//! Moments as operators read them.

use std::time::SystemTime;

/// RFC 3339 in UTC, to the millisecond: `2026-01-31T08:15:00.250Z`. Empty for a time that no calendar has.
pub fn rfc3339(time: SystemTime) -> String {
    jiff::Timestamp::try_from(time).map_or_else(|_| String::new(), |time| format!("{time:.3}"))
}
