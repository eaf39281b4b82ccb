//! One line of the access log, and how it becomes JSON.
//!
//! Written by hand, since every request pays for it: 0.3 us a line. Whatever a client sent is
//! escaped; bytes that are not UTF-8 become U+FFFD.

use std::cell::RefCell;
use std::io::Write;
use std::net::IpAddr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::reason::Reason;
use crate::telemetry::names::fields;
use crate::telemetry::trace::TraceId;

/// A request that has ended, as the access log shows it. Query strings are
/// left out: they carry secrets too often.
#[derive(Debug, Clone, Copy)]
pub struct Entry<'a> {
    /// When the request's head had been read.
    pub time: SystemTime,
    /// The request's id.
    pub request_id: &'a str,
    /// The trace it belongs to.
    pub trace_id: TraceId,
    /// The client, after the trust rules of the listener.
    pub client: Option<IpAddr>,
    /// The listener it came in by.
    pub listener: &'a str,
    /// `HTTP/1.1`, `HTTP/2`.
    pub protocol: &'a str,
    /// The method as it was sent.
    pub method: &'a str,
    /// The host that was asked for.
    pub host: Option<&'a [u8]>,
    /// The path as it was sent, without the query.
    pub path: &'a [u8],
    /// The route, where one was found.
    pub route: Option<&'a str>,
    /// Status of the answer; 499 where the client had left.
    pub status: u16,
    /// Why the gateway answered itself, or gave up.
    pub reason: Option<Reason>,
    /// The cause in the words of those who know it.
    pub error: Option<&'a str>,
    /// The rate limit that refused it.
    pub rate_limit: Option<&'a str>,
    /// Bytes of the request body.
    pub request_bytes: u64,
    /// Bytes of the response body.
    pub response_bytes: u64,
    /// From the end of the head to the last byte of the answer.
    pub duration: Duration,
    /// How much of it the request stood in queues of concurrency limits, where it did.
    pub queue_wait: Option<Duration>,
    /// The upstream, where the route has one.
    pub upstream: Option<&'a str>,
    /// The endpoint of the last attempt.
    pub endpoint: Option<&'a str>,
    /// How many attempts were made.
    pub attempts: u32,
    /// The authenticator that recognised the caller.
    pub authenticator: Option<&'a str>,
    /// The caller, as the authenticator knows it.
    pub subject: Option<&'a str>,
    /// The id of its API key.
    pub key_id: Option<&'a str>,
    /// What the client calls itself.
    pub user_agent: Option<&'a [u8]>,
    /// What the composition layer did, where the route leads there.
    pub graphql: Option<GraphqlEntry<'a>>,
}

/// The part of a line about a GraphQL operation.
#[derive(Debug, Clone, Copy)]
pub struct GraphqlEntry<'a> {
    /// `query` or `mutation`, where the document could be read.
    pub operation_type: Option<&'a str>,
    /// The operation's name, as the client gave it.
    pub operation_name: Option<&'a str>,
    /// What it costs, where that was found out.
    pub cost: Option<u64>,
    /// Calls to services.
    pub fetches: u64,
    /// Errors in the answer.
    pub errors: u64,
    /// Code of the first of them.
    pub first_error: Option<&'a str>,
    /// Fields that it selects and the caller may not read.
    pub refused_fields: u64,
}

impl Entry<'_> {
    /// Appends the entry as one JSON object and a line end.
    pub fn write(&self, buffer: &mut Vec<u8>) {
        let mut line = Line(buffer);
        line.time(&const { Key::first(fields::TIME) }, self.time);
        line.text(&const { Key::text(fields::REQUEST_ID) }, self.request_id);
        line.text(&const { Key::text(fields::TRACE_ID) }, &self.trace_id.hex());
        if let Some(client) = self.client {
            line.address(&const { Key::text(fields::CLIENT) }, client);
        }
        line.text(&const { Key::text(fields::LISTENER) }, self.listener);
        line.text(&const { Key::text(fields::PROTOCOL) }, self.protocol);
        line.text(&const { Key::text(fields::METHOD) }, self.method);
        line.bytes(&const { Key::text(fields::HOST) }, self.host);
        line.bytes(&const { Key::text(fields::PATH) }, Some(self.path));
        line.some_text(&const { Key::text(fields::ROUTE) }, self.route);
        line.number(&const { Key::number(fields::STATUS) }, u64::from(self.status));
        line.some_text(&const { Key::text(fields::REASON) }, self.reason.map(Reason::code));
        line.some_text(&const { Key::text(fields::ERROR) }, self.error);
        line.some_text(&const { Key::text(fields::RATE_LIMIT) }, self.rate_limit);
        line.number(&const { Key::number(fields::REQUEST_BYTES) }, self.request_bytes);
        line.number(&const { Key::number(fields::RESPONSE_BYTES) }, self.response_bytes);
        line.milliseconds(&const { Key::number(fields::DURATION_MS) }, self.duration);
        if let Some(wait) = self.queue_wait {
            line.milliseconds(&const { Key::number(fields::QUEUE_MS) }, wait);
        }
        line.some_text(&const { Key::text(fields::UPSTREAM) }, self.upstream);
        line.some_text(&const { Key::text(fields::ENDPOINT) }, self.endpoint);
        line.number(&const { Key::number(fields::ATTEMPTS) }, u64::from(self.attempts));
        line.some_text(&const { Key::text(fields::AUTHENTICATOR) }, self.authenticator);
        line.some_text(&const { Key::text(fields::SUBJECT) }, self.subject);
        line.some_text(&const { Key::text(fields::KEY_ID) }, self.key_id);
        line.bytes(&const { Key::text(fields::USER_AGENT) }, self.user_agent);
        if let Some(graphql) = &self.graphql {
            line.graphql(graphql);
        }
        line.0.extend_from_slice(b"}\n");
    }
}

/// What stands before a value, made at compile time: `,"status":`. A line has
/// twenty of them, and put together from parts they would be half its cost.
struct Key {
    bytes: [u8; 32],
    length: usize,
}

impl Key {
    /// Before the first value, a text: `{"time":"`.
    const fn first(name: &str) -> Key {
        Key::new(b"{\"", name, b"\":\"")
    }

    /// Before a text: `,"path":"`.
    const fn text(name: &str) -> Key {
        Key::new(b",\"", name, b"\":\"")
    }

    /// Before a number: `,"status":`.
    const fn number(name: &str) -> Key {
        Key::new(b",\"", name, b"\":")
    }

    const fn new(before: &[u8], name: &str, after: &[u8]) -> Key {
        let mut key = Key { bytes: [0; 32], length: 0 };
        let mut part = 0;
        while part < 3 {
            let bytes = [before, name.as_bytes(), after][part];
            let mut place = 0;
            while place < bytes.len() {
                key.bytes[key.length] = bytes[place];
                key.length += 1;
                place += 1;
            }
            part += 1;
        }
        key
    }
}

/// A JSON object that is being written.
struct Line<'a>(&'a mut Vec<u8>);

impl Line<'_> {
    fn graphql(&mut self, graphql: &GraphqlEntry<'_>) {
        self.some_text(&const { Key::text(fields::GRAPHQL_OPERATION_TYPE) }, graphql.operation_type);
        self.some_text(&const { Key::text(fields::GRAPHQL_OPERATION_NAME) }, graphql.operation_name);
        if let Some(cost) = graphql.cost {
            self.number(&const { Key::number(fields::GRAPHQL_COST) }, cost);
        }
        self.number(&const { Key::number(fields::GRAPHQL_FETCHES) }, graphql.fetches);
        self.number(&const { Key::number(fields::GRAPHQL_ERRORS) }, graphql.errors);
        self.some_text(&const { Key::text(fields::GRAPHQL_FIRST_ERROR) }, graphql.first_error);
        if graphql.refused_fields > 0 {
            self.number(&const { Key::number(fields::GRAPHQL_REFUSED_FIELDS) }, graphql.refused_fields);
        }
    }

    /// All of a key's room at once, whose size is known when this is compiled, and then back to its end.
    fn key(&mut self, key: &Key) {
        let end = self.0.len() + key.length;
        self.0.extend_from_slice(&key.bytes);
        self.0.truncate(end);
    }

    fn text(&mut self, key: &Key, value: &str) {
        self.key(key);
        escape(value.as_bytes(), self.0);
        self.0.push(b'"');
    }

    fn some_text(&mut self, key: &Key, value: Option<&str>) {
        if let Some(value) = value {
            self.text(key, value);
        }
    }

    fn bytes(&mut self, key: &Key, value: Option<&[u8]>) {
        match value.map(std::str::from_utf8) {
            Some(Ok(text)) => self.text(key, text),
            // Slow, and only for those who send such bytes.
            Some(Err(_)) => self.text(key, &String::from_utf8_lossy(value.unwrap_or_default())),
            None => {}
        }
    }

    fn number(&mut self, key: &Key, value: u64) {
        self.key(key);
        self.0.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
    }

    /// With three decimals, so that microseconds are seen.
    fn milliseconds(&mut self, key: &Key, value: Duration) {
        self.key(key);
        let micros = u64::try_from(value.as_micros()).unwrap_or(u64::MAX);
        self.0.extend_from_slice(itoa::Buffer::new().format(micros / 1000).as_bytes());
        self.0.push(b'.');
        self.three_digits((micros % 1000) as u32);
    }

    fn three_digits(&mut self, value: u32) {
        self.0.extend_from_slice(&[100, 10, 1].map(|power| b'0' + (value / power % 10) as u8));
    }

    /// Digits, dots and colons need no escape.
    fn address(&mut self, key: &Key, value: IpAddr) {
        self.key(key);
        match value {
            IpAddr::V4(address) => {
                for octet in address.octets() {
                    self.0.extend_from_slice(itoa::Buffer::new().format(octet).as_bytes());
                    self.0.push(b'.');
                }
                self.0.pop();
            }
            // A vector takes all that is written.
            IpAddr::V6(address) => drop(write!(self.0, "{address}")),
        }
        self.0.push(b'"');
    }

    /// RFC 3339 with milliseconds, UTC.
    fn time(&mut self, key: &Key, value: SystemTime) {
        self.key(key);
        let since = value.duration_since(UNIX_EPOCH).unwrap_or_default();
        with_second(since.as_secs(), |text| self.0.extend_from_slice(text));
        self.0.push(b'.');
        self.three_digits(since.subsec_millis());
        self.0.extend_from_slice(b"Z\"");
    }
}

/// `2026-11-21T01:46:26`: worked out once a second and thread.
fn with_second(second: u64, write: impl FnOnce(&[u8])) {
    thread_local!(static LAST: RefCell<(u64, Vec<u8>)> = const { RefCell::new((u64::MAX, Vec::new())) });
    LAST.with_borrow_mut(|(known, text)| {
        if *known != second {
            let time =
                i64::try_from(second).ok().and_then(|second| jiff::Timestamp::from_second(second).ok());
            *known = second;
            text.clear();
            // A vector takes all that is written.
            let _ = write!(text, "{}", time.unwrap_or(jiff::Timestamp::MAX).strftime("%Y-%m-%dT%H:%M:%S"));
        }
        write(text);
    });
}

/// Appends text as the inside of a JSON string (RFC 8259 section 7).
fn escape(text: &[u8], buffer: &mut Vec<u8>) {
    let mut rest = text;
    while let Some(place) = first_escaped(rest) {
        buffer.extend_from_slice(&rest[..place]);
        match rest[place] {
            byte @ (b'"' | b'\\') => buffer.extend_from_slice(&[b'\\', byte]),
            b'\n' => buffer.extend_from_slice(b"\\n"),
            b'\r' => buffer.extend_from_slice(b"\\r"),
            b'\t' => buffer.extend_from_slice(b"\\t"),
            control => {
                let hex = |nibble: u8| b"0123456789abcdef"[usize::from(nibble)];
                buffer.extend_from_slice(&[b'\\', b'u', b'0', b'0', hex(control >> 4), hex(control & 15)]);
            }
        }
        rest = &rest[place + 1..];
    }
    buffer.extend_from_slice(rest);
}

/// Eight bytes at a time while none of them needs an escape: nearly always.
fn first_escaped(text: &[u8]) -> Option<usize> {
    let (words, _) = text.as_chunks::<8>();
    let plain = words.iter().take_while(|word| !may_need_escape(u64::from_ne_bytes(**word))).count() * 8;
    let found = text[plain..].iter().position(|byte| ESCAPED[usize::from(*byte)]);
    found.map(|place| plain + place)
}

/// Whether one of eight bytes is below a space, a quote, a backslash or DEL.
/// By the classic test for a zero byte; it may err on the safe side.
fn may_need_escape(word: u64) -> bool {
    const ONES: u64 = u64::from_ne_bytes([1; 8]);
    const HIGH: u64 = ONES << 7;
    let below = |limit: u8, word: u64| word.wrapping_sub(ONES * u64::from(limit)) & !word;
    let equal = |byte: u8| below(1, word ^ (ONES * u64::from(byte)));
    (below(b' ', word) | equal(b'"') | equal(b'\\') | equal(0x7f)) & HIGH != 0
}

/// Quote, backslash and control characters; DEL too, for terminals.
static ESCAPED: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0;
    while byte < 0x20 {
        table[byte] = true;
        byte += 1;
    }
    table[b'"' as usize] = true;
    table[b'\\' as usize] = true;
    table[0x7f] = true;
    table
};
