//! A frozen round linked again, to show that its partition follows from its inputs.

use std::sync::atomic::AtomicBool;

use samenloop_ledger::{Event, commit, inputs_root};
use samenloop_link::Options;
use samenloop_schema::{Digest, RoundId, RoundState};
use samenloop_wire::store::batch_key;
use samenloop_wire::v1::SubmissionState;
use tokio::sync::watch;

use super::{Run, RunError, Seen, parameters};
use crate::ingest::content;
use crate::round::{Rounds, StepError, state, stored, submissions};
use crate::store::{Access as _, BATCHES, StoreError};

/// Why a round is not run again.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReplayError {
    /// Nothing was found yet.
    #[error("the round is {state} and has not been linked: there is nothing to compare with")]
    Unlinked {
        /// Where it stands.
        state: RoundState,
    },
    /// Its rows are gone.
    #[error(
        "the round is closed: its rows and the partition were deleted with their keys, so that it \
         cannot be run again"
    )]
    Deleted,
    /// A party withdrew.
    #[error(
        "a party withdrew after freezing: its rows and the partition were deleted with their keys, \
         so that the round cannot be run again"
    )]
    Withdrawn,
    /// Another program or other options.
    #[error(
        "the run was made with other parameters than this program has: install the version whose \
         digest stands in the ledger, {software}"
    )]
    Parameters {
        /// SHA-256 of the program that made the run.
        software: Digest,
    },
    /// The run breaks off.
    #[error(transparent)]
    Run(#[from] RunError),
}

impl From<StoreError> for ReplayError {
    fn from(error: StoreError) -> Self {
        Self::Run(error.into())
    }
}

impl From<StepError> for ReplayError {
    fn from(error: StepError) -> Self {
        Self::Run(error.into())
    }
}

/// What the ledger says of a run, and whether running it again says the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Replayed {
    /// Index of the `run_finished` entry.
    pub(crate) entry: u64,
    /// Number of the run.
    pub(crate) run: u32,
    /// SHA-256 of the program that made it.
    pub(crate) software: Digest,
    /// Of `round_frozen`, and computed again from the batches that are held.
    pub(crate) inputs_root: [Digest; 2],
    /// Of `run_finished`, and computed again from the rows.
    pub(crate) partition: [Digest; 2],
}

impl Replayed {
    /// Whether the partition that was found follows from the inputs that were frozen.
    pub(crate) fn same(&self) -> bool {
        self.inputs_root[0] == self.inputs_root[1] && self.partition[0] == self.partition[1]
    }
}

/// What the ledger tells of a round's last finished run.
#[derive(Default)]
struct Told {
    software: Option<Digest>,
    frozen: Option<Digest>,
    finished: Option<(u64, u32, Digest, Digest, Digest)>,
}

impl Rounds {
    /// Links the round's rows again and compares the outcome with the ledger. Writes nothing.
    pub(crate) fn replay(&self, round: &RoundId) -> Result<Replayed, ReplayError> {
        let facts = self.facts(round)?;
        let read = self.store().read()?;
        let now = stored(&read, round)?;
        match state(&now)? {
            RoundState::Closed => return Err(ReplayError::Deleted),
            _ if now.release_barred => return Err(ReplayError::Withdrawn),
            RoundState::Linked | RoundState::Released => {}
            state => return Err(ReplayError::Unlinked { state }),
        }
        let mut told = Told::default();
        for served in self.store().entries(0, u64::MAX)? {
            match served.entry.event {
                Event::ServiceStarted { software } => told.software = Some(software),
                Event::RoundFrozen { round: of, inputs_root, .. } if of == *round => {
                    told.frozen = Some(inputs_root);
                }
                Event::RunFinished { round: of, run, parameters, partition } if of == *round => {
                    let software = told.software.unwrap_or(Digest([0; 32]));
                    told.finished = Some((served.index, run, parameters, partition, software));
                }
                _ => {}
            }
        }
        let missing = || StoreError::Missing { what: "a finished run's entry" };
        let (entry, run, used, partition, software) = told.finished.ok_or_else(missing)?;
        let options = Options::default();
        if used != parameters(&facts, &options) {
            return Err(ReplayError::Parameters { software });
        }
        let mut contents = vec![];
        for placed in submissions(&read, round.as_bytes())? {
            if placed.stored.state() == SubmissionState::Sealed {
                let batches = (0..placed.stored.batches).map(|number| {
                    let key = batch_key(round, &placed.id, number);
                    let stored = read.get(BATCHES, &key)?;
                    content(&stored.ok_or(StoreError::Missing { what: "a batch" })?)
                });
                let batches = batches.collect::<Result<Vec<_>, StoreError>>()?;
                contents.push(samenloop_ledger::submission_content(batches));
            }
        }
        let silent = Run {
            seen: watch::Sender::new(Seen::Percent(0)),
            cancelled: AtomicBool::new(false),
            stopping: AtomicBool::new(false),
        };
        let (linkage, _) = self.link(&facts, &silent, &options)?;
        let salt = now.partition_salt[..].try_into();
        let salt = salt.map_err(|_| StoreError::Missing { what: "a partition's salt" })?;
        Ok(Replayed {
            entry,
            run,
            software,
            inputs_root: [told.frozen.ok_or_else(missing)?, inputs_root(contents)],
            partition: [partition, commit(&salt, &linkage.partition_digest)],
        })
    }
}
