//! Errors as gRPC statuses: what a caller is told, and under which code.

use samenloop_disclose::Refusal;
use samenloop_ledger::ProofError;
use tonic::{Code, Status};

use crate::access::AccessError;
use crate::ingest::{IngestError, IngestRule};
use crate::round::{CorrectError, CreateError, FreezeError, OpenError, StepError, WitnessError};
use crate::rpc::RequestError;
use crate::rpc::release::ReleaseRpcError;
use crate::run::{ReleaseError, RunError};
use crate::store::StoreError;
use crate::submission::SubmissionError;

/// What a caller is told when the service itself fails; the log has the reason.
fn internal(error: &dyn std::error::Error) -> Status {
    tracing::error!(%error, "a request failed");
    Status::internal("the service failed; its operator finds the reason in the log")
}

impl From<StoreError> for Status {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Stopped => Self::unavailable(error.to_string()),
            StoreError::Disk { .. } => {
                tracing::error!(%error, "a request failed");
                Self::unavailable(
                    "the service's disk is full or fails; nothing of this request is acknowledged: \
                     try again later",
                )
            }
            other => internal(&other),
        }
    }
}

impl From<AccessError> for Status {
    fn from(error: AccessError) -> Self {
        let code = match error {
            AccessError::Identity(_) | AccessError::Ended => Code::Unauthenticated,
            AccessError::Role { .. } => Code::PermissionDenied,
            AccessError::Unknown => Code::Unimplemented,
            AccessError::Busy => Code::ResourceExhausted,
        };
        Self::new(code, error.to_string())
    }
}

impl From<RequestError> for Status {
    fn from(error: RequestError) -> Self {
        let code = match error {
            RequestError::Length { .. } | RequestError::Measure => Code::InvalidArgument,
            RequestError::Caller | RequestError::Ended => Code::Unauthenticated,
            RequestError::Busy | RequestError::Full | RequestError::Often => {
                Code::ResourceExhausted
            }
            RequestError::Stopping => Code::Unavailable,
            RequestError::Idle => Code::DeadlineExceeded,
        };
        Self::new(code, error.to_string())
    }
}

impl From<StepError> for Status {
    fn from(error: StepError) -> Self {
        match error {
            StepError::NoRound { .. } => Self::not_found(error.to_string()),
            StepError::Illegal(_) => Self::failed_precondition(error.to_string()),
            StepError::Store(error) => error.into(),
        }
    }
}

impl From<CreateError> for Status {
    fn from(error: CreateError) -> Self {
        match error {
            CreateError::Text { .. }
            | CreateError::Manifest(_)
            | CreateError::Schema(_)
            | CreateError::SchemaHash { .. }
            | CreateError::TooManyCells { .. }
            | CreateError::TooManyLooks(_)
            | CreateError::Witness { .. }
            | CreateError::RollUp(_) => Self::invalid_argument(error.to_string()),
            CreateError::Exists { .. } => Self::already_exists(error.to_string()),
            CreateError::Store(error) => error.into(),
        }
    }
}

impl From<OpenError> for Status {
    fn from(error: OpenError) -> Self {
        match error {
            OpenError::Step(error) => error.into(),
            OpenError::Missing { .. } | OpenError::Differ { .. } => {
                Self::failed_precondition(error.to_string())
            }
        }
    }
}

impl From<CorrectError> for Status {
    fn from(error: CorrectError) -> Self {
        match error {
            CorrectError::Step(error) => error.into(),
            CorrectError::Reason => Self::invalid_argument(error.to_string()),
            CorrectError::Again | CorrectError::Barred => {
                Self::failed_precondition(error.to_string())
            }
        }
    }
}

impl From<WitnessError> for Status {
    fn from(error: WitnessError) -> Self {
        let code = match error {
            WitnessError::Step(error) => return error.into(),
            WitnessError::Unknown { .. } => Code::NotFound,
            WitnessError::Length | WitnessError::Size { .. } | WitnessError::Invalid { .. } => {
                Code::InvalidArgument
            }
            WitnessError::TooFew { .. } => Code::FailedPrecondition,
        };
        Self::new(code, error.to_string())
    }
}

impl From<FreezeError> for Status {
    fn from(error: FreezeError) -> Self {
        match error {
            FreezeError::Step(error) => error.into(),
            FreezeError::TooFew { .. } => Self::failed_precondition(error.to_string()),
        }
    }
}

impl From<SubmissionError> for Status {
    fn from(error: SubmissionError) -> Self {
        let code = match error {
            SubmissionError::Step(error) => return error.into(),
            SubmissionError::Records { .. } => Code::InvalidArgument,
            SubmissionError::KeyDiffers
            | SubmissionError::Changed { .. }
            | SubmissionError::Gone { .. }
            | SubmissionError::Incomplete { .. } => Code::FailedPrecondition,
            SubmissionError::Taken { .. } => Code::AlreadyExists,
            SubmissionError::TooMany => Code::ResourceExhausted,
            SubmissionError::Unknown { .. } => Code::NotFound,
        };
        Self::new(code, error.to_string())
    }
}

impl From<IngestError> for Status {
    fn from(error: IngestError) -> Self {
        let code = match &error {
            IngestError::Refused { rule, .. } => match rule {
                IngestRule::Batch(_) | IngestRule::Undecodable(_) | IngestRule::Surplus { .. } => {
                    Code::InvalidArgument
                }
                IngestRule::KeyDiffers
                | IngestRule::NotOpen { .. }
                | IngestRule::Gap { .. }
                | IngestRule::Illegal(_) => Code::FailedPrecondition,
                IngestRule::Different => Code::AlreadyExists,
            },
            IngestError::NoRound { .. } => Code::NotFound,
            IngestError::Step(_) => Code::Unknown,
        };
        match error {
            IngestError::Step(error) => error.into(),
            IngestError::NoRound { .. } | IngestError::Refused { .. } => {
                Self::new(code, error.to_string())
            }
        }
    }
}

impl From<RunError> for Status {
    fn from(error: RunError) -> Self {
        match error {
            RunError::Step(error) => error.into(),
            RunError::Withdrawn | RunError::NoRun => Self::failed_precondition(error.to_string()),
            RunError::Cancelled => Self::cancelled(error.to_string()),
            RunError::Stopping => Self::unavailable(error.to_string()),
            RunError::Link(_) | RunError::BrokeOff => internal(&error),
        }
    }
}

impl From<ReleaseError> for Status {
    fn from(error: ReleaseError) -> Self {
        match error {
            ReleaseError::Step(error) => error.into(),
            ReleaseError::Witness(error) => error.into(),
            ReleaseError::Barred => Self::failed_precondition(error.to_string()),
            ReleaseError::Refused(refusal) => match refusal {
                Refusal::TooManyCells { .. }
                | Refusal::TooFewParties { .. }
                | Refusal::TooFewPeople { .. }
                | Refusal::Policy(_)
                | Refusal::Noise(_)
                | Refusal::Looks(_) => Self::failed_precondition(refusal.to_string()),
                other => internal(&other),
            },
        }
    }
}

impl From<ReleaseRpcError> for Status {
    fn from(error: ReleaseRpcError) -> Self {
        match error {
            ReleaseRpcError::Request(error) => error.into(),
            ReleaseRpcError::Step(error) => error.into(),
            ReleaseRpcError::Nothing => Self::failed_precondition(error.to_string()),
            ReleaseRpcError::Query(error) => Self::invalid_argument(error.to_string()),
            ReleaseRpcError::Witness(error) => error.into(),
        }
    }
}

/// A proof that was asked of a tree that never was.
pub(crate) fn proof(error: ProofError) -> Status {
    Status::invalid_argument(error.to_string())
}
