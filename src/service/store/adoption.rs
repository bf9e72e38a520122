//! A restored file under the wrapping key of today.

use std::collections::HashMap;

use bytes::Bytes as Wrapped;
use samenloop_wire::store;

use super::base::Base;
use super::{
    Access as _, DataKey, Keyring, META, ROUNDS, SUBMISSIONS, StoreError, begin_durable, rows,
};

/// Gives every data key of a backup that outlived the deletions since then its place under today's
/// wrapping key, and takes the others away. Returns the places of those that are gone.
pub(crate) fn adopt(base: &Base, keyring: &Keyring) -> Result<Vec<Vec<u8>>, StoreError> {
    let database = base.open()?;
    let transaction = begin_durable(&database)?;
    transaction.open_table(META)?;
    if transaction.bytes(META, store::META_VERSION.as_bytes())?.is_none() {
        return Err(StoreError::Missing { what: "its version: this file is no backup" });
    }
    for table in store::TABLES {
        transaction.open_table(super::Bytes::new(table))?;
    }
    let today = keyring.present()?;
    let survivors: HashMap<_, _> = keyring.survivors()?.into_iter().collect();
    let mut gone = vec![];
    let mut adopted = |wrapped: &mut Wrapped, place: &[u8]| {
        let opens = |wrapped: &[u8]| today.unwrap(wrapped, place).is_ok();
        if wrapped.is_empty() || opens(wrapped) {
            return;
        }
        match survivors.get(place).filter(|survivor| opens(survivor)) {
            Some(survivor) => *wrapped = survivor.clone().into(),
            None => {
                wrapped.clear();
                gone.push(place.to_vec());
            }
        }
    };
    for (place, mut stored) in transaction.list(SUBMISSIONS, &[])? {
        adopted(&mut stored.wrapped_data_key, &place);
        rows::put(&transaction, SUBMISSIONS, &place, &stored)?;
    }
    for (place, mut stored) in transaction.list(ROUNDS, &[])? {
        adopted(&mut stored.wrapped_partition_key, &place);
        rows::put(&transaction, ROUNDS, &place, &stored)?;
    }
    let name = store::META_KEY_CHECK.as_bytes();
    let check = today.wrap(&DataKey::generate()?, name)?;
    transaction.open_table(META)?.insert(name, check.as_slice())?;
    transaction.commit()?;
    Ok(gone)
}
