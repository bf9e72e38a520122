//! Match-key values that too many rows share.

use std::collections::HashMap;

use crate::record::Record;

/// Drops, in each match-key place on its own, the values that more than `max_multiplicity` of the
/// records share, and returns how many values it dropped.
///
/// A common value tells little about who is one person, and its frequency tells an attacker which
/// name or date it stands for.
pub fn drop_common_keys(records: &mut [Record], max_multiplicity: u32) -> u64 {
    let places = records.iter().map(|record| record.match_keys.len()).max().unwrap_or(0);
    let mut dropped = 0;
    for place in 0..places {
        let mut rows = HashMap::new();
        for key in records.iter().filter_map(|record| *record.match_keys.get(place)?) {
            *rows.entry(key).or_insert(0_u32) += 1;
        }
        rows.retain(|_, count| *count > max_multiplicity);
        for slot in records.iter_mut().filter_map(|record| record.match_keys.get_mut(place)) {
            if slot.is_some_and(|key| rows.contains_key(&key)) {
                *slot = None;
                dropped += 1;
            }
        }
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
    fn only_values_that_too_many_rows_share_in_one_place_are_dropped() {
        let given = [[1, 9], [1, 9], [1, 9], [2, 1], [2, 0], [3, 1]];
        let mut records = given.map(record);
        assert_eq!(drop_common_keys(&mut records, 2), 6);
        assert_eq!(records, [[0, 0], [0, 0], [0, 0], [2, 1], [2, 0], [3, 1]].map(record));
        assert_eq!(drop_common_keys(&mut records, 2), 0);
        assert_eq!(drop_common_keys(&mut [], 2), 0);
    }
}
