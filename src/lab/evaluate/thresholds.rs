//! What a threshold would do: pairs that are together in at least so many of the draws.
//!
//! No release hangs on a threshold (`docs/linkage-model.md`); the curve shows how much would hang on one,
//! and whether the draws know it without the truth.

use std::collections::BTreeMap;

use serde::Serialize;

/// Shares of the draws that are looked at.
const AT: [f64; 9] = [0.01, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99];

/// One point of the curve.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Threshold {
    /// Least share of the draws that has a pair together.
    pub at: f64,
    /// Pairs together in so many.
    pub pairs: u64,
    /// What the draws say, without the truth.
    pub estimated: Scores,
    /// By the truth column.
    #[serde(rename = "true")]
    pub truth: Scores,
}

/// How good the pairs at a threshold are.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Scores {
    /// Share of the pairs that are of one person.
    pub precision: f64,
    /// Share of the pairs of one person that are among them.
    pub recall: f64,
    /// Harmonic mean of the two.
    pub f1: f64,
}

impl Scores {
    fn new(right: f64, found: f64, all: f64) -> Self {
        let share = |whole: f64| if whole > 0.0 { right / whole } else { 1.0 };
        let (precision, recall) = (share(found), share(all));
        let f1 = 2.0 * precision * recall / (precision + recall).max(f64::MIN_POSITIVE);
        Self { precision, recall, f1 }
    }
}

/// The curve. `doubtful` are pairs by the share of the draws that has them together, `sure` those that
/// every draw has, `people` tells who is who.
pub(super) fn thresholds(
    doubtful: &BTreeMap<(u32, u32), f64>,
    sure: impl Iterator<Item = (u32, u32)>,
    people: &[u32],
) -> Vec<Threshold> {
    let one = |(a, b): (u32, u32)| people[a as usize] == people[b as usize];
    let (mut pairs_sure, mut right_sure) = (0_u64, 0_u64);
    for pair in sure {
        pairs_sure += 1;
        right_sure += u64::from(one(pair));
    }
    let mut persons = BTreeMap::<u32, u64>::new();
    people.iter().for_each(|person| *persons.entry(*person).or_default() += 1);
    let true_pairs: u64 = persons.values().map(|n| n * (n - 1) / 2).sum();
    let expected = pairs_sure as f64 + doubtful.values().sum::<f64>();
    let point = |at: f64| {
        let among = || doubtful.iter().filter(move |(_, share)| **share >= at - 1e-9);
        let pairs = pairs_sure + among().count() as u64;
        let right = right_sure + among().filter(|(pair, _)| one(**pair)).count() as u64;
        let believed = pairs_sure as f64 + among().map(|(_, share)| share).sum::<f64>();
        Threshold {
            at,
            pairs,
            estimated: Scores::new(believed, pairs as f64, expected),
            truth: Scores::new(right as f64, pairs as f64, true_pairs as f64),
        }
    };
    AT.into_iter().map(point).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_higher_threshold_finds_fewer_pairs_and_the_draws_say_how_good_they_are() {
        let doubtful = BTreeMap::from([((0, 1), 0.8), ((2, 3), 0.2), ((4, 5), 0.6)]);
        let people = [0, 0, 1, 2, 3, 3, 4, 4];
        let curve = thresholds(&doubtful, std::iter::once((6, 7)), &people);
        assert!(curve.is_sorted_by(|a, b| a.pairs >= b.pairs));
        let half = curve.iter().find(|point| point.at == 0.5).expect("a point");
        assert_eq!((half.pairs, half.truth.f1), (3, 1.0));
        assert!((half.estimated.precision - 2.4 / 3.0).abs() < 1e-12, "{half:?}");
        assert!((half.estimated.recall - 2.4 / 2.6).abs() < 1e-12, "{half:?}");
        let last = curve.last().expect("a point");
        assert_eq!((last.pairs, last.truth.precision), (1, 1.0));
    }
}
