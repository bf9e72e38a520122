//! The store: one redb file in which every change and its ledger entry become durable together.

mod adoption;
mod base;
mod entries;
mod error;
mod keyring;
mod rotation;
mod rows;
pub(crate) mod seal;
#[cfg(test)]
mod tests;

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use prost::Message;
use redb::{Database, Durability, ReadTransaction, ReadableDatabase as _, WriteTransaction};
use samenloop_ledger::{Entry, Event, Tree};
use samenloop_schema::Digest;
use samenloop_wire::{store, v1};

pub(crate) use adoption::adopt;
pub(crate) use base::{Base, Clock, sync_dir, wall_clock};
pub use entries::Served;
pub use error::StoreError;
pub use keyring::Keyring;
pub(crate) use rows::{
    Access, BATCHES, BLOBS, Bytes, ENTRIES, KEY_ANNOUNCEMENTS, Keyed, META, PARTITIONS, RELEASES,
    ROUNDS, Rows, SUBMISSIONS,
};
pub(crate) use seal::{DataKey, SealError, WrappingKey};

use crate::keys::random;

/// The open store.
pub struct Store {
    base: Base,
    keyring: Keyring,
    clock: Clock,
    current: RwLock<Current>,
    /// Whoever holds it makes the only change that goes on, so that entry numbers are dense and the
    /// tree follows the file.
    turn: Mutex<Turn>,
    /// Whether the disk failed since the file was opened.
    failed: Failed,
    stopped_cleanly: bool,
}

/// Set by whoever sees the disk fail; the database refuses everything then until it is opened anew.
#[derive(Clone, Default)]
struct Failed(Arc<AtomicBool>);

impl Failed {
    fn is_set(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }

    fn set(&self, failed: bool) {
        self.0.store(failed, Ordering::Release);
    }

    /// Takes note of a result on its way.
    fn seen<R>(&self, result: Result<R, StoreError>) -> Result<R, StoreError> {
        if let Err(StoreError::Disk { .. }) = result {
            self.set(true);
        }
        result
    }
}

/// What every reader sees at one moment.
struct Current {
    /// None while the file cannot be opened again.
    database: Option<Database>,
    wrapping_key: Arc<WrappingKey>,
    tree: Tree,
}

/// What only the one who changes needs to know.
struct Turn {
    /// Nothing is changed any more.
    stopped: bool,
    /// The ledger has to say that the store was opened again.
    reopened: bool,
    /// A rotated key still lies on the disk.
    erasing: bool,
    /// Time of the ledger's last entry.
    last_at: u64,
}

/// The store as it was at one moment, with the key that wraps its data keys.
pub(crate) struct Snapshot {
    transaction: ReadTransaction,
    wrapping_key: Arc<WrappingKey>,
    failed: Failed,
}

/// A change that has not been committed. Dropping it leaves the store as it was.
pub struct Change<'s> {
    transaction: WriteTransaction,
    store: &'s Store,
    turn: MutexGuard<'s, Turn>,
    wrapping_key: Arc<WrappingKey>,
    size: u64,
    leaves: Vec<Digest>,
    at: u64,
    destroys: bool,
}

impl Store {
    /// Opens the store of a data directory or makes a new one: checks every page against its
    /// checksum and every ledger entry against its leaf, ends a rotation of the wrapping key that a
    /// crash interrupted, and marks the store as running.
    pub fn open(data_dir: &Path, keyring: Keyring) -> Result<Self, StoreError> {
        Self::on(Base::directory(data_dir.to_owned()), keyring, wall_clock())
    }

    pub(crate) fn on(base: Base, keyring: Keyring, clock: Clock) -> Result<Self, StoreError> {
        let opened = open(&base, &keyring)?;
        Ok(Self {
            base,
            keyring,
            clock,
            current: RwLock::new(opened.current),
            turn: Mutex::new(Turn {
                stopped: false,
                reopened: false,
                erasing: false,
                last_at: opened.last_at,
            }),
            failed: Failed::default(),
            stopped_cleanly: opened.stopped_cleanly,
        })
    }

    /// Whether the store was new or its last service had stopped in good order.
    #[must_use]
    pub fn stopped_cleanly(&self) -> bool {
        self.stopped_cleanly
    }

    /// The wall clock, in seconds since 1970. It may go back; the ledger's times do not.
    pub(crate) fn now(&self) -> u64 {
        (self.clock)()
    }

    fn current(&self) -> RwLockReadGuard<'_, Current> {
        self.current.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn current_mut(&self) -> RwLockWriteGuard<'_, Current> {
        self.current.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// A view of the store as it is now.
    pub(crate) fn read(&self) -> Result<Snapshot, StoreError> {
        if self.failed.is_set() {
            self.reopen(&mut self.turn.lock().unwrap_or_else(PoisonError::into_inner))?;
        }
        let current = self.current();
        let transaction = current.database()?.begin_read()?;
        let wrapping_key = Arc::clone(&current.wrapping_key);
        Ok(Snapshot { transaction, wrapping_key, failed: self.failed.clone() })
    }

    /// Begins a change, after any other has ended. Blocks.
    pub(crate) fn change(&self) -> Result<Change<'_>, StoreError> {
        let mut turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        if turn.stopped {
            return Err(StoreError::Stopped);
        }
        self.reopen(&mut turn)?;
        if turn.erasing {
            self.keyring.finish()?;
            turn.erasing = false;
        }
        let begin = || self.current().database().and_then(begin_durable);
        let transaction = match begin() {
            Ok(transaction) => transaction,
            // A database whose disk failed refuses to begin, although the disk may be well again.
            Err(_) => {
                self.failed.set(true);
                self.reopen(&mut turn)?;
                begin()?
            }
        };
        let (wrapping_key, size) = {
            let current = self.current();
            (Arc::clone(&current.wrapping_key), current.tree.size())
        };
        let at = turn.last_at;
        let store = self;
        let leaves = vec![];
        let mut change =
            Change { transaction, store, turn, wrapping_key, size, leaves, at, destroys: false };
        if change.turn.reopened {
            change.append(Event::Recovered {})?;
        }
        Ok(change)
    }

    /// Does what an earlier failure left undone; begins no change.
    pub(crate) fn tidy(&self) -> Result<(), StoreError> {
        drop(self.change()?);
        Ok(())
    }

    /// Opens the file again if the disk had failed. What was acknowledged must be in it.
    fn reopen(&self, turn: &mut Turn) -> Result<(), StoreError> {
        if !self.failed.is_set() {
            return Ok(());
        }
        let mut current = self.current_mut();
        current.database = None;
        let opened = open(&self.base, &self.keyring)?;
        let (known, found) = (current.tree.size(), opened.current.tree.size());
        if opened.current.tree.root_at(known).ok() != Some(current.tree.root()) {
            return Err(StoreError::Regressed { found, known });
        }
        *current = opened.current;
        turn.last_at = opened.last_at;
        (turn.reopened, turn.erasing) = (true, false);
        self.failed.set(false);
        tracing::warn!("the disk had failed; the store was opened again and is whole");
        Ok(())
    }

    /// Commits one entry by itself and returns its index.
    pub(crate) fn record(&self, event: Event) -> Result<u64, StoreError> {
        let mut change = self.change()?;
        let index = change.append(event)?;
        change.commit()?;
        Ok(index)
    }

    /// Writes down that this program serves the store, and whether the last stop was in order.
    pub(crate) fn announce(&self, software: Digest) -> Result<(), StoreError> {
        let mut change = self.change()?;
        change.append(Event::ServiceStarted { software })?;
        if !self.stopped_cleanly {
            tracing::warn!("the last stop was not in order; the store was checked and is whole");
            change.append(Event::Recovered {})?;
        }
        change.commit()
    }

    /// Marks the stop as clean; nothing may be changed afterwards.
    pub(crate) fn stop_cleanly(&self) -> Result<(), StoreError> {
        let mut change = self.change()?;
        change.put_bytes(META, store::META_CLEAN_STOP.as_bytes(), &[1])?;
        change.turn.stopped = true;
        change.commit()
    }
}

impl Current {
    fn database(&self) -> Result<&Database, StoreError> {
        let failed = || StoreError::Disk { reason: "the file cannot be opened again".to_owned() };
        self.database.as_ref().ok_or_else(failed)
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
        self.store.failed.seen(rows::put(&self.transaction, rows, key, value))
    }

    /// Writes bytes.
    pub(crate) fn put_bytes(
        &self,
        table: Bytes,
        key: &[u8],
        value: &[u8],
    ) -> Result<(), StoreError> {
        self.store.failed.seen(rows::put_bytes(&self.transaction, table, key, value))
    }

    /// Removes every pair whose key begins with `prefix`.
    pub(crate) fn remove_all(&self, table: &'static str, prefix: &[u8]) -> Result<(), StoreError> {
        for key in self.keys(Bytes::new(table), prefix)? {
            self.store.failed.seen(rows::remove(&self.transaction, table, &key))?;
        }
        Ok(())
    }

    /// Says that a wrapped data key is removed by this change: the wrapping key is rotated with it,
    /// so that no older copy of the file opens what the removed key had sealed.
    pub(crate) fn destroy_key(&mut self, wrapped: &mut bytes::Bytes) {
        self.destroys |= !wrapped.is_empty();
        wrapped.clear();
    }

    /// Adds a ledger entry of now, which becomes durable with the change, and returns its index. Its
    /// time is not before that of the entry before it, however the clock was set.
    pub(crate) fn append(&mut self, event: Event) -> Result<u64, StoreError> {
        self.at = self.at.max(self.store.now());
        let body = Entry { at: self.at, event }.to_bytes();
        self.append_salted(random::<16>()?, body)
    }

    /// Adds an entry of before with its own time and salt, for a ledger that is restored.
    pub(crate) fn append_as_it_was(
        &mut self,
        salt: [u8; 16],
        entry: &Entry,
    ) -> Result<u64, StoreError> {
        self.at = self.at.max(entry.at);
        self.append_salted(salt, entry.to_bytes())
    }

    fn append_salted(&mut self, salt: [u8; 16], body: Vec<u8>) -> Result<u64, StoreError> {
        let index = self.size + self.leaves.len() as u64;
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

    /// Makes the change durable; only then does the tree know its entries. A change that destroys a
    /// data key returns once the wrapping key that could open it is erased.
    pub(crate) fn commit(mut self) -> Result<(), StoreError> {
        let rotated = if self.destroys { Some(self.rotate()?) } else { None };
        let Self { transaction, store, mut turn, leaves, at, .. } = self;
        let rotates = rotated.is_some();
        // Nobody may see rewrapped keys with the wrapping key of before.
        let held = rotates.then(|| store.current_mut());
        if let Err(error) = transaction.commit() {
            // It may be durable or not: opening the file again tells.
            store.failed.set(true);
            return Err(error.into());
        }
        let mut current = held.unwrap_or_else(|| store.current_mut());
        for leaf in leaves {
            current.tree.append(leaf);
        }
        if let Some(key) = rotated {
            current.wrapping_key = Arc::new(key);
        }
        drop(current);
        turn.last_at = at;
        turn.reopened = false;
        if rotates {
            turn.erasing = true;
            store.keyring.finish()?;
            turn.erasing = false;
        }
        Ok(())
    }
}

impl Keyed for Change<'_> {
    fn wrapping_key(&self) -> &WrappingKey {
        &self.wrapping_key
    }
}

impl Access for Snapshot {
    fn with<R>(
        &self,
        table: Bytes,
        read: impl FnOnce(&dyn rows::Lookup) -> Result<R, StoreError>,
    ) -> Result<R, StoreError> {
        self.failed.seen(self.transaction.with(table, read))
    }
}

impl Keyed for Snapshot {
    fn wrapping_key(&self) -> &WrappingKey {
        &self.wrapping_key
    }
}

impl Access for Change<'_> {
    fn with<R>(
        &self,
        table: Bytes,
        read: impl FnOnce(&dyn rows::Lookup) -> Result<R, StoreError>,
    ) -> Result<R, StoreError> {
        self.store.failed.seen(self.transaction.with(table, read))
    }
}

/// Two-phase commits, because a partner decides what bytes are written (redb's own advice).
fn begin_durable(database: &Database) -> Result<WriteTransaction, StoreError> {
    let mut transaction = database.begin_write()?;
    transaction.set_durability(Durability::Immediate)?;
    transaction.set_two_phase_commit(true);
    Ok(transaction)
}

struct Opened {
    current: Current,
    last_at: u64,
    stopped_cleanly: bool,
}

fn open(base: &Base, keyring: &Keyring) -> Result<Opened, StoreError> {
    let database = base.open()?;
    let (wrapping_key, stopped_cleanly) = prepare(&database, keyring)?;
    let (tree, last_at) = entries::rebuild(&database.begin_read()?)?;
    let wrapping_key = Arc::new(wrapping_key);
    let current = Current { database: Some(database), wrapping_key, tree };
    Ok(Opened { current, last_at, stopped_cleanly })
}

/// Makes missing tables, checks version and wrapping key, and marks the store as running. Tells
/// the wrapping key and whether the last stop was clean.
fn prepare(database: &Database, keyring: &Keyring) -> Result<(WrappingKey, bool), StoreError> {
    let transaction = begin_durable(database)?;
    for table in store::TABLES {
        transaction.open_table(Bytes::new(table))?;
    }
    let meta = |name: &str| transaction.bytes(META, name.as_bytes());
    let put = |name: &str, value: &[u8]| -> Result<(), StoreError> {
        transaction.open_table(META)?.insert(name.as_bytes(), value)?;
        Ok(())
    };
    let check_name = store::META_KEY_CHECK.as_bytes();
    let found = match meta(store::META_VERSION)? {
        None => {
            let wrapping_key = keyring.settle(|_| true)?;
            put(store::META_VERSION, &store::VERSION.to_be_bytes())?;
            let check = wrapping_key.wrap(&DataKey::generate()?, check_name)?;
            put(store::META_KEY_CHECK, &check)?;
            (wrapping_key, true)
        }
        Some(version) => {
            let found = version.as_slice().try_into().map_or(0, u32::from_be_bytes);
            if found != store::VERSION {
                return Err(StoreError::Version { found });
            }
            let check = meta(store::META_KEY_CHECK)?.unwrap_or_default();
            let holds = |key: &WrappingKey| key.unwrap(&check, check_name).is_ok();
            let wrapping_key = keyring.settle(holds)?;
            (wrapping_key, meta(store::META_CLEAN_STOP)?.as_deref() == Some(&[1]))
        }
    };
    put(store::META_CLEAN_STOP, &[0])?;
    transaction.commit()?;
    Ok(found)
}
