//! The table of errors and reasons.

use pingora_error::ErrorType::*;

use super::*;

const USUAL: Situation = Situation { request_complete: true, out_of_time: false };

fn of_upstream(error: ErrorType, situation: Situation) -> Reason {
    classify(&Error::new_up(error), situation)
}

fn of_client(error: ErrorType) -> Reason {
    classify(&Error::new_down(error), USUAL)
}

#[test]
fn the_upstreams_errors() {
    for (error, reason, status) in [
        (ConnectTimedout, Reason::UpstreamConnectTimeout, 504),
        (ConnectRefused, Reason::UpstreamConnectRefused, 502),
        (ConnectNoRoute, Reason::UpstreamConnectFailed, 502),
        (TLSHandshakeFailure, Reason::UpstreamTlsFailed, 502),
        (ReadTimedout, Reason::UpstreamReadTimeout, 504),
        (WriteTimedout, Reason::UpstreamReadTimeout, 504),
        (ConnectionClosed, Reason::UpstreamReset, 502),
        (ReadError, Reason::UpstreamReset, 502),
        (H2Error, Reason::UpstreamReset, 502),
        (InvalidHTTPHeader, Reason::UpstreamInvalidResponse, 502),
        (InvalidH2, Reason::UpstreamInvalidResponse, 502),
        (Custom("InvalidChunk"), Reason::UpstreamInvalidResponse, 502),
        (InternalError, Reason::InternalError, 500),
    ] {
        let found = of_upstream(error.clone(), USUAL);
        assert_eq!((found, found.status().as_u16()), (reason, status), "{error:?}");
    }
}

#[test]
fn the_clients_errors() {
    for (error, reason) in [
        (ReadTimedout, Reason::ClientTimeout),
        (ConnectionClosed, Reason::ClientDisconnected),
        (WriteError, Reason::ClientDisconnected),
        (WriteTimedout, Reason::ClientTimeout),
        (InvalidHTTPHeader, Reason::MalformedRequest),
        (Custom("InvalidChunk"), Reason::MalformedRequest),
        (Custom("PrematureBodyEnd"), Reason::UpstreamReset),
    ] {
        assert_eq!(of_client(error.clone()), reason, "{error:?}");
    }
}

#[test]
fn silence_while_the_client_still_sends_is_the_clients() {
    for out_of_time in [false, true] {
        let sending = Situation { request_complete: false, out_of_time };
        assert_eq!(of_upstream(ReadTimedout, sending), Reason::ClientTimeout);
    }
    let sending = Situation { request_complete: false, out_of_time: false };
    assert_eq!(of_upstream(WriteTimedout, sending), Reason::UpstreamReadTimeout);
}

#[test]
fn whatever_is_too_slow_at_the_end_of_the_total_time_is_a_total_timeout() {
    let late = Situation { request_complete: true, out_of_time: true };
    assert_eq!(of_upstream(ReadTimedout, late), Reason::UpstreamTotalTimeout);
    assert_eq!(of_upstream(ConnectTimedout, late), Reason::UpstreamTotalTimeout);
    assert_eq!(of_upstream(ConnectRefused, late), Reason::UpstreamConnectRefused);
}

#[test]
fn a_socket_that_cannot_be_made_is_a_failed_connection() {
    let error = Error::because(InternalError, "connecting", Error::new(SocketError));
    assert_eq!(classify(&error, USUAL), Reason::UpstreamConnectFailed);
}
