//! What a call ended with, before its jobs get it: counted and reported.

use std::sync::Arc;
use std::time::Instant;

use http::StatusCode;

use super::{CallId, Done, Fault, Run};
use crate::code::Code;
use crate::fetch::{FetchError, FetchResponse};

impl Run<'_> {
    /// Keeps what a call ended with until its jobs take it. Counted at once: it
    /// may lie here while a long body is read and other ones arrive.
    pub(super) fn arrive(&mut self, done: Done) {
        let Done { call, started, answer } = done;
        let status = answer.as_ref().ok().map(|response| response.status);
        let answer = self.hold(call, answer);
        self.report(call, started, status, &answer);
        self.calls[call].answer = Some(Arc::new(answer));
        self.answered.push_back(call);
    }

    /// Counts a body against the bytes an operation may hold.
    fn hold(
        &mut self,
        call: CallId,
        answer: Result<FetchResponse, FetchError>,
    ) -> Result<FetchResponse, Fault> {
        let response = match answer {
            Ok(response) if response.body.len() > self.env.limits.body_bytes => Err(FetchError::BodyTooLarge),
            // Taken for good: the slots point into it.
            Ok(response) if !self.room.take(response.body.len()) => Err(FetchError::BodyTooLarge),
            answer => answer,
        };
        response.map_err(|error| Fault::unfetched(&error, self.too_large(), &self.calls[call].source))
    }

    /// Why a body was too large: by itself, or beside the other ones.
    fn too_large(&self) -> Code {
        match self.room.is_exhausted() {
            true => Code::TooManyBytes,
            false => Code::UpstreamBodyTooLarge,
        }
    }

    fn report(
        &mut self,
        call: CallId,
        started: Instant,
        status: Option<StatusCode>,
        answer: &Result<FetchResponse, Fault>,
    ) {
        let report = &mut self.fetches[call];
        report.duration = started.elapsed();
        report.status = status.map(|status| status.as_u16());
        report.error = match answer {
            Ok(response) => {
                let failed = response.status.is_client_error() || response.status.is_server_error();
                failed.then(|| Code::UpstreamStatus.word())
            }
            Err(fault) => Some(fault.code),
        };
    }
}
