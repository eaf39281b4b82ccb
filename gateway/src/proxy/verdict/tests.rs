use pingora_error::ErrorType::{ConnectionClosed, ReadError, ReadTimedout, WriteError};

use super::*;

fn context(change: impl FnOnce(&mut RequestContext)) -> RequestContext {
    let mut context = RequestContext::default();
    change(&mut context);
    context
}

#[test]
fn an_interim_answer_is_none_and_another_protocol_is_one() {
    for status in [StatusCode::CONTINUE, StatusCode::PROCESSING, StatusCode::EARLY_HINTS] {
        assert!(!is_final(status), "{status}");
    }
    for status in [StatusCode::SWITCHING_PROTOCOLS, StatusCode::OK, StatusCode::BAD_GATEWAY] {
        assert!(is_final(status), "{status}");
    }
}

#[test]
fn whoever_gave_up_on_purpose_has_said_why() {
    let refused = context(|context| context.outcome.reason = Some(Reason::RouteNotFound));
    assert_eq!(reason(&refused, &Error::new_up(ReadError)), Some(Reason::RouteNotFound));
}

#[test]
fn a_failure_of_the_upstream_is_its_own_even_after_a_whole_answer() {
    let answered = context(|context| context.outcome.response_complete = true);
    assert_eq!(reason(&answered, &Error::new_up(ConnectionClosed)), Some(Reason::UpstreamReset));
}

#[test]
fn a_read_that_times_out_is_the_clients_fault_until_its_request_is_there() {
    let error = Error::new_up(ReadTimedout);
    assert_eq!(reason(&context(|_| ()), &error), Some(Reason::ClientTimeout));
    let asked = context(|context| context.outcome.request_complete = true);
    assert_eq!(reason(&asked, &error), Some(Reason::UpstreamReadTimeout));
}

#[test]
fn a_client_that_leaves_has_lost_something_unless_it_had_all() {
    let under_way = context(|_| ());
    let answered = context(|context| context.outcome.response_complete = true);
    let left = Some(Reason::ClientDisconnected);
    assert_eq!(reason(&under_way, &Error::new_down(ReadError)), left);
    assert_eq!(reason(&answered, &Error::new_down(ReadError)), None);
    assert_eq!(reason(&answered, &Error::new_down(ReadTimedout)), None);
    // The last of the answer was on its way.
    assert_eq!(reason(&answered, &Error::new_down(WriteError)), left);
}
