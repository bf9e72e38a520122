//! Match-key values that too many rows share.

use crate::record::Record;

/// The rows of `count` whose value more than `max_multiplicity` of them share, in no order.
///
/// A common value tells little about who is one person, and its frequency tells an attacker which
/// name or date it stands for.
fn common_keys<'k>(
    count: usize,
    value: impl Fn(usize) -> Option<&'k [u8; 32]>,
    max_multiplicity: u32,
) -> Vec<usize> {
    // Values are HMACs: equal first bytes are as good as equal values but for a forger's.
    let head = |row: usize| Some(u64::from_be_bytes(*value(row)?.first_chunk()?));
    let mut rows: Vec<(u64, usize)> =
        (0..count).filter_map(|row| Some((head(row)?, row))).collect();
    rows.sort_unstable();
    let mut common: Vec<usize> = vec![];
    for alike in rows.chunk_by(|a, b| a.0 == b.0) {
        if alike.len() > max_multiplicity as usize {
            let mut alike: Vec<usize> = alike.iter().map(|(_, row)| *row).collect();
            alike.sort_unstable_by_key(|row| value(*row));
            let equal = alike.chunk_by(|a, b| value(*a) == value(*b));
            common.extend(equal.filter(|equal| equal.len() > max_multiplicity as usize).flatten());
        }
    }
    common
}

/// Drops, in each match-key place on its own, the values that more than `max_multiplicity` of the
/// records share, and returns how many values it dropped.
pub fn drop_common_keys(records: &mut [Record], max_multiplicity: u32) -> u64 {
    let places = records.iter().map(|record| record.match_keys.len()).max().unwrap_or(0);
    let mut dropped = 0;
    for place in 0..places {
        let value = |row: usize| Some(&records[row].match_keys.get(place)?.as_ref()?.0);
        let common = common_keys(records.len(), value, max_multiplicity);
        dropped += common.len() as u64;
        common.iter().for_each(|row| records[*row].match_keys[place] = None);
    }
    dropped
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::MatchKeyValue;

    fn record(keys: [u8; 2]) -> Record {
        let key = |byte| (byte > 0).then_some(MatchKeyValue([byte; 32]));
        Record {
            encodings: vec![],
            match_keys: keys.map(key).into(),
            codes: vec![],
            start: None,
            end: None,
        }
    }

    #[test]
    fn values_that_begin_alike_are_not_one_value() {
        let mut records = [[1, 0]; 4].map(record);
        records[2..]
            .iter_mut()
            .flat_map(|record| &mut record.match_keys[0])
            .for_each(|key| key.0[31] = 2);
        let before = records.clone();
        assert_eq!(drop_common_keys(&mut records, 3), 0);
        assert_eq!(records, before);
        assert_eq!(drop_common_keys(&mut records[..3], 1), 2);
    }

    #[test]
    fn only_values_that_too_many_rows_share_in_one_place_are_dropped() {
        let given = [[1, 9], [1, 9], [1, 9], [2, 1], [2, 0], [3, 1]];
        let mut records = given.map(record);
        assert_eq!(drop_common_keys(&mut records, 2), 6);
        assert_eq!(records, [[0, 0], [0, 0], [0, 0], [2, 1], [2, 0], [3, 1]].map(record));
        assert_eq!(drop_common_keys(&mut records, 2), 0);
        assert_eq!(drop_common_keys(&mut [], 2), 0);
    }
}
