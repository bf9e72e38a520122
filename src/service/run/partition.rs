//! What a run found, encrypted in the store until it is released or the round is closed.

use samenloop_link::Linkage;
use samenloop_schema::RoundId;
use samenloop_wire::store::{self, partition_key};
use samenloop_wire::v1::StoredRound;
use zeroize::Zeroizing;

use crate::store::{Access, Change, DataKey, PARTITIONS, Store, StoreError};

/// A partition and draws from its posterior: a label per record, in the order of parties and rows.
pub(super) struct Partition {
    pub(super) clusters: Vec<u32>,
    pub(super) draws: Vec<Vec<u32>>,
}

/// Writes clusters and draws in the place of an earlier run's.
pub(super) fn write(
    change: &Change<'_>,
    round: &RoundId,
    key: &DataKey,
    linkage: &Linkage,
) -> Result<(), StoreError> {
    change.remove_all(store::PARTITIONS, round.as_bytes())?;
    put(change, round, key, 0, &linkage.clusters)?;
    for draw in 0..linkage.posterior.draws() {
        put(change, round, key, draw + 1, &linkage.posterior.draw(draw))?;
    }
    Ok(())
}

fn put(
    change: &Change<'_>,
    round: &RoundId,
    key: &DataKey,
    number: u32,
    labels: &[u32],
) -> Result<(), StoreError> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(4 * labels.len()));
    bytes.extend(labels.iter().flat_map(|label| label.to_le_bytes()));
    let place = partition_key(round, number);
    change.put_bytes(PARTITIONS, &place, &key.seal(&bytes, &place)?)
}

/// Reads what the round's last run found.
pub(super) fn read(
    store: &Store,
    round: &RoundId,
    stored: &StoredRound,
) -> Result<Partition, StoreError> {
    let key = store.wrapping_key().unwrap(&stored.wrapped_partition_key, round.as_bytes())?;
    let access = store.read()?;
    let labels = |number: u32| -> Result<Vec<u32>, StoreError> {
        let place = partition_key(round, number);
        let sealed = access.bytes(PARTITIONS, &place)?;
        let bytes =
            key.open(&sealed.ok_or(StoreError::Missing { what: "a partition" })?, &place)?;
        let (labels, _) = bytes.as_chunks::<4>();
        Ok(labels.iter().map(|label| u32::from_le_bytes(*label)).collect())
    };
    let draws = access.keys(PARTITIONS, round.as_bytes())?.len().saturating_sub(1) as u32;
    Ok(Partition {
        clusters: labels(0)?,
        draws: (1..=draws).map(labels).collect::<Result<_, _>>()?,
    })
}
