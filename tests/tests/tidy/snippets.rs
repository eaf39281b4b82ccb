//! Each rule is shown a breach, and something close that is none: a rule that
//! cannot fail holds nothing.

use crate::rules;
use crate::source::{Finding, Source};

fn lines(rule: fn(&Source) -> Vec<Finding>, path: &str, text: &str) -> Vec<usize> {
    rule(&Source::new(path, text)).into_iter().map(|finding| finding.line).collect()
}

#[test]
fn an_import_back_is_found_in_every_form() {
    let breaches = "
use crate::value::Name;
use crate::{reason::Reason, proxy::{self, Context as C}, cli};
fn f() -> super::super::proxy::X { crate::admin::serve::<u8>() }
fn g() { tracing::info!(x = crate::app::X, y = crate::telemetry::Z) }
#[cfg(test)]
mod tests { use crate::cli::X; }
";
    let found = lines(rules::rooms_import_in_one_direction, "gateway/src/upstream/health.rs", breaches);
    assert_eq!(found, [3, 3, 3, 4, 4, 5]);
    let found = lines(rules::rooms_import_in_one_direction, "gateway/src/cli/run.rs", breaches);
    assert!(found.is_empty(), "the last room may import all: {found:?}");
    let found = lines(rules::rooms_import_in_one_direction, "gateway/src/cellar/mod.rs", "use std::io;");
    assert_eq!(found, [0], "a room without a place in the order");
}

#[test]
fn frameworks_outside_their_rooms_are_found() {
    let text =
        "use pingora_core::Result;\nfn f() { let _ = ::pingora_http::X; }\nuse glassgate_graphql::Fetch;";
    let found = |path| lines(rules::frameworks_stay_in_their_rooms, path, text);
    assert_eq!(found("gateway/src/route/table.rs"), [1, 2, 3]);
    assert_eq!(found("gateway/src/listener/tls.rs"), [3]);
    assert!(found("gateway/src/proxy/open.rs").is_empty());
}

#[test]
fn a_policy_that_looks_around_is_found() {
    let text = "
use std::time::Instant;
fn a(now: Instant) -> Instant { now }
fn b() { let _ = Instant::now(); }
fn c(since: Instant) { since.elapsed(); }
use pingora_proxy::Session;
use crate::policy::cache::Key;
use super::super::auth::Claims;
use super::bucket::Bucket;
";
    let found = lines(rules::policies_decide_from_values, "gateway/src/policy/limit/quota.rs", text);
    assert_eq!(found, [4, 7, 8, 5, 6]);
    assert!(lines(rules::policies_decide_from_values, "gateway/src/proxy/open.rs", text).is_empty());
}

#[test]
fn composition_that_opens_files_is_found() {
    let text =
        "use std::{fmt, fs};\nuse tokio::net::TcpStream;\nuse pingora_core::X;\nuse tokio::sync::watch;";
    assert_eq!(lines(rules::composition_knows_no_files_or_sockets, "graphql/src/a.rs", text), [1, 2, 3]);
}

#[test]
fn long_files_are_found() {
    let of_length = |length: usize| format!("//! Owns it.\n{}", "\n".repeat(length - 1));
    assert_eq!(lines(rules::files_are_short, "a.rs", &of_length(400)), [0]);
    assert!(lines(rules::files_are_short, "a.rs", &of_length(399)).is_empty());
}

#[test]
fn silent_files_are_found() {
    let found = |path| lines(rules::files_say_what_they_own, path, "// quiet\n");
    assert_eq!(found("gateway/src/route/table.rs"), [1]);
    assert_eq!(found("tests/tests/reload.rs"), [1]);
    assert!(found("gateway/src/route/tests.rs").is_empty());
    assert!(found("gateway/src/listener/tests/tls.rs").is_empty());
}

#[test]
fn unwraps_are_found_outside_tests_only() {
    let text = "
fn a() { x.unwrap(); y.unwrap_or(1); }
// x.unwrap()
/// x.unwrap()
fn b() { let _ = \"x.unwrap()\"; }
#[test]
fn c() { x.unwrap(); }
#[cfg(test)]
mod tests { fn d() { x.unwrap(); } }
fn e() {
    x
        .unwrap();
}
";
    assert_eq!(lines(rules::nothing_is_unwrapped, "gateway/src/a.rs", text), [2, 12]);
}

#[test]
fn unproven_unsafe_code_is_found() {
    let text = "
// SAFETY: the pointer comes from a Box.
fn a() { unsafe { x() } }








fn b() { unsafe { x() } }
";
    assert_eq!(lines(rules::unsafe_code_is_proven, "a.rs", text), [12]);
}

#[test]
fn reasons_and_metrics_are_read_and_compared() {
    let table = Source::new("a.rs", "const T: [Row; 1] = [row(Reason::A, \"a_code\", 400, \"x\", \"y\")];");
    let codes = rules::reason_codes(&table);
    assert_eq!(codes, ["a_code"]);
    assert_eq!(rules::without_paragraph(&codes, "# Reasons\n\na_code is in a text\n"), ["a_code"]);
    assert!(rules::without_paragraph(&codes, "### `a_code`\n").is_empty());

    let names =
        Source::new("a.rs", "const A: &str = \"gateway_panics_total\"; const B: &str = \"Gateway_x\";");
    assert_eq!(rules::metric_names(&names), ["gateway_panics_total"]);
    let known = ["gateway_requests".to_owned()];
    let page = "`gateway_requests`, `rate(gateway_requests_count[5m])`, `gateway_request`";
    assert_eq!(rules::unknown_metrics(page, &known), ["gateway_request"]);
    let used =
        rules::metrics_used("sum(rate(http_server_request_duration_seconds_bucket{a=\"gateway_\"}[5m]))");
    assert_eq!(used, ["http_server_request_duration_seconds_bucket"]);
    assert_eq!(rules::family(&used[0]), "http_server_request_duration_seconds");
}

#[test]
fn a_log_field_that_is_not_listed_is_found() {
    let text = "
fn f() {
    tracing::info!(listener = name(a, b), %address, \"listening\");
    tracing::warn!(?adress, error = [x, y], \"listening\");
    tracing::error!(count, file = %path.display(),
        who, \"lost\");
    tracing::Span::current();
}
";
    let listed = ["listener", "address", "error", "count", "file"].map(str::to_owned);
    let found = rules::log_fields_are_listed(&Source::new("gateway/src/a.rs", text), &listed);
    assert_eq!(found.iter().map(|finding| finding.line).collect::<Vec<_>>(), [4, 6]);
}
