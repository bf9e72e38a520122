//! What the draws say of the links themselves, without a truth.

use std::collections::BTreeMap;

use samenloop_schema::Draws;
use serde::Serialize;

/// Precision and recall over pairs of records as the draws have them.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Believed {
    /// Mean share of the draws in which records of one cluster are together.
    pub precision: f64,
    /// Expected share of the pairs of one person that are in one cluster.
    pub recall: f64,
    /// Harmonic mean of the two.
    pub f1: f64,
}

/// Every two records that a listed cluster has, with the share of the draws in which they are together.
/// Other pairs are together in every draw, as in the partition, or in none.
pub(super) fn together(draws: &Draws) -> BTreeMap<(u32, u32), f64> {
    let mut shares = BTreeMap::new();
    let number = f64::from(draws.number().max(1));
    for (records, mask) in draws.clusters() {
        let own: u32 = mask.iter().map(|word| word.count_ones()).sum();
        for (place, a) in records.iter().enumerate() {
            for b in &records[place + 1..] {
                *shares.entry((*a.min(b), *a.max(b))).or_default() += f64::from(own) / number;
            }
        }
    }
    shares
}

/// Every two records that each draw has together, as the clusters do: no listed cluster has them.
pub(super) fn sure(clusters: &[u32], draws: &Draws) -> Vec<(u32, u32)> {
    let listed = draws.lists(clusters.len());
    let mut pairs = linked(clusters);
    pairs.retain(|(a, b)| !listed[*a as usize] && !listed[*b as usize]);
    pairs
}

/// Every two records of one cluster.
fn linked(clusters: &[u32]) -> Vec<(u32, u32)> {
    let mut members = BTreeMap::<u32, Vec<u32>>::new();
    for (record, cluster) in (0..).zip(clusters) {
        members.entry(*cluster).or_default().push(record);
    }
    let pairs = members.values().flat_map(|records| {
        let pairs = |(place, a): (usize, &u32)| -> Vec<(u32, u32)> {
            records[place + 1..].iter().map(|b| (*a, *b)).collect()
        };
        records.iter().enumerate().flat_map(pairs).collect::<Vec<_>>()
    });
    pairs.collect()
}

/// Precision and recall of the clusters by `shares` of [`together`] and the number of [`sure`] pairs.
pub(super) fn believed(
    clusters: &[u32],
    shares: &BTreeMap<(u32, u32), f64>,
    sure: usize,
) -> Believed {
    let linked = linked(clusters);
    let right = linked.iter().filter_map(|pair| shares.get(pair)).sum::<f64>();
    let (linked, sure) = (linked.len() as f64, sure as f64);
    let all = sure + shares.values().sum::<f64>();
    let share = |part: f64, whole: f64| if whole > 0.0 { part / whole } else { 1.0 };
    let (precision, recall) = (share(right + sure, linked), share(right + sure, all));
    let f1 = 2.0 * precision * recall / (precision + recall).max(f64::MIN_POSITIVE);
    Believed { precision, recall, f1 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_draws_part_lowers_precision_and_what_they_join_lowers_recall() {
        let clusters = [0, 0, 1, 1, 2, 3];
        let apart = vec![0, 1, 2, 2, 3, 4];
        let joined = vec![0, 0, 2, 2, 3, 3];
        let draws =
            Draws::of_partitions(&clusters, &[clusters.to_vec(), apart, joined.clone(), joined]);
        let shares = together(&draws);
        let pairs: Vec<_> = shares.iter().map(|(pair, share)| (*pair, *share)).collect();
        assert_eq!(pairs, [((0, 1), 0.75), ((4, 5), 0.5)]);
        let believed = believed(&clusters, &shares, sure(&clusters, &draws).len());
        // Linked are a doubtful pair and a sure one; half a pair more is expected.
        assert!((believed.precision - 1.75 / 2.0).abs() < 1e-12, "{believed:?}");
        assert!((believed.recall - 1.75 / 2.25).abs() < 1e-12, "{believed:?}");
        let none = Draws::default();
        assert_eq!(
            super::believed(&clusters, &together(&none), sure(&clusters, &none).len()).f1,
            1.0
        );
    }
}
