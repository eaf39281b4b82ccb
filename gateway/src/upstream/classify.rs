//! What a failed exchange means: the one place that turns Pingora's errors into reasons.
//!
//! Pingora knows where an error was seen and of what type it is, but not whose fault it is. A read from the upstream
//! that times out while the client is still sending is the client's doing; one at the end of the total time is not a
//! slow read. The caller knows both and says so in [`Situation`].

use pingora_error::{Error, ErrorSource, ErrorType};

use crate::reason::Reason;

/// What the caller knows about the exchange.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Situation {
    /// The client has sent its whole request.
    pub request_complete: bool,
    /// The total time is used up.
    pub out_of_time: bool,
}

/// The reason for a failed exchange.
pub fn classify(error: &Error, situation: Situation) -> Reason {
    match error.esource() {
        ErrorSource::Downstream => of_client(error.etype()),
        _ => of_upstream(error, situation),
    }
}

/// The cause of an error in the words of those who know it: the system's, the TLS library's. For operators only.
pub fn describe(error: &Error) -> Box<str> {
    let mut inner: &Error = error;
    while let Some(next) = inner.cause.as_deref().and_then(|cause| cause.downcast_ref::<Box<Error>>()) {
        inner = next;
    }
    let context = inner.context.as_ref().map(|context| context.as_str());
    let words = match (&inner.cause, context) {
        // Where Pingora has no cause, it puts there from where it connected.
        (Some(cause), Some(context)) if cause.to_string().starts_with("local address ") => context.to_owned(),
        (Some(cause), _) => cause.to_string(),
        (None, Some(context)) => context.to_owned(),
        (None, None) => inner.etype().as_str().to_owned(),
    };
    let end = words.floor_char_boundary(MOST_WORDS);
    words[..end].trim().into()
}

/// A library may quote what it could not read; this much of it tells enough.
const MOST_WORDS: usize = 300;

/// True for reasons that leave no doubt that nothing was sent: any method may be tried elsewhere.
pub fn is_connect_failure(reason: Reason) -> bool {
    matches!(
        reason,
        Reason::UpstreamConnectTimeout
            | Reason::UpstreamConnectRefused
            | Reason::UpstreamConnectFailed
            | Reason::UpstreamTlsFailed
    )
}

/// True for reasons that mean the upstream was too slow.
pub fn is_timeout(reason: Reason) -> bool {
    matches!(
        reason,
        Reason::UpstreamConnectTimeout | Reason::UpstreamReadTimeout | Reason::UpstreamTotalTimeout
    )
}

fn of_client(error: &ErrorType) -> Reason {
    use ErrorType::*;
    match error {
        ReadTimedout | WriteTimedout => Reason::ClientTimeout,
        // The answer was promised longer than it is, which is the upstream's fault.
        Custom(PREMATURE_BODY_END) => Reason::UpstreamReset,
        InvalidHTTPHeader | H1Error | InvalidH2 | Custom(_) => Reason::MalformedRequest,
        InternalError => Reason::InternalError,
        _ => Reason::ClientDisconnected,
    }
}

fn of_upstream(error: &Error, situation: Situation) -> Reason {
    use ErrorType::*;
    let reason = match error.etype() {
        ConnectTimedout | TLSHandshakeTimedout => Reason::UpstreamConnectTimeout,
        ConnectRefused => Reason::UpstreamConnectRefused,
        ConnectNoRoute | ConnectError | ConnectProxyFailure | SocketError | BindError => {
            Reason::UpstreamConnectFailed
        }
        // A socket that cannot be made is wrapped so: out of descriptors, or of local ports.
        InternalError if matches!(error.root_etype(), SocketError | BindError) => {
            Reason::UpstreamConnectFailed
        }
        TLSHandshakeFailure | InvalidCert | TLSWantX509Lookup => Reason::UpstreamTlsFailed,
        ReadTimedout if !situation.request_complete => Reason::ClientTimeout,
        ReadTimedout | WriteTimedout => Reason::UpstreamReadTimeout,
        // The request's body ended before its announced length.
        Custom(PREMATURE_BODY_END) => Reason::ClientDisconnected,
        // A handshake that is not TLS is that of HTTP/2.
        InvalidHTTPHeader | H1Error | InvalidH2 | H2Downgrade | HandshakeError | Custom(_) => {
            Reason::UpstreamInvalidResponse
        }
        ReadError | WriteError | ConnectionClosed | H2Error => Reason::UpstreamReset,
        _ => Reason::InternalError,
    };
    if situation.out_of_time && is_timeout(reason) { Reason::UpstreamTotalTimeout } else { reason }
}

/// Pingora's name for a body that is shorter than announced; its constant is private.
const PREMATURE_BODY_END: &str = "PrematureBodyEnd";

#[cfg(test)]
mod tests;
