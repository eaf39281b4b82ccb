use pingora_error::ErrorType::{
    ConnectRefused, H2Downgrade, H2Error, InvalidHTTPHeader, ReadError, WriteError,
};

use super::*;
use crate::reason::Reason;

fn error(etype: ErrorType, retry: RetryType) -> Box<Error> {
    let mut error = Error::new_up(etype);
    error.retry = retry;
    error
}

/// In this order: a request that may be repeated, and one that may not, on a pooled connection, then on a new one.
fn harmless(error: &Error) -> [bool; 4] {
    [(true, true), (true, false), (false, true), (false, false)]
        .map(|(reused, idempotent)| is_harmless(error, reused, idempotent))
}

#[test]
fn a_pooled_connection_that_was_closed_lets_idempotent_requests_go_again() {
    let closed = [
        error(ReadError, RetryType::ReusedOnly),
        error(WriteError, RetryType::ReusedOnly),
        error(WriteError, RetryType::Decided(false)),
    ];
    for error in closed {
        assert_eq!(harmless(&error), [true, false, false, false], "{error:?}");
    }
}

#[test]
fn an_upstream_that_did_not_look_at_a_request_lets_any_go_again() {
    for etype in [H2Error, H2Downgrade] {
        let error = error(etype, RetryType::Decided(true));
        assert_eq!(harmless(&error), [true; 4], "{error:?}");
    }
}

#[test]
fn an_answer_that_breaks_http_is_an_answer() {
    assert_eq!(harmless(&error(InvalidHTTPHeader, RetryType::Decided(true))), [false; 4]);
    assert_eq!(harmless(&error(ReadError, RetryType::Decided(false))), [false; 4]);
}

#[test]
fn a_failure_of_the_client_or_of_our_own_repeats_nothing() {
    for retry in [RetryType::Decided(true), RetryType::ReusedOnly] {
        for mut error in [Error::new_down(H2Error), Error::new_in(H2Error)] {
            error.retry = retry;
            assert_eq!(harmless(&error), [false; 4], "{error:?}");
        }
    }
}

#[test]
fn a_connection_that_cannot_be_made_is_given_up_with_its_reason_and_its_cause() {
    // It was admitted to no upstream, so there is none to try again.
    let mut context = RequestContext::default();
    let error = unconnected(&mut context, error(ConnectRefused, RetryType::Decided(true)));
    assert!(!error.retry());
    assert_eq!(context.outcome.reason, Some(Reason::UpstreamConnectRefused));
    assert_eq!(context.outcome.error.as_deref(), Some("ConnectRefused"));
}
