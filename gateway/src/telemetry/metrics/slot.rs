//! Numbers for the bounded labels: which slot a method or a status has.

use http::Method;

use crate::telemetry::names::METHODS;

/// Slots for methods.
pub const METHOD_SLOTS: usize = METHODS.len();
/// Slots for status codes: the standard ones, the five classes, the rest.
pub const STATUS_SLOTS: usize = CODES.len() + 6;

/// The codes of the IANA registry, and 499 for a client that left.
const CODES: [u16; 62] = [
    100, 101, 102, 103, 200, 201, 202, 203, 204, 205, 206, 207, 208, 226, 300, 301, 302, 303, 304, 305, 307,
    308, 400, 401, 402, 403, 404, 405, 406, 407, 408, 409, 410, 411, 412, 413, 414, 415, 416, 417, 421, 422,
    423, 424, 425, 426, 428, 429, 431, 451, 499, 500, 501, 502, 503, 504, 505, 506, 507, 508, 510, 511,
];

static SLOT_OF_CODE: [u8; 600] = {
    let mut slots = [0; 600];
    let mut code = 0;
    while code < 600 {
        // Codes that are not listed share their class; below 100 there is none.
        slots[code] = if code < 100 { OTHER as u8 } else { (CODES.len() + code / 100 - 1) as u8 };
        code += 1;
    }
    let mut slot = 0;
    while slot < CODES.len() {
        slots[CODES[slot] as usize] = slot as u8;
        slot += 1;
    }
    slots
};

const OTHER: usize = STATUS_SLOTS - 1;

/// The slot of a method; unknown ones share the last.
pub fn of_method(method: &Method) -> usize {
    let method = method.as_str();
    METHODS.iter().position(|known| *known == method).unwrap_or(METHODS.len() - 1)
}

/// The slot of a status code.
pub fn of_status(status: u16) -> usize {
    SLOT_OF_CODE.get(usize::from(status)).map_or(OTHER, |slot| usize::from(*slot))
}

/// The label of a slot: a code (`404`), a class (`4xx`) or `_OTHER`.
pub fn status_label(slot: usize) -> String {
    match CODES.get(slot) {
        Some(code) => code.to_string(),
        None if slot == OTHER => "_OTHER".to_owned(),
        None => format!("{}xx", slot - CODES.len() + 1),
    }
}
