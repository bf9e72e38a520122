//! Taking a release back to correct it.

use samenloop_ledger::Event;
use samenloop_schema::{Digest, RoundId, Step};
use samenloop_wire::store;
use samenloop_wire::v1::Correction;

use super::close::delete_partition;
use super::{Rounds, StepError, advance, stored};
use crate::store::{ROUNDS, StoreError};

/// Why a release is not taken back.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CorrectError {
    /// The round cannot be stepped.
    #[error(transparent)]
    Step(#[from] StepError),
    /// No reason, or none that is known.
    #[error("say what is wrong with the release: linkage or tables")]
    Reason,
    /// The second correction.
    #[error(
        "this release corrects an earlier one already; a third set of numbers about the same people \
         would let their noise be averaged out. Create a new round"
    )]
    Again,
    /// A party withdrew, so that nothing could be released anew.
    #[error("a party withdrew after freezing, so this release cannot be replaced by another one")]
    Barred,
}

impl From<StoreError> for CorrectError {
    fn from(error: StoreError) -> Self {
        Self::Step(error.into())
    }
}

impl Rounds {
    /// Takes the round's release back: what was found and released is deleted, the inputs stand.
    pub(crate) fn correct(&self, round: &RoundId, reason: Correction) -> Result<(), CorrectError> {
        if reason == Correction::Unspecified {
            return Err(CorrectError::Reason);
        }
        let mut change = self.store().change()?;
        let mut stored = stored(&change, round)?;
        advance(&mut stored, Step::Correct)?;
        if stored.correction() != Correction::Unspecified {
            return Err(CorrectError::Again);
        }
        if stored.release_barred {
            return Err(CorrectError::Barred);
        }
        let release = Digest::from_slice(&stored.release_digest);
        let release = release.ok_or(StoreError::Missing { what: "a release" })?;
        stored.corrected_digest = std::mem::take(&mut stored.release_digest);
        stored.set_correction(reason);
        delete_partition(&mut change, round, &mut stored)?;
        change.remove_all(store::RELEASES, round.as_bytes())?;
        change.put(ROUNDS, round.as_bytes(), &stored)?;
        let reason = reason as u16;
        change.append(Event::CorrectionBegun { round: *round, release, reason })?;
        change.commit()?;
        tracing::warn!(%round, reason, "release taken back");
        Ok(())
    }
}
