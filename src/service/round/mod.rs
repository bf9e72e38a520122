//! Rounds: their facts, and the steps that a coordinator takes.

mod close;
mod correct;
mod create;
mod freeze;
mod open;
mod retention;
#[cfg(test)]
mod tests;
mod view;
mod witness;

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use samenloop_schema::{
    IllegalTransition, LinkageSchema, PartyId, RecordShape, RoundId, RoundManifest, RoundState,
    Step,
};
use samenloop_wire::v1::{self, StoredRound};

pub(crate) use close::{close_in, delete_partition, delete_rows, destroy_submission};
pub use correct::CorrectError;
pub use create::{CreateError, MAX_FILE_BYTES};
pub use freeze::FreezeError;
pub(crate) use freeze::{Placed, submissions};
pub use open::OpenError;
pub(crate) use view::RoundView;
pub use witness::WitnessError;

use crate::identity::{Caller, Role};
use crate::store::{Access, ROUNDS, Store, StoreError};

/// Why a step that names a round cannot begin.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StepError {
    /// No such round, or none that the caller takes part in.
    #[error("there is no round {round} that you take part in: check the round's id")]
    NoRound {
        /// As asked.
        round: RoundId,
    },
    /// The round is not where the step is possible.
    #[error(transparent)]
    Illegal(#[from] IllegalTransition),
    /// The store fails.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What is fixed when a round is created.
#[derive(Debug)]
pub(crate) struct RoundFacts {
    /// Identity.
    pub(crate) id: RoundId,
    /// The manifest.
    pub(crate) manifest: RoundManifest,
    /// The linkage schema.
    pub(crate) schema: LinkageSchema,
    /// Lengths and bounds of its records.
    pub(crate) shape: RecordShape,
}

/// The rounds of a store.
pub(crate) struct Rounds {
    store: Arc<Store>,
    facts: RwLock<HashMap<RoundId, Arc<RoundFacts>>>,
}

/// A partner in one of its rounds.
#[derive(Debug, Clone)]
pub(crate) struct Member {
    /// The round.
    pub(crate) facts: Arc<RoundFacts>,
    /// The partner's place in the manifest.
    pub(crate) place: u16,
}

impl Member {
    pub(crate) fn party(&self) -> &PartyId {
        &self.facts.manifest.parties[usize::from(self.place)].id
    }
}

/// A round as it is stored.
pub(crate) fn stored(access: &impl Access, round: &RoundId) -> Result<StoredRound, StepError> {
    access.get(ROUNDS, round.as_bytes())?.ok_or(StepError::NoRound { round: *round })
}

/// Where a stored round stands.
pub(crate) fn state(stored: &StoredRound) -> Result<RoundState, StoreError> {
    v1::RoundState::try_from(stored.state)
        .ok()
        .and_then(v1::RoundState::to_vocabulary)
        .ok_or(StoreError::Missing { what: "a round's state" })
}

/// Sets the state after a step, if the step is legal.
pub(crate) fn advance(stored: &mut StoredRound, step: Step) -> Result<(), StepError> {
    stored.set_state(state(stored)?.after(step)?.into());
    Ok(())
}

impl Rounds {
    pub(crate) fn new(store: Arc<Store>) -> Self {
        Self { store, facts: RwLock::default() }
    }

    pub(crate) fn store(&self) -> &Store {
        &self.store
    }

    /// What was fixed when the round was created.
    pub(crate) fn facts(&self, round: &RoundId) -> Result<Arc<RoundFacts>, StepError> {
        let known = self.facts.read().unwrap_or_else(PoisonError::into_inner).get(round).cloned();
        if let Some(facts) = known {
            return Ok(facts);
        }
        let facts = Arc::new(read_facts(*round, &stored(&self.store.read()?, round)?)?);
        let mut cache = self.facts.write().unwrap_or_else(PoisonError::into_inner);
        cache.insert(*round, Arc::clone(&facts));
        Ok(facts)
    }

    /// The caller as a partner of the round. To others the round does not exist.
    pub(crate) fn member(&self, caller: &Caller, round: &RoundId) -> Result<Member, StepError> {
        let facts = self.facts(round)?;
        match (caller.role, facts.manifest.place_of(&caller.name)) {
            (Role::Partner, Some(place)) => Ok(Member { facts, place: place as u16 }),
            _ => Err(StepError::NoRound { round: *round }),
        }
    }

    /// The round's facts for a caller who may know of it: a partner only of its own rounds.
    pub(crate) fn visible(
        &self,
        caller: &Caller,
        round: &RoundId,
    ) -> Result<Arc<RoundFacts>, StepError> {
        match caller.role {
            Role::Partner => self.member(caller, round).map(|member| member.facts),
            Role::Coordinator | Role::Monitor | Role::Auditor => self.facts(round),
        }
    }
}

fn read_facts(id: RoundId, stored: &StoredRound) -> Result<RoundFacts, StoreError> {
    let broken = |reason: String| StoreError::Value { table: ROUNDS.name(), reason };
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).map_err(|e| broken(e.to_string()));
    let manifest = text(&stored.manifest_toml)?;
    if RoundManifest::round_id(&manifest) != id {
        return Err(broken("the manifest is not the one of its round".into()));
    }
    let manifest = RoundManifest::from_toml(&manifest).map_err(|e| broken(e.to_string()))?;
    let schema = LinkageSchema::from_toml(&text(&stored.schema_toml)?)
        .map_err(|error| broken(error.to_string()))?;
    if schema.hash() != manifest.schema_hash {
        return Err(broken("the linkage schema is not the one that the manifest names".into()));
    }
    let shape = schema.shape();
    Ok(RoundFacts { id, manifest, schema, shape })
}
