//! What an operator does while the service is stopped: back up, restore, run again.

mod backup;
mod bundle;
mod restore;
#[cfg(test)]
mod tests;

use std::path::PathBuf;

use samenloop_ledger::{KeyError, SigningKey};

pub(crate) use backup::backup;
pub(crate) use restore::{Later, restore};

use crate::config::Config;
use crate::file_error::FileError;
use crate::keys::{self, KeyFileError};
use crate::round::{Rounds, StepError};
use crate::store::{Keyring, Store, StoreError};

/// Why a command does not do its work.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MaintenanceError {
    /// A file cannot be read or written.
    #[error(transparent)]
    File(#[from] FileError),
    /// The store cannot be opened or fails.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A key file cannot be used.
    #[error(transparent)]
    Key(#[from] KeyFileError),
    /// The ledger's origin is not a name.
    #[error("ledger.origin: {0}")]
    Origin(#[from] KeyError),
    /// Something is where the restored store would go.
    #[error("{} is there already: move it away, it is not overwritten", path.display())]
    Exists {
        /// The file.
        path: PathBuf,
    },
    /// The copy is not what was copied.
    #[error("{} does not read back as it was written: use another disk", path.display())]
    Copy {
        /// The copy.
        path: PathBuf,
    },
    /// The ledger file is not one that `samenloop-audit verify --bundle-out` writes, or was changed.
    #[error("the ledger file, line {line}: {fault}")]
    Bundle {
        /// Which line, from 1.
        line: usize,
        /// What is wrong.
        fault: &'static str,
    },
    /// Backup and ledger file tell different histories.
    #[error("the backup and the ledger file differ at entry {index}: they are of different stores")]
    Differ {
        /// Which entry, from 0.
        index: u64,
    },
}

impl From<StepError> for MaintenanceError {
    fn from(error: StepError) -> Self {
        match error {
            StepError::Store(error) => error.into(),
            StepError::NoRound { .. } => StoreError::Missing { what: "a round" }.into(),
            StepError::Illegal(_) => StoreError::Missing { what: "a round's state" }.into(),
        }
    }
}

fn signing_key(config: &Config) -> Result<SigningKey, MaintenanceError> {
    let seed = keys::read(&config.keys.ledger_key, &config.data_dir)?;
    Ok(SigningKey::from_seed(&config.ledger.origin, &seed)?)
}

/// Does something with the store of a stopped service, and leaves its mark of a clean stop as it was.
pub(crate) fn with_store<R>(
    config: &Config,
    work: impl FnOnce(&Rounds) -> R,
) -> Result<R, MaintenanceError> {
    let keyring = Keyring::new(&config.keys.wrapping_key, &config.data_dir);
    let store = std::sync::Arc::new(Store::open(&config.data_dir, keyring)?);
    let done = work(&Rounds::new(std::sync::Arc::clone(&store)));
    if store.stopped_cleanly() {
        store.stop_cleanly()?;
    }
    Ok(done)
}
