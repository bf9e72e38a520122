//! Announcing a round.

use samenloop_disclose::{JointNoise, LatticeSize, TooManyLooks};
use samenloop_ledger::{Event, KeyError, WitnessKey};
use samenloop_schema::{
    Digest, LinkageSchema, ManifestError, RoundId, RoundManifest, RoundState, SchemaError,
};
use samenloop_wire::v1::{self, StoredRound};

use super::Rounds;
use crate::run::frame;
use crate::store::{Access as _, ROUNDS, StoreError};

/// Most bytes of a manifest or a schema.
pub const MAX_FILE_BYTES: usize = 1 << 20;

/// Why a round is not created.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CreateError {
    /// A file is too long or no text.
    #[error("the {file} must be UTF-8 text of at most {MAX_FILE_BYTES} bytes")]
    Text {
        /// Which file.
        file: &'static str,
    },
    /// The manifest breaks a rule.
    #[error("manifest: {0}")]
    Manifest(#[from] ManifestError),
    /// The schema breaks a rule.
    #[error("linkage schema: {0}")]
    Schema(#[from] SchemaError),
    /// The manifest names another schema.
    #[error(
        "the manifest names the linkage schema {named}, this schema has the hash {found}: \
         put that hash into the manifest or send the right schema"
    )]
    SchemaHash {
        /// In the manifest.
        named: Digest,
        /// Of the schema.
        found: Digest,
    },
    /// The release could never be made.
    #[error(
        "the questions of this round would have {cells} cells together, its policy allows {most}; \
         {advice}"
    )]
    TooManyCells {
        /// Of the lattice.
        cells: u64,
        /// The policy's number.
        most: u64,
        /// What could be left out.
        advice: String,
    },
    /// No noise hides what the questions ask.
    #[error(transparent)]
    TooManyLooks(#[from] TooManyLooks),
    /// A witness's key is none.
    #[error("manifest: witnesses: {key}: {reason}")]
    Witness {
        /// As it stands there.
        key: String,
        /// The rule that it breaks.
        reason: KeyError,
    },
    /// A roll-up does not fit the schema.
    #[error("manifest: {0}")]
    RollUp(String),
    /// The same manifest was announced before.
    #[error("round {round} exists already: a new round needs a manifest of its own")]
    Exists {
        /// Its id.
        round: RoundId,
    },
    /// The store fails.
    #[error(transparent)]
    Store(#[from] StoreError),
}

fn text(file: &'static str, bytes: &[u8]) -> Result<String, CreateError> {
    match std::str::from_utf8(bytes) {
        Ok(text) if bytes.len() <= MAX_FILE_BYTES => Ok(text.to_owned()),
        _ => Err(CreateError::Text { file }),
    }
}

impl Rounds {
    /// Announces a round: draft.
    pub(crate) fn create(&self, manifest: &[u8], schema: &[u8]) -> Result<RoundId, CreateError> {
        let (manifest, schema) = (text("manifest", manifest)?, text("linkage schema", schema)?);
        let round = RoundManifest::round_id(&manifest);
        let facts = RoundManifest::from_toml(&manifest)?;
        let vocabulary = LinkageSchema::from_toml(&schema)?;
        vocabulary.check_hardened()?;
        let (named, found) = (facts.schema_hash, vocabulary.hash());
        if named != found {
            return Err(CreateError::SchemaHash { named, found });
        }
        for key in &facts.witnesses {
            let fault = |reason| CreateError::Witness { key: key.clone(), reason };
            WitnessKey::from_text(key).map_err(fault)?;
        }
        let frame = frame(&facts, &vocabulary).map_err(CreateError::RollUp)?;
        let (size, most) = (LatticeSize::of(&facts.policy, &frame), facts.policy.max_cells);
        if size.cells > most {
            let (cells, advice) = (size.cells, size.advice());
            return Err(CreateError::TooManyCells { cells, most, advice });
        }
        JointNoise::of(&facts.policy, &frame)?;
        let mut change = self.store().change()?;
        if change.get(ROUNDS, round.as_bytes())?.is_some() {
            return Err(CreateError::Exists { round });
        }
        let created = Event::RoundCreated {
            round,
            schema: found,
            parties: facts.parties.len() as u16,
            min_parties: facts.min_parties as u16,
            retention_days: facts.retention_days,
            policy: facts.policy,
        };
        let stored = StoredRound {
            state: v1::RoundState::from(RoundState::Draft).into(),
            manifest_toml: manifest.into_bytes().into(),
            schema_toml: schema.into_bytes().into(),
            created_at: self.store().now(),
            sequence: change.keys(ROUNDS.table(), &[])?.len() as u64,
            ..StoredRound::default()
        };
        change.put(ROUNDS, round.as_bytes(), &stored)?;
        change.append(created)?;
        change.commit()?;
        tracing::info!(%round, "round created");
        Ok(round)
    }
}
