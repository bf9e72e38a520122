//! Materialising a release: once, through disclosure control, under a noise key that nobody keeps.

use samenloop_disclose::{
    DimensionList, Frame, NoiseKey, Refusal, RollUpList, Scope, frozen_partition, materialise,
    quality,
};
use samenloop_ledger::Event;
use samenloop_schema::{Digest, LinkageSchema, RollUp, RoundId, RoundManifest, Step};
use zeroize::Zeroizing;

use super::{partition, people};
use crate::keys::random;
use crate::round::{RoundFacts, Rounds, StepError, WitnessError, advance, stored};
use crate::store::{RELEASES, ROUNDS, StoreError};

/// Why nothing is released.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReleaseError {
    /// The round cannot be stepped.
    #[error(transparent)]
    Step(#[from] StepError),
    /// A party withdrew.
    #[error(
        "a party withdrew after freezing, so nothing is released: close this round and create a \
         new one"
    )]
    Barred,
    /// Too few witnesses have cosigned.
    #[error(transparent)]
    Witness(#[from] WitnessError),
    /// Disclosure control refuses.
    #[error(transparent)]
    Refused(#[from] Refusal),
}

impl From<StoreError> for ReleaseError {
    fn from(error: StoreError) -> Self {
        Self::Step(error.into())
    }
}

impl ReleaseError {
    /// The code that stands in the ledger; none for what is no refusal.
    fn code(&self) -> Option<u16> {
        match self {
            Self::Step(_) => None,
            Self::Barred => Some(1),
            Self::Witness(WitnessError::TooFew { .. }) => Some(10),
            Self::Witness(_) => None,
            Self::Refused(refusal) => Some(match refusal {
                Refusal::Policy(_) => 2,
                Refusal::Noise(_) | Refusal::Looks(_) => 3,
                Refusal::Frame(_) => 4,
                Refusal::Input(_) => 5,
                Refusal::TooManyCells { .. } => 6,
                Refusal::TooFewParties { .. } => 7,
                Refusal::TooFewPeople { .. } => 8,
                _ => 9,
            }),
        }
    }
}

/// The categories of a round's tables; an error says which list does not fit the schema, and how.
pub(crate) fn frame(manifest: &RoundManifest, schema: &LinkageSchema) -> Result<Frame, String> {
    let dimensions: Vec<DimensionList> = schema
        .dimensions
        .iter()
        .map(|dimension| DimensionList { name: dimension.name.clone(), codes: dimension.codes() })
        .collect();
    let questions = &manifest.questions;
    let roll_up = |roll_up: &RollUp| {
        let at = |rule: String| format!("questions.roll_up \"{}\": {rule}", roll_up.name);
        if dimensions.iter().any(|list| list.name == roll_up.name) {
            return Err(at("the linkage schema has a dimension of that name".to_owned()));
        }
        let of = dimensions.iter().position(|list| list.name == roll_up.of);
        let of = of
            .ok_or_else(|| at(format!("the linkage schema has no dimension \"{}\"", roll_up.of)))?;
        let codes = roll_up.groups.keys().cloned().collect();
        Ok(RollUpList {
            list: DimensionList { name: roll_up.name.clone(), codes },
            of,
            groups: roll_up.places(&dimensions[of].codes).map_err(at)?,
        })
    };
    let roll_ups: Vec<RollUpList> =
        questions.roll_ups.iter().map(roll_up).collect::<Result<_, _>>()?;
    let encodings: Vec<String> = schema.encodings.iter().map(|own| own.name.clone()).collect();
    let linkage = quality::lists(&encodings);
    let mut others = dimensions.iter().chain(roll_ups.iter().map(|roll_up| &roll_up.list));
    if let Some(taken) = others.find(|other| linkage.iter().any(|list| list.name == other.name)) {
        return Err(format!("every round has a list \"{}\": name yours otherwise", taken.name));
    }
    let (types, type_of) = manifest.source_types();
    Ok(Frame {
        parties: manifest.parties.iter().map(|party| party.id.clone()).collect(),
        dimensions,
        purpose: manifest.purpose.clone(),
        min_parties: manifest.min_parties,
        two_party: manifest.two_party,
        scope: Scope {
            types,
            type_of,
            roll_ups,
            months: questions.months,
            time_dimensions: questions.time_dimensions,
            return_gap: questions.return_gap,
            round_to: questions.round_to,
            linkage,
            joint_variance: questions.joint_variance,
        },
    })
}

impl Rounds {
    /// Materialises the round's release and returns its digest.
    pub(crate) fn release(&self, round: &RoundId) -> Result<Digest, ReleaseError> {
        let facts = self.facts(round)?;
        let released = self.materialise(&facts);
        if let Err(error) = &released
            && let Some(rule) = error.code()
        {
            tracing::warn!(%round, rule, "release refused");
            let round = *round;
            self.store().record(Event::ReleaseRefused { round, rule })?;
        }
        released
    }

    fn materialise(&self, facts: &RoundFacts) -> Result<Digest, ReleaseError> {
        let (round, policy) = (facts.id, &facts.manifest.policy);
        let mut linked = stored(&self.store().read()?, &round)?;
        advance(&mut linked, Step::Release)?;
        if linked.release_barred {
            return Err(ReleaseError::Barred);
        }
        self.check_cosigned(facts, &linked)?;
        let sources = people::submitted(self.store(), facts)?;
        let mut registrations = people::registrations(facts, &sources);
        let found = partition::read(&self.store().read()?, &round)?;
        let seed = Zeroizing::new(random::<32>().map_err(StoreError::from)?);
        let frame = frame(&facts.manifest, &facts.schema)
            .map_err(|_| Refusal::Frame("a list does not fit the linkage schema"))?;
        let frozen = frozen_partition(&frame, &registrations, &found.clusters, &found.draws)
            .map(|draw| found.draws.partition(&found.clusters, draw))
            .unwrap_or(found.clusters);
        people::tell_births(facts, &sources, &frozen, &mut registrations);
        drop(sources);
        let release = materialise(
            policy,
            frame,
            &registrations,
            &frozen,
            &found.draws,
            NoiseKey::new(*seed),
        )?;
        drop(seed);

        let digest = release.digest();
        let mut change = self.store().change()?;
        let mut stored = stored(&change, &round)?;
        advance(&mut stored, Step::Release)?;
        // A withdrawal may have come between.
        if stored.release_barred {
            return Err(ReleaseError::Barred);
        }
        stored.release_digest = digest.0.to_vec().into();
        change.put(ROUNDS, round.as_bytes(), &stored)?;
        change.put_bytes(RELEASES, round.as_bytes(), &release.to_bytes())?;
        change.append(Event::Released { round, policy: policy.clone(), release: digest })?;
        change.commit()?;
        tracing::info!(%round, "round released");
        Ok(digest)
    }
}
