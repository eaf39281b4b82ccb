use super::*;

fn fittest(all: &[(&'static str, Reason, Fit)]) -> &'static str {
    let all =
        all.iter().map(|(who, reason, fit)| (*who, Rejected { fit: *fit, ..Rejected::new(*reason, "") }));
    Rejected::fittest(all).unwrap().0
}

#[test]
fn the_refusal_that_fits_best_is_told() {
    let users = ("users", Reason::TokenMalformed, Fit::Foreign);
    let opaque = ("opaque", Reason::CredentialsInvalid, Fit::Unknown);
    let partners = ("partners", Reason::CredentialsInvalid, Fit::Unknown);
    let down = ("down", Reason::AuthenticationUnavailable, Fit::Unknown);
    let expired = ("expired", Reason::TokenExpired, Fit::Own);
    assert_eq!(fittest(&[users, opaque, partners]), "opaque");
    assert_eq!(fittest(&[users]), "users");
    for all in [[opaque, down], [down, opaque]] {
        assert_eq!(fittest(&all), "down", "nobody is told that it is unknown while somebody could not judge");
    }
    assert_eq!(fittest(&[down, opaque, expired]), "expired");
}

#[test]
fn what_a_stranger_wrote_is_cut() {
    assert_eq!(shortened("short"), "short");
    assert_eq!(shortened(&"\u{e9}".repeat(100)), format!("{}...", "\u{e9}".repeat(64)));
}
