//! What a run found, encrypted in the store until it is released or the round is closed.

use samenloop_link::Linkage;
use samenloop_schema::{Draws, RoundId};
use samenloop_wire::store::{self, partition_key};
use zeroize::Zeroizing;

use crate::store::{Change, DataKey, Keyed, PARTITIONS, ROUNDS, StoreError};

/// A partition, a label per record in the order of parties and rows, and draws from its posterior.
pub(crate) struct Partition {
    pub(crate) clusters: Vec<u32>,
    pub(crate) draws: Draws,
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
pub(crate) fn read(access: &impl Keyed, round: &RoundId) -> Result<Partition, StoreError> {
    // The wrapped key of the same moment as the wrapping key: a rotation may have come between.
    let stored = access.get(ROUNDS, round.as_bytes())?;
    let wrapped = stored.unwrap_or_default().wrapped_partition_key;
    let key = access.wrapping_key().unwrap(&wrapped, round.as_bytes())?;
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
