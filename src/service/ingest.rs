//! Why a batch is refused, and what the ledger says of one that is not.

use samenloop_ledger::commit;
use samenloop_schema::{Digest, RowRule, SubmissionId};
use samenloop_wire::BatchRule;
use samenloop_wire::v1::StoredBatch;

use crate::round::StepError;
use crate::store::StoreError;

/// The rule that a batch breaks. `docs/protocol.md` lists the codes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum IngestRule {
    /// The batch is not one, or breaks a rule of the schema.
    #[error(transparent)]
    Batch(#[from] BatchRule),
    /// Not protobuf, unknown fields, or too long a message.
    #[error("{0}")]
    Undecodable(String),
    /// Another key, schema or round than the submission was opened with.
    #[error("the key check value is not the one of the submission: encode again")]
    KeyDiffers,
    /// The party has no such submission, or it takes no batches.
    #[error("submission {submission} is not open: open it first")]
    NotOpen {
        /// Which.
        submission: SubmissionId,
    },
    /// Batches were left out.
    #[error("the next batch to send is {next}")]
    Gap {
        /// The first number that the service does not hold.
        next: u32,
    },
    /// Another batch is held under this number.
    #[error("another batch is held under this number: encode again, which makes a new submission")]
    Different,
    /// More records than the submission was opened with.
    #[error("the submission was opened with {expected} records and would get more")]
    Surplus {
        /// When it was opened.
        expected: u64,
    },
    /// The round does not take batches now.
    #[error(transparent)]
    Illegal(#[from] samenloop_schema::IllegalTransition),
}

/// Why a batch is not accepted.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum IngestError {
    /// It breaks a rule; nothing of it is kept.
    #[error("batch {number}: {rule}")]
    Refused {
        /// Number that the batch gives itself.
        number: u32,
        /// The rule.
        rule: IngestRule,
    },
    /// No such round for this caller.
    #[error("batch {number}: {reason}")]
    NoRound {
        /// Number that the batch gives itself.
        number: u32,
        /// Which round.
        reason: StepError,
    },
    /// The store fails.
    #[error(transparent)]
    Step(#[from] StepError),
}

impl From<StoreError> for IngestError {
    fn from(error: StoreError) -> Self {
        Self::Step(error.into())
    }
}

impl IngestRule {
    /// The code that stands in the ledger.
    #[must_use]
    pub fn code(&self) -> u16 {
        match self {
            Self::Undecodable(_) => 1,
            Self::KeyDiffers => 2,
            Self::NotOpen { .. } => 3,
            Self::Gap { .. } => 4,
            Self::Different => 5,
            Self::Surplus { .. } => 6,
            Self::Illegal(_) => 7,
            Self::Batch(rule) => batch_code(rule),
        }
    }
}

fn batch_code(rule: &BatchRule) -> u16 {
    match rule {
        BatchRule::RoundIdLength { .. } => 20,
        BatchRule::SubmissionIdLength { .. } => 21,
        BatchRule::KeyCheckLength { .. } => 22,
        BatchRule::Empty => 23,
        BatchRule::TooManyRecords { .. } => 24,
        BatchRule::TooLong { .. } => 25,
        BatchRule::Message { .. } => 26,
        BatchRule::Row { rule, .. } => row_code(rule),
        _ => 29,
    }
}

fn row_code(rule: &RowRule) -> u16 {
    match rule {
        RowRule::EncodingCount { .. } => 40,
        RowRule::EncodingLength { .. } => 41,
        RowRule::EncodingAllOnes { .. } => 42,
        RowRule::EncodingAllZeros { .. } => 43,
        RowRule::EncodingTooSparse { .. } => 44,
        RowRule::EncodingTooDense { .. } => 45,
        RowRule::EncodingText { .. } => 46,
        RowRule::MatchKeyCount { .. } => 50,
        RowRule::MatchKeyLength { .. } => 51,
        RowRule::MatchKeyConstant { .. } => 52,
        RowRule::MatchKeyText { .. } => 53,
        RowRule::CodeCount { .. } => 60,
        RowRule::CodeUnlisted { .. } => 61,
        RowRule::StartOutOfRange => 62,
        RowRule::EndOutOfRange => 63,
        RowRule::EndBeforeStart => 64,
        RowRule::Empty => 65,
        _ => 69,
    }
}

/// What the ledger says of a stored batch.
pub(crate) fn content(stored: &StoredBatch) -> Result<Digest, StoreError> {
    let salt = stored.content_salt[..].try_into().ok();
    salt.zip(Digest::from_slice(&stored.digest))
        .map(|(salt, digest)| commit(&salt, &digest))
        .ok_or(StoreError::Missing { what: "a batch's salt or digest" })
}
