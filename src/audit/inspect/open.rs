//! Opening a database that a service wrote, without writing to it.

use std::path::{Path, PathBuf};

use data_encoding::HEXLOWER_PERMISSIVE;
use redb::backends::InMemoryBackend;
use redb::{Database, DatabaseError, ReadOnlyDatabase, ReadTransaction, ReadableDatabase};
use redb::{StorageBackend as _, TransactionError};
use samenloop_wire::store;
use zeroize::Zeroizing;

/// Why a data directory cannot be inspected.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// A file cannot be read.
    #[error("cannot read {}: {reason}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The system's word.
        reason: std::io::Error,
    },
    /// A service has the database open.
    #[error(
        "a running service has the database open: stop it, or inspect a copy made while stopped"
    )]
    InUse,
    /// The database is damaged.
    #[error("the database cannot be read: {0}")]
    Database(Box<redb::Error>),
}

macro_rules! database_errors {
    ($($error:ty),*) => {$(
        impl From<$error> for OpenError {
            fn from(error: $error) -> Self {
                Self::Database(Box::new(error.into()))
            }
        }
    )*};
}

database_errors!(redb::StorageError, redb::TableError);

/// A database that is only read.
pub(super) enum Opened {
    File(ReadOnlyDatabase),
    Memory(Database),
}

impl Opened {
    pub(super) fn begin_read(&self) -> Result<ReadTransaction, TransactionError> {
        match self {
            Self::File(database) => database.begin_read(),
            Self::Memory(database) => database.begin_read(),
        }
    }
}

/// Opens the file. One that was not closed in order is repaired in memory, in a copy.
pub(super) fn open(data_dir: &Path) -> Result<Opened, OpenError> {
    let path = data_dir.join(store::FILE);
    let unreadable = |reason| OpenError::Read { path: path.clone(), reason };
    std::fs::metadata(&path).map_err(unreadable)?;
    match ReadOnlyDatabase::open(&path) {
        Ok(database) => return Ok(Opened::File(database)),
        Err(DatabaseError::RepairAborted) => {}
        Err(DatabaseError::DatabaseAlreadyOpen) => return Err(OpenError::InUse),
        Err(other) => return Err(OpenError::Database(Box::new(other.into()))),
    }
    let bytes = std::fs::read(&path).map_err(unreadable)?;
    let copy = InMemoryBackend::new();
    copy.set_len(bytes.len() as u64).and_then(|()| copy.write(0, &bytes)).map_err(unreadable)?;
    drop(bytes);
    let database = Database::builder().create_with_backend(copy);
    database.map(Opened::Memory).map_err(|error| OpenError::Database(Box::new(error.into())))
}

/// A wrapping key file that cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeyFileError {
    /// The file cannot be read.
    #[error("cannot read the wrapping key {}: {reason}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The system's word.
        reason: std::io::Error,
    },
    /// Not 64 hexadecimal characters.
    #[error("the wrapping key {} does not hold 64 hexadecimal characters", path.display())]
    Form {
        /// The file.
        path: PathBuf,
    },
}

/// Reads the service's wrapping key file.
pub fn read_wrapping_key(path: &Path) -> Result<Zeroizing<[u8; 32]>, KeyFileError> {
    let text = std::fs::read(path)
        .map(Zeroizing::new)
        .map_err(|reason| KeyFileError::Read { path: path.to_owned(), reason })?;
    let form = || KeyFileError::Form { path: path.to_owned() };
    let bytes = HEXLOWER_PERMISSIVE.decode(text.trim_ascii()).map(Zeroizing::new);
    let mut key = Zeroizing::new([0; 32]);
    let bytes = bytes.ok().filter(|bytes| bytes.len() == key.len()).ok_or_else(form)?;
    key.copy_from_slice(&bytes);
    Ok(key)
}
