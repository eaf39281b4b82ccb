//! The naming rule: SDL names are camelCase, services often speak snake_case.

/// The snake_case form of an SDL name: `userID` -> `user_id`, `HTTPPort` -> `http_port`.
pub(crate) fn snake_case(name: &str) -> String {
    let chars: Vec<char> = name.chars().collect();
    let mut snake = String::with_capacity(name.len() + 4);
    for (at, &c) in chars.iter().enumerate() {
        if c.is_ascii_uppercase() {
            let before = at.checked_sub(1).map(|at| chars[at]);
            let next_is_lower = chars.get(at + 1).is_some_and(char::is_ascii_lowercase);
            let word_begins = before.is_some_and(|before| {
                before.is_ascii_lowercase()
                    || before.is_ascii_digit()
                    || (before.is_ascii_uppercase() && next_is_lower)
            });
            if word_begins {
                snake.push('_');
            }
            snake.push(c.to_ascii_lowercase());
        } else {
            snake.push(c);
        }
    }
    snake
}
