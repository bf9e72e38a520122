//! Submissions of a partner: opened, sealed, shown, withdrawn.

use rayon::prelude::*;
use samenloop_ledger::{Event, Rounded, submission_content};
use samenloop_schema::{KeyCheckValue, Record, RoundId, RoundState, RowRule, Step, SubmissionId};
use samenloop_wire::store::{batch_key, party_key, submission_key};
use samenloop_wire::v1::{self, StoredSubmission, SubmissionState};
use zeroize::Zeroizing;

use crate::round::{
    Member, Placed, RoundFacts, Rounds, StepError, advance, delete_partition, destroy_submission,
    state, stored, submissions,
};
use crate::store::{
    Access, BATCHES, BLOBS, DataKey, KEY_ANNOUNCEMENTS, Keyed, ROUNDS, SUBMISSIONS, StoreError,
};

/// Submissions that one party may open in one round.
const MAX_SUBMISSIONS: usize = 1000;

/// Why a submission is not opened, sealed or withdrawn.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SubmissionError {
    /// The round cannot be stepped.
    #[error(transparent)]
    Step(#[from] StepError),
    /// Another key, schema or round than the others'.
    #[error(
        "the key check value is not the one that the round was opened with: encode again with the \
         round's linkage key and schema file"
    )]
    KeyDiffers,
    /// Too few or too many records.
    #[error("the manifest allows this party {min} to {max} records in a submission")]
    Records {
        /// Fewest.
        min: u64,
        /// Most.
        max: u64,
    },
    /// Opened again as if it were another extract.
    #[error("submission {submission} was opened with another number of records: encode again")]
    Changed {
        /// Which.
        submission: SubmissionId,
    },
    /// It was deleted.
    #[error("submission {submission} was {what}: encode again, which makes a new submission")]
    Gone {
        /// Which.
        submission: SubmissionId,
        /// What became of it.
        what: &'static str,
    },
    /// Another party has a submission of this id.
    #[error("submission id {submission} is taken: encode again, which draws a new one")]
    Taken {
        /// Which.
        submission: SubmissionId,
    },
    /// So many submissions are no accident.
    #[error("this party opened {MAX_SUBMISSIONS} submissions in this round: ask the coordinator")]
    TooMany,
    /// Never opened by this party.
    #[error("this party has no submission {submission} in the round: submit the extract first")]
    Unknown {
        /// Which.
        submission: SubmissionId,
    },
    /// Sealing before everything has arrived.
    #[error(
        "the submission is not complete: the service holds {batches} batches with {records} \
         records; submit the extract again, which goes on where it stopped"
    )]
    Incomplete {
        /// Batches held.
        batches: u32,
        /// Records held.
        records: u64,
    },
}

impl From<StoreError> for SubmissionError {
    fn from(error: StoreError) -> Self {
        Self::Step(error.into())
    }
}

/// Where an upload goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Resume {
    pub(crate) next_batch: u32,
    pub(crate) sealed: bool,
}

fn key_of(member: &Member, submission: &SubmissionId) -> [u8; 52] {
    submission_key(&member.facts.id, member.place.into(), submission)
}

fn gone(submission: SubmissionId, state: SubmissionState) -> SubmissionError {
    let what = match state {
        SubmissionState::Replaced => "replaced by a newer one",
        SubmissionState::Abandoned => "left for another one",
        SubmissionState::Withdrawn
        | SubmissionState::Open
        | SubmissionState::Sealed
        | SubmissionState::Unspecified => "withdrawn",
    };
    SubmissionError::Gone { submission, what }
}

/// The key check value that a party announced.
pub(crate) fn announced(
    access: &impl Access,
    round: &RoundId,
    party: u16,
) -> Result<KeyCheckValue, StoreError> {
    access
        .get(KEY_ANNOUNCEMENTS, &party_key(round, party.into()))?
        .and_then(|stored| KeyCheckValue::from_slice(&stored.key_check_value))
        .ok_or(StoreError::Missing { what: "a party's key check value" })
}

/// The data key of a submission that holds rows.
pub(crate) fn data_key(
    access: &impl Keyed,
    stored: &StoredSubmission,
    key: &[u8; 52],
) -> Result<DataKey, StoreError> {
    Ok(access.wrapping_key().unwrap(&stored.wrapped_data_key, key)?)
}

/// The rows of a submission in order, as they came in.
pub(crate) fn rows(
    access: &(impl Keyed + Sync),
    facts: &RoundFacts,
    placed: &Placed,
) -> Result<Vec<Record>, StoreError> {
    let key = submission_key(&facts.id, placed.party.into(), &placed.id);
    let data_key = data_key(access, &placed.stored, &key)?;
    let of_batch = |plain: &mut Zeroizing<Vec<u8>>, number: u32| {
        let place = batch_key(&facts.id, &placed.id, number);
        let opened =
            access.read(BLOBS, &place, |sealed| Ok(data_key.open_into(plain, sealed, &place)?))?;
        opened.ok_or(StoreError::Missing { what: "a batch's rows" })?;
        let rows = plain.chunks(facts.shape.row_len()).map(|row| facts.shape.read_row(row));
        let broken = |rule: RowRule| StoreError::Value {
            table: samenloop_wire::store::BLOBS,
            reason: rule.to_string(),
        };
        rows.map(|row| row.map_err(broken)).collect::<Result<Vec<Record>, StoreError>>()
    };
    let batches = (0..placed.stored.batches).into_par_iter();
    let batches: Vec<Vec<Record>> =
        batches.map_init(|| Zeroizing::new(vec![]), of_batch).collect::<Result<_, StoreError>>()?;
    let rows: Vec<Record> = batches.into_iter().flatten().collect();
    if rows.len() as u64 != placed.stored.records {
        return Err(StoreError::Missing { what: "rows of a submission" });
    }
    Ok(rows)
}

impl Rounds {
    /// Opens a submission or takes up an interrupted one.
    pub(crate) fn open_submission(
        &self,
        member: &Member,
        submission: SubmissionId,
        key_check_value: KeyCheckValue,
        records: u64,
    ) -> Result<Resume, SubmissionError> {
        let (round, place) = (member.facts.id, member.place);
        let mut change = self.store().change()?;
        advance(&mut stored(&change, &round)?, Step::Submit)?;
        if announced(&change, &round, place)? != key_check_value {
            return Err(SubmissionError::KeyDiffers);
        }
        let party = &member.facts.manifest.parties[usize::from(place)];
        let (min, max) = (party.min_records, party.max_records);
        if !(min..=max).contains(&records) {
            return Err(SubmissionError::Records { min, max });
        }
        let all = submissions(&change, round.as_bytes())?;
        if all.iter().any(|placed| placed.id == submission && placed.party != place) {
            return Err(SubmissionError::Taken { submission });
        }
        let own: Vec<_> = all.into_iter().filter(|placed| placed.party == place).collect();
        if let Some(known) = own.iter().find(|placed| placed.id == submission) {
            let (stored, state) = (&known.stored, known.stored.state());
            return match state {
                SubmissionState::Open | SubmissionState::Sealed
                    if stored.expected_records != records =>
                {
                    Err(SubmissionError::Changed { submission })
                }
                SubmissionState::Open | SubmissionState::Sealed => Ok(Resume {
                    next_batch: stored.batches,
                    sealed: state == SubmissionState::Sealed,
                }),
                state => Err(gone(submission, state)),
            };
        }
        if own.len() >= MAX_SUBMISSIONS {
            return Err(SubmissionError::TooMany);
        }
        let sequence = own.len() as u64;
        for unsealed in own {
            if unsealed.stored.state() == SubmissionState::Open {
                destroy_submission(&mut change, &round, unsealed, SubmissionState::Abandoned)?;
            }
        }
        let key = key_of(member, &submission);
        let data_key = DataKey::generate().map_err(StoreError::from)?;
        let wrapped = change.wrapping_key().wrap(&data_key, &key);
        let opened = StoredSubmission {
            state: SubmissionState::Open.into(),
            sequence,
            expected_records: records,
            wrapped_data_key: wrapped.map_err(StoreError::from)?.into(),
            ledger_index: change.append(Event::SubmissionOpened {
                round,
                party: place,
                submission,
            })?,
            ..StoredSubmission::default()
        };
        change.put(SUBMISSIONS, &key, &opened)?;
        change.commit()?;
        tracing::info!(%round, party = %member.party(), %submission, "submission opened");
        Ok(Resume { next_batch: 0, sealed: false })
    }

    /// Makes a complete submission the party's current one, and tells its place in the ledger.
    pub(crate) fn seal_submission(
        &self,
        member: &Member,
        submission: SubmissionId,
        batches: u32,
        records: u64,
    ) -> Result<u64, SubmissionError> {
        let key = key_of(member, &submission);
        let (round, party) = (member.facts.id, member.place);
        let unknown = || SubmissionError::Unknown { submission };
        let complete = |held: &StoredSubmission| {
            let all = held.batches == batches
                && held.records == records
                && held.expected_records == records;
            let (batches, records) = (held.batches, held.records);
            if all { Ok(()) } else { Err(SubmissionError::Incomplete { batches, records }) }
        };
        let mut change = self.store().change()?;
        let mut held = change.get(SUBMISSIONS, &key)?.ok_or_else(unknown)?;
        if held.state() == SubmissionState::Sealed {
            complete(&held)?;
            return Ok(held.ledger_index);
        }
        advance(&mut stored(&change, &round)?, Step::Submit)?;
        if held.state() != SubmissionState::Open {
            return Err(gone(submission, held.state()));
        }
        complete(&held)?;
        let mut contents = vec![];
        for number in 0..batches {
            let stored = change
                .get(BATCHES, &batch_key(&round, &submission, number))?
                .ok_or(StoreError::Missing { what: "a batch" })?;
            contents.push(crate::ingest::content(&stored)?);
        }
        let content = submission_content(contents);
        for older in submissions(&change, &party_key(&round, party.into()))? {
            if older.stored.state() == SubmissionState::Sealed {
                destroy_submission(&mut change, &round, older, SubmissionState::Replaced)?;
            }
        }
        held.set_state(SubmissionState::Sealed);
        held.content = content.0.to_vec().into();
        held.ledger_index = change.append(Event::SubmissionSealed {
            round,
            party,
            submission,
            batches,
            records: Rounded::up(records),
            content,
        })?;
        change.put(SUBMISSIONS, &key, &held)?;
        change.commit()?;
        tracing::info!(%round, party = %member.party(), %submission, "submission sealed");
        Ok(held.ledger_index)
    }

    /// The partner's submissions in the order of opening, and where the round stands.
    pub(crate) fn own_submissions(
        &self,
        member: &Member,
    ) -> Result<(Vec<Placed>, RoundState), SubmissionError> {
        let read = self.store().read()?;
        let mut own = submissions(&read, &party_key(&member.facts.id, member.place.into()))?;
        own.sort_by_key(|placed| placed.stored.sequence);
        Ok((own, state(&stored(&read, &member.facts.id)?)?))
    }

    /// Deletes a submission. After freezing this bars the release. Idempotent.
    pub(crate) fn withdraw_submission(
        &self,
        member: &Member,
        submission: SubmissionId,
    ) -> Result<u64, SubmissionError> {
        let round = member.facts.id;
        let key = key_of(member, &submission);
        let mut change = self.store().change()?;
        let held = change.get(SUBMISSIONS, &key)?;
        let held = held.ok_or(SubmissionError::Unknown { submission })?;
        let state = held.state();
        match state {
            SubmissionState::Withdrawn => return Ok(held.ledger_index),
            SubmissionState::Open | SubmissionState::Sealed => {}
            SubmissionState::Replaced
            | SubmissionState::Abandoned
            | SubmissionState::Unspecified => return Err(gone(submission, state)),
        }
        let mut stored = stored(&change, &round)?;
        advance(&mut stored, Step::Withdraw)?;
        let placed = Placed { party: member.place, id: submission, stored: held };
        let index = destroy_submission(&mut change, &round, placed, SubmissionState::Withdrawn)?;
        if stored.state() != v1::RoundState::Open {
            stored.release_barred = true;
            delete_partition(&mut change, &round, &mut stored)?;
            change.put(ROUNDS, round.as_bytes(), &stored)?;
        }
        change.commit()?;
        tracing::info!(%round, party = %member.party(), %submission, "submission withdrawn");
        Ok(index)
    }
}

/// A submission's status for its own party.
pub(crate) fn status(placed: &Placed) -> v1::SubmissionStatus {
    v1::SubmissionStatus {
        submission_id: placed.id.0.to_vec().into(),
        state: placed.stored.state,
        batches: placed.stored.batches,
        records: placed.stored.records,
        expected_records: placed.stored.expected_records,
        dropped_match_keys: placed.stored.dropped_match_keys,
    }
}
