//! The handlers: from messages to steps and back.

pub(crate) mod ledger;
mod rate;
pub(crate) mod release;
pub(crate) mod rounds;
pub(crate) mod submissions;
mod upload;

use samenloop_schema::{KeyCheckValue, RoundId, SubmissionId};
use tonic::{Request, Status};

use crate::identity::Caller;

/// Most bytes of a message that comes in. A batch has at most 1 MiB, a manifest and a schema too.
pub(crate) const MAX_MESSAGE_BYTES: usize = (2 << 20) + 4096;

/// Why a message cannot be worked on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RequestError {
    /// An id of another length.
    #[error("{field} is {found} bytes long, it must have {expected}")]
    Length {
        /// The field's name in the message.
        field: &'static str,
        /// Bytes found.
        found: usize,
        /// Bytes that it must have.
        expected: usize,
    },
    /// No measure, or one that this service does not know.
    #[error("measure must be one of the named measures")]
    Measure,
    /// The request did not pass the gate.
    #[error("the call has no client certificate")]
    Caller,
    /// The certificate expired or was revoked while its upload went on.
    #[error("the client certificate is no longer valid: ask the coordinator for a new one")]
    Ended,
    /// Too many uploads of all parties.
    #[error("too many uploads go on at the same time: try again in a moment")]
    Full,
    /// Too many uploads of the party.
    #[error("this party has too many uploads going on: end one of them or wait")]
    Busy,
    /// Too many questions of the caller.
    #[error("too many questions in a minute: ask on in a moment")]
    Often,
    /// The service is about to end.
    #[error("the service is stopping: submit again later, the upload goes on where it stopped")]
    Stopping,
    /// Nothing came in for long.
    #[error("nothing came in for a while: submit again, the upload goes on where it stopped")]
    Idle,
}

pub(crate) fn round_id(bytes: &[u8]) -> Result<RoundId, RequestError> {
    RoundId::from_slice(bytes).ok_or(RequestError::Length {
        field: "round_id",
        found: bytes.len(),
        expected: RoundId::LEN,
    })
}

pub(crate) fn submission_id(bytes: &[u8]) -> Result<SubmissionId, RequestError> {
    SubmissionId::from_slice(bytes).ok_or(RequestError::Length {
        field: "submission_id",
        found: bytes.len(),
        expected: SubmissionId::LEN,
    })
}

pub(crate) fn key_check_value(bytes: &[u8]) -> Result<KeyCheckValue, RequestError> {
    KeyCheckValue::from_slice(bytes).ok_or(RequestError::Length {
        field: "key_check_value",
        found: bytes.len(),
        expected: KeyCheckValue::LEN,
    })
}

/// Who calls, as the gate found.
pub(crate) fn caller<T>(request: &Request<T>) -> Result<Caller, RequestError> {
    request.extensions().get().cloned().ok_or(RequestError::Caller)
}

/// Runs work that reads or writes the store away from the threads that serve connections.
pub(crate) fn blocking<T, E>(
    work: impl FnOnce() -> Result<T, E> + Send + 'static,
) -> impl Future<Output = Result<T, Status>> + Send
where
    T: Send + 'static,
    E: Send + 'static,
    Status: From<E>,
{
    let span = tracing::Span::current();
    let task = tokio::task::spawn_blocking(move || span.in_scope(work));
    async move {
        match task.await {
            Ok(done) => Ok(done?),
            Err(error) => {
                tracing::error!(panicked = error.is_panic(), "a request broke off");
                let told = "the service failed; its operator finds the reason in the log";
                Err(Status::internal(told))
            }
        }
    }
}
