//! The cell-key method as statistical offices publish it, for comparison with their examples.
//!
//! Never used for a release: its keys are plain sums, so that sets of people that differ by one have
//! keys whose difference is that person's key. A release hashes the sum once more under its noise key
//! (see `noise.rs`), which leaves no such relation, and therefore needs no splitting of the table's
//! intervals either.

use crate::ptable::PerturbationTable;

/// Cell keys run from 0 to 255, as record keys do (ONS, ABS).
pub const KEYS: usize = 256;
/// Counts up to this have a row of their own; the 250 rows up to it repeat beyond.
const LAST_ROW: u32 = 750;
const REPEATED: u32 = 250;

/// A perturbation table with integer keys: noise by row and cell key.
#[derive(Debug, Clone)]
pub struct IntegerTable {
    /// Row 0 is the count 1.
    rows: Vec<[i32; KEYS]>,
}

/// A perturbed cell with everything that led to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IntegerCell {
    /// True count.
    pub count: u32,
    /// Sum of the record keys modulo 256.
    pub key: u8,
    /// Row of the table; 0 for an empty cell.
    pub row: u32,
    /// Noise.
    pub noise: i32,
    /// Perturbed count; none is under the threshold.
    pub shown: Option<u32>,
}

impl IntegerTable {
    /// The rule of the Office for National Statistics as a table: counts under 10 become 0, others the
    /// nearest multiple of 5, whatever the key.
    #[must_use]
    pub fn ten_five() -> Self {
        let row = |count: u32| {
            let rounded = if count < 10 { 0 } else { (count + 2) / 5 * 5 };
            [rounded as i32 - count as i32; KEYS]
        };
        Self { rows: (1..=LAST_ROW).map(row).collect() }
    }

    /// A table by maximum entropy, each key standing for 1/256 of the probability.
    #[must_use]
    pub fn of(table: &PerturbationTable) -> Self {
        let row = |count: u32| {
            let mut row = [0; KEYS];
            for (key, noise) in row.iter_mut().enumerate() {
                *noise = table.perturb(count, (key as u64) << 56) as i32 - count as i32;
            }
            row
        };
        Self { rows: (1..=LAST_ROW).map(row).collect() }
    }

    /// Perturbs the cell of records with these keys; the threshold applies to the perturbed count.
    #[must_use]
    pub fn cell(&self, record_keys: &[u8], threshold: u32) -> IntegerCell {
        let count = record_keys.len() as u32;
        let key = record_keys.iter().fold(0_u8, |sum, key| sum.wrapping_add(*key));
        if count == 0 {
            let shown = (threshold == 0).then_some(0);
            return IntegerCell { count, key, row: 0, noise: 0, shown };
        }
        let repeated = (count - 1) % REPEATED + LAST_ROW - REPEATED + 1;
        let row = if count <= LAST_ROW { count } else { repeated };
        let noise = self.rows[row as usize - 1][usize::from(key)];
        let perturbed = count.saturating_add_signed(noise);
        IntegerCell { count, key, row, noise, shown: (perturbed >= threshold).then_some(perturbed) }
    }
}

/// The cell key of the European Centre of Excellence and its handbook: record keys in [0, 1) added modulo 1.
#[must_use]
pub fn fraction_key(record_keys: &[f64]) -> f64 {
    record_keys.iter().sum::<f64>().fract()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::ptable::NoiseShape;

    const MICRO: &str = include_str!("../../tests/vectors/disclosure/ons_ckp_micro_1000.csv");
    const EXPECTED: &str =
        include_str!("../../tests/vectors/disclosure/ons_ckp_expected_var1_var5_var8.csv");

    #[test]
    fn the_sample_of_the_office_for_national_statistics_is_reproduced_row_by_row() {
        let mut cells: BTreeMap<[&str; 3], Vec<u8>> = BTreeMap::new();
        for line in MICRO.lines().skip(1) {
            let columns: Vec<&str> = line.split(',').collect();
            let key = columns[0].parse().expect("a record key");
            cells.entry([columns[1], columns[5], columns[8]]).or_default().push(key);
        }
        let table = IntegerTable::ten_five();
        let mut rows = 0;
        for line in EXPECTED.lines().skip(1) {
            let columns: Vec<&str> = line.split(',').collect();
            let [a, b, c, count, key, row, noise, shown] = columns[..] else { panic!("{line}") };
            let keys = cells.remove(&[a, b, c]).unwrap_or_default();
            let number = |text: &str| text.parse::<i64>().expect("a number");
            let found = table.cell(&keys, 10);
            assert_eq!(i64::from(found.count), number(count), "{line}");
            assert_eq!(i64::from(found.key), number(key), "{line}");
            assert_eq!(i64::from(found.row), number(row), "{line}");
            assert_eq!(i64::from(found.noise), number(noise), "{line}");
            assert_eq!(found.shown.map(i64::from), shown.parse().ok(), "{line}");
            rows += 1;
        }
        assert_eq!((rows, cells.len()), (200, 0));
    }

    #[test]
    fn large_counts_use_the_last_rows_again() {
        let row = |count: usize| IntegerTable::ten_five().cell(&vec![1; count], 10).row;
        assert_eq!([750, 751, 1_000, 1_001].map(row), [750, 501, 750, 501]);
    }

    #[test]
    fn a_table_by_maximum_entropy_keeps_its_mean_over_the_keys() {
        let table = PerturbationTable::new(&NoiseShape::new(5, 3.0, 2)).expect("a table");
        let table = IntegerTable::of(&table);
        for row in &table.rows {
            let sum: i32 = row.iter().sum();
            // 256 keys cannot split the probabilities exactly.
            assert!(sum.abs() <= 11 * 5, "{sum}");
        }
        assert_eq!(table.cell(&[], 10).shown, None);
    }

    #[test]
    fn the_handbook_s_cell_key_is_the_fraction_of_the_sum() {
        // Keys .9, .3 and .6; the row of 3 gives 2, 3 and 4 with .3, .4 and .3.
        let key = fraction_key(&[0.9, 0.3, 0.6]);
        assert!((key - 0.8).abs() < 1e-12);
        let mut sum = 0.0;
        let row = [(2, 0.3), (3, 0.4), (4, 0.3)];
        let drawn = row.iter().find(|(_, p)| {
            sum += p;
            key < sum
        });
        assert_eq!(drawn.map(|(j, _)| *j), Some(4));
    }
}
