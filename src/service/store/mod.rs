//! The store: one redb file in which every change and its ledger entry become durable together.

mod entries;
mod rows;
pub(crate) mod seal;
#[cfg(test)]
mod tests;

use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError, RwLock};

use prost::Message;
use redb::{Database, Durability, ReadTransaction, ReadableDatabase as _, WriteTransaction};
use samenloop_ledger::{Entry, Tree};
use samenloop_schema::Digest;
use samenloop_wire::{store, v1};
use zeroize::Zeroizing;

pub use entries::Served;
pub(crate) use rows::{
    Access, BATCHES, BLOBS, Bytes, ENTRIES, KEY_ANNOUNCEMENTS, META, PARTITIONS, RELEASES, ROUNDS,
    Rows, SUBMISSIONS,
};
pub(crate) use seal::{DataKey, SealError, WrappingKey};

use crate::keys::random;

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
    /// Encryption failed.
    #[error(transparent)]
    Seal(#[from] SealError),
    /// No randomness.
    #[error("the system gives no randomness: {0}")]
    Randomness(#[from] getrandom::Error),
}

macro_rules! database_errors {
    ($($error:ty),*) => {$(
        impl From<$error> for StoreError {
            fn from(error: $error) -> Self {
                Self::Database(Box::new(error.into()))
            }
        }
    )*};
}

database_errors!(
    redb::StorageError,
    redb::TableError,
    redb::TransactionError,
    redb::CommitError,
    redb::SetDurabilityError
);

impl From<redb::DatabaseError> for StoreError {
    fn from(error: redb::DatabaseError) -> Self {
        match error {
            redb::DatabaseError::DatabaseAlreadyOpen => Self::InUse,
            other => Self::Database(Box::new(other.into())),
        }
    }
}

/// The open store.
pub struct Store {
    database: Database,
    wrapping_key: WrappingKey,
    /// Whoever holds it makes the only change that goes on, so that entry numbers are dense and the
    /// tree follows the file.
    turn: Mutex<Turn>,
    tree: RwLock<Tree>,
    stopped_cleanly: bool,
}

/// Whether changes are still made.
struct Turn {
    stopped: bool,
}

/// A change that has not been committed. Dropping it leaves the store as it was.
pub struct Change<'s> {
    transaction: WriteTransaction,
    store: &'s Store,
    turn: MutexGuard<'s, Turn>,
    size: u64,
    leaves: Vec<Digest>,
}

impl Store {
    /// Opens the store of a data directory or makes a new one, checks every ledger entry against
    /// its leaf, and marks the store as running.
    pub fn open(data_dir: &Path, wrapping_key: Zeroizing<[u8; 32]>) -> Result<Self, StoreError> {
        let directory = |reason| StoreError::Directory { path: data_dir.to_owned(), reason };
        std::fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(data_dir)
            .map_err(directory)?;
        let database = Database::create(data_dir.join(store::FILE))?;
        let wrapping_key = WrappingKey::new(wrapping_key);
        let stopped_cleanly = prepare(&database, &wrapping_key)?;
        let tree = entries::rebuild(&database.begin_read()?)?;
        Ok(Self {
            database,
            wrapping_key,
            turn: Mutex::new(Turn { stopped: false }),
            tree: RwLock::new(tree),
            stopped_cleanly,
        })
    }

    /// Whether the store was new or its last service had stopped in good order.
    #[must_use]
    pub fn stopped_cleanly(&self) -> bool {
        self.stopped_cleanly
    }

    /// A view of the store as it is now.
    pub(crate) fn read(&self) -> Result<ReadTransaction, StoreError> {
        Ok(self.database.begin_read()?)
    }

    /// Begins a change, after any other has ended. Blocks.
    pub(crate) fn change(&self) -> Result<Change<'_>, StoreError> {
        let turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        if turn.stopped {
            return Err(StoreError::Stopped);
        }
        let transaction = begin_durable(&self.database)?;
        let size = self.tree.read().unwrap_or_else(PoisonError::into_inner).size();
        Ok(Change { transaction, store: self, turn, size, leaves: vec![] })
    }

    /// Commits one entry by itself and returns its index.
    pub(crate) fn record(&self, entry: &Entry) -> Result<u64, StoreError> {
        let mut change = self.change()?;
        let index = change.append(entry)?;
        change.commit()?;
        Ok(index)
    }

    /// Marks the stop as clean; nothing may be changed afterwards.
    pub(crate) fn stop_cleanly(&self) -> Result<(), StoreError> {
        let mut change = self.change()?;
        change.put_bytes(META, store::META_CLEAN_STOP.as_bytes(), &[1])?;
        change.turn.stopped = true;
        change.commit()
    }

    /// The key that wraps data keys.
    pub(crate) fn wrapping_key(&self) -> &WrappingKey {
        &self.wrapping_key
    }
}

impl Change<'_> {
    /// Writes a message.
    pub(crate) fn put<T: Message>(
        &self,
        rows: Rows<T>,
        key: &[u8],
        value: &T,
    ) -> Result<(), StoreError> {
        rows::put(&self.transaction, rows, key, value)
    }

    /// Writes bytes.
    pub(crate) fn put_bytes(
        &self,
        table: Bytes,
        key: &[u8],
        value: &[u8],
    ) -> Result<(), StoreError> {
        self.transaction.open_table(table)?.insert(key, value)?;
        Ok(())
    }

    /// Removes every pair whose key begins with `prefix`.
    pub(crate) fn remove_all(&self, table: &'static str, prefix: &[u8]) -> Result<(), StoreError> {
        for key in self.transaction.keys(Bytes::new(table), prefix)? {
            rows::remove(&self.transaction, table, &key)?;
        }
        Ok(())
    }

    /// Adds a ledger entry, which becomes durable with the change, and returns its index.
    pub(crate) fn append(&mut self, entry: &Entry) -> Result<u64, StoreError> {
        let index = self.size + self.leaves.len() as u64;
        let (salt, body) = (random::<16>()?, entry.to_bytes());
        let leaf = samenloop_ledger::leaf(&salt, &body);
        let stored = v1::StoredEntry {
            leaf: leaf.as_bytes().to_vec().into(),
            salt: salt.to_vec().into(),
            body: body.into(),
        };
        self.put(ENTRIES, &index.to_be_bytes(), &stored)?;
        self.leaves.push(leaf);
        Ok(index)
    }

    /// Makes the change durable; only then does the tree know its entries.
    pub(crate) fn commit(self) -> Result<(), StoreError> {
        self.transaction.commit()?;
        let mut tree = self.store.tree.write().unwrap_or_else(PoisonError::into_inner);
        for leaf in self.leaves {
            tree.append(leaf);
        }
        Ok(())
    }
}

impl Access for Change<'_> {
    fn with<R>(
        &self,
        table: Bytes,
        read: impl FnOnce(&dyn rows::Lookup) -> Result<R, StoreError>,
    ) -> Result<R, StoreError> {
        self.transaction.with(table, read)
    }
}

/// Two-phase commits, because a partner decides what bytes are written (redb's own advice).
fn begin_durable(database: &Database) -> Result<WriteTransaction, StoreError> {
    let mut transaction = database.begin_write()?;
    transaction.set_durability(Durability::Immediate)?;
    transaction.set_two_phase_commit(true);
    Ok(transaction)
}

/// Makes missing tables, checks version and wrapping key, and marks the store as running. Tells
/// whether the last stop was clean.
fn prepare(database: &Database, wrapping_key: &WrappingKey) -> Result<bool, StoreError> {
    let transaction = begin_durable(database)?;
    for table in store::TABLES {
        transaction.open_table(Bytes::new(table))?;
    }
    let meta = |name: &str| transaction.bytes(META, name.as_bytes());
    let put = |name: &str, value: &[u8]| -> Result<(), StoreError> {
        transaction.open_table(META)?.insert(name.as_bytes(), value)?;
        Ok(())
    };
    let stopped_cleanly = match meta(store::META_VERSION)? {
        None => {
            put(store::META_VERSION, &store::VERSION.to_be_bytes())?;
            let check =
                wrapping_key.wrap(&DataKey::generate()?, store::META_KEY_CHECK.as_bytes())?;
            put(store::META_KEY_CHECK, &check)?;
            true
        }
        Some(version) => {
            let found = version.as_slice().try_into().map_or(0, u32::from_be_bytes);
            if found != store::VERSION {
                return Err(StoreError::Version { found });
            }
            let check = meta(store::META_KEY_CHECK)?.unwrap_or_default();
            wrapping_key
                .unwrap(&check, store::META_KEY_CHECK.as_bytes())
                .map_err(|_| StoreError::WrappingKey)?;
            meta(store::META_CLEAN_STOP)?.as_deref() == Some(&[1])
        }
    };
    put(store::META_CLEAN_STOP, &[0])?;
    transaction.commit()?;
    Ok(stopped_cleanly)
}
