//! Partitions drawn from the posterior of a linkage, as what differs between them.
//!
//! Most records are of the same person in every draw. So a partition of all records is kept, and
//! beside it each cluster that is in a draw but not in every one and in the partition, with a bit
//! for each draw that has it. A million records with a hundred draws then take some megabytes
//! instead of 400.

use std::collections::BTreeMap;

/// Draws beside a partition that gives each record a label.
///
/// A draw consists of the listed clusters that have its bit and of the partition's clusters whose
/// records stand in no listed one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Draws {
    number: u32,
    /// Where the records of each listed cluster end.
    ends: Vec<u32>,
    /// Indices of records, cluster after cluster.
    records: Vec<u32>,
    /// Per listed cluster a bit per draw.
    masks: Vec<u64>,
}

impl Draws {
    /// So many draws that do not differ yet from the partition.
    #[must_use]
    pub fn new(number: u32) -> Self {
        Self { number, ..Self::default() }
    }

    /// From whole partitions, each with labels for the same records as `partition`.
    #[must_use]
    pub fn of_partitions(partition: &[u32], draws: &[Vec<u32>]) -> Self {
        let mut all = Self::new(draws.len() as u32);
        let members = |labels: &[u32]| {
            let mut members = BTreeMap::<u32, Vec<u32>>::new();
            labels
                .iter()
                .zip(0..)
                .for_each(|(l, record)| members.entry(*l).or_default().push(record));
            members.into_values()
        };
        let mut masks = BTreeMap::<Vec<u32>, Vec<u64>>::new();
        for (draw, labels) in draws.iter().enumerate() {
            for cluster in members(labels) {
                let mask = masks.entry(cluster).or_insert_with(|| vec![0; all.words()]);
                mask[draw / 64] |= 1 << (draw % 64);
            }
        }
        for own in members(partition) {
            if masks.get(&own).is_some_and(|mask| *mask == all.every()) {
                masks.remove(&own);
            }
        }
        masks.iter().for_each(|(cluster, mask)| all.push(cluster.iter().copied(), mask));
        all
    }

    /// Number of draws.
    #[must_use]
    pub const fn number(&self) -> u32 {
        self.number
    }

    /// Words of a mask.
    #[must_use]
    pub const fn words(&self) -> usize {
        self.number.div_ceil(64) as usize
    }

    /// The mask that has every draw's bit.
    #[must_use]
    pub fn every(&self) -> Vec<u64> {
        let bits = |word: usize| (self.number as usize - 64 * word).min(64);
        (0..self.words()).map(|word| u64::MAX >> (64 - bits(word))).collect()
    }

    /// Lists a cluster with the draws that have it, bit `i` in word `i / 64` at position `i % 64`.
    pub fn push(&mut self, records: impl IntoIterator<Item = u32>, mask: &[u64]) {
        self.records.extend(records);
        self.ends.push(self.records.len() as u32);
        self.masks.extend_from_slice(mask);
    }

    /// Lists what another one of as many draws lists.
    pub fn append(&mut self, mut other: Self) {
        let begin = self.records.len() as u32;
        self.ends.extend(other.ends.iter().map(|end| begin + end));
        self.records.append(&mut other.records);
        self.masks.append(&mut other.masks);
    }

    /// Number of listed clusters.
    #[must_use]
    pub fn listed(&self) -> usize {
        self.ends.len()
    }

    /// The records of a listed cluster and the draws that have it.
    #[must_use]
    pub fn cluster(&self, place: usize) -> (&[u32], &[u64]) {
        let begin = place.checked_sub(1).map_or(0, |before| self.ends[before] as usize);
        let words = self.words();
        let records = &self.records[begin..self.ends[place] as usize];
        (records, &self.masks[place * words..(place + 1) * words])
    }

    /// Whether a mask has the bit of a draw.
    #[must_use]
    pub fn has(mask: &[u64], draw: usize) -> bool {
        mask.get(draw / 64).is_some_and(|word| word >> (draw % 64) & 1 == 1)
    }

    /// The listed clusters.
    pub fn clusters(&self) -> impl Iterator<Item = (&[u32], &[u64])> {
        (0..self.listed()).map(|place| self.cluster(place))
    }

    /// Per record of so many, whether a listed cluster has it; the others are in every draw as in the
    /// partition.
    #[must_use]
    pub fn lists(&self, records: usize) -> Vec<bool> {
        let mut listed = vec![false; records];
        self.records.iter().for_each(|record| listed[*record as usize] = true);
        listed
    }

    /// One draw as a label per record, below the number of records: the index of one of the
    /// cluster's records. Draws beyond the last begin anew.
    #[must_use]
    pub fn partition(&self, partition: &[u32], draw: u32) -> Vec<u32> {
        let mut first = vec![u32::MAX; partition.len()];
        let mut labels: Vec<u32> = (0..)
            .zip(partition)
            .map(|(record, label)| {
                let first = &mut first[*label as usize];
                *first = (*first).min(record);
                *first
            })
            .collect();
        let draw = draw as usize % self.number.max(1) as usize;
        for (records, mask) in self.clusters().filter(|(_, mask)| Self::has(mask, draw)) {
            debug_assert!(!mask.is_empty());
            records.iter().for_each(|record| labels[*record as usize] = records[0]);
        }
        labels
    }

    /// Whether these are draws beside this partition, whose labels are below the number of its
    /// records: every draw puts each listed record into one cluster, and no cluster of the partition
    /// is listed in part.
    #[must_use]
    pub fn fits(&self, partition: &[u32]) -> bool {
        let (words, every) = (self.words(), self.every());
        let mut place = vec![u32::MAX; partition.len()];
        let mut seen: Vec<u64> = vec![];
        for (records, mask) in self.clusters() {
            if records.is_empty() {
                return false;
            }
            for record in records {
                let Some(place) = place.get_mut(*record as usize) else { return false };
                if *place == u32::MAX {
                    *place = (seen.len() / words.max(1)) as u32;
                    seen.resize(seen.len() + words, 0);
                }
                let seen = &mut seen[*place as usize * words..][..words];
                if seen.iter().zip(mask).any(|(seen, mask)| seen & mask != 0) {
                    return false;
                }
                seen.iter_mut().zip(mask).for_each(|(seen, mask)| *seen |= mask);
            }
        }
        if self.listed() > 0 && (words == 0 || seen.chunks(words).any(|seen| seen != every)) {
            return false;
        }
        let mut listed = vec![None; partition.len()];
        partition.iter().zip(&place).all(|(label, place)| {
            listed.get_mut(*label as usize).is_some_and(|listed| {
                *listed.get_or_insert(*place == u32::MAX) == (*place == u32::MAX)
            })
        })
    }

    /// Their bytes, all numbers little-endian: number of draws, of listed clusters and of their
    /// records (u32 each), the ends (u32), the records (u32), the masks (u64).
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let head = [self.number, self.ends.len() as u32, self.records.len() as u32];
        let words = head.iter().chain(&self.ends).chain(&self.records);
        let mut bytes: Vec<u8> = words.flat_map(|word| word.to_le_bytes()).collect();
        bytes.extend(self.masks.iter().flat_map(|word| word.to_le_bytes()));
        bytes
    }

    /// From the bytes of [`to_bytes`](Self::to_bytes); none if they are not. Whether they fit a
    /// partition is for [`fits`](Self::fits).
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (head, rest) = bytes.split_first_chunk::<12>()?;
        let word = |bytes: &[u8; 4]| u32::from_le_bytes(*bytes);
        let (head, _) = head.as_chunks::<4>();
        let all = Self::new(word(&head[0]));
        let (ends, rest) = rest.split_at_checked(4 * word(&head[1]) as usize)?;
        let (records, masks) = rest.split_at_checked(4 * word(&head[2]) as usize)?;
        let words = |bytes: &[u8]| bytes.as_chunks::<4>().0.iter().map(word).collect::<Vec<u32>>();
        let (ends, records) = (words(ends), words(records));
        let ascending =
            ends.is_sorted() && ends.last().copied().unwrap_or(0) == records.len() as u32;
        if !ascending || masks.len() != 8 * all.words() * ends.len() {
            return None;
        }
        let masks = masks.as_chunks::<8>().0.iter().map(|word| u64::from_le_bytes(*word)).collect();
        Some(Self { ends, records, masks, ..all })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Records that have one label, for each label, in their order.
    fn sets(labels: &[u32]) -> Vec<Vec<u32>> {
        let mut sets = BTreeMap::<u32, Vec<u32>>::new();
        labels.iter().zip(0..).for_each(|(l, record)| sets.entry(*l).or_default().push(record));
        let mut sets: Vec<_> = sets.into_values().collect();
        sets.sort_unstable();
        sets
    }

    proptest! {
        #[test]
        fn every_draw_comes_back(
            partition in prop::collection::vec(0_u32..12, 12),
            draws in prop::collection::vec(prop::collection::vec(0_u32..4, 12), 0..70),
        ) {
            let all = Draws::of_partitions(&partition, &draws);
            prop_assert!(all.fits(&partition));
            for (draw, labels) in (0..).zip(&draws) {
                prop_assert_eq!(sets(&all.partition(&partition, draw)), sets(labels));
            }
            let bytes = all.to_bytes();
            prop_assert_eq!(Draws::from_bytes(&bytes), Some(all));
            for end in 0..bytes.len() {
                prop_assert_eq!(Draws::from_bytes(&bytes[..end]), None);
            }
        }
    }

    #[test]
    fn only_what_differs_is_listed() {
        let partition = [0, 0, 2, 3, 4];
        let apart = vec![0, 1, 2, 3, 4];
        let all = Draws::of_partitions(&partition, &[partition.to_vec(), apart.clone()]);
        let listed: Vec<_> = all.clusters().collect();
        let (first, second): (&[u64], &[u64]) = (&[0b01], &[0b10]);
        assert_eq!(listed, [(&[0][..], second), (&[0, 1], first), (&[1], second)]);
        assert_eq!(Draws::of_partitions(&partition, &[partition.to_vec()]).listed(), 0);
        // In every draw, but not in the partition.
        assert_eq!(Draws::of_partitions(&partition, &[apart.clone(), apart]).listed(), 2);
    }

    #[test]
    fn clusters_that_make_no_partition_do_not_fit() {
        let listed = |clusters: &[(&[u32], u64)]| {
            let mut draws = Draws::new(2);
            clusters
                .iter()
                .for_each(|(records, mask)| draws.push(records.iter().copied(), &[*mask]));
            draws
        };
        let partition = [0, 0, 2];
        type Listed<'a> = &'a [(&'a [u32], u64)];
        let cases: &[(Listed<'_>, bool)] = &[
            (&[], true),
            (&[(&[0, 1], 0b01), (&[0], 0b10), (&[1], 0b10)], true),
            (&[(&[0, 1], 0b01), (&[0], 0b10)], false),
            (&[(&[0, 1], 0b11), (&[0], 0b10), (&[1], 0b10)], false),
            (&[(&[0], 0b11)], false),
            (&[(&[2, 3], 0b11)], false),
            (&[(&[2], 0b111)], false),
            (&[(&[2], 0b11), (&[], 0b11)], false),
        ];
        for (clusters, fits) in cases {
            assert_eq!(listed(clusters).fits(&partition), *fits, "{clusters:?}");
        }
        assert!(!Draws::new(2).fits(&[0, 3, 2]), "a label beyond the records");
    }
}
