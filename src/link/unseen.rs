//! Joins that no evidence tells of: records that belong to somebody else's cluster, but are written so
//! badly that no match key agrees and no encoding is alike.
//!
//! Every match key and every encoding is a trap in which a join can be caught. Many joins are caught
//! in several traps, some in one only; how many are caught in none follows from those, as the number
//! of unseen species follows from the rare ones: f0 is at least f1² / 2 f2 (Chao, Biometrics 43, 1987),
//! f1 and f2 being the joins caught exactly once and twice. Traps that share a field are caught
//! together, which makes the figure a lower bound; a cluster of strangers that one trap ties makes it too
//! large.

use std::collections::BTreeMap;

use rayon::prelude::*;

use crate::compare::{ABSENT, Comparison, Vector};
use crate::members::Members;
use crate::population::Population;

/// Level from which an encoding alone makes a pair a candidate.
const ALIKE: u8 = 3;

/// Traps that a schema must set for the joins in none of them to follow from those in one or two.
const FEWEST: usize = 6;

/// Traps of a record that are too few for Chao's estimate, which needs some that are caught twice and
/// some in a third.
const TOO_FEW: usize = 2;

/// Members of the largest cluster that is looked at whole; larger ones are held together by many.
const LARGE: usize = 40;

/// Joins that nothing caught, of records that have as many match keys and encodings as each other.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Unseen {
    /// Expected number.
    pub(crate) mean: f64,
    pub(crate) variance: f64,
    /// Records that are linked with none, ascending: each join is of one of them.
    pub(crate) alone: Vec<u32>,
}

/// Records with equally many match keys and encodings.
#[derive(Default)]
struct Class {
    records: f64,
    alone: Vec<u32>,
    /// Joins caught exactly once and twice.
    caught: [f64; 2],
}

/// Traps in which a pair is caught, a bit each: match keys from the lowest, encodings from the highest.
fn traps(vector: &Vector) -> u64 {
    let alike = vector.levels.iter().zip(0..).filter(|(level, _)| **level != ABSENT);
    let alike = alike.filter(|(level, _)| **level >= ALIKE);
    alike.fold(vector.agreeing, |traps, (_, place)| traps | 1 << (63 - place))
}

/// Estimates the joins that are missing between the clusters, per class in canonical order.
///
/// The fewer traps a record carries, the likelier it escapes them, so that records are taken in classes
/// by their number of traps, and no more joins are missing than records of the class are alone. One or
/// two traps tell nothing of how often both miss; then as many of such records should be alone as of
/// the others.
pub(crate) fn joins(
    comparison: &Comparison,
    population: &Population,
    members: &Members,
) -> Vec<Unseen> {
    if comparison.encodings() + population.keys.len() < FEWEST {
        return vec![];
    }
    let mut classes = BTreeMap::<(usize, usize), Class>::new();
    let class_of = |record: usize| {
        let keys = population.keys.iter().filter(|key| key[record] != 0).count();
        let encodings = population.encodings.iter().take(comparison.encodings());
        (keys, encodings.filter(|column| column.ones[record] > 0).count())
    };
    for record in 0..population.len() {
        classes.entry(class_of(record)).or_default().records += 1.0;
    }
    let looked_at = members.par_iter().filter(|cluster| (2..=LARGE).contains(&cluster.len()));
    let joins: Vec<(u32, u64)> =
        looked_at.flat_map_iter(|own| cluster_joins(comparison, population, own)).collect();
    for (record, traps) in joins {
        let times = traps.count_ones() as usize;
        let class = classes.entry(class_of(record as usize)).or_default();
        if let Some(caught) = times.checked_sub(1).and_then(|at| class.caught.get_mut(at)) {
            *caught += 1.0;
        }
    }
    for cluster in members.iter() {
        if let [alone] = cluster[..] {
            classes.entry(class_of(alone as usize)).or_default().alone.push(alone);
        }
    }
    let (few, many): (Vec<_>, Vec<_>) =
        classes.into_iter().partition(|((keys, encodings), _)| keys + encodings <= TOO_FEW);
    let records: f64 = many.iter().map(|(_, class)| class.records).sum();
    let mut unseen: Vec<Unseen> = many.into_iter().map(|(_, class)| class.chao()).collect();
    let alone: f64 = unseen.iter().map(|class| class.alone.len() as f64 - class.mean).sum();
    let share = if records > 0.0 { alone / records } else { 1.0 };
    unseen.extend(few.into_iter().map(|(_, class)| class.like_others(share)));
    unseen.retain(|class| class.mean > 0.0);
    unseen
}

impl Class {
    fn chao(self) -> Unseen {
        let [once, twice] = self.caught;
        let (mean, variance) = chao(once, twice);
        Unseen { mean: mean.min(self.alone.len() as f64), variance, alone: self.alone }
    }

    /// Joins if no larger share of the records is of people with one record than `share`.
    fn like_others(self, share: f64) -> Unseen {
        let mean = (self.alone.len() as f64 - self.records * share).max(0.0);
        let variance = self.records * share * (1.0 - share);
        Unseen { mean, variance, alone: self.alone }
    }
}

/// Chao's lower bound and its variance (Chao 1987) in the bias-corrected form, which
/// is also defined where nothing was caught twice.
pub(crate) fn chao(once: f64, twice: f64) -> (f64, f64) {
    let r = once / twice.max(1.0);
    let variance = twice.max(1.0) * (r.powi(4) / 4.0 + r.powi(3) + r * r / 2.0);
    (once * (once - 1.0).max(0.0) / (2.0 * (twice + 1.0)), variance)
}

/// Per join of a cluster, the record that joins and the traps between it and those before: the members
/// are joined one by one from the one that most traps bind, each time the most bound.
fn cluster_joins(
    comparison: &Comparison,
    population: &Population,
    cluster: &[u32],
) -> Vec<(u32, u64)> {
    let n = cluster.len();
    let mut between = vec![0_u64; n * n];
    for a in 0..n {
        for b in a + 1..n {
            let (x, y) = (cluster[a] as usize, cluster[b] as usize);
            let traps = traps(&comparison.compare(population, x, y));
            (between[a * n + b], between[b * n + a]) = (traps, traps);
        }
    }
    let ties = |member: usize| -> u32 {
        between[member * n..][..n].iter().map(|traps| traps.count_ones()).sum()
    };
    let mut left: Vec<usize> = (0..n).collect();
    let first = (0..n).rev().max_by_key(|member| ties(*member)).unwrap_or(0);
    left.swap_remove(first);
    let mut bound: Vec<u64> = between[first * n..][..n].to_vec();
    let mut joins = vec![];
    while let Some((place, next)) =
        left.iter().copied().enumerate().max_by_key(|(_, member)| bound[*member].count_ones())
    {
        joins.push((cluster[next], bound[next]));
        left.swap_remove(place);
        left.iter().for_each(|member| bound[*member] |= between[next * n + *member]);
    }
    joins
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_never_caught_follows_from_what_was_caught_once_and_twice() {
        let cases = [(0.0, 0.0, 0.0), (1.0, 3.0, 0.0), (9.0, 6.0, 72.0 / 14.0), (2.0, 0.0, 1.0)];
        for (once, twice, expected) in cases {
            let (mean, variance) = chao(once, twice);
            assert!((mean - expected).abs() < 1e-9, "{once} {twice}: {mean}");
            assert!(variance >= 0.0 && variance.is_finite());
        }
    }

    #[test]
    fn a_trap_is_a_key_that_agrees_or_an_encoding_that_is_alike() {
        let mut vector = Vector {
            levels: [ABSENT; crate::compare::MAX_ENCODINGS],
            agreeing: 0b101,
            comparable: 0b111,
            crowd: 0,
            same_source: 0,
            one_address: false,
            codes_agreeing: 1,
            codes_comparable: 1,
        };
        assert_eq!(traps(&vector), 0b101);
        (vector.levels[0], vector.levels[1]) = (ALIKE, ALIKE - 1);
        assert_eq!(traps(&vector), 0b101 | 1 << 63);
    }
}
