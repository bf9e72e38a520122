//! Why the store fails.

use std::path::PathBuf;

use samenloop_wire::store;

use super::SealError;
use crate::keys::KeyFileError;

/// Why the store cannot do what was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The data directory cannot be made or read.
    #[error("cannot use the data directory {}: {reason}", path.display())]
    Directory {
        /// The directory.
        path: PathBuf,
        /// The system's word.
        reason: std::io::Error,
    },
    /// Another process has the file open.
    #[error("another samenloop-service has this data directory open: stop it first")]
    InUse,
    /// The database itself fails.
    #[error("the database failed: {0}")]
    Database(Box<redb::Error>),
    /// The disk cannot be written or read. The store opens itself anew when it can.
    #[error(
        "the disk failed: {reason}; nothing was acknowledged. Make room on it or mend it: the \
         service goes on by itself"
    )]
    Disk {
        /// The system's word.
        reason: String,
    },
    /// Pages of the file are not as they were written.
    #[error("the database file is damaged: {reason}; restore a backup")]
    Damaged {
        /// What the check found.
        reason: String,
    },
    /// What the disk holds is older than what was acknowledged.
    #[error(
        "the disk holds a ledger of {found} entries that does not begin with the {known} that were \
         acknowledged: stop the service and restore a backup"
    )]
    Regressed {
        /// Entries on the disk.
        found: u64,
        /// Entries acknowledged.
        known: u64,
    },
    /// Layouts of another version.
    #[error("the store has version {found}, this program knows version {}", store::VERSION)]
    Version {
        /// In the file.
        found: u32,
    },
    /// The wrapping key is not the one that the store was made with.
    #[error("the wrapping key is not the one of this store: put the right key file back")]
    WrappingKey,
    /// A value that this program did not write.
    #[error("a value in table {table} cannot be read: {reason}; restore a backup")]
    Value {
        /// Which table.
        table: &'static str,
        /// The rule that it breaks.
        reason: String,
    },
    /// A ledger entry does not hash to its leaf, is missing or cannot be read.
    #[error("ledger entry {index} {fault}: the store was changed from outside; restore a backup")]
    Entry {
        /// Which entry, from 0.
        index: u64,
        /// What is wrong with it.
        fault: &'static str,
    },
    /// Something that other values say must be there is not.
    #[error("the store misses {what}; restore a backup")]
    Missing {
        /// What.
        what: &'static str,
    },
    /// Nothing is changed after a clean stop.
    #[error("the service is stopping: try again once it runs")]
    Stopped,
    /// The wrapping key cannot be read or replaced.
    #[error(transparent)]
    Key(#[from] KeyFileError),
    /// Encryption failed.
    #[error(transparent)]
    Seal(#[from] SealError),
    /// No randomness.
    #[error("the system gives no randomness: {0}")]
    Randomness(#[from] getrandom::Error),
}

impl From<redb::Error> for StoreError {
    fn from(error: redb::Error) -> Self {
        match error {
            redb::Error::DatabaseAlreadyOpen => Self::InUse,
            redb::Error::Corrupted(reason) => Self::Damaged { reason },
            redb::Error::Io(reason) => Self::Disk { reason: reason.to_string() },
            redb::Error::PreviousIo | redb::Error::DatabaseClosed => {
                Self::Disk { reason: "an earlier write did not succeed".to_owned() }
            }
            other => Self::Database(Box::new(other)),
        }
    }
}

macro_rules! database_errors {
    ($($error:ty),*) => {$(
        impl From<$error> for StoreError {
            fn from(error: $error) -> Self {
                redb::Error::from(error).into()
            }
        }
    )*};
}

database_errors!(
    redb::DatabaseError,
    redb::StorageError,
    redb::TableError,
    redb::TransactionError,
    redb::CommitError,
    redb::SetDurabilityError
);
