//! What each role may see of a round.

use samenloop_ledger::Rounded;
use samenloop_schema::RoundId;
use samenloop_wire::v1::{StoredRound, SubmissionState};

use super::freeze::submissions;
use super::open::Announcements;
use super::{Rounds, StepError, stored};
use crate::identity::{Caller, Role};
use crate::store::{Access as _, ROUNDS, StoreError};

/// How far a party is, as its round's coordinator may see it.
pub(crate) struct PartyView {
    pub(crate) place: u16,
    pub(crate) key_announced: bool,
    pub(crate) key_differs: bool,
    pub(crate) sealed: bool,
    pub(crate) records_rounded: u64,
}

/// A round for one caller.
pub(crate) struct RoundView {
    pub(crate) id: RoundId,
    pub(crate) stored: StoredRound,
    pub(crate) parties: Vec<PartyView>,
}

impl Rounds {
    /// One round.
    pub(crate) fn view(&self, caller: &Caller, round: &RoundId) -> Result<RoundView, StepError> {
        let facts = self.visible(caller, round)?;
        let read = self.store().read()?;
        let announcements = Announcements::read(&read, round, &facts.manifest)?;
        let submissions = submissions(&read, round.as_bytes())?;
        let shown = |place: &usize| match caller.role {
            Role::Coordinator => true,
            Role::Partner => facts.manifest.place_of(&caller.name) == Some(*place),
            Role::Monitor | Role::Auditor => false,
        };
        let places = (0..facts.manifest.parties.len()).filter(shown);
        let parties = places
            .map(|place| {
                let sealed = submissions.iter().find(|placed| {
                    usize::from(placed.party) == place
                        && placed.stored.state() == SubmissionState::Sealed
                });
                PartyView {
                    place: place as u16,
                    key_announced: announcements.announced(place),
                    key_differs: announcements.differs(place),
                    sealed: sealed.is_some(),
                    records_rounded: sealed
                        .map_or(0, |placed| Rounded::up(placed.stored.records).get()),
                }
            })
            .collect();
        Ok(RoundView { id: *round, stored: stored(&read, round)?, parties })
    }

    /// The rounds that the caller may know of, oldest first, without parties.
    pub(crate) fn views(&self, caller: &Caller) -> Result<Vec<RoundView>, StepError> {
        let mut views = vec![];
        for (key, stored) in self.store().read()?.list(ROUNDS, &[])? {
            let id =
                RoundId::from_slice(&key).ok_or(StoreError::Missing { what: "a round's key" })?;
            match self.visible(caller, &id) {
                Ok(_) => views.push(RoundView { id, stored, parties: vec![] }),
                Err(StepError::NoRound { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        views.sort_by_key(|view| view.stored.sequence);
        Ok(views)
    }
}
