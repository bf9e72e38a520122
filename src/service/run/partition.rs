//! What a run found, encrypted in the store until it is released or the round is closed.

use samenloop_link::Linkage;
use samenloop_schema::{Draws, RoundId};
use samenloop_wire::store::{self, partition_key};
use samenloop_wire::v1::StoredRound;
use zeroize::Zeroizing;

use crate::store::{Access, Change, DataKey, PARTITIONS, Store, StoreError};

/// A partition, a label per record in the order of parties and rows, and draws from its posterior.
pub(super) struct Partition {
    pub(super) clusters: Vec<u32>,
    pub(super) draws: Draws,
}

/// Writes clusters and draws in the place of an earlier run's.
pub(super) fn write(
    change: &Change<'_>,
    round: &RoundId,
    key: &DataKey,
    linkage: &Linkage,
) -> Result<(), StoreError> {
    change.remove_all(store::PARTITIONS, round.as_bytes())?;
    let labels = linkage.clusters.iter().flat_map(|label| label.to_le_bytes());
    let parts = [labels.collect(), linkage.posterior.draws().to_bytes()];
    for (number, part) in (0..).zip(parts.map(Zeroizing::new)) {
        let place = partition_key(round, number);
        change.put_bytes(PARTITIONS, &place, &key.seal(&part, &place)?)?;
    }
    Ok(())
}

/// Reads what the round's last run found.
pub(super) fn read(
    store: &Store,
    round: &RoundId,
    stored: &StoredRound,
) -> Result<Partition, StoreError> {
    let key = store.wrapping_key().unwrap(&stored.wrapped_partition_key, round.as_bytes())?;
    let access = store.read()?;
    let part = |number: u32| {
        let place = partition_key(round, number);
        let sealed = access.bytes(PARTITIONS, &place)?;
        Ok::<_, StoreError>(
            key.open(&sealed.ok_or(StoreError::Missing { what: "a partition" })?, &place)?,
        )
    };
    let labels = part(0)?;
    let clusters = labels.as_chunks::<4>().0.iter().map(|label| u32::from_le_bytes(*label));
    let draws = Draws::from_bytes(&part(1)?);
    Ok(Partition {
        clusters: clusters.collect(),
        draws: draws.ok_or(StoreError::Missing { what: "draws beside a partition" })?,
    })
}
