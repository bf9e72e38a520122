//! Batches: checked and encrypted one by one, made durable together with those that arrived meanwhile.

use samenloop_ledger::{Event, Rounded, commit};
use samenloop_schema::{Digest, KeyCheckValue, RoundId, Step, SubmissionId};
use samenloop_wire::store::{NONCE_LEN, TAG_LEN, batch_key, submission_key};
use samenloop_wire::v1::{self, BatchAcknowledgement, StoredBatch, SubmissionState};
use samenloop_wire::{Batch, BatchRule, MAX_BATCH_RECORDS};
use zeroize::Zeroizing;

use crate::identity::Caller;
use crate::ingest::{IngestError, IngestRule};
use crate::keys::random;
use crate::round::{Member, Rounds, StepError, advance, stored};
use crate::store::{Access as _, BATCHES, BLOBS, Change, SUBMISSIONS, StoreError};
use crate::submission::{announced, data_key};

/// A batch that waits to be made durable, or one that is refused whatever the store holds: its ledger
/// entry must follow those of the batches before it.
pub(crate) struct Prepared {
    place: Place,
    outcome: Result<Content, IngestRule>,
}

/// A batch whose every row fits the schema.
struct Content {
    submission: SubmissionId,
    key_check_value: KeyCheckValue,
    records: u64,
    digest: Digest,
    /// The rows under the submission's data key; none if the submission was not open.
    sealed: Option<Vec<u8>>,
}

fn is_open(held: &v1::StoredSubmission) -> bool {
    held.state() == SubmissionState::Open
}

impl Prepared {
    /// The one after another, which could not be read.
    pub(crate) fn undecodable(before: &Place, rule: IngestRule) -> Self {
        let number = before.number.saturating_add(1);
        Self { place: Place { number, ..before.clone() }, outcome: Err(rule) }
    }

    /// Where it stands.
    pub(crate) fn place(&self) -> &Place {
        &self.place
    }
}

/// Which batch of which submission.
#[derive(Clone)]
pub(crate) struct Place {
    member: Member,
    submission: Option<SubmissionId>,
    number: u32,
}

impl Rounds {
    /// Checks a batch by itself and encrypts its rows; writes nothing.
    pub(crate) fn prepare_batch(
        &self,
        caller: &Caller,
        batch: &Batch,
    ) -> Result<Prepared, IngestError> {
        let number = batch.number;
        let round = RoundId::from_slice(&batch.round_id).ok_or(IngestError::Refused {
            number,
            rule: BatchRule::RoundIdLength { found: batch.round_id.len() }.into(),
        })?;
        let member = self.member(caller, &round).map_err(|reason| match reason {
            StepError::NoRound { .. } => IngestError::NoRound { number, reason },
            other => other.into(),
        })?;
        // Erased if it breaks off in between; what is sealed has no copy left.
        let mut rows = Zeroizing::new(vec![0; NONCE_LEN]);
        let records = batch.records.len().min(MAX_BATCH_RECORDS);
        rows.reserve_exact(records * member.facts.shape.row_len() + TAG_LEN);
        let outcome = match batch.check(&member.facts.shape, &mut rows) {
            Ok(checked) => Ok(Content {
                submission: checked.submission_id,
                key_check_value: checked.key_check_value,
                records: checked.records as u64,
                digest: checked.digest,
                sealed: self.seal_rows(&member, &checked.submission_id, number, rows)?,
            }),
            Err(rule) => Err(rule.into()),
        };
        let submission = SubmissionId::from_slice(&batch.submission_id);
        Ok(Prepared { place: Place { member, submission, number }, outcome })
    }

    /// Rows, which follow after room for a nonce, under their submission's data key. That is the same for
    /// as long as it is open.
    fn seal_rows(
        &self,
        member: &Member,
        submission: &SubmissionId,
        number: u32,
        mut rows: Zeroizing<Vec<u8>>,
    ) -> Result<Option<Vec<u8>>, StoreError> {
        let (round, party) = (&member.facts.id, member.place.into());
        let key = submission_key(round, party, submission);
        let read = self.store().read()?;
        // A closed round's submissions stay as they were, without their keys.
        let keeps_rows = |held: &v1::StoredSubmission| !held.wrapped_data_key.is_empty();
        let held = read.get(SUBMISSIONS, &key)?.filter(is_open).filter(keeps_rows);
        let Some(held) = held else { return Ok(None) };
        let data_key = data_key(&read, &held, &key)?;
        data_key.seal_in_place(&mut rows, &batch_key(round, submission, number))?;
        Ok(Some(std::mem::take(&mut *rows)))
    }

    /// Makes batches durable in one change, each with its ledger entry, and acknowledges them. At the
    /// first that is refused it stops: those before it are durable, it leaves nothing but an entry with
    /// its rule's code, and those after it nothing. If the store fails nothing of them is kept.
    pub(crate) fn hold_batches(
        &self,
        batches: &[Prepared],
    ) -> (Vec<BatchAcknowledgement>, Option<IngestError>) {
        let mut refused = None;
        let held = match self.hold_until_refused(batches, &mut refused) {
            Ok(held) => held,
            Err(error) => return (vec![], Some(error.into())),
        };
        let error = refused.map(|(batch, rule)| match self.refuse(batch, &rule) {
            Ok(()) => IngestError::Refused { number: batch.place.number, rule },
            Err(error) => error.into(),
        });
        (held, error)
    }

    fn hold_until_refused<'b>(
        &self,
        batches: &'b [Prepared],
        refused: &mut Option<(&'b Prepared, IngestRule)>,
    ) -> Result<Vec<BatchAcknowledgement>, StepError> {
        let mut change = self.store().change()?;
        let mut held = vec![];
        let mut written = false;
        for batch in batches {
            match hold(&mut change, batch) {
                Ok(Held { acknowledgement, new }) => {
                    held.push(acknowledgement);
                    written |= new;
                }
                Err(Unheld::Rule(rule)) => {
                    *refused = Some((batch, rule));
                    break;
                }
                Err(Unheld::Step(error)) => return Err(error),
            }
        }
        if written {
            change.commit()?;
        }
        Ok(held)
    }

    /// Writes into the ledger that a batch was refused. A submission that is not this party's own
    /// is not named.
    fn refuse(&self, batch: &Prepared, rule: &IngestRule) -> Result<(), StoreError> {
        let Place { member, submission, number } = &batch.place;
        let (round, party, number) = (member.facts.id, member.place, *number);
        let mut change = self.store().change()?;
        let submission = match submission {
            Some(id) => {
                let key = submission_key(&round, party.into(), id);
                change.get(SUBMISSIONS, &key)?.map(|_| *id)
            }
            None => None,
        };
        let rule_code = rule.code();
        change.append(Event::BatchRefused { round, party, submission, number, rule: rule_code })?;
        change.commit()?;
        tracing::warn!(%round, party = %member.party(), rule_code, "batch refused");
        Ok(())
    }
}

/// A batch that the change holds.
struct Held {
    acknowledgement: BatchAcknowledgement,
    /// Whether it was not held before.
    new: bool,
}

/// Adds a batch to a change. Every rule comes before the first write, so that a refused batch leaves
/// the change as it was.
fn hold(change: &mut Change<'_>, batch: &Prepared) -> Result<Held, Unheld> {
    let content = batch.outcome.as_ref().map_err(|rule| Unheld::Rule(rule.clone()))?;
    let Content { submission, key_check_value, records, digest, sealed } = content;
    let Place { member, number, .. } = &batch.place;
    let (round, party, number) = (member.facts.id, member.place, *number);
    let (submission, records) = (*submission, *records);
    match advance(&mut stored(change, &round)?, Step::Submit) {
        Err(StepError::Illegal(illegal)) => return Err(IngestRule::from(illegal).into()),
        other => other?,
    }
    let key = submission_key(&round, party.into(), &submission);
    let open = change.get(SUBMISSIONS, &key)?.filter(is_open);
    let Some((mut held, sealed)) = open.zip(sealed.as_ref()) else {
        return Err(IngestRule::NotOpen { submission }.into());
    };
    if announced(change, &round, party)? != *key_check_value {
        return Err(IngestRule::KeyDiffers.into());
    }
    let place = batch_key(&round, &submission, number);
    if number < held.batches {
        let known = change
            .get(BATCHES, &place)?
            .ok_or(StoreError::Missing { what: "a batch that its submission counts" })?;
        if known.digest[..] != digest.0 {
            return Err(IngestRule::Different.into());
        }
        let acknowledgement = BatchAcknowledgement { number, ledger_index: known.ledger_index };
        return Ok(Held { acknowledgement, new: false });
    }
    if number > held.batches {
        return Err(IngestRule::Gap { next: held.batches }.into());
    }
    if held.records + records > held.expected_records {
        return Err(IngestRule::Surplus { expected: held.expected_records }.into());
    }
    let content_salt = random::<16>().map_err(StoreError::from)?;
    let ledger_index = change.append(Event::BatchAccepted {
        round,
        party,
        submission,
        number,
        records: Rounded::up(records),
        content: commit(&content_salt, digest),
    })?;
    let stored = StoredBatch {
        records: records as u32,
        digest: digest.0.to_vec().into(),
        ledger_index,
        content_salt: content_salt.to_vec().into(),
    };
    change.put_bytes(BLOBS, &place, sealed)?;
    change.put(BATCHES, &place, &stored)?;
    held.batches += 1;
    held.records += records;
    change.put(SUBMISSIONS, &key, &held)?;
    Ok(Held { acknowledgement: BatchAcknowledgement { number, ledger_index }, new: true })
}

/// Why a batch was not held.
enum Unheld {
    Rule(IngestRule),
    Step(StepError),
}

impl From<IngestRule> for Unheld {
    fn from(rule: IngestRule) -> Self {
        Self::Rule(rule)
    }
}

impl From<StoreError> for Unheld {
    fn from(error: StoreError) -> Self {
        Self::Step(error.into())
    }
}

impl From<StepError> for Unheld {
    fn from(error: StepError) -> Self {
        Self::Step(error)
    }
}

#[cfg(test)]
#[path = "batches_tests.rs"]
mod tests;
