use samenloop_wire::v1::StoredEntry;

use super::*;
use crate::keys;

/// A data directory and, elsewhere, a wrapping key.
struct Place {
    data: tempfile::TempDir,
    keys: tempfile::TempDir,
}

impl Place {
    fn new() -> Self {
        let dir = || tempfile::tempdir().expect("a temporary directory can be made");
        let place = Self { data: dir(), keys: dir() };
        keys::create(&place.key()).expect("a key can be made");
        place
    }

    fn key(&self) -> std::path::PathBuf {
        self.keys.path().join("wrapping.key")
    }

    fn open(&self) -> Result<Store, StoreError> {
        Store::open(self.data.path(), Keyring::new(&self.key(), self.data.path()))
    }
}

fn event(byte: u8) -> Event {
    Event::ServiceStarted { software: Digest([byte; 32]) }
}

#[test]
fn entries_survive_reopening_with_the_same_root() -> Result<(), Box<dyn std::error::Error>> {
    let place = Place::new();
    let store = place.open()?;
    assert!(store.stopped_cleanly());
    for byte in 0..7 {
        assert_eq!(store.record(event(byte))?, u64::from(byte));
    }
    let head = store.head();
    assert!(matches!(place.open(), Err(StoreError::InUse)));
    drop(store);

    let store = place.open()?;
    assert_eq!(store.head(), head);
    assert!(!store.stopped_cleanly(), "dropping is no clean stop");
    let served = store.entries(2, 99)?;
    assert_eq!(served.len(), 5);
    assert_eq!(served[0].entry.event, event(2));
    assert!(store.inclusion_proof(3, 7).is_ok() && store.inclusion_proof(7, 7).is_err());
    store.stop_cleanly()?;
    assert!(matches!(store.record(event(9)), Err(StoreError::Stopped)));
    drop(store);
    assert!(place.open()?.stopped_cleanly());
    Ok(())
}

#[test]
fn an_abandoned_change_leaves_nothing() -> Result<(), Box<dyn std::error::Error>> {
    let place = Place::new();
    let store = place.open()?;
    let mut change = store.change()?;
    change.append(event(1))?;
    change.put_bytes(RELEASES, b"round", b"tables")?;
    drop(change);
    assert_eq!(store.head().0, 0);
    assert_eq!(store.read()?.bytes(RELEASES, b"round")?, None);
    assert_eq!(store.record(event(2))?, 0);
    Ok(())
}

#[test]
fn another_wrapping_key_is_told_apart_from_damage() -> Result<(), Box<dyn std::error::Error>> {
    let place = Place::new();
    drop(place.open()?);
    let right = std::fs::read(place.key())?;
    std::fs::remove_file(place.key())?;
    keys::create(&place.key())?;
    assert!(matches!(place.open(), Err(StoreError::WrappingKey)));
    std::fs::write(place.key(), right)?;
    place.open()?;
    Ok(())
}

type Tamper = fn(&mut StoredEntry);

#[test]
fn a_changed_entry_keeps_the_store_shut_and_is_named() -> Result<(), Box<dyn std::error::Error>> {
    let flip = |bytes: &mut bytes::Bytes| {
        let mut changed = bytes.to_vec();
        changed[0] ^= 1;
        *bytes = changed.into();
    };
    let cases: [Tamper; 4] = [
        |stored| {
            let mut body = stored.body.to_vec();
            let last = body.len() - 1;
            body[last] ^= 1;
            stored.body = body.into();
        },
        |stored| stored.leaf = vec![7; 32].into(),
        |stored| stored.salt = vec![7; 16].into(),
        |stored| stored.salt.clear(),
    ];
    let check = |change: &dyn Fn(&mut StoredEntry)| -> Result<(), Box<dyn std::error::Error>> {
        let place = Place::new();
        let store = place.open()?;
        for byte in 0..4 {
            store.record(event(byte))?;
        }
        drop(store);
        rewrite(place.data.path(), 2, change)?;
        match place.open().map(|_| ()) {
            Err(StoreError::Entry { index: 2, .. }) => Ok(()),
            other => Err(format!("{other:?}").into()),
        }
    };
    for case in cases {
        check(&case)?;
    }
    check(&|stored| flip(&mut stored.body))?;
    Ok(())
}

#[test]
fn a_missing_entry_keeps_the_store_shut() -> Result<(), Box<dyn std::error::Error>> {
    let place = Place::new();
    let store = place.open()?;
    for byte in 0..4 {
        store.record(event(byte))?;
    }
    drop(store);
    let database = Database::open(place.data.path().join(store::FILE))?;
    let transaction = database.begin_write()?;
    transaction.open_table(ENTRIES.table())?.remove(1_u64.to_be_bytes().as_slice())?;
    transaction.commit()?;
    drop(database);
    let opened = place.open().map(|_| ());
    assert!(matches!(opened, Err(StoreError::Entry { index: 1, .. })), "{opened:?}");
    Ok(())
}

/// Changes a stored entry behind the service's back.
fn rewrite(
    dir: &Path,
    index: u64,
    change: &dyn Fn(&mut StoredEntry),
) -> Result<(), Box<dyn std::error::Error>> {
    let database = Database::open(dir.join(store::FILE))?;
    let key = index.to_be_bytes();
    let mut stored: StoredEntry = database.begin_read()?.get(ENTRIES, &key)?.ok_or("no entry")?;
    change(&mut stored);
    let transaction = database.begin_write()?;
    rows::put(&transaction, ENTRIES, &key, &stored)?;
    transaction.commit()?;
    Ok(())
}
