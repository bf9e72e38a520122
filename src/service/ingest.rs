//! Batches: checked, encrypted and made durable one by one.

use prost::Message as _;
use samenloop_ledger::{Event, Rounded, commit};
use samenloop_schema::{Digest, RoundId, RowRule, Step, SubmissionId};
use samenloop_wire::store::{batch_key, submission_key};
use samenloop_wire::v1::{self, BatchAcknowledgement, StoredBatch, SubmissionState};
use samenloop_wire::{BatchRule, CheckedBatch, from_batch};
use zeroize::Zeroizing;

use crate::identity::Caller;
use crate::keys::random;
use crate::round::{Member, Rounds, StepError, advance, stored};
use crate::store::{Access as _, BATCHES, BLOBS, SUBMISSIONS, StoreError};
use crate::submission::{announced, data_key};

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

impl Rounds {
    /// Checks a batch and makes it durable together with its ledger entry. A refused batch leaves
    /// nothing but an entry with its rule's code.
    pub(crate) fn accept_batch(
        &self,
        caller: &Caller,
        batch: &v1::Batch,
    ) -> Result<BatchAcknowledgement, IngestError> {
        let number = batch.number;
        let round = RoundId::from_slice(&batch.round_id).ok_or(IngestError::Refused {
            number,
            rule: BatchRule::RoundIdLength { found: batch.round_id.len() }.into(),
        })?;
        let member = self.member(caller, &round).map_err(|reason| match reason {
            StepError::NoRound { .. } => IngestError::NoRound { number, reason },
            other => other.into(),
        })?;
        let accepted = match from_batch(&member.facts.shape, batch) {
            Ok(checked) => {
                let digest = Digest::of(&batch.encode_to_vec());
                self.hold(&member, &checked, digest)
            }
            Err(rule) => Err(Unheld::Rule(rule.into())),
        };
        match accepted {
            Ok(acknowledgement) => Ok(acknowledgement),
            Err(Unheld::Rule(rule)) => {
                let submission = SubmissionId::from_slice(&batch.submission_id);
                self.refuse_batch(&member, submission, number, &rule)?;
                Err(IngestError::Refused { number, rule })
            }
            Err(Unheld::Store(error)) => Err(error.into()),
            Err(Unheld::Step(error)) => Err(error.into()),
        }
    }

    /// Writes into the ledger that a batch was refused. A submission that is not this party's own
    /// is not named.
    pub(crate) fn refuse_batch(
        &self,
        member: &Member,
        submission: Option<SubmissionId>,
        number: u32,
        rule: &IngestRule,
    ) -> Result<(), StoreError> {
        let (round, party) = (member.facts.id, member.place);
        let mut change = self.store().change()?;
        let submission = match submission {
            Some(id) => {
                let key = submission_key(&round, party.into(), &id);
                change.get(SUBMISSIONS, &key)?.map(|_| id)
            }
            None => None,
        };
        let rule_code = rule.code();
        change.append(Event::BatchRefused { round, party, submission, number, rule: rule_code })?;
        change.commit()?;
        tracing::warn!(%round, party = %member.party(), rule_code, "batch refused");
        Ok(())
    }

    fn hold(
        &self,
        member: &Member,
        batch: &CheckedBatch,
        digest: Digest,
    ) -> Result<BatchAcknowledgement, Unheld> {
        let (round, party, submission) = (member.facts.id, member.place, batch.submission_id);
        let shape = &member.facts.shape;
        let number = batch.number;
        let mut rows = Zeroizing::new(Vec::with_capacity(batch.records.len() * shape.row_len()));
        for record in &batch.records {
            shape.write_row(record, &mut rows);
        }

        let mut change = self.store().change()?;
        match advance(&mut stored(&change, &round)?, Step::Submit) {
            Err(StepError::Illegal(illegal)) => return Err(IngestRule::from(illegal).into()),
            other => other?,
        }
        let key = submission_key(&round, party.into(), &submission);
        let open = |held: &v1::StoredSubmission| held.state() == SubmissionState::Open;
        let Some(mut held) = change.get(SUBMISSIONS, &key)?.filter(open) else {
            return Err(IngestRule::NotOpen { submission }.into());
        };
        if announced(&change, &round, party)? != batch.key_check_value {
            return Err(IngestRule::KeyDiffers.into());
        }
        let place = batch_key(&round, &submission, number);
        if number < held.batches {
            let known = change
                .get(BATCHES, &place)?
                .ok_or(StoreError::Missing { what: "a batch that its submission counts" })?;
            return if known.digest[..] == digest.0 {
                Ok(BatchAcknowledgement { number, ledger_index: known.ledger_index })
            } else {
                Err(IngestRule::Different.into())
            };
        }
        if number > held.batches {
            return Err(IngestRule::Gap { next: held.batches }.into());
        }
        let records = batch.records.len() as u64;
        if held.records + records > held.expected_records {
            return Err(IngestRule::Surplus { expected: held.expected_records }.into());
        }
        let data_key = data_key(&change, &held, &key)?;
        let blob = data_key.seal(&rows, &place).map_err(StoreError::from)?;
        let content_salt = random::<16>().map_err(StoreError::from)?;
        let ledger_index = change.append(Event::BatchAccepted {
            round,
            party,
            submission,
            number,
            records: Rounded::up(records),
            content: commit(&content_salt, &digest),
        })?;
        let stored = StoredBatch {
            records: records as u32,
            digest: digest.0.to_vec().into(),
            ledger_index,
            content_salt: content_salt.to_vec().into(),
        };
        change.put_bytes(BLOBS, &place, &blob)?;
        change.put(BATCHES, &place, &stored)?;
        held.batches += 1;
        held.records += records;
        change.put(SUBMISSIONS, &key, &held)?;
        change.commit()?;
        Ok(BatchAcknowledgement { number, ledger_index })
    }
}

/// Why a batch was not held.
enum Unheld {
    Rule(IngestRule),
    Store(StoreError),
    Step(StepError),
}

impl From<IngestRule> for Unheld {
    fn from(rule: IngestRule) -> Self {
        Self::Rule(rule)
    }
}

impl From<StoreError> for Unheld {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<StepError> for Unheld {
    fn from(error: StepError) -> Self {
        Self::Step(error)
    }
}

#[cfg(test)]
#[path = "ingest_tests.rs"]
mod tests;
