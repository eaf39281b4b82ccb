//! The data that is there at the start: the same in every process, so that the
//! services agree with each other wherever they run, and tests know what to
//! expect.
//!
//! Every value is a pure function of its row's number. The mixing function is
//! ours because a library's generator may change its sequence with a version.

use jiff::Timestamp;

use crate::orders::model::{Item, Order};
use crate::payments::model::Payment;
use crate::products::model::Product;
use crate::users::model::User;

/// Users have the ids 1 to 1,000.
pub const USERS: u64 = 1_000;
/// Orders have the ids 1 to 5,000.
pub const ORDERS: u64 = 5_000;
/// Products have the ids 1 to 200; every fiftieth is sold out.
pub const PRODUCTS: u64 = 200;
/// The currency of all prices.
pub const CURRENCY: &str = "EUR";

/// 2024-01-01T00:00:00Z.
const FIRST_USER: u64 = 1_704_067_200;
/// Spreads the users over the year 2024.
const SECONDS_BETWEEN_USERS: u64 = 31_000;
/// 2025-01-01T00:00:00Z.
const FIRST_ORDER: u64 = 1_735_689_600;
/// Spreads the orders over the year 2025.
const SECONDS_BETWEEN_ORDERS: u64 = 6_300;

const FIRST_NAMES: [&str; 20] = [
    "Ada",
    "Alan",
    "Barbara",
    "Claude",
    "Donald",
    "Edsger",
    "Frances",
    "Grace",
    "Hedy",
    "Ivan",
    "Jean",
    "Katherine",
    "Leslie",
    "Margaret",
    "Niklaus",
    "Radia",
    "Shafi",
    "Tim",
    "Vint",
    "Whitfield",
];
const LAST_NAMES: [&str; 25] = [
    "Abel", "Baker", "Castro", "Dubois", "Eriksen", "Ferrari", "Garcia", "Haas", "Ito", "Jansen", "Keller",
    "Lopez", "Moreau", "Novak", "Olsen", "Petrov", "Quinn", "Rossi", "Silva", "Tanaka", "Unger", "Vogel",
    "Weber", "Yilmaz", "Zhang",
];
const CATEGORIES: [(&str, [&str; 5]); 8] = [
    ("books", ["Atlas", "Novel", "Diary", "Cookbook", "Dictionary"]),
    ("coffee", ["Grinder", "Kettle", "Press", "Mug", "Scale"]),
    ("furniture", ["Chair", "Table", "Shelf", "Stool", "Bench"]),
    ("garden", ["Shovel", "Rake", "Hose", "Planter", "Shears"]),
    ("kitchen", ["Pan", "Knife", "Board", "Bowl", "Whisk"]),
    ("lighting", ["Desk Lamp", "Lantern", "Floor Lamp", "Spotlight", "Candle"]),
    ("office", ["Notebook", "Stapler", "Organizer", "Pen", "Ruler"]),
    ("outdoor", ["Tent", "Backpack", "Bottle", "Compass", "Blanket"]),
];
const STYLES: [&str; 5] = ["Nordic", "Classic", "Compact", "Travel", "Studio"];
const METHODS: [&str; 3] = ["card", "transfer", "wallet"];

/// User `id`.
pub fn user(id: u64) -> User {
    let first = pick(&FIRST_NAMES, id);
    let last = pick(&LAST_NAMES, id / 20);
    User {
        id,
        name: format!("{first} {last}"),
        email: format!("{first}.{last}.{id}@example.com").to_lowercase(),
        created_at: moment(FIRST_USER + id * SECONDS_BETWEEN_USERS),
    }
}

/// Product `id`.
pub fn product(id: u64) -> Product {
    let (category, nouns) = pick(&CATEGORIES, id);
    let (noun, style) = (pick(&nouns, id / 8), pick(&STYLES, id / 40));
    let random = mix(1, id);
    Product {
        id,
        name: format!("{style} {noun}"),
        category: category.to_owned(),
        price: 300 + i64::from(random as u16),
        currency: CURRENCY.to_owned(),
        stock: if id.is_multiple_of(50) { 0 } else { 1_000 + (random >> 16) % 9_000 },
    }
}

/// Order `id`: some users have none, some more than ten.
pub fn order(id: u64) -> Order {
    let random = mix(2, id);
    let items: Vec<Item> = (0..1 + (random >> 8) % 5)
        .map(|position| {
            // A step of 37 visits other products for 200 positions.
            let product_id = 1 + ((random >> 16) + position * 37) % PRODUCTS;
            Item {
                product_id,
                quantity: 1 + i64::from(mix(id, position) as u8 % 4),
                unit_price: product(product_id).price,
            }
        })
        .collect();
    Order {
        id,
        user_id: 1 + (random >> 32) % USERS,
        status: match random % 20 {
            0..2 => "pending",
            2..7 => "paid",
            7..12 => "shipped",
            12..19 => "delivered",
            _ => "cancelled",
        },
        total: Order::total(&items),
        currency: CURRENCY.to_owned(),
        created_at: moment(FIRST_ORDER + id * SECONDS_BETWEEN_ORDERS),
        items,
    }
}

/// The payment of order `order_id`.
pub fn payment(order_id: u64) -> Payment {
    let order = order(order_id);
    Payment {
        // Counted backwards, so that whoever joins by the wrong id sees it.
        id: ORDERS + 1 - order_id,
        order_id,
        status: match order.status {
            "pending" => "authorized",
            "cancelled" => "refunded",
            _ => "captured",
        },
        method: pick(&METHODS, mix(3, order_id)),
        amount: order.total,
        currency: order.currency,
        created_at: moment(FIRST_ORDER + order_id * SECONDS_BETWEEN_ORDERS + 90),
    }
}

fn pick<T: Copy, const N: usize>(choices: &[T; N], number: u64) -> T {
    choices[(number % N as u64) as usize]
}

/// RFC 3339 of a moment after 1970.
fn moment(second: u64) -> String {
    i64::try_from(second)
        .ok()
        .and_then(|second| Timestamp::from_second(second).ok())
        .expect("seeds lie in the years 2024 to 2026")
        .to_string()
}

/// SplitMix64 of `number` in the sequence `stream`.
fn mix(stream: u64, number: u64) -> u64 {
    let mut z = number.wrapping_add(stream << 32).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests;
