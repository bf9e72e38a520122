//! The service's database from outside, while the service is stopped.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context as _, ensure};
use prost::Message as _;
use redb::{Database, ReadableDatabase as _, ReadableTable as _, TableDefinition};
use samenloop_wire::{store, v1};

/// Every key and value of one table.
pub type Pairs = BTreeMap<Vec<u8>, Vec<u8>>;

fn table(name: &str) -> TableDefinition<'_, &'static [u8], &'static [u8]> {
    TableDefinition::new(name)
}

/// Every table of a data directory.
pub fn tables(data_dir: &Path) -> anyhow::Result<BTreeMap<&'static str, Pairs>> {
    let database = Database::open(data_dir.join(store::FILE))?;
    let read = database.begin_read()?;
    let tables = store::TABLES.map(|name| {
        let mut pairs = Pairs::new();
        for pair in read.open_table(table(name))?.iter()? {
            let (key, value) = pair?;
            pairs.insert(key.value().to_vec(), value.value().to_vec());
        }
        anyhow::Ok((name, pairs))
    });
    tables.into_iter().collect()
}

/// Changes one bit in the last byte of a ledger entry's body.
pub fn flip_entry(data_dir: &Path, index: u64) -> anyhow::Result<()> {
    let database = Database::open(data_dir.join(store::FILE))?;
    let change = database.begin_write()?;
    {
        let mut entries = change.open_table(table(store::ENTRIES))?;
        let key = index.to_be_bytes();
        let held = entries.get(&key[..])?.context("no such entry")?.value().to_vec();
        let mut entry = v1::StoredEntry::decode(&held[..])?;
        let mut body = entry.body.to_vec();
        *body.last_mut().context("an entry without a body")? ^= 1;
        entry.body = body.into();
        let flipped = entry.encode_to_vec();
        ensure!(flipped.len() == held.len() && flipped != held, "one bit is to differ");
        entries.insert(&key[..], &flipped[..])?;
    }
    Ok(change.commit()?)
}
