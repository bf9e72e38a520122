//! Typed values of the store's tables, read strictly.

use std::marker::PhantomData;

use prost::Message;
use redb::{ReadTransaction, ReadableTable, TableDefinition, WriteTransaction};
use samenloop_wire::{store, strict, v1};

use super::{StoreError, WrappingKey};

/// A table whose keys and values are bytes.
pub(crate) type Bytes = TableDefinition<'static, &'static [u8], &'static [u8]>;

pub(crate) const BLOBS: Bytes = Bytes::new(store::BLOBS);
pub(crate) const PARTITIONS: Bytes = Bytes::new(store::PARTITIONS);
pub(crate) const RELEASES: Bytes = Bytes::new(store::RELEASES);
pub(crate) const META: Bytes = Bytes::new(store::META);

/// A table whose values are one kind of message.
pub(crate) struct Rows<T> {
    name: &'static str,
    message: PhantomData<T>,
}

impl<T> Clone for Rows<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Rows<T> {}

impl<T> Rows<T> {
    const fn new(name: &'static str) -> Self {
        Self { name, message: PhantomData }
    }

    pub(crate) const fn name(self) -> &'static str {
        self.name
    }

    pub(crate) const fn table(self) -> Bytes {
        Bytes::new(self.name)
    }
}

pub(crate) const ROUNDS: Rows<v1::StoredRound> = Rows::new(store::ROUNDS);
pub(crate) const KEY_ANNOUNCEMENTS: Rows<v1::StoredKeyAnnouncement> =
    Rows::new(store::KEY_ANNOUNCEMENTS);
pub(crate) const SUBMISSIONS: Rows<v1::StoredSubmission> = Rows::new(store::SUBMISSIONS);
pub(crate) const BATCHES: Rows<v1::StoredBatch> = Rows::new(store::BATCHES);
pub(crate) const ENTRIES: Rows<v1::StoredEntry> = Rows::new(store::ENTRIES);

/// What can be read, inside a change and outside.
pub(crate) trait Access {
    /// Runs `read` on an open table.
    fn with<R>(
        &self,
        table: Bytes,
        read: impl FnOnce(&dyn Lookup) -> Result<R, StoreError>,
    ) -> Result<R, StoreError>;

    /// The value of a key.
    fn get<T: Message + Default>(
        &self,
        rows: Rows<T>,
        key: &[u8],
    ) -> Result<Option<T>, StoreError> {
        self.read(rows.table(), key, |value| decode(rows.name, value))
    }

    /// The bytes of a key.
    fn bytes(&self, table: Bytes, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.read(table, key, |value| Ok(value.to_vec()))
    }

    /// What is made of the bytes of a key, where they lie.
    fn read<R>(
        &self,
        table: Bytes,
        key: &[u8],
        make: impl FnOnce(&[u8]) -> Result<R, StoreError>,
    ) -> Result<Option<R>, StoreError> {
        let (mut make, mut made) = (Some(make), None);
        self.with(table, |table| {
            table.value(key, &mut |value| {
                made = make.take().map(|make| make(value)).transpose()?;
                Ok(())
            })
        })?;
        Ok(made)
    }

    /// Keys and values whose keys begin with `prefix`, ascending.
    fn list<T: Message + Default>(
        &self,
        rows: Rows<T>,
        prefix: &[u8],
    ) -> Result<Vec<(Vec<u8>, T)>, StoreError> {
        self.with(rows.table(), |table| {
            let mut found = vec![];
            table.scan(prefix, &mut |key, value| {
                found.push((key.to_vec(), decode(rows.name, value)?));
                Ok(())
            })?;
            Ok(found)
        })
    }

    /// Visits every key and value, ascending.
    fn each<T: Message + Default>(
        &self,
        rows: Rows<T>,
        mut visit: impl FnMut(&[u8], T) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        self.with(rows.table(), |table| {
            table.scan(&[], &mut |key, value| visit(key, decode(rows.name, value)?))
        })
    }

    /// Keys that begin with `prefix`, ascending.
    fn keys(&self, table: Bytes, prefix: &[u8]) -> Result<Vec<Vec<u8>>, StoreError> {
        self.with(table, |table| {
            let mut found = vec![];
            table.scan(prefix, &mut |key, _| {
                found.push(key.to_vec());
                Ok(())
            })?;
            Ok(found)
        })
    }
}

/// What can be read together with the key that wraps its data keys.
pub(crate) trait Keyed: Access {
    /// The wrapping key of the same moment.
    fn wrapping_key(&self) -> &WrappingKey;
}

/// What is done with each pair of a scan.
type Visit<'v> = dyn FnMut(&[u8], &[u8]) -> Result<(), StoreError> + 'v;

/// What is done with one value.
type Look<'v> = dyn FnMut(&[u8]) -> Result<(), StoreError> + 'v;

/// Reading of one open table.
pub(crate) trait Lookup {
    /// Looks at the bytes of a key, if it is there.
    fn value(&self, key: &[u8], look: &mut Look<'_>) -> Result<(), StoreError>;

    /// Visits the pairs whose keys begin with `prefix`, ascending.
    fn scan(&self, prefix: &[u8], visit: &mut Visit<'_>) -> Result<(), StoreError>;
}

impl<T: ReadableTable<&'static [u8], &'static [u8]>> Lookup for T {
    fn value(&self, key: &[u8], look: &mut Look<'_>) -> Result<(), StoreError> {
        self.get(key)?.map_or(Ok(()), |value| look(value.value()))
    }

    fn scan(&self, prefix: &[u8], visit: &mut Visit<'_>) -> Result<(), StoreError> {
        for pair in self.range(prefix..)? {
            let (key, value) = pair?;
            if !key.value().starts_with(prefix) {
                break;
            }
            visit(key.value(), value.value())?;
        }
        Ok(())
    }
}

impl Access for ReadTransaction {
    fn with<R>(
        &self,
        table: Bytes,
        read: impl FnOnce(&dyn Lookup) -> Result<R, StoreError>,
    ) -> Result<R, StoreError> {
        read(&self.open_table(table)?)
    }
}

impl Access for WriteTransaction {
    fn with<R>(
        &self,
        table: Bytes,
        read: impl FnOnce(&dyn Lookup) -> Result<R, StoreError>,
    ) -> Result<R, StoreError> {
        read(&self.open_table(table)?)
    }
}

pub(super) fn put<T: Message>(
    transaction: &WriteTransaction,
    rows: Rows<T>,
    key: &[u8],
    value: &T,
) -> Result<(), StoreError> {
    put_bytes(transaction, rows.table(), key, &value.encode_to_vec())
}

pub(super) fn put_bytes(
    transaction: &WriteTransaction,
    table: Bytes,
    key: &[u8],
    value: &[u8],
) -> Result<(), StoreError> {
    transaction.open_table(table)?.insert(key, value)?;
    Ok(())
}

pub(super) fn remove(
    transaction: &WriteTransaction,
    table: &'static str,
    key: &[u8],
) -> Result<(), StoreError> {
    transaction.open_table(Bytes::new(table))?.remove(key)?;
    Ok(())
}

fn decode<T: Message + Default>(table: &'static str, value: &[u8]) -> Result<T, StoreError> {
    strict::decode(value).map_err(|error| StoreError::Value { table, reason: error.to_string() })
}
