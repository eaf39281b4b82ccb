//! When keys are fetched again. Plain numbers: the clock and chance are told.

use std::time::{Duration, Instant};

use http::{HeaderMap, header};

/// What an issuer says about how long its keys may be kept is not taken for less.
const SHORTEST: Duration = Duration::from_secs(60);

/// After a failure, doubled with each further one.
const FIRST_RETRY: Duration = Duration::from_millis(500);
const LAST_RETRY: Duration = Duration::from_secs(30);

/// How long keys may be kept: by `Cache-Control: max-age` without the `Age` that they have in some cache already
/// (RFC 9111 section 4.2.3), and in no case longer than is configured. A key that is withdrawn counts no longer than that.
pub fn lifetime(headers: &HeaderMap, configured: Duration) -> Duration {
    let lines = headers.get_all(header::CACHE_CONTROL).iter().filter_map(|line| line.to_str().ok());
    let directives = lines.flat_map(|line| line.split(',')).map(str::trim);
    let seconds = directives.filter_map(|directive| {
        let (name, value) = directive.split_once('=')?;
        name.eq_ignore_ascii_case("max-age").then(|| value.trim_matches('"').parse::<u64>().ok())?
    });
    let mut seconds = seconds;
    let Some(fresh) = seconds.next() else { return configured };
    let age = headers.get(header::AGE).and_then(|age| age.to_str().ok()?.trim().parse::<u64>().ok());
    let left = Duration::from_secs(fresh.saturating_sub(age.unwrap_or(0)));
    left.max(SHORTEST).min(configured)
}

/// Until the next fetch of keys that were just fetched: before they are too old, and not with all other gateways.
/// `random` is from 0 to 1.
pub fn renewal(lifetime: Duration, random: f64) -> Duration {
    lifetime.mul_f64(0.75 + 0.15 * random)
}

/// Until the next attempt after so many failures in a row, one at least.
pub fn retry(failures: u32, random: f64) -> Duration {
    let doubled = FIRST_RETRY.saturating_mul(2u32.saturating_pow(failures.saturating_sub(1)));
    doubled.min(LAST_RETRY).mul_f64(0.5 + 0.5 * random)
}

/// How often requests may ask for keys out of turn: anybody can name a key that nobody knows.
#[derive(Debug)]
pub struct Allowance {
    left: u32,
    since: Instant,
}

impl Allowance {
    /// At once.
    const MOST: u32 = 3;
    /// One more after each of these.
    const EACH: Duration = Duration::from_secs(10);

    /// All of it is there at `now`.
    pub fn new(now: Instant) -> Self {
        Self { left: Self::MOST, since: now }
    }

    /// Takes one, if there is one.
    pub fn take(&mut self, now: Instant) -> bool {
        let passed = now.saturating_duration_since(self.since).as_nanos() / Self::EACH.as_nanos();
        if passed > 0 {
            let more = u32::try_from(passed).unwrap_or(u32::MAX);
            self.left = self.left.saturating_add(more).min(Self::MOST);
            self.since = now;
        }
        let taken = self.left.checked_sub(1);
        self.left = taken.unwrap_or(0);
        taken.is_some()
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderName;

    use super::*;

    #[test]
    fn an_issuer_s_word_counts_within_bounds() {
        let lifetime = |fields: &[(HeaderName, &str)], configured: u64| {
            let fields = fields.iter().map(|(name, value)| (name.clone(), value.parse().unwrap()));
            super::lifetime(&HeaderMap::from_iter(fields), Duration::from_secs(configured)).as_secs()
        };
        for (line, seconds) in [
            ("max-age=300", 300),
            ("public, MAX-AGE=\"300\", must-revalidate", 300),
            ("max-age=0", 60),
            ("max-age=86400", 600),
            ("max-age=99999999999", 600),
            ("max-age=-1", 600),
            ("max-age=many", 600),
            ("s-maxage=5", 600),
            ("no-store", 600),
            ("", 600),
        ] {
            assert_eq!(lifetime(&[(header::CACHE_CONTROL, line)], 600), seconds, "{line}");
        }
        assert_eq!(lifetime(&[], 600), 600);
        assert_eq!(lifetime(&[(header::CACHE_CONTROL, "max-age=300")], 5), 5);
        for (age, seconds) in [("100", 200), ("1000", 60), ("-1", 300), ("old", 300)] {
            let fields = [(header::CACHE_CONTROL, "max-age=300"), (header::AGE, age)];
            assert_eq!(lifetime(&fields, 600), seconds, "{age}");
        }
        assert_eq!(lifetime(&[(header::AGE, "100")], 600), 600);
    }

    #[test]
    fn keys_are_renewed_before_they_are_too_old() {
        let hour = Duration::from_secs(3600);
        assert!(renewal(hour, 0.0) >= hour / 2 && renewal(hour, 1.0) < hour);
    }

    #[test]
    fn failures_make_the_pauses_longer_up_to_a_bound() {
        let pauses: Vec<Duration> = (1..100).map(|failures| retry(failures, 1.0)).collect();
        assert_eq!((pauses[0], pauses[1]), (FIRST_RETRY, FIRST_RETRY * 2));
        assert!(pauses.is_sorted() && pauses.last() == Some(&LAST_RETRY));
        assert_eq!(retry(u32::MAX, 0.0), LAST_RETRY / 2);
    }

    #[test]
    fn strangers_cannot_ask_without_end() {
        let start = Instant::now();
        let mut allowance = Allowance::new(start);
        let taken = (0..100).filter(|_| allowance.take(start)).count();
        assert_eq!(taken, 3);
        assert!(!allowance.take(start + Duration::from_secs(9)));
        let later = start + Duration::from_secs(10);
        assert!(allowance.take(later) && !allowance.take(later));
        let much_later = start + Duration::from_secs(3600);
        assert_eq!((0..100).filter(|_| allowance.take(much_later)).count(), 3);
    }
}
