//! Agreeing on the key and opening.

use std::collections::BTreeMap;

use samenloop_ledger::Event;
use samenloop_schema::{KeyCheckValue, RoundId, RoundManifest, Step};
use samenloop_wire::store::party_key;
use samenloop_wire::v1::StoredKeyAnnouncement;

use super::{Member, Rounds, StepError, advance, stored};
use crate::store::{Access, KEY_ANNOUNCEMENTS, ROUNDS, StoreError};

/// Why a round is not opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The round cannot be stepped.
    #[error(transparent)]
    Step(#[from] StepError),
    /// Parties have not announced a key check value.
    #[error("not announced yet by {parties}: they announce their key before the round opens")]
    Missing {
        /// Their ids.
        parties: String,
    },
    /// The parties' keys, schemas or rounds differ.
    #[error(
        "the key check value of {parties} differs from that of the others: compare the linkage \
         key and the schema file, announce again, then open"
    )]
    Differ {
        /// Their ids.
        parties: String,
    },
}

impl From<StoreError> for OpenError {
    fn from(error: StoreError) -> Self {
        Self::Step(error.into())
    }
}

/// What each party announced, in manifest order.
pub(crate) struct Announcements(Vec<Option<KeyCheckValue>>);

impl Announcements {
    pub(crate) fn read(
        access: &impl Access,
        round: &RoundId,
        manifest: &RoundManifest,
    ) -> Result<Self, StoreError> {
        let announced = |place: usize| -> Result<_, StoreError> {
            let key = party_key(round, place as u32);
            let Some(stored) = access.get(KEY_ANNOUNCEMENTS, &key)? else { return Ok(None) };
            KeyCheckValue::from_slice(&stored.key_check_value)
                .map(Some)
                .ok_or(StoreError::Missing { what: "a key check value" })
        };
        (0..manifest.parties.len()).map(announced).collect::<Result<_, _>>().map(Self)
    }

    pub(crate) fn announced(&self, place: usize) -> bool {
        self.0[place].is_some()
    }

    /// Whether a party announced another value than most did.
    pub(crate) fn differs(&self, place: usize) -> bool {
        self.0[place].is_some_and(|value| Some(value) != self.usual())
    }

    /// The value that most parties announced; the first of them where as many announced another.
    fn usual(&self) -> Option<KeyCheckValue> {
        let mut votes = BTreeMap::new();
        for (place, value) in self.0.iter().enumerate() {
            if let Some(value) = value {
                votes.entry(*value).or_insert((0, usize::MAX - place)).0 += 1;
            }
        }
        votes.into_iter().max_by_key(|(_, rank)| *rank).map(|(value, _)| value)
    }
}

impl Rounds {
    /// Announces a partner's key check value; a later one replaces it.
    pub(crate) fn announce_key(
        &self,
        member: &Member,
        key_check_value: KeyCheckValue,
    ) -> Result<(), StepError> {
        let (round, party) = (member.facts.id, member.place);
        let mut change = self.store().change()?;
        advance(&mut stored(&change, &round)?, Step::AnnounceKey)?;
        let announcement =
            StoredKeyAnnouncement { key_check_value: key_check_value.0.to_vec().into() };
        change.put(KEY_ANNOUNCEMENTS, &party_key(&round, party.into()), &announcement)?;
        change.append(Event::KeyAnnounced { round, party, key_check_value })?;
        change.commit()?;
        tracing::info!(%round, party = %member.party(), "key announced");
        Ok(())
    }

    /// Opens a round for submissions once every party has announced the same key check value.
    pub(crate) fn open(&self, round: &RoundId) -> Result<(), OpenError> {
        let facts = self.facts(round)?;
        let mut change = self.store().change()?;
        let mut stored = stored(&change, round)?;
        advance(&mut stored, Step::Open)?;
        let announcements = Announcements::read(&change, round, &facts.manifest)?;
        let named = |which: &dyn Fn(usize) -> bool| {
            let parties = facts.manifest.parties.iter().enumerate();
            let named = parties.filter(|(place, _)| which(*place));
            named.map(|(_, party)| party.id.as_str()).collect::<Vec<_>>().join(", ")
        };
        let parties = named(&|place| !announcements.announced(place));
        if !parties.is_empty() {
            return Err(OpenError::Missing { parties });
        }
        let parties = named(&|place| announcements.differs(place));
        if !parties.is_empty() {
            return Err(OpenError::Differ { parties });
        }
        change.put(ROUNDS, round.as_bytes(), &stored)?;
        change.append(Event::RoundOpened { round: *round })?;
        change.commit()?;
        tracing::info!(%round, "round opened");
        Ok(())
    }
}
