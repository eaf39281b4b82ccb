//! What Redis is asked: one script that spends tokens of any number of limits at once, and what it answers.
//!
//! GCRA, as in memory: of each key Redis keeps the time at which its bucket will be full again (the theoretical arrival
//! time), and nothing else. The key expires at that time, so that a bucket nobody spends from costs nothing. The clock is
//! Redis' own; those of the gateways do not matter. Where it steps back, as after a failover to a server whose clock is
//! behind, a bucket is empty at worst: it takes no longer to fill than an empty one. Times are whole nanoseconds; Lua's numbers are exact up to 2^53, which
//! is 104 days, so seconds and nanoseconds are kept apart and only differences are calculated.
//!
//! One script does three things, told apart by the smallest and the largest number of tokens asked for: a decision takes
//! exactly its cost, a lease takes what it can get, and tokens that were not needed are given back (negative numbers).

use std::time::Duration;

use redis::{Cmd, FromRedisValue, RedisError, Value};

/// `KEYS`: a bucket each. `ARGV`: four numbers for each: nanoseconds until a token returns, burst in tokens, smallest and
/// largest number of tokens to take. Answers three integers for each: tokens taken, nanoseconds until the smallest number
/// could be had (0 if it was), nanoseconds until the bucket is full again.
const SOURCE: &str = r"
local time = redis.call('TIME')
local seconds, nanos = tonumber(time[1]), tonumber(time[2]) * 1000
local answer = {}
for i, key in ipairs(KEYS) do
  local interval, burst = tonumber(ARGV[4 * i - 3]), tonumber(ARGV[4 * i - 2])
  local least, most = tonumber(ARGV[4 * i - 1]), tonumber(ARGV[4 * i])
  local debt, stored = 0, redis.call('GET', key)
  if stored then
    local dot = string.find(stored, '.', 1, true)
    debt = (tonumber(string.sub(stored, 1, dot - 1)) - seconds) * 1e9 + tonumber(string.sub(stored, dot + 1)) - nanos
    debt = math.max(0, math.min(debt, burst * interval))
  end
  local taken = burst - math.ceil(debt / interval)
  if taken > most then taken = most end
  local wait = 0
  if taken < least then
    taken, wait = 0, debt + (least - burst) * interval
  else
    debt = debt + taken * interval
    if debt > 0 then
      local full = nanos + debt
      local whole = math.floor(full / 1e9)
      local text = string.format('%d.%09d', seconds + whole, full - whole * 1e9)
      redis.call('SET', key, text, 'PX', math.ceil(debt / 1e6))
    else
      debt = 0
      if stored then redis.call('DEL', key) end
    end
  end
  answer[3 * i - 2], answer[3 * i - 1], answer[3 * i] = taken, wait, debt
end
return answer
";

/// A limit's bucket, and how much to take out of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ask {
    /// Which bucket.
    pub key: Key,
    /// Its rate and size.
    pub bucket: Bucket,
    /// Tokens that are needed. Negative: tokens to put back.
    pub least: i64,
    /// Tokens that are welcome; at least as many as `least`.
    pub most: i64,
}

/// How fast a bucket fills and how much it holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Bucket {
    /// Nanoseconds until a token returns, at least 1.
    pub interval: u64,
    /// Tokens in a full bucket, at least 1.
    pub burst: u32,
}

impl Bucket {
    /// Until there is another token, where the bucket is full in so long.
    pub fn until_more(self, until_full: Duration) -> Duration {
        let nanos = u64::try_from(until_full.as_nanos()).unwrap_or(u64::MAX);
        Duration::from_nanos(match nanos % self.interval {
            0 if nanos > 0 => self.interval,
            part => part,
        })
    }
}

/// Which bucket: a hash of the limit, its settings, and whom the tokens belong to.
pub type Key = u128;

/// What became of an [`Ask`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Grant {
    /// Tokens taken; 0 if there were fewer than were needed.
    pub taken: i64,
    /// Until there are as many as were needed; zero if they were taken.
    pub wait: Duration,
    /// Until the bucket is full again.
    pub debt: Duration,
}

impl Grant {
    /// How long until there are so many tokens (for 0: until there is one) if this refused them.
    pub fn refused(&self, bucket: Bucket, cost: u32) -> Option<Duration> {
        let until_one = || {
            let debt = u64::try_from(self.debt.as_nanos()).unwrap_or(u64::MAX);
            debt.saturating_sub(bucket.interval.saturating_mul(u64::from(bucket.burst - 1)))
        };
        match cost {
            0 => (self.taken == 0 && self.left(bucket) == 0).then(|| Duration::from_nanos(until_one())),
            _ => (self.taken == 0).then_some(self.wait),
        }
    }

    /// Whole tokens that are left in the bucket.
    pub fn left(&self, bucket: Bucket) -> u32 {
        let debt = u64::try_from(self.debt.as_nanos()).unwrap_or(u64::MAX).div_ceil(bucket.interval);
        bucket.burst.saturating_sub(u32::try_from(debt).unwrap_or(u32::MAX))
    }
}

/// The script, and what its keys begin with.
#[derive(Debug, Clone)]
pub struct Script {
    hash: String,
    prefix: Box<str>,
}

impl Script {
    /// With what every key begins with.
    pub fn new(prefix: &str) -> Self {
        Self { hash: redis::Script::new(SOURCE).get_hash().to_owned(), prefix: prefix.into() }
    }

    /// By its hash, as Redis mostly knows it.
    pub fn by_hash(&self, asks: &[Ask]) -> Cmd {
        self.command("EVALSHA", &self.hash, asks)
    }

    /// As a whole, where Redis has forgotten it: it knows it again then.
    pub fn whole(&self, asks: &[Ask]) -> Cmd {
        self.command("EVAL", SOURCE, asks)
    }

    fn command(&self, verb: &str, script: &str, asks: &[Ask]) -> Cmd {
        let mut command = Cmd::with_capacity(3 + 5 * asks.len(), 96 + 96 * asks.len());
        command.arg(verb).arg(script).arg(asks.len());
        for ask in asks {
            // The braces are for Cluster: the slot is that of the bucket, whatever the prefix has in it.
            command.arg(name(&self.prefix, ask.key));
        }
        for Ask { bucket, least, most, .. } in asks {
            command.arg(bucket.interval).arg(bucket.burst).arg(*least).arg(*most);
        }
        command
    }
}

/// What Redis calls a bucket.
fn name(prefix: &str, key: Key) -> String {
    format!("{prefix}:{{{key:032x}}}")
}

/// The answers to so many asks.
pub fn grants(value: Value, asks: usize) -> Result<Vec<Grant>, RedisError> {
    let numbers = Vec::<i64>::from_redis_value(value)?;
    if numbers.len() != 3 * asks {
        let text = "it answered a script with another number of values than it should";
        return Err((redis::ErrorKind::UnexpectedReturnType, text).into());
    }
    let nanos = |number: i64| Duration::from_nanos(u64::try_from(number).unwrap_or(0));
    let grant = |of: &[i64]| Grant { taken: of[0], wait: nanos(of[1]), debt: nanos(of[2]) };
    Ok(numbers.chunks_exact(3).map(grant).collect())
}
