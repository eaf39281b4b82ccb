//! The rules of the house, one function each.

use crate::source::{Finding, Source, Token};

/// The rooms in their order: a room may import those before it, never those after it.
pub const ROOMS: [&str; 15] = [
    "value",
    "reason",
    "telemetry",
    "policy",
    "upstream",
    "issuer",
    "redis",
    "listener",
    "route",
    "config",
    "snapshot",
    "proxy",
    "admin",
    "app",
    "cli",
];

/// The rooms that may name Pingora.
const PINGORA: [&str; 4] = ["proxy", "upstream", "listener", "app"];

/// The rooms that may name the composition layer.
const COMPOSITION: [&str; 5] = ["upstream", "config", "snapshot", "proxy", "app"];

const LINES: usize = 400;

/// A room imports only rooms before it. `lib.rs` and `main.rs` are the house itself.
pub fn rooms_import_in_one_direction(source: &Source) -> Vec<Finding> {
    let Some(room) = source.room() else { return Vec::new() };
    let Some(own) = ROOMS.iter().position(|name| *name == room) else {
        let text = format!("`{room}` has no place in the order of the rooms; give it one in tests/tidy");
        return vec![source.finding(0, text)];
    };
    let mut findings = Vec::new();
    for (path, line) in source.paths() {
        let target = path.get(1).filter(|_| path[0] == "crate");
        let position = target.and_then(|target| ROOMS.iter().position(|name| name == target));
        if position.is_some_and(|position| position > own) {
            findings.push(source.finding(line, format!("`{room}` may not import `{}`", path.join("::"))));
        }
    }
    findings
}

/// Pingora stays in the rooms made for it, and the composition layer has its door.
pub fn frameworks_stay_in_their_rooms(source: &Source) -> Vec<Finding> {
    let Some(room) = source.room() else { return Vec::new() };
    let mut findings = Vec::new();
    for (path, line) in source.paths() {
        let foreign = (path[0].starts_with("pingora") && !PINGORA.contains(&room.as_str()))
            || (path[0] == "glassgate_graphql" && !COMPOSITION.contains(&room.as_str()));
        if foreign {
            findings.push(source.finding(line, format!("`{room}` may not name `{}`", path.join("::"))));
        }
    }
    findings
}

/// A policy decides from values: no session, no YAML, no clock, no other policy.
pub fn policies_decide_from_values(source: &Source) -> Vec<Finding> {
    let module = source.module();
    if module.first().is_none_or(|room| room != "policy") {
        return Vec::new();
    }
    let mut findings = Vec::new();
    for (path, line) in source.paths() {
        let last_two = path.iter().rev().take(2).rev().map(String::as_str).collect::<Vec<_>>().join("::");
        let clock = path.last().is_some_and(|last| last == "now");
        let yaml = path[0].contains("saphyr") || path[0].contains("yaml");
        let in_policies = path.len() > 2 && path[0] == "crate" && path[1] == "policy";
        let other = in_policies && module.len() > 1 && path[2] != module[1];
        if clock {
            findings
                .push(source.finding(line, format!("a policy is told the time; it never asks `{last_two}`")));
        } else if yaml || other {
            findings.push(source.finding(line, format!("a policy may not name `{}`", path.join("::"))));
        }
    }
    for token in &source.tokens {
        if token.text == "Session" || token.text == "elapsed" {
            findings.push(source.finding(token.line, format!("a policy may not name `{}`", token.text)));
        }
    }
    findings
}

/// The composition layer knows GraphQL, and nothing of proxies, files or sockets.
pub fn composition_knows_no_files_or_sockets(source: &Source) -> Vec<Finding> {
    const FOREIGN: [&str; 4] = ["std::fs", "std::net", "tokio::fs", "tokio::net"];
    let mut findings = Vec::new();
    for (path, line) in source.paths() {
        let path = path.join("::");
        if path.starts_with("pingora") || FOREIGN.iter().any(|foreign| path.starts_with(foreign)) {
            findings.push(source.finding(line, format!("the composition layer may not name `{path}`")));
        }
    }
    findings
}

/// A file is short.
pub fn files_are_short(source: &Source) -> Vec<Finding> {
    let lines = source.text.lines().count();
    let too_long = lines >= LINES;
    too_long
        .then(|| source.finding(0, format!("{lines} lines; split it by idea below {LINES}")))
        .into_iter()
        .collect()
}

/// A file begins by saying what it owns. The tests of a module need not: they own its promises.
pub fn files_say_what_they_own(source: &Source) -> Vec<Finding> {
    let of_module = source.path.contains("/src/") && is_test(&source.path);
    let silent = !of_module && !source.text.starts_with("//! ");
    silent
        .then(|| source.finding(1, "the first line says what the file owns: `//! ...`"))
        .into_iter()
        .collect()
}

/// Whether a file is only compiled for tests.
pub fn is_test(path: &str) -> bool {
    let of_tests = ["/tests/", "/testkit/", "/testkit.rs", "/testing.rs"];
    path.ends_with("/tests.rs") || path.contains("/src/") && of_tests.iter().any(|part| path.contains(part))
}

/// `unwrap` says nothing to whom it happens.
pub fn nothing_is_unwrapped(source: &Source) -> Vec<Finding> {
    let unwraps = source.tokens.windows(3).filter(|window| {
        let [dot, name, open] = window else { return false };
        dot.text == "." && name.text == "unwrap" && open.text == "("
    });
    unwraps
        .map(|window| {
            source.finding(window[1].line, "return the error, or `expect` the invariant that rules it out")
        })
        .collect()
}

/// Code that the compiler cannot check is proven beside it.
pub fn unsafe_code_is_proven(source: &Source) -> Vec<Finding> {
    let lines: Vec<&str> = source.text.lines().collect();
    let mut findings = Vec::new();
    for token in source.tokens.iter().filter(|token| token.text == "unsafe") {
        let before = &lines[token.line.saturating_sub(8)..token.line];
        if !before.iter().any(|line| line.trim_start().starts_with("// SAFETY: ")) {
            findings.push(source.finding(token.line, "`unsafe` needs its proof above it: `// SAFETY: ...`"));
        }
    }
    findings
}

/// Fields of the application log that stand in no list: what follows `tracing::info!(` up to the message.
pub fn log_fields_are_listed(source: &Source, listed: &[String]) -> Vec<Finding> {
    const LEVELS: [&str; 5] = ["error", "warn", "info", "debug", "trace"];
    let tokens = &source.tokens;
    let mut findings = Vec::new();
    for (at, window) in tokens.windows(6).enumerate() {
        let [room, _, colon, level, mark, open] = window else { continue };
        let is_event = room.text == "tracing" && colon.text == ":" && mark.text == "!" && open.text == "(";
        if !is_event || !LEVELS.contains(&level.text.as_str()) {
            continue;
        }
        for field in fields(&tokens[at + 6..]) {
            if !listed.contains(&field.text) {
                let text =
                    format!("`{}` is no field of telemetry/names/fields.rs; list it there", field.text);
                findings.push(source.finding(field.line, text));
            }
        }
    }
    findings
}

/// The names in the arguments of a log macro, which end with its closing parenthesis.
fn fields(tokens: &[Token]) -> Vec<&Token> {
    let mut fields = Vec::new();
    let (mut depth, mut begins) = (0, true);
    for token in tokens {
        match token.text.as_str() {
            "(" | "[" | "{" => depth += 1,
            ")" | "]" | "}" if depth == 0 => break,
            ")" | "]" | "}" => depth -= 1,
            "," if depth == 0 => begins = true,
            "%" | "?" if begins => {}
            // The message is a literal.
            text if begins => {
                begins = false;
                if !text.starts_with('"') {
                    fields.push(token);
                }
            }
            _ => {}
        }
    }
    fields
}

/// Codes of the table in `reason.rs`: the first literal of each `row(Reason::...`.
pub fn reason_codes(source: &Source) -> Vec<String> {
    let tokens: Vec<&str> = source.tokens.iter().map(|token| token.text.as_str()).collect();
    let rows = tokens.windows(8).filter(|window| window[..5] == ["row", "(", "Reason", ":", ":"]);
    rows.map(|window| window[7].trim_matches('"').to_owned()).collect()
}

/// Names of metrics that a file of ours defines: its literals of that form.
pub fn metric_names(source: &Source) -> Vec<String> {
    let literals = source.tokens.iter().filter_map(|token| token.text.strip_prefix('"')?.strip_suffix('"'));
    literals.filter(|literal| is_metric(literal)).map(str::to_owned).collect()
}

/// Words of a page, a dashboard or a rule file that have the form of a metric's name.
pub fn metrics_used(text: &str) -> Vec<String> {
    let words =
        text.split(|character: char| !(character.is_ascii_alphanumeric() || "_:".contains(character)));
    words.filter(|word| is_metric(word)).map(str::to_owned).collect()
}

/// Those of them that are neither in `known` nor what a histogram of `known` is stored as.
pub fn unknown_metrics(text: &str, known: &[String]) -> Vec<String> {
    let is_known = |used: &str| known.iter().any(|name| name == used || name == family(used));
    metrics_used(text).into_iter().filter(|used| !is_known(used)).collect()
}

/// A metric as stored by Prometheus, without what a histogram appends.
pub fn family(name: &str) -> &str {
    ["_bucket", "_count", "_sum"].iter().find_map(|suffix| name.strip_suffix(suffix)).unwrap_or(name)
}

fn is_metric(word: &str) -> bool {
    let ours = ["http_server_", "http_client_", "gateway_", "graphql_", "process_"];
    let named = word.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_');
    named && ours.iter().any(|prefix| word.starts_with(prefix) && word.len() > prefix.len())
}

/// Codes that have no heading of their own in a page.
pub fn without_paragraph(codes: &[String], page: &str) -> Vec<String> {
    let headings: Vec<&str> = page.lines().filter(|line| line.starts_with('#')).collect();
    let has = |code: &str| {
        headings.iter().any(|heading| {
            heading.trim_start_matches('#').split_whitespace().any(|word| word.trim_matches('`') == code)
        })
    };
    codes.iter().filter(|code| !has(code)).cloned().collect()
}
