//! Fixing the inputs.

use samenloop_ledger::{Event, inputs_root};
use samenloop_schema::{Digest, RoundId, Step, SubmissionId};
use samenloop_wire::v1::{StoredSubmission, SubmissionState};

use super::{Rounds, StepError, advance, destroy_submission, stored};
use crate::store::{Access, ROUNDS, SUBMISSIONS, StoreError};

/// Why a round is not frozen.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FreezeError {
    /// The round cannot be stepped.
    #[error(transparent)]
    Step(#[from] StepError),
    /// Too few parties have sealed a submission.
    #[error(
        "{sealed} of the parties have a sealed submission, the manifest needs {needed}: \
         wait for the others"
    )]
    TooFew {
        /// Parties that have.
        sealed: usize,
        /// In the manifest.
        needed: usize,
    },
}

impl From<StoreError> for FreezeError {
    fn from(error: StoreError) -> Self {
        Self::Step(error.into())
    }
}

/// A submission with its place in the store.
pub(crate) struct Placed {
    pub(crate) party: u16,
    pub(crate) id: SubmissionId,
    pub(crate) stored: StoredSubmission,
}

/// The submissions of a round, or of one party (a prefix of the key), in the order of parties.
pub(crate) fn submissions(access: &impl Access, prefix: &[u8]) -> Result<Vec<Placed>, StoreError> {
    let missing = StoreError::Missing { what: "a submission's key" };
    let mut placed = vec![];
    for (key, stored) in access.list(SUBMISSIONS, prefix)? {
        let parts = key.split_last_chunk::<16>().and_then(|(rest, id)| {
            let (_, party) = rest.split_last_chunk::<4>()?;
            Some((u16::try_from(u32::from_be_bytes(*party)).ok()?, SubmissionId(*id)))
        });
        let Some((party, id)) = parts else { return Err(missing) };
        placed.push(Placed { party, id, stored });
    }
    Ok(placed)
}

impl Rounds {
    /// Fixes the inputs and returns their root. Submissions that are not sealed are abandoned.
    pub(crate) fn freeze(&self, round: &RoundId) -> Result<Digest, FreezeError> {
        let needed = self.facts(round)?.manifest.min_parties;
        let mut change = self.store().change()?;
        let mut stored = stored(&change, round)?;
        advance(&mut stored, Step::Freeze)?;
        let (sealed, others): (Vec<_>, Vec<_>) = submissions(&change, round.as_bytes())?
            .into_iter()
            .partition(|placed| placed.stored.state() == SubmissionState::Sealed);
        if sealed.len() < needed {
            return Err(FreezeError::TooFew { sealed: sealed.len(), needed });
        }
        for open in others {
            if open.stored.state() == SubmissionState::Open {
                destroy_submission(&mut change, round, open, SubmissionState::Abandoned)?;
            }
        }
        let contents = sealed
            .iter()
            .map(|placed| Digest::from_slice(&placed.stored.content))
            .collect::<Option<Vec<_>>>()
            .ok_or(StoreError::Missing { what: "a sealed submission's content" })?;
        let root = inputs_root(contents);
        stored.inputs_root = root.0.to_vec().into();
        change.put(ROUNDS, round.as_bytes(), &stored)?;
        change.append(Event::RoundFrozen {
            round: *round,
            submissions: sealed.len() as u16,
            inputs_root: root,
        })?;
        change.commit()?;
        tracing::info!(%round, "round frozen");
        Ok(root)
    }
}
