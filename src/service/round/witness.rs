//! Witnesses of a round: those who found that the ledger only grew, and signed.

use samenloop_ledger::{Checkpoint, Cosignature, Event, SigningKey, WitnessKey};
use samenloop_schema::RoundId;
use samenloop_wire::v1::{StoredCosignature, StoredRound};

use super::{RoundFacts, Rounds, StepError, stored};
use crate::identity::Caller;
use crate::store::{ROUNDS, Store, StoreError};

/// Why a cosignature is not kept, or does not suffice.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WitnessError {
    /// No such round, or the store fails.
    #[error(transparent)]
    Step(#[from] StepError),
    /// The manifest has no such witness.
    #[error("the round's manifest has no witness {witness}: name a key that stands in it")]
    Unknown {
        /// Place in the manifest.
        witness: u32,
    },
    /// No time and signature.
    #[error("cosignature must have {} bytes: a time and a signature", Cosignature::LEN)]
    Length,
    /// A checkpoint of more entries than there are.
    #[error("the ledger has {found} entries and not {size}: fetch its checkpoint again")]
    Size {
        /// As signed.
        size: u64,
        /// As there are.
        found: u64,
    },
    /// The signature is not over this ledger's checkpoint.
    #[error("the cosignature does not hold for the ledger's first {size} entries")]
    Invalid {
        /// As signed.
        size: u64,
    },
    /// Not enough for a release.
    #[error(
        "{found} of {needed} witnesses have cosigned the ledger since the linkage: ask the others to \
         run `samenloop-audit witness` and release again"
    )]
    TooFew {
        /// Whose cosignature counts.
        found: usize,
        /// As the manifest says.
        needed: usize,
    },
}

impl From<StoreError> for WitnessError {
    fn from(error: StoreError) -> Self {
        Self::Step(error.into())
    }
}

/// Entries that are read at once.
const PAGE: u64 = 256;

/// Size of the ledger right after the round was last linked; none before.
fn linked_size(store: &Store, round: &RoundId) -> Result<Option<u64>, StoreError> {
    let mut end = store.head().0;
    while end > 0 {
        let begin = end.saturating_sub(PAGE);
        let linked = |event: &Event| matches!(event, Event::RunFinished { round: linked, .. } if linked == round);
        let page = store.entries(begin, end)?;
        if let Some(found) = page.iter().rev().find(|served| linked(&served.entry.event)) {
            return Ok(Some(found.index + 1));
        }
        end = begin;
    }
    Ok(None)
}

fn checkpoint(store: &Store, origin: &str, size: u64) -> Result<Checkpoint, WitnessError> {
    let found = store.head().0;
    let root = store.root_at(size).map_err(|_| WitnessError::Size { size, found })?;
    Ok(Checkpoint { origin: origin.to_owned(), size, root })
}

impl Rounds {
    /// Keeps a witness's cosignature, unless a newer one of it is held. Returns the size that a
    /// checkpoint needs to count for a release.
    pub(crate) fn cosign(
        &self,
        caller: &Caller,
        round: &RoundId,
        origin: &str,
        signed: StoredCosignature,
    ) -> Result<Option<u64>, WitnessError> {
        let facts = self.visible(caller, round)?;
        let StoredCosignature { witness, size, cosignature } = &signed;
        let unknown = WitnessError::Unknown { witness: *witness };
        let key = facts.manifest.witnesses.get(*witness as usize);
        let key = key.and_then(|key| WitnessKey::from_text(key).ok()).ok_or(unknown)?;
        let held = Cosignature::from_bytes(cosignature).ok_or(WitnessError::Length)?;
        if !key.cosigned(&checkpoint(self.store(), origin, *size)?, &held) {
            return Err(WitnessError::Invalid { size: *size });
        }
        let (witness, size) = (*witness, *size);
        let mut change = self.store().change()?;
        let mut stored = stored(&change, round)?;
        let all = &mut stored.cosignatures;
        match all.iter_mut().find(|known| known.witness == witness) {
            Some(known) if known.size >= size => return Ok(linked_size(self.store(), round)?),
            Some(known) => *known = signed,
            None => all.push(signed),
        }
        change.put(ROUNDS, round.as_bytes(), &stored)?;
        // The manifest has at most 1000 witnesses.
        let (round, witness) = (*round, witness as u16);
        change.append(Event::Cosigned { round, witness, size })?;
        change.commit()?;
        tracing::info!(%round, witness, size, "cosigned");
        Ok(linked_size(self.store(), &round)?)
    }

    /// The cosignatures of checkpoints from after the linkage.
    fn counting(
        &self,
        round: &RoundId,
        stored: &StoredRound,
    ) -> Result<Vec<StoredCosignature>, StoreError> {
        let Some(least) = linked_size(self.store(), round)? else { return Ok(vec![]) };
        Ok(stored.cosignatures.iter().filter(|given| given.size >= least).cloned().collect())
    }

    /// Whether as many witnesses have cosigned as the manifest asks for.
    pub(crate) fn check_cosigned(
        &self,
        facts: &RoundFacts,
        stored: &StoredRound,
    ) -> Result<(), WitnessError> {
        let needed = facts.manifest.min_cosignatures;
        if needed == 0 {
            return Ok(());
        }
        let found = self.counting(&facts.id, stored)?.len();
        if found >= needed { Ok(()) } else { Err(WitnessError::TooFew { found, needed }) }
    }

    /// The checkpoints that a release rests on: each signed by the ledger and by one witness.
    pub(crate) fn cosigned_checkpoints(
        &self,
        round: &RoundId,
        stored: &StoredRound,
        ledger: &SigningKey,
    ) -> Result<Vec<String>, WitnessError> {
        let facts = self.facts(round)?;
        let mut notes = vec![];
        for StoredCosignature { witness, size, cosignature } in self.counting(round, stored)? {
            let key = facts.manifest.witnesses.get(witness as usize);
            let missing = StoreError::Missing { what: "a witness's key" };
            let key = key.and_then(|key| WitnessKey::from_text(key).ok()).ok_or(missing)?;
            let cosignature = Cosignature::from_bytes(&cosignature).ok_or(WitnessError::Length)?;
            let note = checkpoint(self.store(), ledger.verifying_key().name(), size)?.sign(ledger);
            notes.push(note + &key.line(&cosignature));
        }
        Ok(notes)
    }
}
