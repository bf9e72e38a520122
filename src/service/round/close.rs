//! Deleting what a round holds.

use samenloop_ledger::Event;
use samenloop_schema::{RoundId, Step, SubmissionId};
use samenloop_wire::store;
use samenloop_wire::v1::{StoredRound, StoredSubmission, SubmissionState};

use super::freeze::{Placed, submissions};
use super::{Rounds, StepError, advance, stored};
use crate::store::{Change, ROUNDS, SUBMISSIONS, StoreError};

/// Destroys a submission's data key, deletes its batches with their salts, and says so in the
/// ledger. Returns the entry's index.
pub(crate) fn destroy_submission(
    change: &mut Change<'_>,
    round: &RoundId,
    placed: Placed,
    state: SubmissionState,
) -> Result<u64, StoreError> {
    let Placed { party, id: submission, mut stored } = placed;
    let round = *round;
    let event = match state {
        SubmissionState::Replaced => Event::SubmissionReplaced { round, party, submission },
        SubmissionState::Abandoned => Event::SubmissionAbandoned { round, party, submission },
        SubmissionState::Withdrawn
        | SubmissionState::Open
        | SubmissionState::Sealed
        | SubmissionState::Unspecified => Event::SubmissionWithdrawn { round, party, submission },
    };
    stored.ledger_index = change.append(event)?;
    delete_rows(change, &round, &submission, &mut stored)?;
    stored.set_state(state);
    change.put(SUBMISSIONS, &store::submission_key(&round, party.into(), &submission), &stored)?;
    Ok(stored.ledger_index)
}

/// Deletes a submission's rows and batches, and its data key.
pub(crate) fn delete_rows(
    change: &mut Change<'_>,
    round: &RoundId,
    submission: &SubmissionId,
    stored: &mut StoredSubmission,
) -> Result<(), StoreError> {
    change.destroy_key(&mut stored.wrapped_data_key);
    stored.content.clear();
    let prefix = [round.as_bytes(), submission.as_bytes()].concat();
    change.remove_all(store::BATCHES, &prefix)?;
    change.remove_all(store::BLOBS, &prefix)
}

/// Destroys the key of what a run found and deletes it.
pub(crate) fn delete_partition(
    change: &mut Change<'_>,
    round: &RoundId,
    stored: &mut StoredRound,
) -> Result<(), StoreError> {
    change.destroy_key(&mut stored.wrapped_partition_key);
    stored.partition_salt.clear();
    stored.partition_digest.clear();
    change.remove_all(store::PARTITIONS, round.as_bytes())
}

/// Deletes everything that a closed round no longer holds.
pub(crate) fn close_in(
    change: &mut Change<'_>,
    round: &RoundId,
    stored: &mut StoredRound,
) -> Result<(), StoreError> {
    for mut placed in submissions(change, round.as_bytes())? {
        delete_rows(change, round, &placed.id, &mut placed.stored)?;
        let key = store::submission_key(round, placed.party.into(), &placed.id);
        change.put(SUBMISSIONS, &key, &placed.stored)?;
    }
    delete_partition(change, round, stored)?;
    change.put(ROUNDS, round.as_bytes(), stored)
}

impl Rounds {
    /// Ends a round: submissions and the partition are deleted, a release stands.
    pub(crate) fn close(&self, round: &RoundId) -> Result<(), StepError> {
        self.end(round, false)
    }

    /// Ends a round because its coordinator says so, or because its retention is over.
    pub(super) fn end(&self, round: &RoundId, expired: bool) -> Result<(), StepError> {
        let mut change = self.store().change()?;
        let mut stored = stored(&change, round)?;
        advance(&mut stored, Step::Close)?;
        close_in(&mut change, round, &mut stored)?;
        if expired {
            change.append(Event::RetentionEnded { round: *round })?;
        }
        change.append(Event::RoundClosed { round: *round })?;
        change.commit()?;
        tracing::info!(%round, "round closed");
        Ok(())
    }
}
