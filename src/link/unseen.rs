//! Joins that no evidence tells of: records that belong to somebody else's cluster, but are written so
//! badly that no match key agrees and no encoding is alike.
//!
//! Every match key and every encoding is a trap in which a join can be caught. Many joins are caught
//! in several traps, some in one only; how many are caught in none follows from those, as the number
//! of unseen species follows from the rare ones: f0 is at least f1² / 2 f2 (Chao, Biometrics 43, 1987),
//! f1 and f2 being the joins caught exactly once and twice. Traps that share a field are caught
//! together, which makes the figure a lower bound; a cluster of strangers that one trap ties makes it too
//! large.

use crate::compare::{ABSENT, Comparison, Vector};
use crate::population::Population;

/// Level from which an encoding alone makes a pair a candidate.
const ALIKE: u8 = 3;

/// Traps that a schema must set for the joins in none of them to follow from those in one or two.
const FEWEST: usize = 6;

/// Members of the largest cluster that is looked at whole; larger ones are held together by many.
const LARGE: usize = 40;

/// Joins that nothing caught: their expected number and its variance.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) struct Unseen {
    pub(crate) mean: f64,
    pub(crate) variance: f64,
}

/// Traps in which a pair is caught, a bit each: match keys from the lowest, encodings from the highest.
fn traps(vector: &Vector) -> u64 {
    let alike = vector.levels.iter().zip(0..).filter(|(level, _)| **level != ABSENT);
    let alike = alike.filter(|(level, _)| **level >= ALIKE);
    alike.fold(vector.agreeing, |traps, (_, place)| traps | 1 << (63 - place))
}

/// Estimates the joins that are missing between the clusters, in canonical order.
pub(crate) fn joins(comparison: &Comparison, population: &Population, clusters: &[u32]) -> Unseen {
    let count = clusters.iter().max().map_or(0, |last| *last as usize + 1);
    let mut members: Vec<Vec<u32>> = vec![vec![]; count];
    clusters.iter().zip(0..).for_each(|(cluster, record)| members[*cluster as usize].push(record));
    if comparison.encodings() + population.keys.len() < FEWEST {
        return Unseen::default();
    }
    let (mut once, mut twice) = (0.0, 0.0);
    for cluster in members.iter().filter(|cluster| (2..=LARGE).contains(&cluster.len())) {
        for traps in cluster_joins(comparison, population, cluster) {
            match traps.count_ones() {
                1 => once += 1.0,
                2 => twice += 1.0,
                _ => {}
            }
        }
    }
    let alone = members.iter().filter(|cluster| cluster.len() == 1).count();
    let unseen = chao(once, twice);
    Unseen { mean: unseen.mean.min(alone as f64), ..unseen }
}

/// Chao's lower bound with its variance (Chao 1987) in the bias-corrected form, which
/// is also defined where nothing was caught twice.
pub(crate) fn chao(once: f64, twice: f64) -> Unseen {
    let r = once / twice.max(1.0);
    let variance = twice.max(1.0) * (r.powi(4) / 4.0 + r.powi(3) + r * r / 2.0);
    Unseen { mean: once * (once - 1.0).max(0.0) / (2.0 * (twice + 1.0)), variance }
}

/// Per join of a cluster, the traps between its two sides: the members are joined one by one, each time
/// the one that most traps bind to those before.
fn cluster_joins(comparison: &Comparison, population: &Population, cluster: &[u32]) -> Vec<u64> {
    let n = cluster.len();
    let mut between = vec![0; n * n];
    for a in 0..n {
        for b in a + 1..n {
            let (x, y) = (cluster[a] as usize, cluster[b] as usize);
            let traps = traps(&comparison.compare(population, x, y));
            (between[a * n + b], between[b * n + a]) = (traps, traps);
        }
    }
    let mut bound: Vec<u64> = between[..n].to_vec();
    let mut left: Vec<usize> = (1..n).collect();
    let mut joins = vec![];
    while let Some((place, next)) =
        left.iter().copied().enumerate().max_by_key(|(_, member)| bound[*member].count_ones())
    {
        joins.push(bound[next]);
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
            let unseen = chao(once, twice);
            assert!((unseen.mean - expected).abs() < 1e-9, "{once} {twice}: {unseen:?}");
            assert!(unseen.variance >= 0.0 && unseen.variance.is_finite());
        }
    }

    #[test]
    fn a_trap_is_a_key_that_agrees_or_an_encoding_that_is_alike() {
        let mut vector = Vector {
            levels: [ABSENT; crate::compare::MAX_ENCODINGS],
            agreeing: 0b101,
            comparable: 0b111,
            crowd: 0,
            codes_agreeing: 1,
            codes_comparable: 1,
        };
        assert_eq!(traps(&vector), 0b101);
        (vector.levels[0], vector.levels[1]) = (ALIKE, ALIKE - 1);
        assert_eq!(traps(&vector), 0b101 | 1 << 63);
    }
}
